//! A TCP forwarder that can be cut: the network between two processes.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Forwards connections to an address as long as it is up. It ends with this value.
pub struct Forwarder {
    from: SocketAddr,
    to: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    accepted: AtomicUsize,
}

#[derive(Default)]
struct State {
    generation: u64,
    up: bool,
    open: Vec<TcpStream>,
}

impl Forwarder {
    /// Listens on another loopback address, on the same port as the process behind it.
    pub fn start(host: Ipv4Addr, port: u16) -> Self {
        Self::between((host, port).into(), (Ipv4Addr::LOCALHOST, port).into())
    }

    /// Listens on an address, and forwards to another.
    pub fn between(from: SocketAddr, to: SocketAddr) -> Self {
        let forwarder = Self {
            from,
            to,
            line: Arc::default(),
        };
        forwarder.mend();
        forwarder
    }

    /// How many connections it has taken.
    pub fn accepted(&self) -> usize {
        self.line.accepted.load(Ordering::Relaxed)
    }

    /// Breaks every connection; new ones are refused.
    pub fn cut(&self) {
        let open = {
            let mut state = self.line.state();
            state.up = false;
            state.generation += 1;
            std::mem::take(&mut state.open)
        };
        for stream in open {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which sees that its time is over.
        while TcpStream::connect(self.from).is_ok() {}
    }

    /// Forwards again.
    pub fn mend(&self) {
        let listener = TcpListener::bind(self.from).expect("the address of a forwarder is free");
        let generation = {
            let mut state = self.line.state();
            state.up = true;
            state.generation
        };
        let (line, to) = (Arc::clone(&self.line), self.to);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if !line.is(generation) {
                    return;
                }
                line.accepted.fetch_add(1, Ordering::Relaxed);
                // Whoever is not served sees its connection closed.
                let _ = line.forward(client, to);
            }
        });
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, generation: u64) -> bool {
        let state = self.state();
        state.up && state.generation == generation
    }

    fn forward(&self, client: TcpStream, to: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(to)?;
        let mut state = self.state();
        state
            .open
            .extend([client.try_clone()?, server.try_clone()?]);
        drop(state);
        for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
            thread::spawn(move || pour(&from, &to));
        }
        Ok(())
    }
}

fn pour(mut from: &TcpStream, mut to: &TcpStream) {
    // An error is an end like any other.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.cut();
    }
}
