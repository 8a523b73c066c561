//! Sections 1 to 5 and 10: sizes, pings, reserved bits, opcodes, fragments.

use super::case::{BINARY, Case, End, LAST, MORE, PING, PONG, TEXT, TEXT_START};

const HELLO: &[u8] = b"Hello, world!";
const WRONG: End = End::Violation(1002);

pub(super) fn cases() -> Vec<Case> {
    [
        sizes(),
        pings(),
        reserved_bits(),
        opcodes(),
        fragments(),
        control_between(),
        many(),
    ]
    .concat()
}

fn sizes() -> Vec<Case> {
    let lengths = [0, 125, 126, 127, 128, 65535, 65536, 65536];
    let mut cases = Vec::new();
    for (index, length) in lengths.into_iter().enumerate() {
        let (text, bytes) = ("*".repeat(length), vec![0xfe; length]);
        let mut pair = [
            Case::new(format!("1.1.{}", index + 1), &[(TEXT, text.as_bytes())]).text(&text),
            Case::new(format!("1.2.{}", index + 1), &[(BINARY, &bytes)]).binary(&bytes),
        ];
        if index == 7 {
            pair = pair.map(|case| case.chopped(997));
        }
        cases.extend(pair);
    }
    cases
}

fn pings() -> Vec<Case> {
    let long = [0xfe; 126];
    let numbers: Vec<String> = (0..10).map(|n| format!("payload-{n}")).collect();
    let ten: Vec<(u8, &[u8])> = numbers.iter().map(|text| (PING, text.as_bytes())).collect();
    let answered = |case: Case| {
        numbers
            .iter()
            .fold(case, |case, text| case.pong(text.as_bytes()))
    };
    vec![
        Case::new("2.1", &[(PING, b"")]).pong(b""),
        Case::new("2.2", &[(PING, HELLO)]).pong(HELLO),
        Case::new("2.3", &[(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")])
            .pong(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        Case::new("2.4", &[(PING, &long[..125])]).pong(&long[..125]),
        Case::new("2.5", &[(PING, &long)]).ends(WRONG),
        Case::new("2.6", &[(PING, &long[..125])])
            .pong(&long[..125])
            .chopped(1),
        Case::new("2.7", &[(PONG, b"")]),
        Case::new("2.8", &[(PONG, b"unsolicited")]),
        Case::new("2.9", &[(PONG, b"unsolicited"), (PING, b"asked")]).pong(b"asked"),
        answered(Case::new("2.10", &ten)),
        answered(Case::new("2.11", &ten)).chopped(1),
    ]
}

fn reserved_bits() -> Vec<Case> {
    let bad = (TEXT | 0x20, HELLO);
    let text = "Hello, world!";
    let stream = |id| {
        Case::new(id, &[(TEXT, HELLO), bad, (PING, b"")])
            .text(text)
            .ends(WRONG)
    };
    vec![
        Case::new("3.1", &[(TEXT | 0x10, HELLO)]).ends(WRONG),
        stream("3.2").chopped(usize::MAX),
        stream("3.3"),
        stream("3.4").chopped(1),
        Case::new("3.5", &[(BINARY | 0x50, &[0; 8])]).ends(WRONG),
        Case::new("3.6", &[(PING | 0x60, HELLO)]).ends(WRONG),
        Case::new("3.7", &[(0x88 | 0x70, b"\x03\xe8")]).ends(WRONG),
    ]
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, first) in [(1, 3), (2, 11)] {
        for number in 1..=5u8 {
            let opcode = 0x80 | (first + number - 1);
            let id = format!("4.{section}.{number}");
            let case = match number {
                1 => Case::new(id, &[(opcode, b"")]),
                2 => Case::new(id, &[(opcode, b"reserved")]),
                3 => Case::new(id, &[(TEXT, HELLO), (opcode, b""), (PING, b"")])
                    .text("Hello, world!"),
                4 => Case::new(id, &[(TEXT, HELLO), (opcode, b"reserved"), (PING, b"")])
                    .text("Hello, world!"),
                _ => Case::new(id, &[(TEXT, HELLO), (opcode, b"reserved"), (PING, b"")])
                    .text("Hello, world!")
                    .chopped(1),
            };
            cases.push(case.ends(WRONG));
        }
    }
    cases
}

fn fragments() -> Vec<Case> {
    let start = (TEXT_START, b"fragment1".as_slice());
    let last = (LAST, b"fragment2".as_slice());
    let whole = "fragment1fragment2";
    let ping = (PING, b"between".as_slice());
    let stray = |id, first| Case::new(id, &[(first, b"stray"), (TEXT, HELLO)]).ends(WRONG);
    vec![
        Case::new("5.1", &[(PING & 0x7f, b"fragment1"), last]).ends(WRONG),
        Case::new("5.2", &[(PONG & 0x7f, b"fragment1"), last]).ends(WRONG),
        Case::new("5.3", &[start, last]).text(whole),
        Case::new("5.4", &[start, last])
            .text(whole)
            .chopped(usize::MAX),
        Case::new("5.5", &[start, last]).text(whole).chopped(1),
        Case::new("5.6", &[start, ping, last])
            .pong(b"between")
            .text(whole),
        Case::new("5.7", &[start, ping, last])
            .pong(b"between")
            .text(whole)
            .chopped(usize::MAX),
        Case::new("5.8", &[start, ping, last])
            .pong(b"between")
            .text(whole)
            .chopped(1),
        stray("5.9", LAST),
        stray("5.10", LAST).chopped(usize::MAX),
        stray("5.11", LAST).chopped(1),
        stray("5.12", MORE),
        stray("5.13", MORE).chopped(usize::MAX),
        stray("5.14", MORE).chopped(1),
        Case::new(
            "5.15",
            &[
                start,
                last,
                (MORE, b"fragment3"),
                (TEXT_START, b"fragment4"),
            ],
        )
        .text(whole)
        .ends(WRONG),
    ]
}

fn control_between() -> Vec<Case> {
    let repeated = |id, first, then| {
        let round = [
            (first, b"no start".as_slice()),
            (TEXT_START, b"start"),
            (then, b"end"),
        ];
        Case::new(id, &[round, round].concat()).ends(WRONG)
    };
    let five = |id| {
        let parts = [
            (TEXT_START, b"fragment1".as_slice()),
            (MORE, b"fragment2"),
            (PING, b"first"),
            (MORE, b"fragment3"),
            (MORE, b"fragment4"),
            (PING, b"second"),
            (LAST, b"fragment5"),
        ];
        Case::new(id, &parts)
            .pong(b"first")
            .pong(b"second")
            .text("fragment1fragment2fragment3fragment4fragment5")
    };
    vec![
        repeated("5.16", MORE, LAST),
        repeated("5.17", LAST, LAST),
        Case::new("5.18", &[(TEXT_START, b"fragment1"), (TEXT, b"fragment2")]).ends(WRONG),
        five("5.19"),
        five("5.20").chopped(usize::MAX),
    ]
}

fn many() -> Vec<Case> {
    let text = "*".repeat(65536);
    let mut frames: Vec<(u8, &[u8])> = text
        .as_bytes()
        .chunks(1300)
        .map(|part| (MORE, part))
        .collect();
    frames[0].0 = TEXT_START;
    frames.last_mut().unwrap().0 = LAST;
    vec![Case::new("10.1.1", &frames).text(&text)]
}
