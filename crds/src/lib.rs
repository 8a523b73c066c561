//! The rule book of Carillon: the document's types, its parser and its checks.
//!
//! One parser serves whoever reads rules: a bad edit is refused everywhere by the same code.
//! With the feature `compile` the rules become a [`compile::Rulebook`], which answers the
//! questions of the data plane without looking at the document again.

pub mod document;
pub mod fault;
pub mod names;
pub mod normal;
pub mod parse;
pub mod units;

#[cfg(feature = "compile")]
pub mod compile;
#[cfg(feature = "compile")]
pub mod glob;
#[cfg(feature = "compile")]
pub mod network;
#[cfg(feature = "compile")]
pub mod raw;
#[cfg(feature = "kube")]
pub mod resource;
#[cfg(any(feature = "compile", feature = "kube"))]
mod table;
#[cfg(feature = "compile")]
pub mod template;
