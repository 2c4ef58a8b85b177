use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::dsp::from_db;
use crate::model::causal::{Block, CausalConfig, TrainableCausal};
use crate::model::manifest::Manifest;
use crate::model::package::Package;
use crate::train::scene::Material;
use crate::units::SampleRate;

const RATE: u32 = 8_000;

/// A package of a small causal network with random weights: random features are features, too.
fn package(dir: &std::path::Path) -> Package {
    let block = Block { out: 12, expanded: 12, kernel: [3, 3], stride: [2, 2], dilation: 1 };
    let net = CausalConfig {
        n_mels: 16,
        n_classes: 2,
        stem: 8,
        blocks: vec![block],
        joined: 24,
        time_blocks: Vec::new(),
        embedding: 32,
        lookahead: 1,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut arrays = TrainableCausal::new(&net, &mut rng).unwrap().arrays();
    arrays.insert("label.weight", [2, 32], (0..64).map(|_| rng.random_range(-0.3..0.3)).collect());
    arrays.insert("label.bias", [2], vec![0.1, 0.2]);
    let text = r#"
format = 1
name = "small"
description = "a test"
licence = "CC0-1.0"
[front_end]
sample_rate_hz = 8000
n_fft = 256
hop = 128
win_length = 256
window = "hann"
periodic = true
centred = true
n_mels = 16
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0.0
f_max_hz = 4000.0
power = "power"
[front_end.compression]
kind = "log10"
floor = 0.00001
scale = 0.4
offset = 0.8
[segment]
n_frames = 64
stride_frames = 8
[[labels]]
name = "hum"
on_threshold = 0.5
off_threshold = 0.2
[[labels]]
name = "hiss"
on_threshold = 0.5
off_threshold = 0.2
[classifier]
architecture = "causal"
head = "frames"
activation = "sigmoid"
taps = ["stem", "blocks.0.project", "join"]
weights = "classifier.safetensors"
[classifier.causal]
stem = 8
joined = 24
embedding = 32
lookahead = 1
time_blocks = []
[[classifier.causal.blocks]]
out = 12
expanded = 12
kernel = [3, 3]
stride = [2, 2]
[files]
"classifier.safetensors" = "0000000000000000000000000000000000000000000000000000000000000000"
"#;
    let manifest = Manifest::parse(text, "test").unwrap();
    Package::write(dir, manifest, &BTreeMap::from([("classifier.safetensors".to_owned(), arrays)])).unwrap()
}

fn tone(hz: f32, secs: f32) -> Vec<f32> {
    let n = (secs * RATE as f32) as usize;
    (0..n).map(|i| from_db(-20.0) * (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin()).collect()
}

/// Low tones, and a hiss as background.
fn others() -> Material {
    let rate = SampleRate::new(RATE).unwrap();
    let low = [150.0, 230.0, 340.0].map(|hz| Sound::new(tone(hz, 0.6), None, rate).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let hiss = (0..4 * RATE).map(|_| rng.random_range(-0.1..0.1)).collect();
    Material {
        by_class: vec![Vec::new()],
        other: low.to_vec(),
        backgrounds: vec![Background { samples: hiss, contains: Vec::new() }],
        rooms: Vec::new(),
    }
}

fn bank(hearing: &Hearing, package: &Package) -> Bank {
    Bank::make(hearing, package.network_sha256().unwrap(), &others(), 240, 3, &|_, _| {}).unwrap()
}

#[test]
fn a_tone_is_learned_found_and_told_from_other_sounds_the_same_each_time() {
    let tmp = tempfile::tempdir().unwrap();
    let package = package(tmp.path());
    let hearing = Hearing::load(&package).unwrap();
    let bank = bank(&hearing, &package);
    let example = |hz: f32| Example { name: format!("{hz} Hz"), samples: tone(hz, 0.7) };
    let examples = [example(2_000.0), example(2_050.0), example(1_950.0)];
    let learned = enroll(&hearing, &bank, &examples, &[], 1).unwrap();
    assert_eq!(learned, enroll(&hearing, &bank, &examples, &[], 1).unwrap());
    let Trust { n_examples, clear, bank_above, n_bank, .. } = learned.trust;
    assert_eq!((n_examples, n_bank), (3, 240));
    assert_eq!(clear, 3, "each is found by what was learned from the others");
    assert_eq!(bank_above, 0);
    // Another tone of the kind, and one that is not.
    let highest = |samples: &[f32]| {
        let rows = hearing.embeddings(samples).unwrap();
        rows.chunks_exact(hearing.width()).map(|x| learned.row.logit(x)).fold(f32::NEG_INFINITY, f32::max)
    };
    assert!(highest(&tone(2_020.0, 0.5)) > 0.0);
    assert!(highest(&tone(250.0, 0.5)) < 0.0);
}

#[test]
fn silence_and_nothing_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let package = package(tmp.path());
    let hearing = Hearing::load(&package).unwrap();
    let bank = Bank { network: package.network_sha256().unwrap(), width: hearing.width(), rows: vec![0.5; 32 * 30] };
    let silent = Example { name: "nothing.wav".to_owned(), samples: vec![0.0; 8_000] };
    let e = enroll(&hearing, &bank, &[silent], &[], 1).unwrap_err();
    assert_eq!((e.kind(), e.to_string().starts_with("nothing.wav is silent;")), (crate::ErrorKind::Input, true));
    assert!(enroll(&hearing, &bank, &[], &[], 1).unwrap_err().to_string().contains("name at least one recording"));
    let small = Bank { rows: bank.rows[..32 * 10].to_vec(), ..bank };
    let one = Example { name: "tone".to_owned(), samples: tone(900.0, 0.3) };
    assert!(enroll(&hearing, &small, &[one], &[], 1).unwrap_err().to_string().contains("bank is too small"));
    let nothing = Bank::make(&hearing, String::new(), &Material::default(), 20, 1, &|_, _| {});
    assert!(nothing.unwrap_err().to_string().contains("--noise"));
}
