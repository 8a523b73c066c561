//! Socket.IO packets as the websocket frames that carry them, the `4` of Engine.IO included.
//!
//! Each function appends whole frames, so that what is encoded once can be written to every socket. The
//! texts given must be checked JSON, as [`super::packet`] and [`super::json`] give them.

use bytes::Bytes;

use super::{frame, json};

/// Appends an event: its name as JSON, its arguments with commas between them, then its attachments.
pub fn event(
    out: &mut Vec<u8>,
    nsp: &str,
    id: Option<u64>,
    raw_name: &str,
    args: &str,
    attachments: &[Bytes],
) {
    let comma = if args.is_empty() { "" } else { "," };
    packet(
        out,
        ["2", "5"],
        nsp,
        id,
        &["[", raw_name, comma, args, "]"],
        attachments,
    );
}

/// Appends an event that ends with an offset, by which a client that comes back says what it has had.
pub fn event_at(
    out: &mut Vec<u8>,
    nsp: &str,
    raw_name: &str,
    args: &str,
    offset: &str,
    attachments: &[Bytes],
) {
    let comma = if args.is_empty() { "" } else { "," };
    packet(
        out,
        ["2", "5"],
        nsp,
        None,
        &["[", raw_name, comma, args, ",\"", offset, "\"]"],
        attachments,
    );
}

/// Appends the answer to event `id`.
pub fn ack(out: &mut Vec<u8>, nsp: &str, id: u64, args: &str, attachments: &[Bytes]) {
    packet(
        out,
        ["3", "6"],
        nsp,
        Some(id),
        &["[", args, "]"],
        attachments,
    );
}

/// Appends the acceptance of a CONNECT, with the private id for recovery if there is one.
pub fn connect(out: &mut Vec<u8>, nsp: &str, sid: &str, pid: Option<&str>) {
    let key = if pid.is_some() { ",\"pid\":\"" } else { "" };
    let quote = if pid.is_some() { "\"}" } else { "}" };
    let json = [
        "{\"sid\":\"",
        sid,
        "\"",
        key,
        pid.unwrap_or_default(),
        quote,
    ];
    packet(out, ["0", "0"], nsp, None, &json, &[]);
}

/// Appends the refusal of a CONNECT, with `data` (JSON) if there is more to say.
pub fn connect_error(out: &mut Vec<u8>, nsp: &str, message: &str, data: Option<&str>) {
    let mut quoted = String::with_capacity(message.len() + 2);
    json::quote(&mut quoted, message);
    let key = if data.is_some() { ",\"data\":" } else { "" };
    let json = ["{\"message\":", &quoted, key, data.unwrap_or_default(), "}"];
    packet(out, ["4", "4"], nsp, None, &json, &[]);
}

/// Appends the end of a socket. It has no payload: with one, a client drops its whole connection.
pub fn disconnect(out: &mut Vec<u8>, nsp: &str) {
    packet(out, ["1", "1"], nsp, None, &[], &[]);
}

/// Appends a packet; `kinds` are its type without and with attachments.
fn packet(
    out: &mut Vec<u8>,
    kinds: [&str; 2],
    nsp: &str,
    id: Option<u64>,
    json: &[&str],
    attachments: &[Bytes],
) {
    let (mut count, mut ack_id) = ([0; 20], [0; 20]);
    let (kind, count, dash) = match attachments.len() {
        0 => (kinds[0], "", ""),
        some => (kinds[1], decimal(some as u64, &mut count), "-"),
    };
    let (nsp, comma) = if nsp == "/" { ("", "") } else { (nsp, ",") };
    let id = id.map_or("", |id| decimal(id, &mut ack_id));
    let head = ["4", kind, count, dash, nsp, comma, id];
    let len = head.iter().chain(json).map(|part| part.len()).sum();
    out.reserve(frame::MAX_HEADER + len);
    frame::header(out, frame::Opcode::Text, len);
    for part in head.iter().chain(json) {
        out.extend_from_slice(part.as_bytes());
    }
    for attachment in attachments {
        frame::binary(out, attachment);
    }
}

fn decimal(number: u64, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    let mut rest = number;
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return std::str::from_utf8(&buffer[at..]).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
