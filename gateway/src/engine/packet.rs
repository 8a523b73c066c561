//! One Engine.IO packet: a digit for its type, then its data.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Asks a client whether it lives.
pub const PING: &str = "2";
/// Ends a poll that has nothing to tell.
pub const NOOP: &str = "6";
/// Ends the session.
pub const CLOSE: &str = "1";
/// What a client says first on the websocket that it wants to change to.
pub const PROBE: &str = "probe";
/// The answer to that.
pub const PROBE_ANSWER: &str = "3probe";
/// [`PING`] as the websocket frame that carries it.
pub const PING_FRAME: &[u8] = &[0x81, 1, b'2'];
/// [`PROBE_ANSWER`] as the websocket frame that carries it.
pub const PROBE_ANSWER_FRAME: &[u8] = b"\x81\x063probe";

/// Padding may be missing, and bits that no byte takes may be set: `Buffer.from` reads such text too.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: of no meaning from a client.
    Open,
    /// `1`: the client is done.
    Close,
    /// `2`, with its data.
    Ping(&'a str),
    /// `3`, with its data.
    Pong(&'a str),
    /// `4`: text for the layer above.
    Message(&'a str),
    /// Bytes for the layer above.
    Binary(Cow<'a, [u8]>),
    /// `5`: the client changes to this websocket.
    Upgrade,
    /// `6`: nothing.
    Noop,
}

/// A text that is no packet: the session ends with `parse error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error")]
pub struct Malformed;

/// Reads a text message of a websocket, or one packet of a payload.
#[inline]
pub fn decode(text: &str) -> Result<Packet<'_>, Malformed> {
    let (kind, data) = text.split_at_checked(1).ok_or(Malformed)?;
    Ok(match kind {
        "4" => Packet::Message(data),
        "3" => Packet::Pong(data),
        "2" => Packet::Ping(data),
        "b" => Packet::Binary(Cow::Owned(from_base64(data))),
        "0" => Packet::Open,
        "1" => Packet::Close,
        "5" => Packet::Upgrade,
        "6" => Packet::Noop,
        _ => return Err(Malformed),
    })
}

/// What `Buffer.from(text, "base64")` gives, which never fails: both alphabets, other characters left
/// out, the end at the first `=`.
fn from_base64(text: &str) -> Vec<u8> {
    LENIENT.decode(text).unwrap_or_else(|_| {
        let kept = text
            .bytes()
            .take_while(|byte| *byte != b'=')
            .filter_map(|byte| match byte {
                b'-' => Some(b'+'),
                b'_' => Some(b'/'),
                b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Some(byte),
                _ => None,
            });
        let mut kept: Vec<u8> = kept.collect();
        if kept.len() % 4 == 1 {
            // Six bits are no byte.
            kept.pop();
        }
        LENIENT.decode(kept).unwrap_or_default()
    })
}

/// What an open packet tells the client.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// The id for the requests that follow.
    pub sid: &'a str,
    /// Whether the client may change to a websocket.
    pub may_upgrade: bool,
    /// Milliseconds.
    pub ping_interval: u64,
    /// Milliseconds.
    pub ping_timeout: u64,
    /// Bytes.
    pub max_payload: u64,
}

impl Open<'_> {
    /// The packet, type included. The id must need no escapes.
    pub fn text(&self) -> String {
        let Self {
            sid,
            may_upgrade,
            ping_interval,
            ping_timeout,
            max_payload,
        } = self;
        let upgrades = if *may_upgrade { "\"websocket\"" } else { "" };
        format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":{ping_interval},\
             \"pingTimeout\":{ping_timeout},\"maxPayload\":{max_payload}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets() {
        for (text, packet) in [
            ("0", Ok(Packet::Open)),
            ("1", Ok(Packet::Close)),
            ("2", Ok(Packet::Ping(""))),
            ("2probe", Ok(Packet::Ping(PROBE))),
            ("3", Ok(Packet::Pong(""))),
            ("4", Ok(Packet::Message(""))),
            ("4é", Ok(Packet::Message("é"))),
            ("5", Ok(Packet::Upgrade)),
            ("6x", Ok(Packet::Noop)),
            ("bAQID", Ok(Packet::Binary(Cow::Borrowed(&[1, 2, 3])))),
            ("", Err(Malformed)),
            ("abc", Err(Malformed)),
            ("{}", Err(Malformed)),
            ("7", Err(Malformed)),
            ("é1234", Err(Malformed)),
        ] {
            assert_eq!(decode(text), packet, "{text}");
        }
    }

    #[test]
    fn base64_as_node_reads_it() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("!!!", b""),
            ("AQI=", &[1, 2]),
            ("AQI", &[1, 2]),
            ("AQJ", &[1, 2]),
            ("A", b""),
            ("AQIDB", &[1, 2, 3]),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
            ("AQ ID\r\n", &[1, 2, 3]),
            ("AQ==AQ==", &[1]),
            ("é", b""),
        ] {
            assert_eq!(from_base64(text), bytes, "{text}");
        }
    }

    #[test]
    fn the_open_packet_is_nodes() {
        let open = Open {
            sid: "S",
            may_upgrade: true,
            ping_interval: 25000,
            ping_timeout: 20000,
            max_payload: 1_000_000,
        };
        let rest = "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
        assert_eq!(
            open.text(),
            format!("0{{\"sid\":\"S\",\"upgrades\":[\"websocket\"],{rest}")
        );
        let open = Open {
            may_upgrade: false,
            ..open
        };
        assert_eq!(
            open.text(),
            format!("0{{\"sid\":\"S\",\"upgrades\":[],{rest}")
        );
    }

    #[test]
    fn frames_are_the_packets() {
        assert_eq!(
            PING_FRAME,
            [&[0x81, PING.len() as u8], PING.as_bytes()].concat()
        );
        let answer = [&[0x81, PROBE_ANSWER.len() as u8], PROBE_ANSWER.as_bytes()].concat();
        assert_eq!(PROBE_ANSWER_FRAME, answer);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), tail in any::<String>()) {
            let _ = decode(&text);
            let _ = decode(&format!("b{tail}"));
        }
    }
}
