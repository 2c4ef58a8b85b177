//! Network streams: fetched by `ffmpeg`, which these tests need and say so where it is not there, from a small server that
//! they run themselves.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::e2e::*;
use crate::support::run::Run;
use serde_json::Value;

const RATE_HZ: u32 = 16_000;

fn has_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !there {
        eprintln!("skipped: ffmpeg is not installed");
    }
    there
}

/// Serves the demo scene over HTTP as an endless WAV, at the pace of the sound; every client hears it from where it is.
struct Server {
    port: u16,
    /// Whether clients are served.
    up: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    clients: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (up, stop, clients) = (Arc::new(AtomicBool::new(true)), Arc::default(), Arc::default());
        let bytes: Vec<u8> = scene_at(RATE_HZ).0.iter().flat_map(|&x| pcm16(x).to_le_bytes()).collect();
        let shared = (Arc::clone(&up), Arc::clone(&stop), Arc::clone(&clients));
        let body = move || {
            let (up, stop, clients): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicUsize>) = shared;
            let began = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) if up.load(Ordering::Relaxed) => {
                        clients.fetch_add(1, Ordering::Relaxed);
                        let serving = || up.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed);
                        // One client at a time is enough.
                        let _ = serve(client, &bytes, began, serving);
                    }
                    Ok((client, _)) => drop(client),
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        };
        Self { port, up, stop, clients, thread: Some(std::thread::spawn(body)) }
    }

    fn address(&self) -> String {
        format!("http://me:s3cret@127.0.0.1:{}/live.wav?token=t0ken", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(mut client: TcpStream, bytes: &[u8], began: Instant, serving: impl Fn() -> bool) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    client.set_write_timeout(Some(Duration::from_millis(500)))?;
    let mut request = [0; 2048];
    let n = client.read(&mut request)?;
    assert!(String::from_utf8_lossy(&request[..n]).starts_with("GET /live.wav?token=t0ken "));
    client.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\n\r\n")?;
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    header.extend_from_slice(&RATE_HZ.to_le_bytes());
    header.extend_from_slice(&(2 * RATE_HZ).to_le_bytes());
    header.extend_from_slice(b"\x02\0\x10\0data\xff\xff\xff\xff");
    client.write_all(&header)?;
    let at = |began: Instant| (began.elapsed().as_millis() as usize * RATE_HZ as usize / 1000) * 2;
    let mut sent = at(began);
    while serving() {
        let until = at(began).max(sent);
        for byte in sent..until {
            client.write_all(&bytes[byte % bytes.len()..][..1])?;
        }
        sent = until;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn no_secret(text: &str) {
    assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
}

#[test]
fn a_stream_is_heard_and_heard_again_when_its_server_comes_back() {
    if !has_ffmpeg() {
        return;
    }
    let server = Server::start(0);
    let run = Run::new().env("PATH", &std::env::var("PATH").unwrap()).env("EARWITNESS_LOG_LEVEL", "debug");
    let mut live =
        Live::start(run.command(&["monitor", "--input", &server.address(), "--ui", "jsonl", "--record", "r"]));
    let mut lines = live.up_to("event");
    assert_eq!(text(&lines[0], "source"), format!("http://127.0.0.1:{}/live.wav", server.port));
    assert_eq!(number(&lines[0], "input_rate_hz"), f64::from(RATE_HZ));
    server.up.store(false, Ordering::Relaxed);
    let went = Instant::now();
    let status = |live: &mut Live, lines: &mut Vec<Value>, health: &str| loop {
        let new = live.up_to("status");
        let status = new[new.len() - 1].clone();
        lines.extend(new);
        if status["health"] == health {
            break status;
        }
    };
    let lost = status(&mut live, &mut lines, "lost");
    assert!(text(&lost, "trouble").contains("trying again"), "{lost}");
    std::thread::sleep(Duration::from_secs(2));
    server.up.store(true, Ordering::Relaxed);
    let back = status(&mut live, &mut lines, "hearing");
    let away = number(&back, "away_samples") / f64::from(RATE_HZ);
    assert!(away > 1.5 && away < went.elapsed().as_secs_f64() + 1.0, "{away} s");
    lines.extend(live.up_to("event"));
    live.signal("TERM");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    check_lines(&lines);
    assert_eq!(server.clients.load(Ordering::Relaxed), 2);
    no_secret(&ending.stderr);
    lines.iter().for_each(|line| no_secret(&line.to_string()));
    for folder in event_folders(&run.home().join("r")) {
        no_secret(&std::fs::read_to_string(folder.join("event.json")).unwrap());
    }
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for_and_holds_up_nobody() {
    if !has_ffmpeg() {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://me:s3cret@127.0.0.1:{port}/live.wav?token=t0ken");
    let run = Run::new().env("PATH", &std::env::var("PATH").unwrap());
    let mut live = Live::start(run.command(&["monitor", "--input", &address, "--input", "demo", "--ui", "jsonl"]));
    assert_eq!(text(&live.up_to("start").pop().unwrap(), "source"), "demo");
    std::thread::sleep(Duration::from_secs(2));
    let _server = Server::start(port);
    let start = live.up_to("start").pop().unwrap();
    assert_eq!(text(&start, "source"), format!("http://127.0.0.1:{port}/live.wav"));
    live.signal("TERM");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    assert!(
        ending.stderr.contains("Connection refused") && ending.stderr.contains("trying again"),
        "{}",
        ending.stderr
    );
    no_secret(&ending.stderr);
}

#[test]
fn without_ffmpeg_an_address_says_what_is_missing() {
    let run = Run::new().env("PATH", "/nonexistent");
    let said = run.fails(2, &["monitor", "--input", "rtsp://me:s3cret@camera.lan/1", "--ui", "jsonl"]);
    assert!(
        said.contains("rtsp://camera.lan/1 needs the program ffmpeg") && said.contains("apt install ffmpeg"),
        "{said}"
    );
    no_secret(&said);
    let said = run.fails(2, &["monitor", "--input", "ftp://me:s3cret@camera.lan/1", "--ui", "jsonl"]);
    assert!(said.contains("rtsp://, rtsps://"), "{said}");
    no_secret(&said);
}

/// A program in the place of `ffmpeg` that sends a header and then nothing: it is ended and tried again, and ends nobody.
#[test]
fn a_stream_that_cannot_be_used_is_tried_again_and_keeps_no_one_waiting() {
    let run = Run::new();
    let bin = run.home().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\necho started >> \"$HOME/starts\"\n\
        printf 'RIFF\\377\\377\\377\\377WAVEfmt \\020\\0\\0\\0\\003\\0\\001\\0\\240\\017\\0\\0\\200\\076\\0\\0\\004\\0\\040\\0data\\377\\377\\377\\377'\n\
        exec /bin/sleep 1000\n";
    std::fs::write(bin.join("ffmpeg"), script).unwrap();
    std::fs::set_permissions(bin.join("ffmpeg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["monitor", "--input", "rtsp://me:s3cret@camera.lan/1", "--input", "demo", "--ui", "jsonl"];
    let mut command = run.command(&args);
    command.env("PATH", &bin);
    let mut live = Live::start(command);
    let began = Instant::now();
    let starts = || std::fs::read_to_string(run.home().join("starts")).map_or(0, |text| text.lines().count());
    while starts() < 2 {
        assert!(began.elapsed() < PATIENCE, "it is not tried again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(text(&live.up_to("start").pop().unwrap(), "source"), "demo");
    live.signal("TERM");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    assert!(ending.stderr.contains("rtsp://camera.lan/1 cannot be heard: its rate of 4000 Hz"), "{}", ending.stderr);
}
