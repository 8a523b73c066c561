//! Arguments as they came.

use smallvec::SmallVec;

use crate::socket::json::{self, Fault, Placeholder, Span};

/// The arguments of an event or an answer: a text, and where in it each one stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args<'a> {
    text: &'a str,
    parts: SmallVec<[Span; 4]>,
    placeholder: bool,
}

impl<'a> Args<'a> {
    /// Checks an array that is all arguments.
    pub(super) fn all(payload: &'a str) -> Result<Self, Fault> {
        let json::Array {
            elements,
            suspicious,
        } = json::array(payload)?;
        Ok(Self::cut(payload, elements, suspicious))
    }

    /// Checks an array that is a name and arguments.
    pub fn after_name(payload: &'a str) -> Result<(Option<&'a str>, Self), Fault> {
        let json::Array {
            mut elements,
            suspicious,
        } = json::array(payload)?;
        if elements.is_empty() {
            return Ok((None, Self::default()));
        }
        let name = payload.get(elements.remove(0).range());
        Ok((name, Self::cut(payload, elements, suspicious)))
    }

    fn cut(payload: &'a str, mut parts: SmallVec<[Span; 4]>, suspicious: bool) -> Self {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return Self::default();
        };
        let start = first.start;
        let text = payload
            .get(start as usize..last.end as usize)
            .unwrap_or_default();
        for part in &mut parts {
            part.start -= start;
            part.end -= start;
        }
        let placeholder = suspicious && !json::placeholders(text).is_empty();
        Self {
            text,
            parts,
            placeholder,
        }
    }

    /// All arguments, byte for byte, with the commas between them; empty if there are none.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text of one argument.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        self.text.get(self.parts.get(index)?.range())
    }

    /// The texts of the arguments.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> + '_ {
        self.parts
            .iter()
            .map(|part| self.text.get(part.range()).unwrap_or_default())
    }

    /// Whether any object in them stands for an attachment. Such arguments without attachments are
    /// text like any other, and must never be sent together with attachments.
    pub fn has_placeholder(&self) -> bool {
        self.placeholder
    }

    /// The objects that stand for attachments, by offsets in [`Self::text`].
    pub fn placeholders(&self) -> Vec<Placeholder> {
        if self.placeholder {
            json::placeholders(self.text)
        } else {
            Vec::new()
        }
    }
}
