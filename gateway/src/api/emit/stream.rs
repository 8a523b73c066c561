//! A stream of events, one a line: answered line by line, in order, while it is still being sent.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{BufMut, BytesMut};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time;

use super::{event, submitted::Submitted};
use crate::api::{
    Api,
    access::Caller,
    problem::{Code, Problem},
    request::parse::utf8,
    response::{Item, Refused},
};

/// Answers a body of lines by a body of lines.
pub(super) fn respond(api: Arc<Api>, caller: Caller, body: Body) -> Response {
    let longest = caller.rules().document.engine.max_payload.bytes();
    let emitter = Emitter {
        api,
        caller,
        lines: Lines {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            scanned: 0,
            ended: false,
            longest: usize::try_from(longest)
                .unwrap_or(usize::MAX)
                .saturating_mul(2)
                + ENVELOPE,
        },
        outcomes: VecDeque::new(),
    };
    let answers = stream::unfold(emitter, |mut emitter| async move {
        let answers = emitter.next().await?;
        Some((Ok::<_, Infallible>(answers), emitter))
    });
    let mut response = Body::from_stream(answers).into_response();
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What became of a line.
enum Outcome {
    Submitted(Box<Submitted>),
    Refused(Box<Refused>),
}

struct Emitter {
    api: Arc<Api>,
    caller: Caller,
    lines: Lines,
    outcomes: VecDeque<Outcome>,
}

impl Emitter {
    /// The next answers, as many as are complete; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let room = self.outcomes.len() < MAX_OPEN && !self.lines.is_over();
            tokio::select! {
                biased;
                line = self.lines.next(), if room => match line {
                    Some(Ok(line)) => self.submit(&line).await,
                    Some(Err(problem)) => self.refuse(problem),
                    None => {}
                },
                () = ready(self.outcomes.front_mut()), if !self.outcomes.is_empty() => {
                    return Some(self.complete());
                }
                else => return None,
            }
        }
    }

    /// Publishes a line; while the shards are behind, the sender waits.
    async fn submit(&mut self, line: &[u8]) {
        let text = match utf8(line) {
            Ok(text) if text.trim().is_empty() => return,
            Ok(text) => text,
            Err(problem) => return self.refuse(problem),
        };
        match self.caller.renewed(&self.api) {
            Ok(caller) => self.caller = caller,
            Err(problem) => return self.refuse(problem),
        }
        for _ in 0..FULL_TRIES {
            match event::submit(&self.api, &self.caller, text).await {
                Err(refused) if refused.error.is_momentary() => {
                    time::sleep(FULL_PAUSE).await;
                }
                Ok(submitted) => {
                    self.outcomes
                        .push_back(Outcome::Submitted(Box::new(submitted)));
                    return;
                }
                Err(refused) => {
                    self.outcomes.push_back(Outcome::Refused(refused));
                    return;
                }
            }
        }
        self.refuse(Problem::new(Code::Unavailable, "the shards stay behind").retry_after(1));
    }

    fn refuse(&mut self, error: Problem) {
        let refused = Refused { id: None, error };
        self.outcomes.push_back(Outcome::Refused(Box::new(refused)));
    }

    /// The answers that are complete, up to a chunk.
    fn complete(&mut self) -> Bytes {
        let mut chunk = BytesMut::new().writer();
        while chunk.get_ref().len() < CHUNK
            && ready(self.outcomes.front_mut()).now_or_never().is_some()
            && let Some(outcome) = self.outcomes.pop_front()
        {
            let item = match outcome {
                Outcome::Submitted(submitted) => Item::Accepted(submitted.answer()),
                Outcome::Refused(refused) => Item::Refused(*refused),
            };
            // A buffer in memory takes everything, and every item can be written.
            let _ = serde_json::to_writer(&mut chunk, &item);
            chunk.get_mut().put_u8(b'\n');
        }
        chunk.into_inner().freeze()
    }
}

async fn ready(outcome: Option<&mut Outcome>) {
    if let Some(Outcome::Submitted(submitted)) = outcome {
        submitted.ready().await;
    }
}

/// The lines of a body.
struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    scanned: usize,
    ended: bool,
    longest: usize,
}

impl Lines {
    fn is_over(&self) -> bool {
        self.ended && self.buffer.is_empty()
    }

    /// The next line. Cancel safe: what was read stays in the buffer.
    async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
                let line = self.buffer.split_to(self.scanned + at + 1).freeze();
                self.scanned = 0;
                return Some(Ok(line));
            }
            self.scanned = self.buffer.len();
            if self.scanned > self.longest {
                return Some(Err(self.give_up("a line is too long")));
            }
            if self.ended {
                self.scanned = 0;
                let rest = self.buffer.split().freeze();
                return (!rest.is_empty()).then_some(Ok(rest));
            }
            match self.body.next().await {
                Some(Ok(more)) => self.buffer.extend_from_slice(&more),
                Some(Err(_)) => return Some(Err(self.give_up("the body broke off"))),
                None => self.ended = true,
            }
        }
    }

    fn give_up(&mut self, why: &str) -> Problem {
        self.ended = true;
        self.buffer.clear();
        self.scanned = 0;
        Problem::new(Code::Invalid, why)
    }
}

/// So many lines may wait for their counts or acks.
const MAX_OPEN: usize = 256;
/// Answers are sent in chunks of about this size.
const CHUNK: usize = 16 << 10;
/// What a line may hold beside its arguments, whose base64 is at most twice their size.
const ENVELOPE: usize = 64 << 10;
const FULL_PAUSE: Duration = Duration::from_millis(5);
const FULL_TRIES: u32 = 1000;
