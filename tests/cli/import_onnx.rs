//! `model import FILE.onnx`, as a person uses it: import, show, verify, monitor, explain, and what goes wrong. The graphs are those
//! of `tests/golden/graphs.py`.

#![allow(clippy::unwrap_used)]

use std::f32::consts::TAU;
use std::path::Path;

use serde_json::Value;

use crate::enroll::{RATE_HZ, hiss};
use crate::support::e2e::*;
use crate::support::run::Run;

/// The front end of `spectrum.onnx`: 16 bands of a spectrogram.
const FRONT_END: &str = r#"
[front_end]
sample_rate_hz = 16000
n_fft = 512
hop = 160
win_length = 400
window = "hann"
periodic = true
centred = true
n_mels = 16
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 60.0
f_max_hz = 7600.0
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }
"#;

/// A home with the graphs, their labels, and `tone.wav`: four seconds of faint noise, with 1500 Hz from 1.5 to 2.3 s.
fn home() -> Run {
    let run = Run::new();
    let at = |name: &str| run.home().join(name);
    for graph in ["wave.onnx", "spectrum.onnx"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/graphs").join(graph);
        std::fs::copy(golden, at(graph)).unwrap();
    }
    std::fs::write(at("tones.txt"), "low tone\nmiddle tone\nhigh tone\n").unwrap();
    std::fs::write(at("four.csv"), "index,mid,display_name\n1,b,Two\n0,a,One\n2,c,Three\n3,d,Four\n").unwrap();
    std::fs::write(at("front.toml"), FRONT_END).unwrap();
    let tone = |i: usize| {
        if (24_000..36_800).contains(&i) { 0.3 * (TAU * 1500.0 * i as f32 / RATE_HZ as f32).sin() } else { 0.0 }
    };
    let samples: Vec<f32> = hiss(4.0, 0.001).into_iter().enumerate().map(|(i, noise)| noise + tone(i)).collect();
    write_wav(&at("tone.wav"), RATE_HZ, 1, &samples);
    run
}

const WAVE: [&str; 12] = [
    "model",
    "import",
    "wave.onnx",
    "--labels",
    "tones.txt",
    "--rate",
    "16000",
    "--into",
    "tones",
    "--on-threshold",
    "0.5",
    "--frames",
];

fn with_tones() -> Run {
    let run = home();
    let log = run.ok(&[&WAVE[..], &["max"]].concat()).stderr;
    assert!(log.contains("hears a waveform at 16000 Hz, 1.000 s every 0.500 s"), "{log}");
    assert!(log.contains("output scores has probabilities, each label for itself"), "{log}");
    assert!(log.contains("say it with --licence") && log.contains("--source"), "{log}");
    run
}

#[test]
fn a_graph_becomes_a_package_that_is_shown_and_verified() {
    let run = with_tones();
    let shown = run.ok(&["model", "show", "./tones"]).stdout;
    for part in ["16000 Hz, the samples themselves", "1.00 s every 0.50 s", "onnx", "middle_tone", "LicenseRef-unknown"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(run.ok(&["model", "verify", "./tones"]).stdout.contains("ok, tones"));
    let manifest = std::fs::read_to_string(run.home().join("tones/model.toml")).unwrap();
    for part in ["architecture = \"onnx\"", "frames = \"max\"", "\"classifier.onnx\" = "] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }
    // The graph is hashed: another one in its place is noticed.
    std::fs::copy(run.home().join("spectrum.onnx"), run.home().join("tones/classifier.onnx")).unwrap();
    assert!(run.fails(4, &["model", "verify", "./tones"]).contains("sha256"));
}

#[test]
fn a_graph_of_spectrograms_hears_through_our_front_end() {
    let run = home();
    let import = ["model", "import", "spectrum.onnx", "--labels", "four.csv", "--into", "four", "--licence", "MIT"];
    let log = run.ok(&[&import[..], &["--front-end", "front.toml", "--segment-secs", "0.5"]].concat()).stderr;
    assert!(
        log.contains("hears a spectrogram at 16000 Hz, 0.500 s every 0.250 s") && log.contains("has logits"),
        "{log}"
    );
    let shown = run.ok(&["model", "show", "./four"]).stdout;
    assert!(shown.contains("16 mel bands from 60 to 7600 Hz"), "{shown}");
    let places: Vec<usize> =
        ["one", "two", "three", "four"].iter().map(|l| shown.find(&format!("{l}, starts")).unwrap()).collect();
    assert!(places.is_sorted(), "in the order of their indices: {shown}");
    let explain = ["explain", "tone.wav", "--model", "./four", "--method", "occlusion:frequency", "--out", "why"];
    run.ok(&explain);
    // Without a front end its input is no waveform.
    let e = run.fails(2, &[&import[..], &["--rate", "16000"]].concat());
    assert!(e.contains("x [1, 1, ?, 16]") && e.contains("--front-end"), "{e}");
}

/// The record of the only explanation in `why`.
fn explained(run: &Run) -> Value {
    let json = |path: &Path| -> Value { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let summary = json(&run.home().join("why/summary.json"));
    assert_eq!(summary.as_array().unwrap().len(), 1, "{summary}");
    json(&run.home().join(text(&summary[0], "folder")).join("event.json"))
}

#[test]
fn an_imported_model_listens_and_is_explained() {
    let run = with_tones();
    let monitor =
        ["monitor", "--input", "tone.wav", "--fast", "--ui", "jsonl", "--model", "./tones", "--record", "events"];
    let printed = run.ok(&monitor);
    assert!(printed.stderr.contains("imported graph") && printed.stderr.contains("by occlusion"), "{}", printed.stderr);
    let lines = json_lines(&printed.stdout);
    let events = of_type(&lines, "event");
    assert_eq!(events.len(), 1, "{lines:?}");
    assert_eq!((text(events[0], "label"), text(events[0], "method")), ("middle_tone", "occlusion"));
    let (onset, offset) = (number(events[0], "onset_s"), number(events[0], "offset_s"));
    assert!((onset - 1.5).abs() < 0.1 && (offset - 2.3).abs() < 0.3, "{onset} to {offset}");
    let dir = run.home().join(text(&events[0]["files"], "dir"));
    let event: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("event.json")).unwrap()).unwrap();
    assert_eq!(event["faithfulness"]["agrees"], true, "{event}");
    // The tone is in the clip and in what is heard of it.
    let loud = |name: &str| read_wav(&dir.join(name)).samples.iter().map(|s| f64::from(*s).abs()).fold(0.0, f64::max);
    assert!(loud("clip.wav") > 8000.0 && loud("interpretation.wav") > 6000.0);

    // The strongest part lies where the tone does: of four bands of equal width in mel in the second or third.
    for (method, name) in [("occlusion", "Hz"), ("slime:passes64", "Hz"), ("audiolime", "harmonic")] {
        run.ok(&["explain", "tone.wav", "--model", "./tones", "--method", method, "--out", "why"]);
        let event = explained(&run);
        assert_eq!(text(&event, "label"), "middle_tone");
        let strongest = text(&event["components"][0], "name");
        assert!(strongest.contains(name), "{method}: {strongest}");
        if name == "Hz" {
            let band = strongest.rsplit(", ").next().unwrap().trim_end_matches(" Hz");
            let (from, until) = band.split_once('–').unwrap();
            let holds = from.parse::<f64>().unwrap() <= 1500.0 && 1500.0 <= until.parse::<f64>().unwrap();
            assert!(holds, "{method}: {strongest}");
        }
    }
}

#[test]
fn what_does_not_fit_is_said_in_one_sentence() {
    let run = home();
    let import = |file: &str, more: &[&str]| {
        [&["model", "import", file, "--into", "out"], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let fails = |code: i32, file: &str, more: &[&str]| {
        let args = import(file, more);
        run.fails(code, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let labels = ["--labels", "tones.txt", "--rate", "16000"];
    let whole = std::fs::read(run.home().join("wave.onnx")).unwrap();
    std::fs::write(run.home().join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    let random: Vec<u8> = (0..5000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(run.home().join("random.onnx"), random).unwrap();
    std::fs::write(run.home().join("empty.onnx"), "").unwrap();
    for file in ["cut.onnx", "random.onnx", "empty.onnx", "none.onnx"] {
        assert!(fails(4, file, &labels).contains(file));
    }
    std::fs::write(run.home().join("two.txt"), "a\nb\n").unwrap();
    let e = fails(3, "wave.onnx", &["--labels", "two.txt", "--rate", "16000"]);
    assert!(e.contains("there are 2 labels") && e.contains("scores [9, 3]"), "{e}");
    assert!(fails(2, "wave.onnx", &["--labels", "tones.txt"]).contains("--rate"));
    assert!(fails(2, "wave.onnx", &["--rate", "16000"]).contains("--labels"));
    assert!(fails(2, "wave.onnx", &[&labels[..], &["--axes", "frames,bands"]].concat()).contains("--axes"));
    assert!(fails(2, "wave.onnx", &[&labels[..], &["--input-name", "y"]].concat()).contains("x [1, ?]"));
    assert!(fails(4, "wave.onnx", &[&labels[..], &["--output-name", "y"]].concat()).contains("cannot be run"));
    assert!(fails(4, "wave.onnx", &[&labels[..], &["--segment-secs", "0.05"]].concat()).contains("cannot be run"));
    assert!(
        fails(2, "wave.onnx", &[&labels[..], &["--architecture", "efficientat"]].concat()).contains("--architecture")
    );
    assert!(!run.home().join("out").exists());
}

#[test]
fn methods_that_look_inside_are_refused() {
    let run = with_tones();
    let explain =
        |method: &str| run.fails(2, &["explain", "tone.wav", "--model", "./tones", "--method", method, "--out", "why"]);
    for method in ["lrp", "gradcam", "saliency"] {
        let e = explain(method);
        assert!(e.contains("runs forward only") && e.contains("occlusion"), "{e}");
    }
}
