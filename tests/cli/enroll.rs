//! `earwitness enroll`: a label of one's own is learned, used, kept and refused.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::e2e::*;
use crate::support::run::Run;
use earwitness::model::package::Package;
use earwitness::train::enroll::{Bank, Hearing};

pub(crate) const RATE_HZ: u32 = 16_000;

pub(crate) fn hiss(secs: f32, gain: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let n = (secs * RATE_HZ as f32) as usize;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        gain * ((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    (0..n).map(|_| next()).collect()
}

/// A trill, which is no label of `everyday`, over hiss.
pub(crate) fn trill(secs: f32) -> Vec<f32> {
    let wave = |i: usize| {
        let t = i as f32 / RATE_HZ as f32;
        let hz = if ((t * 16.0) as u32).is_multiple_of(2) { 2_400.0 } else { 3_100.0 };
        0.2 * (std::f32::consts::TAU * hz * t).sin()
    };
    (0..(secs * RATE_HZ as f32) as usize).map(wave).collect()
}

/// `everyday` in a folder of its own, with a bank of what it hears in hiss at many levels.
pub(crate) fn model_with_bank(dir: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/everyday");
    fs::create_dir_all(dir).unwrap();
    let manifest = Package::open(&shipped).unwrap().manifest().clone();
    for file in manifest.files.keys().map(String::as_str).chain(["model.toml"]) {
        fs::copy(shipped.join(file), dir.join(file)).unwrap();
    }
    let package = Package::open(dir).unwrap();
    let hearing = Hearing::load(&package).unwrap();
    let rows: Vec<f32> =
        (1..4).flat_map(|k| hearing.embeddings(&hiss(2.0, 0.004 * 6.0_f32.powi(k))).unwrap()).collect();
    let bank = Bank { network: package.network_sha256().unwrap(), width: hearing.width(), rows };
    let files = BTreeMap::from([("bank.bin".to_owned(), bank.encode().unwrap())]);
    Package::write_bytes(dir, package.manifest().clone(), &files).unwrap();
}

#[test]
fn a_sound_is_learned_heard_explained_kept_and_removed() {
    let run = Run::new();
    model_with_bank(&run.home().join("mine"));
    write_wav(&run.home().join("trill.wav"), RATE_HZ, 1, &trill(1.0));
    let stream = [hiss(2.0, 0.01), trill(1.5), hiss(2.0, 0.01)].concat();
    write_wav(&run.home().join("stream.wav"), RATE_HZ, 1, &stream);

    let told = run.ok(&["enroll", "trill", "trill.wav", "--model", "./mine", "--labels", "own"]).stdout;
    assert!(
        told.starts_with("trill is learned from 1 recording, on the model everyday, and kept in own/trill.toml\n"),
        "{told}"
    );
    assert!(told.contains("\nsure: found again clear of noise") && told.contains("one recording cannot say"), "{told}");
    assert!(
        told.contains("\nfalse alarms: the threshold is set for 0.2 an hour among the ")
            && told.contains("\nbetter: give 4 more"),
        "{told}"
    );

    let listen =
        ["monitor", "--input", "stream.wav", "--fast", "--ui", "jsonl", "--model", "./mine", "--only", "trill"];
    let heard = json_lines(&run.ok(&[&listen[..], &["--labels", "own"]].concat()).stdout);
    let events = of_type(&heard, "event");
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((text(event, "label"), text(event, "method")), ("trill", "lmac"));
    let (onset, offset) = (number(event, "onset_s"), number(event, "offset_s"));
    // The bank of this test is tiny, so that the label lets go of a sound late.
    assert!((onset - 2.0).abs() < 0.4 && (3.3..5.0).contains(&offset), "{onset} to {offset}");
    let explain = ["explain", "stream.wav", "--model", "./mine", "--labels", "own", "--label", "trill", "--out", "why"];
    for method in ["lmac", "saliency"] {
        run.ok(&[&explain[..], &["--method", method]].concat());
    }
    let refused = run.fails(2, &listen);
    assert!(refused.contains("there is no label or group 'trill'"), "{refused}");

    let own = ["--labels", "own"];
    let enroll = |args: &[&str]| run.ok(&[&["enroll"], args, &own[..]].concat()).stdout;
    assert!(enroll(&["--list"]).contains("trill"));
    enroll(&["--group", "trill", "home"]);
    enroll(&["--rename", "trill", "whistle"]);
    assert!(fs::read_to_string(run.home().join("own/whistle.toml")).unwrap().contains("group = \"home\""));
    let e = run.fails(2, &["enroll", "--rename", "whistle", "dog", "--labels", "own"]);
    assert!(e.contains("the model everyday has a label of this name"), "{e}");
    enroll(&["--remove", "whistle"]);
    assert_eq!(fs::read_dir(run.home().join("own")).unwrap().count(), 0);
}

#[test]
fn names_banks_and_files_that_cannot_be_used_are_refused() {
    let run = Run::new().with_default_model();
    write_wav(&run.home().join("a.wav"), RATE_HZ, 1, &trill(0.5));
    let refused = |name: &str, part: &str| {
        let e = run.fails(2, &["enroll", name, "a.wav", "--model", "everyday"]);
        assert!(e.contains(part), "{name}: {e}");
    };
    refused("../gate", "give 1 to 64 letters");
    refused("dog", "has a label of this name");
    refused("animals", "has a group of this name");
    refused("any_loud", "a meaning of its own");
    let e = run.fails(2, &["enroll", "gate", "a.wav", "--model", "esc13"]);
    assert!(e.contains("it hears no streams"), "{e}");
    assert!(run.fails(2, &["enroll"]).contains("--list"));
    assert!(run.fails(2, &["enroll", "--remove", "gate"]).contains("there is no label 'gate' of your own"));
    // A file that is no label is named, and nothing runs with it.
    fs::create_dir_all(run.home().join("own")).unwrap();
    fs::write(run.home().join("own/gate.toml"), "format = 1\nname = \"gate\"\n").unwrap();
    let e = run.fails(4, &["explain", "a.wav", "--model", "everyday", "--labels", "own", "--out", "why"]);
    assert!(e.contains("own/gate.toml") && e.contains("missing"), "{e}");
}

/// Sounds that were taken in the monitor are learned from once, and belong to the label then.
#[test]
fn what_was_taken_becomes_the_labels_examples() {
    let run = Run::new();
    model_with_bank(&run.home().join("mine"));
    let enroll = ["enroll", "trill", "--taken", "--model", "./mine", "--labels", "own"];
    assert!(run.fails(2, &enroll).contains("press e in the monitor"));
    fs::create_dir_all(run.home().join("own/taken")).unwrap();
    for name in ["20261130T120000.000Z.wav", "20261130T120500.000Z.wav"] {
        write_wav(&run.home().join("own/taken").join(name), RATE_HZ, 1, &trill(1.0));
    }
    let told = run.ok(&enroll).stdout;
    assert!(told.starts_with("trill is learned from 2 recordings"), "{told}");
    assert_eq!(fs::read_dir(run.home().join("own/taken")).unwrap().count(), 0);
    assert!(run.home().join("own/examples/trill/20261130T120500.000Z.wav").is_file());
    let label = fs::read_to_string(run.home().join("own/trill.toml")).unwrap();
    assert!(label.contains("examples/trill/20261130T120000.000Z.wav"), "{label}");
}
