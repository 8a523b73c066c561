//! A client that writes HTTP and websocket frames by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn assert_ok(answer: &Answer, body: &str) {
    assert_eq!((answer.status, &*answer.body), (200, body), "{answer:?}");
}

/// Opens a session by polling, and returns its path.
pub(crate) async fn open(port: u16) -> String {
    let answer = ask(port, "GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let (_, rest) = answer.body.split_once("\"sid\":\"").unwrap();
    let sid = rest.split('"').next().unwrap();
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

pub(crate) async fn get(port: u16, path: &str) -> Answer {
    ask(port, "GET", path, "", "").await
}

pub(crate) async fn post(port: u16, path: &str, body: &str) -> Answer {
    ask(port, "POST", path, "content-type: text/plain\r\n", body).await
}

/// One exchange on a connection of its own. `headers` end with line breaks.
pub(crate) async fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = send(port, method, path, headers, body).await;
    read(&mut stream).await
}

/// Sends a request and does not wait for its answer.
pub(crate) async fn send(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> TcpStream {
    let length = match method {
        "POST" => format!("content-length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}{length}\r\n"
    );
    write(port, (head + body).as_bytes()).await
}

/// Sends bytes as they are.
pub(crate) async fn write(port: u16, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // What is not read to its end is answered all the same.
    stream.write_all(bytes).await.ok();
    stream
}

/// Reads an answer up to the end of the connection.
pub(crate) async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {text:?}"));
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// A websocket.
pub(crate) struct Ws(TcpStream);

/// The headers of an opening handshake.
pub(crate) const UPGRADE: &str = "upgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";

impl Ws {
    /// Opens a websocket for a session; an answer other than 101 is the error.
    pub(crate) async fn open(port: u16, polling: &str) -> Result<Self, Answer> {
        let path = polling.replace("transport=polling", "transport=websocket");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n{UPGRADE}\r\n");
        let mut stream = write(port, request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&head)),
            }
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head[9..12].parse().unwrap();
        if status != 101 {
            let mut body = String::new();
            stream.read_to_string(&mut body).await.unwrap();
            return Err(Answer { status, head, body });
        }
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        Ok(Self(stream))
    }

    /// Takes the session over from its polls.
    pub(crate) async fn take_over(&mut self) {
        self.send(1, b"2probe").await;
        assert_eq!(self.receive().await, (1, b"3probe".to_vec()));
        self.send(1, b"5").await;
    }

    /// Sends a masked frame; the mask is zero.
    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            len @ ..126 => frame.push(0x80 | u8::try_from(len).unwrap()),
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next frame: its opcode and payload.
    pub(crate) async fn receive(&mut self) -> (u8, Vec<u8>) {
        let opcode = self.0.read_u8().await.unwrap() & 15;
        let len = match self.0.read_u8().await.unwrap() {
            126 => u64::from(self.0.read_u16().await.unwrap()),
            127 => self.0.read_u64().await.unwrap(),
            len => u64::from(len),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        (opcode, payload)
    }

    /// Whether the connection has ended.
    pub(crate) async fn has_ended(&mut self) -> bool {
        !matches!(self.0.read(&mut [0]).await, Ok(1..))
    }
}
