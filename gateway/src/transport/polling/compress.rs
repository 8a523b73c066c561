//! Compression of poll answers (rules: `engine.compression.polling`).

use std::io::Write;

use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{self, HeaderMap};

/// What a client takes, and from which size on it is worth it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compression {
    from: usize,
    encoding: Option<&'static str>,
}

impl Compression {
    /// By the headers of a request.
    pub(super) fn of(from: usize, headers: &HeaderMap) -> Self {
        Self {
            from,
            encoding: accepted(headers),
        }
    }

    /// The payload as it goes out, and its encoding if it has one.
    pub(super) fn pack(self, payload: Vec<u8>) -> (Vec<u8>, Option<&'static str>) {
        let packed = match self.encoding {
            Some(encoding) if payload.len() >= self.from => pack(&payload, encoding),
            _ => None,
        };
        match packed {
            Some(packed) => (packed, self.encoding),
            None => (payload, None),
        }
    }
}

/// Writing to memory does not fail; if it did, the plain payload would be right too.
fn pack(payload: &[u8], encoding: &str) -> Option<Vec<u8>> {
    if encoding == "gzip" {
        let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
        encoder
            .write_all(payload)
            .and_then(|()| encoder.finish())
            .ok()
    } else {
        let mut encoder = ZlibEncoder::new(Vec::new(), Level::fast());
        encoder
            .write_all(payload)
            .and_then(|()| encoder.finish())
            .ok()
    }
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
            Compression::of(100, &headers).pack(vec![b'a'; len]).1,
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
