//! The live page: what it is made of, who may see and change what, and the page itself in a browser.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod http;
mod page;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use self::http::{ask, get, post, stream_of};
use crate::support::e2e::*;
use crate::support::run::Run;
use crate::support::service::*;

pub(super) const TOKEN: &str = "0123456789abcdef";

/// The address of a page, and a run whose settings open it with a token.
pub(super) fn served() -> (u16, Run) {
    let port = free_port();
    let run = run_with(&format!("[web]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"token\"\n"));
    std::fs::write(run.home().join("token"), format!("{TOKEN}\n")).unwrap();
    (port, run)
}

#[test]
fn the_page_has_what_the_lines_have() {
    let (port, run) = served();
    let (mut live, mut stdin) = on_stdin(&run, &["--record", "r"]);
    let [first, second] = halves();
    stdin.write_all(&first).unwrap();
    let mut lines = live.up_to("start");
    let info = wait_for("the page", || get(port, "/api/info").ok()?.json());
    assert_eq!(
        (&info["can_change"], &info["recording"], &info["listening"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(info["inputs"], json!([text(&lines[0], "source")]));
    lines.extend(live.up_to("event"));
    let event = lines.last().unwrap().clone();
    let id = text(&event, "id");
    let mut stream = stream_of(port, "/api/live?input=0");
    let listed = wait_for("the event", || {
        let line = stream.next_of("events");
        line["events"].as_array()?.iter().find(|listed| listed["id"] == id && listed["recorded"] == true).cloned()
    });
    for key in ["label", "score", "onset"] {
        assert_eq!(listed[key], event[key], "{key}");
    }
    assert_eq!(listed["verdict"], event["verdict"]);
    let mut anew = stream_of(port, "/api/live");
    let labels = anew.next_of("labels")["labels"].as_array().unwrap().len();
    let state = anew.next_of("state");
    for key in ["scores", "today", "last"] {
        assert_eq!(state[key].as_array().unwrap().len(), labels, "{key}");
    }
    assert_eq!(state["health"], "hearing");
    let columns = anew.next_of("columns");
    assert_eq!(columns["centre_hz"].as_array().unwrap().len() as u64, count(&columns, "n_bands"));
    // The record, and only files that it names.
    let found = get(port, &format!("/api/events/{id}")).unwrap().json().unwrap();
    assert_eq!((&found["event"]["id"], &found["marks"]), (&json!(id), &json!({})));
    let clip = get(port, &format!("/api/events/{id}/files/clip.wav")).unwrap();
    assert!(clip.head.contains("content-type: audio/wav") && clip.body.starts_with(b"RIFF"), "{}", clip.head);
    for path in ["marks.json", "event.json", "..%2fevent.json", "%2fetc%2fpasswd"] {
        assert_eq!(get(port, &format!("/api/events/{id}/files/{path}")).unwrap().status, 404, "{path}");
    }
    assert_eq!(get(port, "/api/events/..%2f..%2fetc").unwrap().status, 404);
    // What is heard at the pace of the disk cannot be listened to.
    assert_eq!(get(port, "/api/listen").unwrap().status, 400);
    stdin.write_all(&second).unwrap();
    drop(stdin);
    lines.extend(live.finish().lines);
    check_lines(&lines);
}

#[test]
fn marks_and_thresholds_need_the_token() {
    let (port, run) = served();
    let (mut live, mut stdin) = on_stdin(&run, &["--record", "r"]);
    stdin.write_all(&halves()[0]).unwrap();
    let event = live.up_to("event").pop().unwrap();
    let marks = format!("/api/events/{}/marks", text(&event, "id"));
    let said = json!({"verdict": "wrong", "label": "fox", "starred": true, "note": "at the bins"});
    wait_for("the folder", || (get(port, marks.trim_end_matches("/marks")).ok()?.status == 200).then_some(()));
    for token in ["", "0123456789abcdeF"] {
        assert_eq!(post(port, &marks, token, &said).status, 401, "{token:?}");
        assert_eq!(post(port, "/api/labels/0", token, &json!({"threshold": 0.5})).status, 401, "{token:?}");
    }
    let kept = post(port, &marks, TOKEN, &said).json().unwrap();
    for key in ["verdict", "label", "starred", "note"] {
        assert_eq!(kept[key], said[key], "{key}");
    }
    let folder = event_folders(&run.home().join("r")).into_iter().find(|folder| folder.join("marks.json").exists());
    assert!(folder.is_some(), "the marks are in the event's folder");
    assert_eq!(post(port, &marks, TOKEN, &json!({"starred": false})).json(), Some(json!({})));
    assert_eq!(post(port, &marks, TOKEN, &json!({"verdict": "perhaps"})).status, 400);
    // Thresholds, for this run.
    for (wish, status) in [
        (json!({"threshold": 0.07}), 204),
        (json!({"threshold": 0.0}), 400),
        (json!({"threshold": "high"}), 400),
        (json!({"volume": 1}), 400),
    ] {
        assert_eq!(post(port, "/api/labels/0", TOKEN, &wish).status, status, "{wish}");
    }
    assert_eq!(post(port, "/api/labels/4000", TOKEN, &json!({"enabled": false})).status, 404);
    assert_eq!(post(port, "/api/labels/1", TOKEN, &json!({"enabled": false})).status, 204);
    let mut stream = stream_of(port, "/api/live");
    wait_for("the change", || {
        let labels = stream.next_of("labels")["labels"].clone();
        (labels[0]["on"] == 0.07 && labels[0]["edited"] == true && labels[1]["enabled"] == false).then_some(())
    });
    drop(stdin);
    assert_eq!(live.finish().code, Some(0));
}

#[test]
fn without_a_token_only_this_machine_looks_and_nobody_changes_anything() {
    let port = free_port();
    let run = run_with("");
    let (mut live, mut stdin) = on_stdin(&run, &["--web", &format!("127.0.0.1:{port}")]);
    stdin.write_all(&halves()[0]).unwrap();
    live.up_to("start");
    let page = wait_for("the page", || get(port, "/").ok());
    let policy = "content-security-policy: default-src 'none'; script-src 'self'";
    assert!(page.status == 200 && page.head.contains(policy), "{}", page.head);
    let with = |header: &str| ask(port, &format!("GET /api/info HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n"));
    assert_eq!(with("Host: 127.0.0.1:1").unwrap().status, 200);
    for refused in ["Host: evil.example", "Host: localhost\r\nX-Forwarded-For: 192.0.2.1"] {
        assert_eq!(with(refused).unwrap().status, 403, "{refused}");
    }
    assert_eq!(post(port, "/api/labels/0", TOKEN, &json!({"enabled": false})).status, 403);
    drop(stdin);
    assert_eq!(live.finish().code, Some(0));
}

#[test]
fn what_would_let_others_listen_is_refused() {
    let run = run_with("");
    std::fs::write(run.home().join("short"), "secret").unwrap();
    std::fs::write(run.home().join("empty"), "\n").unwrap();
    let fails = |code: i32, args: &[&str]| run.fails(code, &[DEMO, args].concat());
    let sentence = fails(2, &["--web", "0.0.0.0:8787"]);
    assert!(sentence.contains("web.listen") && sentence.contains("token_file"), "{sentence}");
    for (file, words) in [("short", "16 letters"), ("empty", "16 letters"), ("none", "cannot be read")] {
        let sentence = fails(2, &["--web", "0.0.0.0:8787", "--web-token-file", file]);
        assert!(sentence.contains(words), "{sentence}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sentence = fails(5, &["--web", &address]);
    assert!(sentence.contains(&address) && sentence.contains("--web"), "{sentence}");
}

/// Viewers that read nothing, and clients that say nothing, hold up neither the monitor nor who reads.
#[test]
fn slow_viewers_hold_up_nothing() {
    let (port, run) = served();
    let (mut live, mut stdin) = on_stdin(&run, &[]);
    let [first, second] = halves();
    stdin.write_all(&first).unwrap();
    let mut lines = live.up_to("start");
    wait_for("the page", || get(port, "/api/info").ok());
    let slow: Vec<TcpStream> = (0..40)
        .map(|i| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let request: &[u8] = b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(if i % 2 == 0 { request } else { b"GET /api/l" }).unwrap();
            stream
        })
        .collect();
    stdin.write_all(&second).unwrap();
    drop(stdin);
    lines.extend(live.finish().lines);
    check_lines(&lines);
    drop(slow);
    // The same scene without anyone.
    let (alone, _) = finish(run_with("").command(DEMO));
    let labels = |lines: &[Value]| -> Vec<String> {
        of_type(lines, "event").into_iter().map(|event| text(event, "label").to_owned()).collect()
    };
    assert_eq!(labels(&lines), labels(&alone));
}

/// Heard at the pace of the sound, both the input and what the classifier hears of it.
#[test]
fn the_input_can_be_heard() {
    let (port, run) = served();
    let mut live = Live::start(run.command(&["monitor", "--config", "c.toml", "--input", "demo", "--ui", "jsonl"]));
    live.up_to("start");
    wait_for("the page", || get(port, "/api/info").ok());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET /api/listen?what=input HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut heard = vec![0; 100_000];
    stream.read_exact(&mut heard).unwrap();
    let body = heard.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&heard[..body]).to_lowercase();
    assert!(head.contains("x-sample-rate: "), "{head}");
    let samples = heard[body..].chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]));
    assert!(samples.into_iter().any(|sample| sample.unsigned_abs() > 300), "the scene is not silent");
    live.signal("TERM");
    assert_eq!(live.finish().code, Some(0));
}
