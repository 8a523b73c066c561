//! Finding a part of a text by its path.

use super::scan::{Fault, Scan};

/// The value at `path` in a JSON text: keys of objects (the last of equal ones), indexes of arrays.
pub fn get<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
    let mut found = text.trim_matches([' ', '\t', '\n', '\r']);
    for step in path {
        found = child(found, step).ok().flatten()?;
    }
    Some(found)
}

fn child<'a>(text: &'a str, step: &str) -> Result<Option<&'a str>, Fault> {
    match (text.as_bytes().first(), step.parse()) {
        (Some(b'{'), _) => member(text, step),
        (Some(b'['), Ok(index)) => element(text, index),
        _ => Ok(None),
    }
}

fn element(text: &str, index: usize) -> Result<Option<&str>, Fault> {
    let mut scan = Scan::new(text)?;
    scan.expect(b'[')?;
    scan.space();
    for _ in 0..index {
        scan.value(1)?;
        scan.space();
        if !scan.take(b',') {
            return Ok(None);
        }
        scan.space();
    }
    let start = scan.at;
    scan.value(1)?;
    Ok(text.get(start..scan.at))
}

fn member<'a>(text: &'a str, name: &str) -> Result<Option<&'a str>, Fault> {
    let mut scan = Scan::new(text)?;
    let mut found = None;
    scan.expect(b'{')?;
    scan.space();
    loop {
        let start = scan.at;
        scan.string()?;
        let key = text.get(start..scan.at);
        scan.space();
        scan.expect(b':')?;
        scan.space();
        let start = scan.at;
        scan.value(1)?;
        if key.and_then(super::unquote).is_some_and(|key| key == name) {
            found = text.get(start..scan.at);
        }
        scan.space();
        if !scan.take(b',') {
            return Ok(found);
        }
        scan.space();
    }
}

#[cfg(test)]
mod tests {
    use super::get;

    #[test]
    fn paths() {
        let text =
            r#" {"a":{"b":[1,{"c":"x"}],"é":2},"\u0064":3,"a2":[],"dup":1,"dup":2,"a\"":4} "#;
        for (path, value) in [
            (&["a", "b", "0"][..], Some("1")),
            (&["a", "b", "1", "c"], Some("\"x\"")),
            (&["a", "b", "2"], None),
            (&["a", "b", "-1"], None),
            (&["a", "é"], Some("2")),
            (&["d"], Some("3")),
            (&["dup"], Some("2")),
            (&["a2"], Some("[]")),
            (&["a2", "0"], None),
            (&["a\""], Some("4")),
            (&["a", "b", "0", "c"], None),
            (&["length"], None),
        ] {
            assert_eq!(get(text, path), value, "{path:?}");
        }
        assert_eq!(get(text, &[]), Some(text.trim()));
    }

    #[test]
    fn what_is_no_json_has_no_parts() {
        for text in ["", "[", "{", "{\"a\"", "{\"a\":", "[1", "{}", "x"] {
            assert_eq!(get(text, &["a"]), None, "{text}");
        }
    }
}
