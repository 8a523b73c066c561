//! Section 7: the closing handshake, its payloads and codes.

use super::case::{CLOSE, Case, End, LAST, PING, TEXT, TEXT_START};

const WRONG: End = End::Violation(1002);

pub(super) fn cases() -> Vec<Case> {
    [after(), payloads(), good_codes(), bad_codes()].concat()
}

fn body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Nothing after a close frame is answered.
fn after() -> Vec<Case> {
    let close: (u8, &[u8]) = (CLOSE, b"\x03\xe8");
    let large = "*".repeat(256 * 1024);
    let done = |case: Case| case.ends(End::Answered(1000));
    vec![
        done(Case::new("7.1.1", &[(TEXT, b"first"), close]).text("first")),
        done(Case::new("7.1.2", &[close, close])),
        done(Case::new("7.1.3", &[close, (PING, b"late")])),
        done(Case::new("7.1.4", &[close, (TEXT, b"late")])),
        done(Case::new(
            "7.1.5",
            &[(TEXT_START, b"part"), close, (LAST, b"late")],
        )),
        done(
            Case::new(
                "7.1.6",
                &[
                    (TEXT, large.as_bytes()),
                    (TEXT, b"next"),
                    close,
                    (PING, b""),
                ],
            )
            .text(&large)
            .text("next"),
        ),
    ]
}

fn payloads() -> Vec<Case> {
    let longest = body(1000, &"*".repeat(123));
    let too_long = body(1000, &"*".repeat(124));
    vec![
        Case::new("7.3.1", &[(CLOSE, b"")]).ends(End::Answered(1005)),
        Case::new("7.3.2", &[(CLOSE, b"a")]).ends(WRONG),
        Case::new("7.3.3", &[(CLOSE, b"\x03\xe8")]).ends(End::Answered(1000)),
        Case::new("7.3.4", &[(CLOSE, &body(1000, "Hello World!"))]).ends(End::Answered(1000)),
        Case::new("7.3.5", &[(CLOSE, &longest)]).ends(End::Answered(1000)),
        Case::new("7.3.6", &[(CLOSE, &too_long)]).ends(WRONG),
        Case::new(
            "7.5.1",
            &[(
                CLOSE,
                b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            )],
        )
        .ends(End::Violation(1007)),
    ]
}

fn good_codes() -> Vec<Case> {
    let codes = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    let numbered = codes.into_iter().enumerate().map(|(index, code)| {
        let id = format!("7.7.{}", index + 1);
        Case::new(id, &[(CLOSE, &body(code, ""))]).ends(End::Answered(code))
    });
    numbered.collect()
}

fn bad_codes() -> Vec<Case> {
    let refused = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].map(|code| ("7.9", code));
    // The suite only reports what is done with these; a server has no reason to accept them.
    let beyond = [5000, 65535].map(|code| ("7.13", code));
    let mut cases = Vec::new();
    for section in [&refused[..], &beyond[..]] {
        for (index, (number, code)) in section.iter().enumerate() {
            let id = format!("{number}.{}", index + 1);
            cases.push(Case::new(id, &[(CLOSE, &body(*code, ""))]).ends(WRONG));
        }
    }
    cases
}
