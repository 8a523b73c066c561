//! JSON without values: texts are checked by the grammar of `JSON.parse`, and travel on as they came.
//!
//! Nothing here recurses: the depth of what a client sends never becomes depth of our stack.

mod lookup;
mod placeholder;
mod scan;
mod text;

pub use lookup::get;
pub use placeholder::{Placeholder, placeholders};
pub use scan::{Array, Fault, MAX_DEPTH, Span, array, object, value};
pub use text::{quote, unquote};
