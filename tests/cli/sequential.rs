//! The synthetic set, and the plain networks of the concept papers and of AudioMNIST: made, trained, measured, explained, and
//! listening.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::e2e::write_wav;
use crate::support::run::Run;
use serde_json::Value;

/// All files below a folder, with what they hold.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in ["audio", "parts", "meta"] {
        for entry in std::fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            all.insert(name, std::fs::read(&path).unwrap());
        }
    }
    all
}

fn json(run: &Run, path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(run.home().join(path)).unwrap()).unwrap()
}

/// The only folder of explanations of one method.
fn explained(run: &Run, out: &str) -> std::path::PathBuf {
    let summary = json(run, &format!("{out}/summary.json"));
    assert_eq!(summary.as_array().unwrap().len(), 1, "{summary}");
    run.home().join(summary[0]["folder"].as_str().unwrap())
}

#[test]
fn the_synthetic_set_is_the_same_for_the_same_seed_and_knows_its_objects() {
    let run = Run::new();
    run.ok(&["train", "synthetic", "--out", "toy", "--per-class", "6"]);
    run.ok(&["train", "synthetic", "--out", "again", "--per-class", "6"]);
    run.ok(&["train", "synthetic", "--out", "other", "--per-class", "6", "--seed", "2"]);
    let set = files(&run.home().join("toy"));
    assert!(set == files(&run.home().join("again")), "the same bytes");
    assert!(set != files(&run.home().join("other")));
    assert_eq!(set.keys().filter(|name| name.starts_with("audio/")).count(), 12);
    let table = String::from_utf8(set["meta/esc50.csv"].clone()).unwrap();
    assert!(table.contains("1-00001-A-0.wav,1,0,toy-1,") && table.contains("1-00006-A-1.wav,1,1,toy-2,"), "{table}");
    let parts = String::from_utf8(set["meta/parts.tsv"].clone()).unwrap();
    for line in parts.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert!(set.contains_key(&format!("audio/{}", cells[0])), "{line}");
        assert!(set.contains_key(&format!("parts/{}", cells[2])), "{line}");
        assert!(("1"..="4").contains(&cells[1]), "{line}");
    }
    assert_eq!(parts.lines().count() - 1, set.keys().filter(|name| name.starts_with("parts/")).count());
    let error = run.fails(2, &["train", "synthetic", "--out", "toy"]);
    assert!(error.contains("holds a data set"), "{error}");
}

#[test]
fn the_network_of_the_concept_papers_is_trained_measured_explained_and_listens() {
    let run = Run::new();
    run.ok(&["train", "synthetic", "--out", "toy", "--per-class", "10"]);
    let train = ["train", "classifier", "--data", "toy", "--architecture", "drsa-cnn", "--out", "mine"];
    let log = run.ok(&[&train[..], &["--validate-folds", "5", "--epochs", "2", "--batch", "8"]].concat()).stderr;
    assert!(log.contains("epoch 2: loss") && log.contains("accuracy"), "{log}");
    run.ok(&["model", "verify", "mine"]);
    let shown = run.ok(&["model", "show", "./mine"]).stdout;
    assert!(shown.contains("sequential, 12 layers"), "{shown}");
    run.ok(&["evaluate", "--data", "toy", "--model", "./mine", "--folds", "5", "--json", "scores.json"]);
    assert!(json(&run, "scores.json")["accuracy"].as_f64().is_some_and(|a| (0.0..=1.0).contains(&a)));
    let clip = "toy/audio/5-00005-A-0.wav";
    run.ok(&["explain", clip, "--model", "./mine", "--method", "lrp:thesis-toy", "--out", "why"]);
    let folder = explained(&run, "why");
    assert!(folder.join("interpretation.wav").is_file() && folder.join("spectrogram.png").is_file());
    for method in ["gradcam", "integrated-gradients"] {
        run.ok(&["explain", clip, "--model", "./mine", "--method", method, "--out", method]);
    }
    let listen = ["monitor", "--input", "demo", "--model", "./mine", "--fast", "--duration", "3", "--ui", "jsonl"];
    let heard = run.ok(&listen).stdout;
    assert!(heard.contains("\"stride_s\":0.24") && heard.contains("\"method\":\"lrp\""), "{heard}");
    let error = run.fails(2, &["train", "lmac", "--data", "toy", "--model", "mine"]);
    assert!(error.contains("plain list of layers"), "{error}");
    let error = run.fails(2, &["explain", clip, "--model", "./mine", "--method", "lrp:audible", "--out", "not"]);
    assert!(error.contains("networks that hear samples"), "{error}");
    let error = run.fails(2, &[&train[..], &["--window-share", "0.5"]].concat());
    assert!(error.contains("--window-share"), "{error}");
}

/// Digits as two people might say them: a tone as high as the digit, in the middle of some silence.
fn spoken(run: &Run) {
    let dir = run.home().join("digits/audio");
    std::fs::create_dir_all(&dir).unwrap();
    for (speaker, shift) in [("ann", 0.0), ("bob", 60.0)] {
        for digit in 0..3_u16 {
            for take in 0..2_u16 {
                let hz = 300.0 + 500.0 * f32::from(digit) + shift + 10.0 * f32::from(take);
                let at = |i: u16| {
                    let loud = if (1000..3000).contains(&i) { 0.3 } else { 0.001 };
                    loud * (f32::from(i) / 8000.0 * hz * std::f32::consts::TAU).sin()
                };
                let samples: Vec<f32> = (0..4000).map(at).collect();
                write_wav(&dir.join(format!("{digit}_{speaker}_{take}.wav")), 8_000, 1, &samples);
            }
        }
    }
}

#[test]
fn the_network_of_audio_mnist_hears_samples() {
    let run = Run::new();
    spoken(&run);
    let train = ["train", "classifier", "--data", "digits", "--architecture", "audionet", "--out", "mine"];
    let small = ["--width", "0.05", "--epochs", "2", "--batch", "4", "--validate-folds", "2"];
    let log = run.ok(&[&train[..], &small[..]].concat()).stderr;
    assert!(log.contains("epoch 2: loss") && log.contains("accuracy"), "{log}");
    run.ok(&["model", "verify", "mine"]);
    run.ok(&["evaluate", "--data", "digits", "--model", "./mine", "--folds", "2", "--json", "scores.json"]);
    assert_eq!(json(&run, "scores.json")["n"], 6);

    let clip = "digits/audio/1_bob_0.wav";
    run.ok(&["explain", clip, "--model", "./mine", "--method", "lrp", "--out", "why"]);
    let masked = explained(&run, "why");
    run.ok(&["explain", clip, "--model", "./mine", "--method", "lrp:audible", "--out", "audible"]);
    let folder = explained(&run, "audible");
    let event: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("event.json")).unwrap()).unwrap();
    assert_eq!(event["method"], "lrp:audible");
    let components = event["components"].as_array().unwrap();
    assert!(components.len() == 1 && components[0]["relevance"].as_f64().unwrap() < 0.0, "{event}");
    for file in ["interpretation.wav", "component-00.wav", "spectrogram.png"] {
        assert!(std::fs::metadata(folder.join(file)).unwrap().len() > 1000, "{file}");
    }
    assert_ne!(
        std::fs::read(folder.join("interpretation.wav")).unwrap(),
        std::fs::read(masked.join("interpretation.wav")).unwrap()
    );

    let flipping = ["evaluate", "--data", "digits", "--model", "./mine", "--methods", "lrp", "--flipping"];
    let table = run.ok(&[&flipping[..], &["--json", "flipping.json"]].concat()).stdout;
    assert!(table.contains("amplitude") && table.contains("stay what they were"), "{table}");
    let curves = json(&run, "flipping.json");
    let methods: Vec<&str> =
        curves["flipping"].as_array().unwrap().iter().map(|r| r["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["lrp", "amplitude", "random"]);
    for row in curves["flipping"].as_array().unwrap() {
        let kept = row["pixels"]["kept"].as_array().unwrap();
        assert_eq!(kept[0], 1.0, "nothing is flipped yet: {row}");
    }
    let compare = ["evaluate", "--data", "digits", "--model", "./mine", "--methods", "lrp,saliency,random"];
    run.ok(&[&compare[..], &["--limit", "2", "--json", "compared.json"]].concat());

    let listen = ["monitor", "--input", "demo", "--model", "./mine", "--fast", "--duration", "3", "--ui", "jsonl"];
    let heard = run.ok(&listen).stdout;
    assert!(heard.contains("\"stride_s\":0.25"), "{heard}");
    let error = run.fails(2, &["train", "classifier", "--data", "digits", "--target", "sex", "--out", "other"]);
    assert!(error.contains("--target"), "{error}");
}
