//! Whether a PulseAudio server answers. The client library waits for ever for one that does not, and leaves a thread behind
//! each time it is given up; so a server is first asked here, with a time limit. It is also asked what it is: PipeWire speaks
//! the protocol, too, and understands one thing in another way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A server that is alive answers within a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The commands: the one that every client begins with, and one whose answer holds the server's name.
const AUTH: u32 = 8;
const GET_SERVER_INFO: u32 = 20;

/// The oldest protocol that all servers still speak.
const VERSION: u32 = 13;
const COOKIE_BYTES: usize = 256;

/// The channel of commands, not of samples.
const COMMANDS: u32 = u32::MAX;

/// Longest answer that is read. A server says of itself what fits into some hundred bytes.
const MOST_BYTES: u32 = 65_536;

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    PulseAudio,
    PipeWire,
}

/// Asks the server that the environment names. Takes half a second at most, and no time while an earlier question is
/// still without an answer.
pub(super) fn ask() -> Option<Server> {
    static ASKING: AtomicBool = AtomicBool::new(false);
    let path = socket(|name| std::env::var(name).ok())?;
    if ASKING.swap(true, Ordering::AcqRel) {
        return None;
    }
    let (answered, answer) = channel();
    // Connecting to a server that takes no connections any more cannot be limited in time, so it is done over there.
    let asker = thread::Builder::new().name("pulse-probe".to_owned()).spawn(move || {
        let _ = answered.send(ask_at(&path));
        ASKING.store(false, Ordering::Release);
    });
    if asker.is_err() {
        ASKING.store(false, Ordering::Release);
        return None;
    }
    answer.recv_timeout(PATIENCE + PATIENCE / 10).ok().flatten()
}

/// Where the client library looks for the server's socket.
fn socket(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let server = variable("PULSE_SERVER").and_then(|server| server.strip_prefix("unix:").map(PathBuf::from));
    let below = |name| variable(name).map(|dir| Path::new(&dir).join("pulse/native"));
    server.or_else(|| below("PULSE_RUNTIME_PATH")).or_else(|| below("XDG_RUNTIME_DIR"))
}

/// Any answer will do, a refusal too.
fn ask_at(path: &Path) -> Option<Server> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).ok()?;
    stream.write_all(&message(&hello())).ok()?;
    read_message(&mut stream)?;
    let info = stream.write_all(&message(&words(&[GET_SERVER_INFO, 1]))).ok().and_then(|()| read_message(&mut stream));
    let is_pipewire = info.is_some_and(|info| info.windows(8).any(|text| text == b"PipeWire"));
    Some(if is_pipewire { Server::PipeWire } else { Server::PulseAudio })
}

/// What stands behind the five words of descriptor that every message begins with; the first is its length.
fn read_message(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut header = [0; 20];
    stream.read_exact(&mut header).ok()?;
    let len = u32::from_be_bytes(*header.first_chunk()?).min(MOST_BYTES);
    let mut body = vec![0; len as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn message(body: &[u8]) -> Vec<u8> {
    let descriptor = [body.len() as u32, COMMANDS, 0, 0, 0];
    [descriptor.map(u32::to_be_bytes).as_flattened(), body].concat()
}

/// Tagged words: a command, its number, and arguments.
fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| [&b"L"[..], &value.to_be_bytes()].concat()).collect()
}

/// The first message: a protocol version, and the cookie as tagged bytes.
fn hello() -> Vec<u8> {
    let cookie = cookie().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let mut cookie: Vec<u8> = cookie.into_iter().take(COOKIE_BYTES).collect();
    cookie.resize(COOKIE_BYTES, 0);
    [&words(&[AUTH, 0, VERSION])[..], b"x", &(COOKIE_BYTES as u32).to_be_bytes(), &cookie].concat()
}

/// The cookie of the user's sessions, so that the server has nothing to complain of.
fn cookie() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let named = std::env::var_os("PULSE_COOKIE").map(PathBuf::from);
    let usual = [".config/pulse/cookie", ".pulse-cookie"];
    let candidates = named.into_iter().chain(home.iter().flat_map(|home| usual.map(|name| home.join(name))));
    candidates.into_iter().find(|path| path.exists())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_socket_is_where_the_library_looks_for_it() {
        let with = |pairs: &[(&str, &str)]| {
            socket(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("PULSE_SERVER", "unix:/a/b"), ("XDG_RUNTIME_DIR", "/run")]), Some("/a/b".into()));
        assert_eq!(
            with(&[("PULSE_SERVER", "tcp:host"), ("XDG_RUNTIME_DIR", "/run")]),
            Some("/run/pulse/native".into())
        );
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn a_server_that_says_nothing_does_not_answer() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("native");
        assert_eq!(ask_at(&path), None, "no socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(ask_at(&path), None, "no one takes the connection");
        // The first connection is the one above.
        let _ = listener.accept().unwrap();
        for (name, server) in [("pulseaudio", Server::PulseAudio), ("PulseAudio (on PipeWire 1.0.5)", Server::PipeWire)]
        {
            let asked = thread::spawn({
                let path = path.clone();
                move || ask_at(&path)
            });
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0; 20 + 15 + 5 + COOKIE_BYTES];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(first[..8], [0, 0, 1, 20, 255, 255, 255, 255], "length and channel");
            assert_eq!(first[20..35], [b'L', 0, 0, 0, 8, b'L', 0, 0, 0, 0, b'L', 0, 0, 0, 13]);
            stream.write_all(&message(b"welcome")).unwrap();
            let mut second = [0; 20 + 10];
            stream.read_exact(&mut second).unwrap();
            assert_eq!(second[20..], [b'L', 0, 0, 0, 20, b'L', 0, 0, 0, 1]);
            stream.write_all(&message(name.as_bytes())).unwrap();
            assert_eq!(asked.join().unwrap(), Some(server));
        }
    }
}
