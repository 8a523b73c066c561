//! Where the gateway answers better than Node, and why.

/// A probe with another answer than Node's.
pub(super) struct Deviation {
    pub(super) probe: usize,
    /// In the form of the fixture; `*` stands for anything from there on.
    pub(super) answer: &'static str,
    pub(super) reason: &'static str,
}

const fn row(probe: usize, answer: &'static str, reason: &'static str) -> Deviation {
    Deviation {
        probe,
        answer,
        reason,
    }
}

const OPENED: &str = r#"CLOSE code=1005 reason='' got=["0{*"#;

const UNLISTED: &str = r#"OPEN got=["0{*"#;

pub(super) const DEVIATIONS: &[Deviation] = &[
    row(17, "404*", "the text of a 404 was the probe server's own"),
    row(
        20,
        "40*",
        "a method that a session does not know is the client's fault, not a crash",
    ),
    row(
        26,
        r#"400 application/json {"code":1,"message":"Session ID unknown"}"#,
        "a session that was sent too much is dropped at once",
    ),
    row(
        29,
        "400*",
        "the protocol allows to say that the payload is bad",
    ),
    row(
        31,
        "400*",
        "the protocol allows to say that the payload is bad",
    ),
    row(
        50,
        "HTTP 400 text/html Unsupported protocol version",
        "refused before the upgrade",
    ),
    row(
        51,
        "HTTP 400 text/html Unsupported protocol version",
        "refused before the upgrade",
    ),
    row(
        53,
        "HTTP 400*",
        "polling is no websocket: refused before the upgrade",
    ),
    row(64, OPENED, "a close packet closes at once"),
    row(
        72,
        UNLISTED,
        "an event that the rules do not list is refused by the rules",
    ),
    row(
        96,
        UNLISTED,
        "an event that the rules do not list is refused by the rules",
    ),
    row(
        110,
        OPENED,
        "an ack id beyond 2^53 cannot be answered exactly",
    ),
    row(138, OPENED, "1e0 is no count of attachments"),
    row(139, OPENED, "a space is no part of a count"),
];
