//! socketioxide on axum and a current-thread runtime. Environment: `PORT`, `PING_INTERVAL` (ms).

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tokio::net::TcpListener;

/// Packets a socket may queue. The default of 128 loses messages in bursts that the other servers survive.
const QUEUE: usize = 4096;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (layer, io) = SocketIo::builder()
        .ping_interval(Duration::from_millis(number("PING_INTERVAL", 25_000)?))
        .max_buffer_size(QUEUE)
        .build_layer();
    io.ns("/bench", connected);
    let port = u16::try_from(number("PORT", 3000)?)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, Router::new().layer(layer)).await?;
    Ok(())
}

async fn connected(socket: SocketRef) {
    socket.on("join", join);
    socket.on("pub", publish);
    socket.on("echo", echo);
}

async fn join(socket: SocketRef, Data(room): Data<String>, ack: AckSender) {
    socket.join(room);
    // An empty slice is an acknowledgement without arguments; a client that has gone needs none.
    let _ = ack.send::<[u8; 0]>(&[]);
}

async fn publish(io: SocketIo, Data((room, payload)): Data<(String, String)>) {
    if let Some(bench) = io.of("/bench") {
        // Fails for receivers whose queue is full; the generator counts what they miss.
        let _ = bench.to(room).emit("msg", &payload).await;
    }
}

async fn echo(Data(payload): Data<String>, ack: AckSender) {
    let _ = ack.send(&payload);
}

fn number(variable: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match env::var(variable) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(default),
    }
}
