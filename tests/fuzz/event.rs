//! What is read back of recorded events: the facts, a person's marks, and folders with either.

use std::fs;

use earwitness::archive::event::{parse_event, read_event};
use earwitness::archive::marks::Marks;

use crate::harness::fuzz;

const EVENT: &str = r#"{"type":"event","id":"01JD0000000000000000000000","label":"dog","class":0,"score":0.93,"onset_s":12.341,
"offset_s":14.102,"onset":"2026-11-20T15:00:12.341Z","offset":"2026-11-20T15:00:14.102Z","source":"file:yard.wav",
"model":{"name":"default","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"},"method":"l2i",
"components":[{"index":17,"relevance":1.0},{"index":4,"relevance":-0.41,"name":"dog 3"}],
"faithfulness":{"agrees":true,"prob":0.93,"prob_in":0.95,"prob_out":0.11},"latency_s":0.61,"lag_s":0.1,"groups":["pets"],
"files":{"dir":"/srv/events/2026-11-20/150012Z-dog-01JD","clip":"clip.wav","interpretation":"interpretation.wav",
"spectrogram":"spectrogram.png","components":[{"index":17,"file":"component-17.wav"}]},
"clip":{"start_s":11.341,"sample_rate_hz":22050},"local_offset":"+01:00","version":"0.1.0"}"#;

const MARKS: &str =
    r#"{"verdict":"wrong","label":"rooster","starred":true,"note":"next door","marked":"2026-11-20T15:00:12.341Z"}"#;

#[test]
fn events() {
    let words =
        ["\"type\"", "\"onset\"", "\"files\"", "\"components\"", "\"../../etc/passwd\"", "\"-inf\"", "\"label\""];
    let dir = tempfile::tempdir().unwrap();
    fuzz("event", &[EVENT.into()], &words, |case| {
        let parsed = parse_event(case, dir.path(), 0);
        fs::write(dir.path().join("event.json"), case).unwrap();
        let read = read_event(dir.path());
        assert_eq!(parsed.is_ok(), read.is_ok(), "a file reads as its bytes do");
        let event = parsed?;
        assert!(event.offset >= event.onset && event.duration_secs() >= 0.0);
        assert!(event.named_files().iter().all(|name| !name.contains('/') && *name != ".."));
        Ok(())
    });
}

#[test]
fn marks() {
    let words = ["\"verdict\"", "\"right\"", "\"starred\"", "true", "\"note\""];
    fuzz("marks", &[MARKS.into(), b"{}".to_vec()], &words, |case| {
        let _ = Marks::parse(case);
        Ok(())
    });
}
