//! Integration tests of Carillon on real parts.
