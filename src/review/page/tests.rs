#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::media::MAX_SOUNDS;
use super::*;
use crate::units::SampleRate;

/// What nothing may come of.
pub(in crate::review) const EVIL: &str = "</script><img src=x onerror=alert(1)>\u{2028}&amp;@@data@@";

/// Writes an event as the recorder does, with four short sounds and a picture of one dot.
pub(in crate::review) fn write_event(dir: &Path, key: &str, id: &str, label: &str) -> PathBuf {
    let folder = dir.join(key);
    fs::create_dir_all(&folder).unwrap();
    let rate = SampleRate::new(22_050).unwrap();
    for (name, hz) in
        [("clip.wav", 440.0), ("interpretation.wav", 880.0), ("component-17.wav", 660.0), ("component-04.wav", 550.0)]
    {
        let sound: Vec<f32> =
            (0..2205_u16).map(|i| (f32::from(i) * hz * std::f32::consts::TAU / 22_050.0).sin() / 4.0).collect();
        crate::media::wav::write_wav(&folder.join(name), rate, &sound).unwrap();
    }
    fs::write(folder.join("spectrogram.png"), b"\x89PNG not quite").unwrap();
    fs::write(folder.join("event.json"), record(id, label).to_string()).unwrap();
    folder
}

/// A record as the recorder writes it.
pub(in crate::review) fn record(id: &str, label: &str) -> Value {
    json!({
        "type": "event", "id": id, "label": label, "class": 0, "score": 0.93, "onset_s": 12.341, "offset_s": 14.102,
        "onset": "2026-11-20T15:00:12.341Z", "offset": "2026-11-20T15:00:14.102Z", "offset_in_file_s": 12.341,
        "source": "file:yard.wav", "model": {"name": "esc13", "sha256": "0123abcd"}, "method": "l2i",
        "components": [{"index": 17, "relevance": 1.0, "name": "dog 3"}, {"index": 4, "relevance": -0.41}],
        "faithfulness": {"agrees": true, "prob": 0.93, "prob_in": 0.95, "prob_out": 0.11}, "latency_s": 0.61,
        "files": {
            "clip": "clip.wav", "interpretation": "interpretation.wav", "spectrogram": "spectrogram.png",
            "components": [{"index": 17, "file": "component-17.wav"}, {"index": 4, "file": "component-04.wav"}]
        },
        "local_offset": "+01:00", "clip": {"pre_roll_s": 0.02, "duration_s": 0.1, "samples": 2205, "sample_rate_hz": 22050},
        "version": "0.1.0"
    })
}

/// An event that was marked wrong; its folder is gone.
pub(in crate::review) fn entry(label: &str, id: &str) -> Entry {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_event(dir.path(), &format!("2026-11-20/150012Z-x-{id}"), id, label);
    let marks = Marks { verdict: Some(Verdict::Wrong), label: Some("cat".into()), starred: true, ..Marks::default() };
    marks.write(&folder).unwrap();
    Entry::read(dir.path(), &folder).unwrap()
}

fn options() -> PageOptions {
    PageOptions {
        components: true,
        left_out: 3,
        labels: vec!["cat".into()],
        made: "2026-11-21T10:00:00Z".parse().unwrap(),
    }
}

fn page(entries: &[Entry], options: &PageOptions) -> String {
    let mut out = Vec::new();
    write_page(&mut out, entries, options).unwrap();
    String::from_utf8(out).unwrap()
}

/// The JSON of the block `id`.
fn data(page: &str, id: &str) -> Value {
    let begin = format!("<script type=\"application/json\" id=\"{id}\">");
    let text = page.split_once(&begin).unwrap().1.split_once("</script>").unwrap().0;
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_page_holds_the_events_and_their_sounds() {
    let dir = tempfile::tempdir().unwrap();
    let key = "2026-11-20/150012Z-dog-01A";
    let folder = write_event(dir.path(), key, "01A", "dog");
    let entry = Entry::read(dir.path(), &folder).unwrap();
    let page = page(&[entry], &options());
    let (facts, media) = (data(&page, "data"), data(&page, "media-0"));
    let event = &facts["events"][0];
    assert_eq!((&event["id"], &event["dir"], &event["label"]), (&json!("01A"), &json!(key), &json!("dog")));
    assert_eq!((&event["local_offset"], &event["onset"]), (&json!("+01:00"), &json!("2026-11-20T15:00:12.341Z")));
    assert_eq!((&facts["left_out"], &event["trouble"], &event["marks"]), (&json!(3), &Value::Null, &json!({})));
    // As long as what was recorded, and in a fraction of its bytes.
    for name in ["heard", "why", "rest"] {
        let bytes = STANDARD.decode(media[name].as_str().unwrap()).unwrap();
        assert!(bytes.len() < 2000, "{name}: {} bytes", bytes.len());
        let file = dir.path().join("sound.opus");
        fs::write(&file, bytes).unwrap();
        let sound = crate::review::clip::read_sound(&file).unwrap();
        assert_eq!((sound.rate.hz(), sound.samples.len()), (48_000, 4800), "{name}");
    }
    let components: Vec<_> = media["components"].as_array().unwrap().iter().map(|c| c["index"].clone()).collect();
    assert_eq!(components, [json!(17), json!(4)]);
    assert!(page.len() < 120_000, "{}", page.len());
}

#[test]
fn components_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_event(dir.path(), "2026-11-20/a", "01A", "dog");
    let entry = Entry::read(dir.path(), &folder).unwrap();
    let page = page(&[entry], &PageOptions { components: false, ..options() });
    let media = data(&page, "media-0");
    assert_eq!(media.get("components"), None);
    assert!(media.get("rest").is_some(), "the listening test needs it");
}

#[test]
fn files_that_are_missing_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_event(dir.path(), "2026-11-20/a", "01A", "dog");
    fs::remove_file(folder.join("interpretation.wav")).unwrap();
    // A link could lead anywhere.
    fs::remove_file(folder.join("component-04.wav")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("component-04.wav")).unwrap();
    let page = page(&[Entry::read(dir.path(), &folder).unwrap()], &options());
    let trouble = data(&page, "data")["events"][0]["trouble"].clone();
    assert_eq!(trouble, json!("Not readable when this page was made: interpretation.wav, component-04.wav."));
}

#[test]
fn a_page_that_no_browser_would_show_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_event(dir.path(), "2026-11-20/a", "01A", "dog");
    let entry = Entry::read(dir.path(), &folder).unwrap();
    let read = |mut left: u64| Media::read(&entry.event, true, &mut left).map(|_| left);
    assert_eq!(read(2000).unwrap_err().kind(), ErrorKind::FileTooLarge);
    let left = read(1_000_000).unwrap();
    assert_eq!(read(1_000_000 - left).unwrap(), 0, "what is written is counted, and nothing else");
    let error = too_large(&options());
    let text = error.to_string();
    assert_eq!(error.kind(), crate::ErrorKind::Usage);
    assert!(text.contains("512 MB") && text.contains("--limit") && text.contains("--no-components"), "{text}");
}

/// A record may name one file a thousand times.
#[test]
fn a_file_is_in_the_page_once_however_often_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_event(dir.path(), "2026-11-20/a", "01A", "dog");
    let mut event = record("01A", "dog");
    let all: Vec<u64> = (0..1024).collect();
    let of = |name: &dyn Fn(u64) -> String| -> Vec<Value> {
        all.iter().map(|i| json!({"index": i, "file": name(*i)})).collect()
    };
    event["components"] = all.iter().map(|i| json!({"index": i, "relevance": 0.5})).collect();
    event["files"]["components"] = of(&|_| "component-04.wav".to_owned()).into();
    fs::write(folder.join("event.json"), event.to_string()).unwrap();
    let read = || page(&[Entry::read(dir.path(), &folder).unwrap()], &options());
    let first = read();
    assert_eq!(data(&first, "media-0")["components"].as_array().unwrap().len(), 1);
    let trouble = data(&first, "data")["events"][0]["trouble"].clone();
    assert_eq!(trouble, json!("Left out, because the record names too many files or one twice: 1023."));
    // Or a thousand files.
    event["files"]["components"] = of(&|i| format!("component-{i:02}.wav")).into();
    fs::write(folder.join("event.json"), event.to_string()).unwrap();
    for i in &all {
        let file = folder.join(format!("component-{i:02}.wav"));
        if !file.exists() {
            fs::copy(folder.join("component-17.wav"), file).unwrap();
        }
    }
    assert_eq!(data(&read(), "media-0")["components"].as_array().unwrap().len(), MAX_SOUNDS);
}

#[test]
fn nothing_in_an_event_ends_its_block() {
    let mut evil = entry(EVIL, "01A");
    evil.event.source = EVIL.into();
    evil.marks.note = EVIL.into();
    let page = page(&[evil], &options());
    assert!(!page.contains("<img src=x"), "markup from an event is in the page");
    assert!(!page.contains('\u{2028}'));
    // The blocks of the event, the facts and the program, and no more.
    assert_eq!(page.matches("</script>").count(), 3);
    assert_eq!(data(&page, "data")["events"][0]["label"], json!(EVIL), "and nothing is lost");
}

#[test]
fn the_policy_allows_this_script_and_nothing_else() {
    let page = page(&[], &options());
    let script = page.rsplit_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(script.as_bytes()));
    let policy = page.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    assert!(policy.contains(&format!("script-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'none'"), "{policy}");
    for outside in ["http://", "https://", "unsafe-inline", " style=", " onclick", "@import", "url("] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
}
