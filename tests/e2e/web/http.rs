//! Requests to the live page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(|_| self.status == 200)
    }
}

/// Sends `request` as it is.
pub(super) fn ask(port: u16, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() })
}

pub(super) fn get(port: u16, path: &str) -> std::io::Result<Answer> {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"))
}

pub(super) fn post(port: u16, path: &str, token: &str, body: &Value) -> Answer {
    let (body, close) = (body.to_string(), "Connection: close");
    let headers =
        format!("Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n{close}", body.len());
    ask(port, &format!("POST {path} HTTP/1.1\r\n{headers}\r\n\r\n{body}")).unwrap()
}

/// A stream of lines.
pub(super) struct Lines(BufReader<TcpStream>);

/// The endless answer to `path`.
pub(super) fn stream_of(port: u16, path: &str) -> Lines {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // Of version 1.0, so that the answer is not cut into chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    Lines(BufReader::new(stream))
}

impl Lines {
    /// The next line of that type.
    pub(super) fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended before a line of type {kind}");
            let found: Option<Value> = serde_json::from_str(&line).ok();
            if let Some(found) = found.filter(|found| found["type"] == kind) {
                return found;
            }
        }
    }
}
