//! Reading MessagePack, one token at a time.

use super::super::WireError;

/// A scalar, or the head of an array or map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bus::wire) enum Token<'a> {
    Nil,
    /// What notepack writes for `undefined`.
    Undefined,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Float(f64),
    /// UTF-8, if the sender is well.
    Text(&'a [u8]),
    Bin(&'a [u8]),
    /// Milliseconds since the epoch.
    Date(f64),
    /// So many values follow.
    Array(usize),
    /// So many keys and values follow.
    Map(usize),
}

/// A position in bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::bus::wire) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    pub(in crate::bus::wire) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Refuses bytes behind the end.
    pub(in crate::bus::wire) fn end(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::Length)
        }
    }

    /// The next token. A head never promises more values than there are bytes.
    pub(in crate::bus::wire) fn token(&mut self) -> Result<Token<'a>, WireError> {
        let [mark] = self.chunk()?;
        Ok(match mark {
            0x00..=0x7f => Token::Uint(u64::from(mark)),
            0x80..=0x8f => self.map(usize::from(mark & 0xf))?,
            0x90..=0x9f => self.array(usize::from(mark & 0xf))?,
            0xa0..=0xbf => Token::Text(self.take(usize::from(mark & 0x1f))?),
            0xc0 => Token::Nil,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => Token::Bin(self.counted(mark - 0xc4)?),
            0xc7..=0xc9 => {
                let len = self.len(mark - 0xc7)?;
                self.extension(len)?
            }
            0xca..=0xd3 => self.number(mark)?,
            0xd4 => self.small_extension()?,
            0xd5..=0xd8 => self.fixed_extension(1 << (mark - 0xd4))?,
            0xd9..=0xdb => Token::Text(self.counted(mark - 0xd9)?),
            0xdc | 0xdd => {
                let len = self.len(mark - 0xdb)?;
                self.array(len)?
            }
            0xde | 0xdf => {
                let len = self.len(mark - 0xdd)?;
                self.map(len)?
            }
            0xe0..=0xff => Token::Int(i64::from(mark as i8)),
            0xc1 => return Err(WireError::Malformed),
        })
    }

    /// The bytes of the next value, whatever it is.
    pub(in crate::bus::wire) fn value(&mut self) -> Result<&'a [u8], WireError> {
        let start = self.rest;
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            left = left.saturating_add(match self.token()? {
                Token::Array(len) => len,
                Token::Map(len) => len.saturating_mul(2),
                _ => 0,
            });
        }
        Ok(&start[..start.len() - self.rest.len()])
    }

    fn number(&mut self, mark: u8) -> Result<Token<'a>, WireError> {
        Ok(match mark {
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.chunk()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.chunk()?)),
            0xcc => Token::Uint(u64::from(u8::from_be_bytes(self.chunk()?))),
            0xcd => Token::Uint(u64::from(u16::from_be_bytes(self.chunk()?))),
            0xce => Token::Uint(u64::from(u32::from_be_bytes(self.chunk()?))),
            0xcf => Token::Uint(u64::from_be_bytes(self.chunk()?)),
            0xd0 => Token::Int(i64::from(i8::from_be_bytes(self.chunk()?))),
            0xd1 => Token::Int(i64::from(i16::from_be_bytes(self.chunk()?))),
            0xd2 => Token::Int(i64::from(i32::from_be_bytes(self.chunk()?))),
            _ => Token::Int(i64::from_be_bytes(self.chunk()?)),
        })
    }

    fn small_extension(&mut self) -> Result<Token<'a>, WireError> {
        match self.chunk()? {
            [0, _] => Ok(Token::Undefined),
            _ => Err(WireError::Malformed),
        }
    }

    fn fixed_extension(&mut self, len: usize) -> Result<Token<'a>, WireError> {
        if let [0, high, rest @ ..] = self.rest
            && len == 8
        {
            let payload = rest.first_chunk::<7>().ok_or(WireError::Length)?;
            let [a, b, c, d, e, f, g] = *payload;
            self.rest = &rest[7..];
            return Ok(Token::Date(
                i64::from_be_bytes([*high, a, b, c, d, e, f, g]) as f64,
            ));
        }
        self.extension(len)
    }

    /// A timestamp, or what notepack writes for an ArrayBuffer.
    fn extension(&mut self, len: usize) -> Result<Token<'a>, WireError> {
        let [kind] = self.chunk()?;
        let payload = self.take(len)?;
        match (kind as i8, payload) {
            (0, _) => Ok(Token::Bin(payload)),
            (-1, _) => super::date::timestamp(payload)
                .map(Token::Date)
                .ok_or(WireError::Malformed),
            _ => Err(WireError::Malformed),
        }
    }

    fn array(&self, len: usize) -> Result<Token<'a>, WireError> {
        if len > self.rest.len() {
            return Err(WireError::Length);
        }
        Ok(Token::Array(len))
    }

    fn map(&self, len: usize) -> Result<Token<'a>, WireError> {
        if len > self.rest.len() / 2 {
            return Err(WireError::Length);
        }
        Ok(Token::Map(len))
    }

    fn counted(&mut self, width: u8) -> Result<&'a [u8], WireError> {
        let len = self.len(width)?;
        self.take(len)
    }

    /// A length in 1, 2 or 4 bytes.
    fn len(&mut self, width: u8) -> Result<usize, WireError> {
        let len = match width {
            0 => u32::from(u8::from_be_bytes(self.chunk()?)),
            1 => u32::from(u16::from_be_bytes(self.chunk()?)),
            _ => u32::from_be_bytes(self.chunk()?),
        };
        usize::try_from(len).map_err(|_| WireError::Length)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Length)?;
        self.rest = rest;
        Ok(*taken)
    }
}
