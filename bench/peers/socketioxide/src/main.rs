//! socketioxide on axum and a current-thread runtime. Environment: `PORT`, `PING_INTERVAL` (ms); `REDIS_URL` makes it one
//! server of a cluster, by the adapter of socketioxide-redis (a protocol of its own: no Node server understands it).

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::{SocketIo, SocketIoBuilder};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;

/// Packets a socket may queue. The default of 128 loses messages in bursts that the other servers survive.
const QUEUE: usize = 4096;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ping_interval = Duration::from_millis(number("PING_INTERVAL", 25_000)?);
    let port = u16::try_from(number("PORT", 3000)?)?;
    let builder = SocketIo::builder()
        .ping_interval(ping_interval)
        .max_buffer_size(QUEUE);
    let routes = match env::var("REDIS_URL") {
        Ok(url) => clustered(builder, &url).await?,
        Err(_) => alone(builder),
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, routes).await?;
    Ok(())
}

fn alone(builder: SocketIoBuilder) -> Router {
    let (layer, io) = builder.build_layer();
    io.ns("/bench", connected);
    Router::new().layer(layer)
}

async fn clustered(builder: SocketIoBuilder, url: &str) -> Result<Router, Box<dyn Error>> {
    // The adapter's driver needs RESP3.
    let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = builder
        .with_adapter::<RedisAdapter<_>>(adapter)
        .build_layer();
    io.ns("/bench", connected).await?;
    Ok(Router::new().layer(layer))
}

async fn connected<A: Adapter>(socket: SocketRef<A>) {
    socket.on("join", join::<A>);
    socket.on("leave", leave::<A>);
    socket.on("pub", publish::<A>);
    socket.on("echo", echo::<A>);
}

async fn join<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>) {
    socket.join(room);
    done(ack);
}

async fn leave<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>) {
    socket.leave(room);
    done(ack);
}

/// An empty slice is an acknowledgement without arguments; a client that has gone needs none.
fn done<A: Adapter>(ack: AckSender<A>) {
    let _ = ack.send::<[u8; 0]>(&[]);
}

async fn publish<A: Adapter>(io: SocketIo<A>, Data((room, payload)): Data<(String, String)>) {
    if let Some(bench) = io.of("/bench") {
        // Fails for receivers whose queue is full; the generator counts what they miss.
        let _ = bench.to(room).emit("msg", &payload).await;
    }
}

async fn echo<A: Adapter>(Data(payload): Data<String>, ack: AckSender<A>) {
    let _ = ack.send(&payload);
}

fn number(variable: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match env::var(variable) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(default),
    }
}
