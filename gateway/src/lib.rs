//! The gateway of Carillon.
