//! Event folders: whole or not at all.

use std::{fs, path::Path};

use earwitness::{
    ErrorKind,
    engine::report::EventReport,
    record::{EventFolders, FolderOptions},
};
use jiff::tz::{TimeZone, offset};

use crate::support::record::{event_report, share};

fn folders(dir: &Path) -> EventFolders {
    EventFolders::new(dir, FolderOptions { time_zone: Some(TimeZone::fixed(offset(1))), ..FolderOptions::default() })
        .unwrap()
}

/// Every path below `dir`, relative to it, sorted.
fn tree(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), root, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

#[test]
fn a_folder_holds_what_the_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let report = event_report("01JD0000000000000000000000", "dog");
    let written = folders(dir.path()).write(&report).unwrap();
    assert_eq!(written, dir.path().join("2026-11-20/150012Z-dog-01JD0000000000000000000000"));
    insta::assert_snapshot!(tree(dir.path()).join("\n"), @r"
    2026-11-20
    2026-11-20/150012Z-dog-01JD0000000000000000000000
    2026-11-20/150012Z-dog-01JD0000000000000000000000/clip.wav
    2026-11-20/150012Z-dog-01JD0000000000000000000000/component-04.wav
    2026-11-20/150012Z-dog-01JD0000000000000000000000/component-17.wav
    2026-11-20/150012Z-dog-01JD0000000000000000000000/event.json
    2026-11-20/150012Z-dog-01JD0000000000000000000000/interpretation.wav
    2026-11-20/150012Z-dog-01JD0000000000000000000000/spectrogram.png
    ");

    for (name, audio) in [
        ("clip.wav", &report.clip.heard),
        ("interpretation.wav", &report.clip.interpretation),
        ("component-17.wav", &report.clip.components[0].1),
        ("component-04.wav", &report.clip.components[1].1),
    ] {
        let mut wav = hound::WavReader::open(written.join(name)).unwrap();
        let spec = wav.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 16_000, 16), "{name}");
        let samples: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
        assert_eq!(samples.len(), audio.len(), "{name}");
        let worst = samples.iter().zip(audio).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{name}: {worst}");
    }

    let picture = fs::File::open(written.join("spectrogram.png")).unwrap();
    let mut png = png::Decoder::new(std::io::BufReader::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; png.output_buffer_size().unwrap()];
    let info = png.next_frame(&mut pixels).unwrap();
    assert!((900..2_200).contains(&info.width) && (360..700).contains(&info.height), "{}×{}", info.width, info.height);
    // A byte a pixel: which of 256 colours.
    assert_eq!(pixels.len(), (info.width * info.height) as usize);
}

#[test]
fn event_json_is_the_line_and_more() {
    let dir = tempfile::tempdir().unwrap();
    let written = folders(dir.path()).write(&event_report("01JD", "dog")).unwrap();
    let text = fs::read_to_string(written.join("event.json")).unwrap();
    insta::assert_snapshot!(text.replace(dir.path().to_str().unwrap(), "DIR").replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
    {
      "type": "event",
      "id": "01JD",
      "label": "dog",
      "class": 0,
      "score": 0.93,
      "onset_s": 12.341,
      "offset_s": 14.102,
      "onset": "2026-11-20T15:00:12.341Z",
      "offset": "2026-11-20T15:00:14.102Z",
      "source": "file:yard.wav",
      "model": {
        "name": "esc13",
        "sha256": "0123abcd"
      },
      "method": "l2i",
      "components": [
        {
          "index": 17,
          "relevance": 1.0,
          "name": "dog 3"
        },
        {
          "index": 4,
          "relevance": -0.41
        }
      ],
      "faithfulness": {
        "agrees": true,
        "prob": 0.93,
        "prob_in": 0.95,
        "prob_out": 0.11
      },
      "verdict": "enough_and_needed",
      "latency_s": 0.61,
      "lag_s": 0.02,
      "files": {
        "dir": "DIR/2026-11-20/150012Z-dog-01JD",
        "clip": "clip.wav",
        "interpretation": "interpretation.wav",
        "components": [
          {
            "index": 17,
            "file": "component-17.wav"
          },
          {
            "index": 4,
            "file": "component-04.wav"
          }
        ],
        "spectrogram": "spectrogram.png"
      },
      "local_offset": "+01:00",
      "clip": {
        "start_s": 11.841,
        "start": "2026-11-20T15:00:11.841Z",
        "pre_roll_s": 0.5,
        "duration_s": 2.761,
        "samples": 44176,
        "sample_rate_hz": 16000
      },
      "version": "VERSION"
    }
    "#);
}

#[test]
fn no_label_leads_out_of_the_days_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folders = folders(dir.path());
    for (i, label) in ["../../escape", "a/b", "..", "", "\0", &"x".repeat(4000), "🐕 Hündin"].into_iter().enumerate()
    {
        let written = folders.write(&event_report(&format!("../{i}"), label)).unwrap();
        assert_eq!(written.parent().unwrap(), dir.path().join("2026-11-20"), "{label}");
        assert!(written.join("event.json").is_file());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(dir.path().join("2026-11-20")).unwrap().count(), 7);
}

#[test]
fn what_an_interrupted_run_left_is_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("2026-11-19/.tmp-235959Z-dog-01JC");
    let kept = ["2026-11-19/235959Z-cat-01JB", "2026-11-19/.hidden", "notes/.tmp-mine"];
    for folder in kept {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("clip.wav"), "RIFF").unwrap();
    std::os::unix::fs::symlink(dir.path().join("notes"), dir.path().join("2026-11-19/.tmp-link")).unwrap();

    folders(dir.path());
    assert!(!left.exists());
    assert!(kept.iter().all(|folder| dir.path().join(folder).is_dir()), "{:?}", tree(dir.path()));
}

#[test]
fn work_in_progress_of_another_writer_is_left_alone_and_what_is_nobodys_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let _working = folders(dir.path());
    let (theirs, left) = (dir.path().join("2026-11-20/.tmp-a"), dir.path().join("2026-11-20/.tmp-b"));
    fs::create_dir_all(&theirs).unwrap();
    fs::create_dir_all(&left).unwrap();
    let lock = fs::File::open(&theirs).unwrap();
    lock.lock().unwrap();
    // A file that may be on its way this very moment, and one that nobody has touched for an hour.
    let (fresh, old) = (dir.path().join("2026-11-20/.tmp-marks-1"), dir.path().join("2026-11-20/.tmp-marks-2"));
    fs::write(&fresh, "{").unwrap();
    fs::write(&old, "{").unwrap();
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(hour_ago).unwrap();
    folders(dir.path());
    assert_eq!([theirs.exists(), left.exists(), fresh.exists(), old.exists()], [true, false, true, false]);
    drop(lock);
    folders(dir.path());
    assert!(!theirs.exists());
}

#[test]
fn a_failed_folder_leaves_nothing_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folders = folders(dir.path());
    let report = event_report("01JD", "dog");
    let written = folders.write(&report).unwrap();
    fs::write(written.join("note.txt"), "mine").unwrap();
    let before = tree(dir.path());

    let error = folders.write(&report).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("150012Z-dog-01JD") && error.to_string().contains("move it away"), "{error}");
    assert_eq!(tree(dir.path()), before);

    // A file stands where the day's folder should be.
    let mut tomorrow = event_report("01JE", "dog");
    tomorrow.event.clock.start += std::time::Duration::from_secs(86_400);
    fs::write(dir.path().join("2026-11-21"), "").unwrap();
    let error = folders.write(&tomorrow).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("2026-11-21"), "{error}");
    assert_eq!(fs::read(dir.path().join("2026-11-21")).unwrap(), b"");
}

#[test]
fn a_defect_in_the_clip_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let folders = folders(dir.path());
    let refuse = |spoil: fn(&mut EventReport)| {
        let mut report = event_report("01JD", "dog");
        spoil(&mut report);
        assert_eq!(folders.write(&report).unwrap_err().kind(), ErrorKind::Bug);
        assert_eq!(tree(dir.path()), [""; 0]);
    };
    refuse(|report| report.clip.interpretation.truncate(10));
    refuse(|report| report.clip.components[1].1.push(0.0));
    refuse(|report| report.clip.components[1].0 = share(17, "", 0.1));
    refuse(|report| report.clip.picture.mask.truncate(3));
}

#[test]
fn a_place_that_cannot_be_recorded_into_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    // Below a regular file nobody can write, not even root.
    for (place, says) in [(file.clone(), "not a folder"), (file.join("below"), "a file stands where")] {
        let error = EventFolders::new(&place, FolderOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(error.to_string().contains(place.to_str().unwrap()) && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_folder_with_its_parents_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b c/ü");
    assert_eq!(folders(&deep).dir(), deep);
    assert_eq!(tree(&deep), [""; 0]);
}
