//! A steady load of events from a backend, numbered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::cluster::Member;
use crate::crowd::{Published, Ranges};
use crate::gateway::KEY;
use crate::http::Request;

/// Emits `publish` to rooms ten times a second, by the HTTP API of a gateway or the control port of a Node server, until this
/// value is dropped. A server that is gone ends it.
pub struct Backend {
    name: String,
    sent: Arc<Sent>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Sent {
    end: AtomicBool,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Numbers {
    published: Published,
    degraded: Ranges,
}

const EVERY: Duration = Duration::from_millis(100);
/// Longer than any server is frozen.
const PATIENCE: Duration = Duration::from_secs(30);

impl Backend {
    /// Starts to emit to rooms (with `room-`) by a server; its name as a publisher is `http-<server>`.
    pub fn start(member: &Member, rooms: &[&str]) -> Self {
        let name = format!("http-{}", member.name());
        let (port, request, operation) = match member {
            Member::Gateway(pod) => {
                let key = format!("Bearer {KEY}");
                let request = Request::post("/v1/emit").header("authorization", &key);
                (pod.view().api_port(), request, None)
            }
            Member::Node(node) => (node.control(), Request::post("/"), Some("emit")),
        };
        let sent = Arc::new(Sent::default());
        let (mine, publisher) = (Arc::clone(&sent), name.clone());
        let rooms: Vec<String> = rooms.iter().map(|room| (*room).to_owned()).collect();
        let thread = thread::spawn(move || {
            while !mine.end.load(Ordering::Relaxed) {
                let number = mine.next();
                let args = json!(["all", publisher, number]);
                let mut body =
                    json!({ "namespace": "/", "rooms": rooms, "event": "publish", "args": args });
                if let Some(operation) = operation {
                    body["op"] = json!(operation);
                }
                match request.clone().json(&body).send_patiently(port, PATIENCE) {
                    Ok(response) if response.status == 200 => {
                        mine.answered(number, response.json()["degraded"] == true);
                    }
                    Ok(response) => panic!("an emit is answered {}", response.text()),
                    Err(_) => return,
                }
                thread::sleep(EVERY);
            }
        });
        Self {
            name,
            sent,
            thread: Some(thread),
        }
    }

    /// Its name as a publisher.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has sent.
    pub fn published(&self) -> Published {
        self.sent.numbers().published.clone()
    }

    /// Which of it was answered `degraded`.
    pub fn degraded(&self) -> Ranges {
        self.sent.numbers().degraded.clone()
    }
}

impl Sent {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        let mut numbers = self.numbers();
        numbers.published.last += 1;
        numbers.published.last
    }

    fn answered(&self, number: u64, degraded: bool) {
        let mut numbers = self.numbers();
        numbers.published.acked.push(number);
        if degraded {
            numbers.degraded.push(number);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.sent.end.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if matches!(ended, Some(Err(_))) && !thread::panicking() {
            panic!("the backend {} failed", self.name);
        }
    }
}
