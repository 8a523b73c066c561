//! Many raw clients at once: asynchronous, from several source addresses, a few bytes each.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::http::Request;
use crate::ws::{self, Message, Parser};
use crate::{http, packets, polling, session};

/// Where a client comes from and how much it lets the kernel keep for it.
#[derive(Clone, Copy)]
pub struct Origin {
    /// The source address.
    pub address: Ipv4Addr,
    /// The size of its receive buffer, where it must be small.
    pub receive: Option<u32>,
}

impl Origin {
    /// One of several local addresses, so that no one address runs out of ports.
    pub fn number(n: usize) -> Self {
        Self {
            address: Ipv4Addr::new(127, 0, 0, 2 + (n % 8) as u8),
            receive: None,
        }
    }

    async fn connect(self, port: u16) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = self.receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(SocketAddr::from((self.address, 0)))?;
        let stream = socket
            .connect(SocketAddr::from(([127, 0, 0, 1], port)))
            .await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A websocket client.
pub struct Client {
    stream: TcpStream,
    parser: Parser,
}

impl Client {
    /// Opens a session and reads its open packet.
    pub async fn open(origin: Origin, port: u16) -> io::Result<Self> {
        let mut stream = origin.connect(port).await?;
        stream
            .write_all(&ws::handshake(session::WEBSOCKET).bytes(port))
            .await?;
        let (head, rest) = read_head(&mut stream).await?;
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(
                String::from_utf8_lossy(&head).into_owned(),
            ));
        }
        let mut parser = Parser::default();
        parser.push(&rest);
        let mut client = Self { stream, parser };
        client.next().await?;
        Ok(client)
    }

    /// Opens a session and connects a namespace.
    pub async fn connected(origin: Origin, port: u16, namespace: &str) -> io::Result<Self> {
        let mut client = Self::open(origin, port).await?;
        client
            .send(&format!("40{}", packets::prefix(namespace)))
            .await?;
        client.next().await?;
        Ok(client)
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &str) -> io::Result<()> {
        self.stream
            .write_all(&ws::masked(0x81, packet.as_bytes()))
            .await
    }

    /// The next packet that is no heartbeat; an error when the connection ends.
    pub async fn next(&mut self) -> io::Result<String> {
        loop {
            match self.parser.next() {
                Some(Message::Text(packet)) if packet == "2" => self.send("3").await?,
                Some(Message::Text(packet)) => return Ok(packet),
                Some(Message::Ping(_) | Message::Pong(_) | Message::Binary(_)) => {}
                Some(end) => return Err(io::Error::other(format!("{end:?}"))),
                None => self.fill().await?,
            }
        }
    }

    /// Reads and answers heartbeats until the connection ends.
    pub async fn rest(&mut self) {
        while self.next().await.is_ok() {}
    }

    async fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.parser.push(&chunk[..read]);
                Ok(())
            }
        }
    }
}

/// A long-polling session on one connection, with a poll under way.
pub struct Poller {
    stream: TcpStream,
    port: u16,
    path: String,
}

impl Poller {
    /// Opens a session, connects `/` and polls for what comes after.
    pub async fn connected(origin: Origin, port: u16) -> io::Result<Self> {
        let mut stream = origin.connect(port).await?;
        let open = exchange(&mut stream, &Request::get(polling::POLLING).bytes(port)).await?;
        let path = format!("{}&sid={}", polling::POLLING, packets::session_id(&open));
        let mut poller = Self { stream, port, path };
        poller.post("40").await?;
        let poll = poller.poll();
        exchange(&mut poller.stream, &poll).await?;
        poller.stream.write_all(&poll).await?;
        Ok(poller)
    }

    /// What the poll under way brings that is no heartbeat; the next poll is under way by then.
    pub async fn next(&mut self) -> io::Result<String> {
        loop {
            let payload = answer(&mut self.stream).await?;
            let heartbeat = packets::split(&payload).contains(&"2");
            if heartbeat {
                self.post("3").await?;
            }
            self.stream.write_all(&self.poll()).await?;
            if !heartbeat || payload.len() > 1 {
                return Ok(payload);
            }
        }
    }

    fn poll(&self) -> Vec<u8> {
        Request::get(&self.path).bytes(self.port)
    }

    async fn post(&mut self, payload: &str) -> io::Result<()> {
        let post = Request::post(&self.path).header("content-type", "text/plain");
        let post = post.body(payload.as_bytes()).bytes(self.port);
        exchange(&mut self.stream, &post).await.map(drop)
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<String> {
    stream.write_all(request).await?;
    answer(stream).await
}

/// The body of an answer that is 200.
async fn answer(stream: &mut TcpStream) -> io::Result<String> {
    let (head, mut body) = read_head(stream).await?;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(io::Error::other(head));
    }
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let length = length
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| io::Error::other("answers to polls have a length"))?;
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(body).map_err(io::Error::other)
}

async fn read_head(stream: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(at) = http::find(&bytes, b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return Ok((bytes, rest));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
