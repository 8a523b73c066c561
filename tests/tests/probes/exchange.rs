//! Sends a probe and writes the answer down in the form of the fixture.

use carillon_tests::http::{Connection, Request, Response};
use carillon_tests::polling::Polling;
use carillon_tests::wait;
use carillon_tests::ws::{Message, Ws};
use serde_json::Value;

use super::Probe;

const UNKNOWN: &str = r#"400 application/json {"code":1,"message":"Session ID unknown"}"#;

/// Runs probes in order against one server: a follow-up uses the session of the probe before.
pub(super) struct Prober {
    port: u16,
    session: Option<Polling>,
}

impl Prober {
    pub(super) fn new(port: u16) -> Self {
        Self {
            port,
            session: None,
        }
    }

    pub(super) fn run(&mut self, probe: &Probe) -> String {
        let run = std::panic::AssertUnwindSafe(|| self.send(probe));
        std::panic::catch_unwind(run).unwrap_or_else(|_| "no answer in time".to_owned())
    }

    fn send(&mut self, probe: &Probe) -> String {
        match probe.request.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "x2"] => self.two_polls(),
            ["GET", "abort"] => self.aborted_poll(),
            ["POST", "x2", ..] => self.two_posts(),
            ["POST", "chunked"] => self.chunked_post(),
            ["POST", "partial"] => self.partial_post(),
            ["WS", query, ..] => {
                let frames = probe.request.splitn(3, ' ').nth(2).unwrap();
                self.websocket(probe, query, frames)
            }
            [method, target] => self.http(probe, method, target),
            [method] => self.http(probe, method, ""),
            _ => panic!("an unknown form of probe: {}", probe.request),
        }
    }

    fn http(&mut self, probe: &Probe, method: &str, target: &str) -> String {
        if probe.name == "poll aborted by client ...then poll" {
            return self.gone();
        }
        let path = self.path(probe, target);
        let mut request = Request::new(method, &path);
        if method == "POST" {
            let kind = match probe.name.contains("octet-stream") {
                true => "application/octet-stream",
                false => "text/plain;charset=UTF-8",
            };
            let body = body(&probe.name);
            request = request.header("content-type", kind).body(body.as_bytes());
        }
        describe(&request.send(self.port))
    }

    fn path(&mut self, probe: &Probe, target: &str) -> String {
        let target = match target.strip_prefix("http://") {
            Some(absolute) => absolute[absolute.find('/').unwrap()..].to_owned(),
            None => format!("/socket.io/{target}"),
        };
        match target.split_once("sid=") {
            // A session id of the measured server: ours takes its place.
            Some((before, sid)) if sid.len() == 20 => {
                if !probe.name.starts_with("...") {
                    self.session = Some(Polling::open(self.port));
                }
                format!("{before}sid={}", self.session().sid())
            }
            _ => target,
        }
    }

    fn websocket(&mut self, probe: &Probe, query: &str, frames: &str) -> String {
        let path = self.path(probe, query);
        let mut ws = match Ws::connect(self.port, &path, &[]) {
            Ok(ws) => ws,
            Err(answer) => return format!("HTTP {}", describe(&answer)),
        };
        let mut seen = Vec::new();
        if !query.contains("sid=") {
            seen.push(ws.data());
        }
        for frame in expand(&probe.name, frames) {
            match frame.as_str() {
                "WAIT" => seen.push(ws.data()),
                "<bin>" if probe.name.contains("> max") => ws.binary(&[1; 1001]),
                "<bin>" => ws.binary(&[1]),
                text => ws.text(text),
            }
        }
        if probe.name.contains("connectTimeout") {
            seen.push(ws.data());
        } else if !matches!(seen.last(), Some(Message::Close(..) | Message::Dropped)) {
            seen.extend(ws.settle());
        }
        transcript(&seen)
    }

    fn two_polls(&mut self) -> String {
        self.session = Some(Polling::open(self.port));
        let mut polls = [self.session().start_poll(), self.session().start_poll()];
        let answers = polls
            .iter_mut()
            .map(|poll| poll.read_response(false).unwrap());
        let mut answers: Vec<_> = answers
            .map(|answer| (answer.status, answer.text()))
            .collect();
        // On two connections either may arrive first.
        answers.sort();
        let [(first, one), (second, other)] = &answers[..] else {
            unreachable!("there are two")
        };
        format!("{first} {one:?} || {second} {other:?}")
    }

    fn aborted_poll(&mut self) -> String {
        self.session = Some(Polling::open(self.port));
        drop(self.session().heard_poll());
        self.gone();
        "-".to_owned()
    }

    /// Polls until the session is unknown: the end of a connection is noticed a little later,
    /// and until then another poll is an overlap.
    fn gone(&self) -> String {
        wait::until("the session is gone", || {
            (describe(&self.session().poll()) == UNKNOWN).then(|| UNKNOWN.to_owned())
        })
    }

    fn two_posts(&mut self) -> String {
        self.session = Some(Polling::open(self.port));
        let head = Request::post(&self.session().path())
            .header("content-type", "text/plain")
            .header("content-length", "10")
            .body(b"4");
        let mut posts = [Connection::open(self.port), Connection::open(self.port)];
        for post in &mut posts {
            post.write(&head.bytes(self.port)).unwrap();
        }
        let answers = posts.iter_mut().map(|post| post.read_response(false));
        let answers = answers.map(|answer| match answer {
            Ok(answer) => format!("HTTP/1.1 {} Bad Request", answer.status),
            Err(_) => "closed, no response".to_owned(),
        });
        let mut answers: Vec<_> = answers.collect();
        answers.sort_by(|one, other| other.cmp(one));
        answers.join(" || ")
    }

    fn chunked_post(&mut self) -> String {
        let session = Polling::open(self.port);
        let mut body = b"44c\r\n4".to_vec();
        body.extend([b'a'; 1099]);
        body.extend(b"\r\n0\r\n\r\n");
        let request = Request::post(&session.path())
            .header("content-type", "text/plain")
            .header("transfer-encoding", "chunked")
            .body(&body);
        let answer = request.send(self.port);
        format!("HTTP/1.1 {} Payload Too Large", answer.status)
    }

    fn partial_post(&mut self) -> String {
        self.session = Some(Polling::open(self.port));
        let request = Request::post(&self.session().path())
            .header("content-type", "text/plain")
            .header("content-length", "100")
            .body(b"4abc");
        let mut connection = Connection::open(self.port);
        connection.write(&request.bytes(self.port)).unwrap();
        drop(connection);
        self.gone();
        "-".to_owned()
    }

    fn session(&self) -> &Polling {
        self.session.as_ref().expect("a probe before opened it")
    }
}

/// Whether an answer is the expected one; session ids differ, long messages were cut.
pub(super) fn matches(answer: &str, expected: &str) -> bool {
    match expected.split_once('*') {
        Some((start, _)) => answer.starts_with(start),
        None => messages(answer) == messages(expected),
    }
}

/// The parts of an answer with what differs from run to run taken out.
fn messages(answer: &str) -> (String, Vec<String>) {
    let (head, got) = answer.split_once(" got=").unwrap_or((answer, "[]"));
    let head = head.split(" err:").next().unwrap_or(head);
    let got = got.split(" err:").next().unwrap_or(got);
    let got: Vec<String> = serde_json::from_str(got).unwrap_or_default();
    let got = got.iter().map(|message| plain(message));
    (plain(head), got.collect())
}

/// Without the session id, and as long as the measured messages were kept.
fn plain(message: &str) -> String {
    let Some((before, rest)) = message.split_once(r#""sid":""#) else {
        return message.chars().take(90).collect();
    };
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    let whole = format!(r#"{before}"sid":"S"{after}"#);
    whole.chars().take(60).collect()
}

fn describe(answer: &Response) -> String {
    let kind = answer.header("content-type").unwrap_or("-");
    format!("{} {kind} {}", answer.status, answer.text())
        .trim()
        .to_owned()
}

fn transcript(seen: &[Message]) -> String {
    let texts = seen.iter().filter_map(|message| match message {
        Message::Text(text) => Some(Value::from(text.as_str())),
        Message::Binary(_) => Some(Value::from("<bin>")),
        _ => None,
    });
    let got = Value::Array(texts.collect());
    match seen.last() {
        Some(Message::Close(code, reason)) => {
            format!("CLOSE code={code} reason='{reason}' got={got}")
        }
        Some(Message::Dropped | Message::Invalid) => format!("CLOSE code=1006 reason='' got={got}"),
        _ => format!("OPEN got={got}"),
    }
}

/// The body of a POST, which the fixture tells by the probe's name.
fn body(name: &str) -> String {
    let quoted = name.split('\'').nth(1);
    match quoted {
        Some(body) => body.to_owned(),
        None if name.contains("too large") => format!("4{}", "a".repeat(1000)),
        None if name.contains("empty body") => String::new(),
        None => "3".to_owned(),
    }
}

/// The frames of a probe; those that the fixture shortened are written out.
fn expand(name: &str, frames: &str) -> Vec<String> {
    let frames: Vec<String> = serde_json::from_str(frames).unwrap();
    let placeholder = |n: usize| format!(r#",{{"_placeholder":true,"num":{n}}}"#);
    let whole = |frame: String| match frame.ends_with('…') {
        false => frame,
        true if name.contains("text frame > max") => format!("4{}", "a".repeat(1000)),
        true if name.contains("exactly max") => format!(r#"42["{}"]"#, "a".repeat(994)),
        true if name.contains("maxAttachments") => {
            format!(
                r#"4510-["a"{}]"#,
                (0..10).map(placeholder).collect::<String>()
            )
        }
        true if name.contains("twice") => format!(r#"451-["a"{0}{0}]"#, placeholder(0)),
        true if name.contains("nested") => {
            format!(r#"42["a",{}{}]"#, "[".repeat(300), "]".repeat(300))
        }
        true if name.contains("very long") => format!("40/{}", "a".repeat(900)),
        true => panic!("how does this go on? {frame}"),
    };
    frames.into_iter().map(whole).collect()
}
