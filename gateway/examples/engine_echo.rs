//! The engine floor alone at `/engine.io/`: every Engine.IO message comes back. For outside protocol suites.
//!
//! Environment: `PORT` (3000), `PING_INTERVAL` and `PING_TIMEOUT` (milliseconds), `MAX_PAYLOAD` (bytes).
#![expect(
    clippy::disallowed_methods,
    reason = "an example is its own process: it reads its environment and the clock"
)]

use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use carillon_gateway::admin::metrics::Metrics;
use carillon_gateway::hub::{Client, Close, Frames, Hub};
use carillon_gateway::id::KeyRing;
use carillon_gateway::socket::frame;
use carillon_gateway::transport::{
    Accepted, Application, Gate, GateParts, Port, Seat, Settings, Upper,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{self, LocalSet};

struct Echo(Rc<Hub>);

impl Upper for Echo {
    fn open(&self, client: &Rc<Client>, _max_payload: usize) -> Box<dyn Application> {
        Box::new(Session {
            hub: self.0.clone(),
            client: client.clone(),
        })
    }

    fn keeps_query(&self, _name: &str) -> bool {
        false
    }

    fn keeps_header(&self, _name: &str) -> bool {
        false
    }
}

struct Session {
    hub: Rc<Hub>,
    client: Rc<Client>,
}

impl Application for Session {
    fn text(&self, text: &str) -> Result<(), Close> {
        let encode = |out: &mut Vec<u8>| frame::text(out, &["4", text]);
        self.hub.send(
            &self.client,
            Frames {
                hint: text.len() + 16,
                encode,
            },
        );
        Ok(())
    }

    fn binary(&self, bytes: &[u8]) -> Result<(), Close> {
        let encode = |out: &mut Vec<u8>| frame::binary(out, bytes);
        self.hub.send(
            &self.client,
            Frames {
                hint: bytes.len() + 16,
                encode,
            },
        );
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn closed(&self, _reason: &str) {}
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn settings() -> Settings {
    Settings {
        path: "/engine.io/".to_owned(),
        ping_interval: Duration::from_millis(variable("PING_INTERVAL", 25_000)),
        ping_timeout: Duration::from_millis(variable("PING_TIMEOUT", 20_000)),
        max_payload: variable("MAX_PAYLOAD", 1_000_000),
        ..Settings::default()
    }
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> std::io::Result<()> {
    let hub = Hub::new(Instant::now());
    let parts = GateParts {
        hub: hub.clone(),
        upper: Rc::new(Echo(hub.clone())),
        keys: Arc::new(KeyRing::random()),
        index: 0,
        admission: Arc::default(),
        metrics: Metrics::new(1).shard(0),
        shards: Vec::new(),
        fallback: None,
        peers: None,
        settings: settings(),
    };
    let gate = Gate::new(parts, Instant::now());
    let (deal, accepted) = mpsc::unbounded_channel();
    task::spawn_local(hub.flush_forever(Instant::now));
    task::spawn_local(gate.clone().keep_time());
    task::spawn_local(gate.serve(accepted));
    let listener = TcpListener::bind(("127.0.0.1", variable("PORT", 3000))).await?;
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, peer) = listener.accept().await?;
        let accepted = Accepted {
            stream: stream.into_std()?,
            peer,
            port: Port::Client,
            seat: Seat::take(&open),
        };
        deal.send(accepted).map_err(std::io::Error::other)?;
    }
}
