//! A Redis client that sends one command and reads its reply (RESP2).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::wait::PATIENCE;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK` and the like.
    Simple(String),
    /// `-ERR …`.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes, or none.
    Bulk(Option<Vec<u8>>),
    /// Replies, or none.
    Array(Option<Vec<Reply>>),
}

impl Reply {
    /// Its text; of bytes and simple strings.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) => text.clone(),
            Self::Bulk(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// Its number.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    /// Its elements.
    pub fn array(&self) -> &[Self] {
        match self {
            Self::Array(Some(elements)) => elements,
            other => panic!("{other:?} is no array"),
        }
    }
}

/// A connection.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects to a port of 127.0.0.1.
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command and reads its reply.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Reply> {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments.iter().map(AsRef::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&bytes)?;
        self.reply()
    }

    /// Reads one more reply: what comes to a connection that has subscribed.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches("\r\n");
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| strange(line))?;
        Ok(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(rest.parse().map_err(|_| strange(line))?),
            "$" => Reply::Bulk(self.bulk(rest)?),
            "*" => Reply::Array(self.elements(rest)?),
            _ => return Err(strange(line)),
        })
    }

    fn bulk(&mut self, length: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = count(length)? else {
            return Ok(None);
        };
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    fn elements(&mut self, length: &str) -> io::Result<Option<Vec<Reply>>> {
        let Some(length) = count(length)? else {
            return Ok(None);
        };
        let elements: io::Result<Vec<Reply>> = (0..length).map(|_| self.reply()).collect();
        elements.map(Some)
    }
}

fn count(text: &str) -> io::Result<Option<usize>> {
    match text {
        "-1" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| strange(text)),
    }
}

fn strange(line: &str) -> io::Error {
    io::Error::other(format!("no RESP: {line:?}"))
}
