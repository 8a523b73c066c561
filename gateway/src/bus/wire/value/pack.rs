//! Writing MessagePack, each value in its shortest form, as notepack and @msgpack/msgpack do.

/// Appends nil.
pub(in crate::bus::wire) fn nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Appends a boolean.
pub(in crate::bus::wire) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(0xc2 + u8::from(value));
}

/// Appends an integer from 0.
pub(in crate::bus::wire) fn uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => sized(out, 0xcc, &[value as u8]),
        0x100..=0xffff => sized(out, 0xcd, &(value as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => sized(out, 0xce, &(value as u32).to_be_bytes()),
        _ => sized(out, 0xcf, &value.to_be_bytes()),
    }
}

/// Appends an integer.
pub(in crate::bus::wire) fn int(out: &mut Vec<u8>, value: i64) {
    match value {
        0.. => uint(out, value.unsigned_abs()),
        -0x20..=-1 => out.push(value as u8),
        -0x80..=-0x21 => sized(out, 0xd0, &(value as i8).to_be_bytes()),
        -0x8000..=-0x81 => sized(out, 0xd1, &(value as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => sized(out, 0xd2, &(value as i32).to_be_bytes()),
        _ => sized(out, 0xd3, &value.to_be_bytes()),
    }
}

/// Appends a float64.
pub(in crate::bus::wire) fn float(out: &mut Vec<u8>, value: f64) {
    sized(out, 0xcb, &value.to_be_bytes());
}

/// Appends a string; its bytes may be WTF-8.
pub(in crate::bus::wire) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        len @ 0..=0x1f => out.push(0xa0 | len as u8),
        len @ 0x20..=0xff => sized(out, 0xd9, &[len as u8]),
        len => long(out, 0xda, len),
    }
    out.extend_from_slice(bytes);
}

/// Appends bytes.
pub(in crate::bus::wire) fn bin(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        len @ 0..=0xff => sized(out, 0xc4, &[len as u8]),
        len => long(out, 0xc5, len),
    }
    out.extend_from_slice(bytes);
}

/// Begins an array of so many values.
pub(in crate::bus::wire) fn array(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=0xf => out.push(0x90 | len as u8),
        _ => long(out, 0xdc, len),
    }
}

/// Begins a map of so many members.
pub(in crate::bus::wire) fn map(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=0xf => out.push(0x80 | len as u8),
        _ => long(out, 0xde, len),
    }
}

/// The form of 16 bits, or the next one, of 32. Texts of 4 GiB never come here: the scanner refuses them.
fn long(out: &mut Vec<u8>, mark: u8, len: usize) {
    match len {
        0..=0xffff => sized(out, mark, &(len as u16).to_be_bytes()),
        _ => sized(out, mark + 1, &(len as u32).to_be_bytes()),
    }
}

fn sized(out: &mut Vec<u8>, mark: u8, bytes: &[u8]) {
    out.push(mark);
    out.extend_from_slice(bytes);
}
