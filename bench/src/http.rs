//! The client's half of HTTP/1.1 that long polling needs: one keep-alive connection, one request at a time.

use memchr::memmem;

/// A complete answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Its length on the wire.
    pub(crate) len: usize,
}

/// An answer that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nonsense;

pub(crate) fn write_get(host: &str, path: &str, out: &mut Vec<u8>) {
    push(
        &[
            "GET ",
            path,
            " HTTP/1.1\r\nHost: ",
            host,
            "\r\nAccept: */*\r\n\r\n",
        ],
        out,
    );
}

pub(crate) fn write_post(host: &str, path: &str, body: &[u8], out: &mut Vec<u8>) {
    let len = body.len().to_string();
    push(
        &[
            "POST ",
            path,
            " HTTP/1.1\r\nHost: ",
            host,
            "\r\nContent-Type: text/plain;charset=UTF-8",
        ],
        out,
    );
    push(&["\r\nContent-Length: ", &len, "\r\n\r\n"], out);
    out.extend_from_slice(body);
}

/// The answer at the start of the input; `None` while it is incomplete.
pub(crate) fn read(input: &[u8]) -> Result<Option<Answer>, Nonsense> {
    let Some(end) = memmem::find(input, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&input[..end]).map_err(|_| Nonsense)?;
    let start = end + 4;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .ok_or(Nonsense)?;
    let status = status.parse().map_err(|_| Nonsense)?;
    let body = match framing(head)? {
        Framing::Chunks => read_chunks(&input[start..])?,
        Framing::Length(len) => input[start..].get(..len).map(|body| (body.to_vec(), len)),
    };
    Ok(body.map(|(body, len)| Answer {
        status,
        body,
        len: start + len,
    }))
}

enum Framing {
    Length(usize),
    Chunks,
}

fn framing(head: &str) -> Result<Framing, Nonsense> {
    for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            return value
                .trim()
                .parse()
                .map(Framing::Length)
                .map_err(|_| Nonsense);
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Framing::Chunks);
        }
    }
    Err(Nonsense)
}

/// The joined chunks and their length with all framing.
fn read_chunks(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Nonsense> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = memmem::find(&input[at..], b"\r\n") else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(&input[at..at + line]).map_err(|_| Nonsense)?;
        let size = usize::from_str_radix(digits, 16).map_err(|_| Nonsense)?;
        let start = at + line + 2;
        at = start
            .checked_add(size)
            .and_then(|end| end.checked_add(2))
            .ok_or(Nonsense)?;
        if input.len() < at {
            return Ok(None);
        }
        body.extend_from_slice(&input[start..start + size]);
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn push(parts: &[&str], out: &mut Vec<u8>) {
    parts
        .iter()
        .for_each(|part| out.extend_from_slice(part.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, status: u16, body: &str) {
        let answer = Answer {
            status,
            body: body.into(),
            len: text.len(),
        };
        let longer = format!("{text}HTTP/1.1 200");
        assert_eq!(read(longer.as_bytes()), Ok(Some(answer)));
        for cut in 0..text.len() {
            assert_eq!(read(&text.as_bytes()[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn both_framings() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok");
        check(
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            400,
            "",
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n",
            200,
            "a0123456789",
        );
    }

    #[test]
    fn nonsense() {
        for text in [
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ] {
            assert_eq!(read(text.as_bytes()), Err(Nonsense));
        }
    }

    #[test]
    fn requests() {
        let mut out = Vec::new();
        write_post("h:1", "/p", b"40", &mut out);
        assert!(out.starts_with(b"POST /p HTTP/1.1\r\nHost: h:1\r\n"));
        assert!(out.ends_with(b"Content-Length: 2\r\n\r\n40"));
    }
}
