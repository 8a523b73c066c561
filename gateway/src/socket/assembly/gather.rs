//! Taking arguments, or parts of them, to another packet with the attachments that they need.

use bytes::Bytes;

use crate::socket::json;

/// A text whose placeholders count from 0 in the order of the text, and what they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The text, renumbered.
    pub text: String,
    /// The attachments that the text needs, and no others.
    pub attachments: Vec<Bytes>,
}

/// Renumbers the placeholders of a checked text (one value, or several with commas between them).
/// `None` if one of them is for no attachment in `from`.
pub fn gather(text: &str, from: &[Bytes]) -> Option<Gathered> {
    let mut gathered = Gathered {
        text: String::with_capacity(text.len()),
        attachments: Vec::new(),
    };
    let mut new_numbers = vec![None; from.len()];
    let mut copied = 0;
    for placeholder in json::placeholders(text) {
        let old = placeholder.num? as usize;
        let bytes = from.get(old)?;
        let new = *new_numbers[old].get_or_insert_with(|| {
            gathered.attachments.push(bytes.clone());
            gathered.attachments.len() - 1
        });
        let span = placeholder.span.range();
        gathered.text.push_str(text.get(copied..span.start)?);
        gathered
            .text
            .push_str(&format!("{{\"_placeholder\":true,\"num\":{new}}}"));
        copied = span.end;
    }
    gathered.text.push_str(text.get(copied..)?);
    Some(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholder(num: u32) -> String {
        format!("{{\"_placeholder\":true,\"num\":{num}}}")
    }

    #[test]
    fn numbers_follow_the_text() {
        let from = ["a", "b", "c"].map(Bytes::from);
        let (zero, one, two) = (placeholder(0), placeholder(1), placeholder(2));
        let gathered = gather(&format!("[{two},1],{one},{two}"), &from).expect("all are in range");
        assert_eq!(gathered.text, format!("[{zero},1],{one},{zero}"));
        assert_eq!(gathered.attachments, ["c", "b"].map(Bytes::from));
    }

    #[test]
    fn a_text_without_any_needs_none() {
        let gathered = gather("1, \"x\"", &[Bytes::new()]).expect("there are none");
        assert_eq!(
            gathered,
            Gathered {
                text: "1, \"x\"".to_owned(),
                attachments: Vec::new()
            }
        );
    }

    #[test]
    fn one_without_attachment_spoils_all() {
        assert_eq!(gather(&placeholder(1), &[Bytes::new()]), None);
        assert_eq!(
            gather(
                "{\"_placeholder\":true,\"num\":\"splice\"}",
                &[Bytes::new()]
            ),
            None
        );
        assert_eq!(gather(&placeholder(0), &[]), None);
    }
}
