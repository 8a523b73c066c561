//! Section 6: text must be UTF-8, in whole messages, across fragments, byte by byte.

use super::case::{Case, End, LAST, MORE, TEXT, TEXT_START};

const VALID: &str = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";
/// Greek, then a surrogate encoded as three bytes, then letters.
const BROKEN: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
const WRONG: End = End::Violation(1007);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = [empty(), whole(), early()].concat();
    let mut section = |number: usize, sequences: &[&[u8]]| {
        for (index, bytes) in sequences.iter().enumerate() {
            cases.push(check(format!("6.{number}.{}", index + 1), bytes));
        }
    };
    section(
        5,
        &[
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
            b"\xce\xba",
            b"\xe1\xbd\xb9",
            b"\xcf\x83\xce\xbc",
            b"\xce\xb5",
        ],
    );
    let greek: Vec<&[u8]> = (1..=11).map(|end| &BROKEN[..end]).collect();
    section(6, &greek);
    section(
        7,
        &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    );
    section(8, &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]);
    section(
        9,
        &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    );
    section(
        10,
        &[
            b"\xf7\xbf\xbf\xbf",
            b"\xfb\xbf\xbf\xbf\xbf",
            b"\xfd\xbf\xbf\xbf\xbf\xbf",
        ],
    );
    section(
        11,
        &[
            b"\xed\x9f\xbf",
            b"\xee\x80\x80",
            b"\xef\xbf\xbd",
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
        ],
    );
    let continuations: Vec<u8> = (0x80..=0xbf).collect();
    let mut stray: Vec<&[u8]> = vec![b"\x80", b"\xbf"];
    stray.extend((2..=6).map(|length| &b"\x80\xbf\x80\xbf\x80\xbf"[..length]));
    stray.push(&continuations);
    section(12, &stray);
    let starts: Vec<Vec<u8>> = [
        0xc0..=0xdf,
        0xe0..=0xef,
        0xf0..=0xf7,
        0xf8..=0xfb,
        0xfc..=0xfd,
    ]
    .into_iter()
    .map(|range: std::ops::RangeInclusive<u8>| range.flat_map(|byte| [byte, b' ']).collect())
    .collect();
    section(13, &starts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    section(14, &INCOMPLETE);
    section(15, &[&INCOMPLETE.concat()]);
    section(16, &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]);
    section(
        17,
        &[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ],
    );
    section(
        18,
        &[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ],
    );
    section(
        19,
        &[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ],
    );
    section(
        20,
        &[
            b"\xed\xa0\x80",
            b"\xed\xad\xbf",
            b"\xed\xae\x80",
            b"\xed\xaf\xbf",
            b"\xed\xb0\x80",
            b"\xed\xbe\x80",
            b"\xed\xbf\xbf",
        ],
    );
    let (high, low): ([&[u8]; 4], [&[u8]; 2]) = (
        [
            b"\xed\xa0\x80",
            b"\xed\xad\xbf",
            b"\xed\xae\x80",
            b"\xed\xaf\xbf",
        ],
        [b"\xed\xb0\x80", b"\xed\xbf\xbf"],
    );
    let pairs: Vec<Vec<u8>> = high
        .iter()
        .flat_map(|one| low.map(|two| [one, two].concat()))
        .collect();
    section(21, &pairs.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let last: Vec<String> = noncharacters().map(String::from).collect();
    section(22, &last.iter().map(String::as_bytes).collect::<Vec<_>>());
    section(
        23,
        &[
            "\u{fff9}", "\u{fffa}", "\u{fffb}", "\u{fffc}", "\u{fffd}", "\u{fffe}", "\u{ffff}",
        ]
        .map(str::as_bytes),
    );
    cases
}

/// Sequences that lack their last byte.
const INCOMPLETE: [&[u8]; 10] = [
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf",
];

/// The last two code points of each plane: valid in UTF-8.
fn noncharacters() -> impl Iterator<Item = char> {
    let planes = (0..17u32).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    planes.filter_map(char::from_u32)
}

/// A message is echoed if it is UTF-8, else the connection fails.
fn check(id: String, bytes: &[u8]) -> Case {
    let case = Case::new(id, &[(TEXT, bytes)]);
    match std::str::from_utf8(bytes) {
        Ok(text) => case.text(text),
        Err(_) => case.ends(WRONG),
    }
}

fn empty() -> Vec<Case> {
    vec![
        Case::new("6.1.1", &[(TEXT, b"")]).text(""),
        Case::new("6.1.2", &[(TEXT_START, b""), (MORE, b""), (LAST, b"")]).text(""),
        Case::new(
            "6.1.3",
            &[(TEXT_START, b""), (MORE, b"middle"), (LAST, b"")],
        )
        .text("middle"),
    ]
}

fn whole() -> Vec<Case> {
    let (bytes, greek) = (VALID.as_bytes(), "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}");
    let singles = |bytes: &[u8]| -> Vec<(u8, Vec<u8>)> {
        let mut frames: Vec<_> = bytes.iter().map(|byte| (MORE, vec![*byte])).collect();
        frames[0].0 = TEXT_START;
        frames.last_mut().unwrap().0 = LAST;
        frames
    };
    let fragmented = |id: &str, bytes: &[u8]| {
        let frames = singles(bytes);
        let frames: Vec<(u8, &[u8])> = frames
            .iter()
            .map(|(first, part)| (*first, part.as_slice()))
            .collect();
        Case::new(id, &frames)
    };
    vec![
        Case::new("6.2.1", &[(TEXT, bytes)]).text(VALID),
        Case::new("6.2.2", &[(TEXT_START, &bytes[..12]), (LAST, &bytes[12..])]).text(VALID),
        fragmented("6.2.3", bytes).text(VALID),
        fragmented("6.2.4", greek.as_bytes()).text(greek),
        Case::new("6.3.1", &[(TEXT, BROKEN)]).ends(WRONG),
        fragmented("6.3.2", BROKEN).ends(WRONG),
    ]
}

/// An error in the middle of a message fails it, at the latest when the message is whole.
fn early() -> Vec<Case> {
    let (valid, rest) = (&BROKEN[..11], &BROKEN[11..]);
    let in_two = |id, at: usize| {
        Case::new(id, &[(TEXT_START, &BROKEN[..at]), (LAST, &BROKEN[at..])]).ends(WRONG)
    };
    vec![
        Case::new("6.4.1", &[(TEXT_START, valid), (MORE, rest), (LAST, b"")]).ends(WRONG),
        Case::new(
            "6.4.2",
            &[
                (TEXT_START, valid),
                (MORE, b"\xf4\x90"),
                (LAST, b"\x80\x80"),
            ],
        )
        .ends(WRONG),
        in_two("6.4.3", 12).chopped(7),
        in_two("6.4.4", 13).chopped(1),
    ]
}
