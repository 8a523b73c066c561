//! One value in the two notations of the bus, JSON text and MessagePack, and the way from each to the other.
//!
//! To MessagePack a text goes as notepack would send what `JSON.parse` makes of it; from MessagePack a value becomes the
//! text that `JSON.stringify` gives. Neither way recurses, and what is allocated is bounded by the size of the input.

mod date;
mod number;
pub(super) mod pack;
mod tape;
mod text;
pub(super) mod unpack;
mod wtf8;

use super::{Data, DataRef, MAX_DEPTH, WireError};
use crate::socket::json;

/// Appends a JSON value as MessagePack; placeholders become the attachments that they name.
///
/// An integer token within ±2^53 becomes an integer and any other number a float64, the last of equal keys wins, and
/// `__proto__` is left out: some decoders throw on it, the others drop it.
pub fn to_msgpack(out: &mut Vec<u8>, data: DataRef<'_>) -> Result<(), WireError> {
    json::value(data.json)?;
    tape::write(out, data)
}

/// The value in a whole MessagePack text, its binary parts taken out.
pub fn from_msgpack(bytes: &[u8]) -> Result<Data, WireError> {
    let (json, attachments) = text::detached(bytes, MAX_DEPTH)?;
    Ok(Data {
        json: json.into(),
        attachments,
    })
}

/// The text of a whole MessagePack value, binary parts written as `JSON.stringify` writes a Buffer.
pub fn stringify(bytes: &[u8]) -> Result<String, WireError> {
    text::inline(bytes, MAX_DEPTH)
}

/// The text of a number as JavaScript gives it; not finite ones are `null`.
pub(super) fn number_text(number: f64) -> String {
    let mut out = String::new();
    number::write(&mut out, number);
    out
}

impl From<json::Fault> for WireError {
    fn from(fault: json::Fault) -> Self {
        match fault {
            json::Fault::Syntax => Self::Malformed,
            json::Fault::Depth => Self::Depth,
        }
    }
}

#[cfg(test)]
mod tests;
