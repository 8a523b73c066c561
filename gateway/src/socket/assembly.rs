//! Packets with attachments: their text comes first, then one binary message for each.

mod gather;

use bytes::Bytes;

use super::packet::{self, DecodeError, Packet};

pub use gather::{Gathered, gather};

/// Why the next message cannot be taken. The connection ends for it; the texts are Node's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// The text is no packet.
    #[error(transparent)]
    Packet(#[from] DecodeError),
    /// A text while attachments are due.
    #[error("got plaintext data when reconstructing a packet")]
    UnexpectedText,
    /// An attachment that nothing waits for.
    #[error("got binary data when not reconstructing a packet")]
    UnexpectedBinary,
    /// A placeholder is for no attachment of the packet.
    #[error("illegal attachments")]
    IllegalPlaceholder,
    /// The packet has more bytes than are allowed.
    #[error("packet too large")]
    TooLarge,
}

/// The messages of one connection in, packets out. It holds nothing but a packet whose attachments
/// are still due.
#[derive(Debug, Default)]
pub struct Assembler {
    pending: Option<Box<Assembled>>,
}

/// A packet with its attachments.
#[derive(Debug, PartialEq, Eq)]
pub struct Assembled {
    text: String,
    attachments: Vec<Bytes>,
    missing: usize,
    room: usize,
}

impl Assembled {
    /// The packet, which was checked when its text came.
    pub fn packet(&self) -> Result<Packet<'_>, DecodeError> {
        packet::decode(&self.text)
    }

    /// What its placeholders stand for.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

impl Assembler {
    /// Whether attachments are due.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes the text of a packet; gives it back unless attachments follow. `max_bytes` bounds the text
    /// and its attachments together.
    pub fn text<'a>(
        &mut self,
        text: &'a str,
        max_bytes: usize,
    ) -> Result<Option<Packet<'a>>, AssemblyError> {
        if self.pending.is_some() {
            return Err(AssemblyError::UnexpectedText);
        }
        let packet = packet::decode(text)?;
        let missing = packet.attachments();
        if missing == 0 {
            return Ok(Some(packet));
        }
        check_placeholders(&packet)?;
        let room = max_bytes
            .checked_sub(text.len())
            .ok_or(AssemblyError::TooLarge)?;
        let attachments = Vec::with_capacity(missing);
        self.pending = Some(Box::new(Assembled {
            text: text.to_owned(),
            attachments,
            missing,
            room,
        }));
        Ok(None)
    }

    /// Takes an attachment; gives the packet when it was the last one.
    pub fn binary(&mut self, bytes: Bytes) -> Result<Option<Box<Assembled>>, AssemblyError> {
        let mut pending = self.pending.take().ok_or(AssemblyError::UnexpectedBinary)?;
        pending.room = pending
            .room
            .checked_sub(bytes.len())
            .ok_or(AssemblyError::TooLarge)?;
        pending.attachments.push(bytes);
        pending.missing -= 1;
        if pending.missing == 0 {
            return Ok(Some(pending));
        }
        self.pending = Some(pending);
        Ok(None)
    }
}

fn check_placeholders(packet: &Packet<'_>) -> Result<(), AssemblyError> {
    let (args, attachments) = match packet {
        Packet::Event(event) => (&event.args, event.attachments),
        Packet::Ack(ack) => (&ack.args, ack.attachments),
        _ => return Ok(()),
    };
    let legal = |num: Option<u32>| num.is_some_and(|num| (num as usize) < attachments);
    if args
        .placeholders()
        .iter()
        .all(|placeholder| legal(placeholder.num))
    {
        Ok(())
    } else {
        Err(AssemblyError::IllegalPlaceholder)
    }
}

#[cfg(test)]
mod tests;
