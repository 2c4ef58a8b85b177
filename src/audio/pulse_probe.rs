//! Whether a PulseAudio server answers. The client library waits for ever for one that does not, and leaves a thread behind
//! each time it is given up; so a server is first asked here, with a time limit.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A server that is alive answers within a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The command that every client begins with, and the oldest protocol that all servers still speak.
const AUTH: u32 = 8;
const VERSION: u32 = 13;
const COOKIE_BYTES: usize = 256;

/// The channel of commands, not of samples.
const COMMANDS: u32 = u32::MAX;

/// Asks the server that the environment names. Takes half a second at most, and no time while an earlier question is
/// still without an answer.
pub(super) fn answers() -> bool {
    static ASKING: AtomicBool = AtomicBool::new(false);
    let Some(path) = socket(|name| std::env::var(name).ok()) else { return false };
    if ASKING.swap(true, Ordering::AcqRel) {
        return false;
    }
    let (answered, answer) = channel();
    // Connecting to a server that takes no connections any more cannot be limited in time, so it is done over there.
    let asker = thread::Builder::new().name("pulse-probe".to_owned()).spawn(move || {
        let _ = answered.send(ask(&path));
        ASKING.store(false, Ordering::Release);
    });
    if asker.is_err() {
        ASKING.store(false, Ordering::Release);
        return false;
    }
    answer.recv_timeout(PATIENCE + PATIENCE / 10).unwrap_or(false)
}

/// Where the client library looks for the server's socket.
fn socket(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let server = variable("PULSE_SERVER").and_then(|server| server.strip_prefix("unix:").map(PathBuf::from));
    let below = |name| variable(name).map(|dir| Path::new(&dir).join("pulse/native"));
    server.or_else(|| below("PULSE_RUNTIME_PATH")).or_else(|| below("XDG_RUNTIME_DIR"))
}

/// Any answer will do, a refusal too.
fn ask(path: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(path) else { return false };
    let limited = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    let mut header = [0; 20];
    limited.is_ok() && stream.write_all(&hello()).is_ok() && stream.read_exact(&mut header).is_ok()
}

/// The first message of the native protocol: five words of descriptor, then tagged values (`L` a word, `x` bytes).
fn hello() -> Vec<u8> {
    let mut body = Vec::new();
    for word in [AUTH, 0, VERSION] {
        body.push(b'L');
        body.extend(word.to_be_bytes());
    }
    body.push(b'x');
    body.extend((COOKIE_BYTES as u32).to_be_bytes());
    let cookie = cookie().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let mut cookie: Vec<u8> = cookie.into_iter().take(COOKIE_BYTES).collect();
    cookie.resize(COOKIE_BYTES, 0);
    body.extend(cookie);
    let mut message = Vec::new();
    for word in [body.len() as u32, COMMANDS, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(body);
    message
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
        assert!(!ask(&path), "no socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert!(!ask(&path), "no one takes the connection");
        let server = thread::spawn(move || {
            // The first connection is the one above.
            let _ = listener.accept().unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut message = [0; 20 + 15 + 5 + COOKIE_BYTES];
            stream.read_exact(&mut message).unwrap();
            stream.write_all(&[0; 20]).unwrap();
            message
        });
        assert!(ask(&path));
        let message = server.join().unwrap();
        assert_eq!(message[..8], [0, 0, 1, 20, 255, 255, 255, 255], "length and channel");
        assert_eq!(message[20..35], [b'L', 0, 0, 0, 8, b'L', 0, 0, 0, 0, b'L', 0, 0, 0, 13]);
    }
}
