//! The rule book of Carillon.
