//! Compression of poll answers (rules: `engine.compression.polling`).

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{self, HeaderMap};

/// The payload as it goes out, and its encoding if it has one.
pub(super) fn answer(
    payload: Vec<u8>,
    from: usize,
    headers: &HeaderMap,
) -> (Vec<u8>, Option<&'static str>) {
    if payload.len() < from {
        return (payload, None);
    }
    let encoding = accepted(headers);
    let packed = match encoding {
        Some("gzip") => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&payload).and_then(|()| encoder.finish())
        }
        Some(_) => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&payload).and_then(|()| encoder.finish())
        }
        None => return (payload, None),
    };
    // Writing to memory does not fail; if it did, the plain payload is right too.
    packed.map_or((payload, None), |packed| (packed, encoding))
}

/// The first of ours that the client takes.
fn accepted(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let codings: Vec<_> = values
        .flat_map(|value| value.split(','))
        .filter_map(wanted)
        .collect();
    ["gzip", "deflate"].into_iter().find(|ours| {
        codings
            .iter()
            .any(|coding| coding.eq_ignore_ascii_case(ours))
    })
}

/// The coding, unless its weight is zero.
fn wanted(coding: &str) -> Option<&str> {
    let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
    let weight = parameters
        .trim()
        .strip_prefix("q=")
        .and_then(|weight| weight.parse::<f32>().ok());
    (weight != Some(0.0)).then(|| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, len: usize, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().expect("a value"));
        assert_eq!(
            answer(vec![b'a'; len], 100, &headers).1,
            expected,
            "{accept} {len}"
        );
    }

    #[test]
    fn long_answers_are_compressed_as_the_client_wants() {
        check("gzip, deflate", 99, None);
        check("gzip, deflate", 100, Some("gzip"));
        check("deflate", 100, Some("deflate"));
        check("br, GZIP;q=0.5", 100, Some("gzip"));
        check("gzip;q=0, deflate", 100, Some("deflate"));
        check("identity", 100, None);
    }
}
