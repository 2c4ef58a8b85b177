//! The evaluation's figures against the same figures made another way, on a tiny network and components that are bands of
//! bins, so that what is left without them can be written down by hand.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::Range;

use earwitness::dsp::{Complex32, FrontEnd, MaskScale, istft, stft};
use earwitness::eval::evaluate::{Evaluation, EvaluationOptions, evaluate, targets_for_model};
use earwitness::eval::faithfulness::{ComponentExplanation, Keep, Listener, relevant};
use earwitness::eval::report::table;
use earwitness::interpret::Segment;
use earwitness::model::classifier::Classifier;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;
use earwitness::model::vgg::{TrainableVgg, VggConfig};
use earwitness::units::ClassId;
use earwitness::{ErrorKind, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LABELS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const N_BINS: usize = 129;
const N_FRAMES: usize = 32;
const N_SAMPLES: usize = N_FRAMES * 100;
/// Component k masks the bins from `EDGES[k]` to `EDGES[k + 1]`.
const EDGES: [usize; 6] = [0, 8, 16, 32, 64, 129];

const MANIFEST: &str = r#"format = 1
name = "tiny"
description = "A random network, for tests"
licence = "CC0-1.0"

[front_end]
sample_rate_hz = 8000
n_fft = 256
hop = 100
win_length = 256
window = "hann"
periodic = true
centred = true
n_mels = 16
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0
f_max_hz = 4000
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }

[segment]
n_frames = 32
stride_frames = 8

[classifier]
architecture = "vgg"
widths = [4, 6, 8]
input_pool = 1
time_pools = [2, 2]
head = "mean-max"
activation = "sigmoid"
taps = ["block1", "block2", "block3"]
weights = "classifier.safetensors"

[files]
"#;

/// A random network whose probabilities differ well between sounds.
fn package(dir: &std::path::Path) -> Package {
    let labels: String = LABELS
        .iter()
        .map(|l| format!("[[labels]]\nname = \"{l}\"\non_threshold = 0.5\noff_threshold = 0.4\n"))
        .collect();
    // The network's file is hashed when the package is written.
    let files = "\"classifier.safetensors\" = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n";
    let manifest = Manifest::parse(&format!("{MANIFEST}{files}\n{labels}"), "test").unwrap();
    let config = VggConfig::from_manifest(&manifest).unwrap();
    let mut net = TrainableVgg::new(&config, &mut ChaCha8Rng::seed_from_u64(5)).unwrap().arrays();
    let weights: Vec<f32> = net.get("fc.weight", &[6, 8]).unwrap().iter().map(|w| 40.0 * w).collect();
    net.insert("fc.weight", [6, 8], weights);
    Package::write(dir, manifest, &BTreeMap::from([("classifier.safetensors".to_owned(), net)])).unwrap()
}

/// Noise with a tone, different for each `seed`.
fn clip(seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pitch = rng.random_range(0.05..1.5_f32);
    (0..N_SAMPLES).map(|i| 0.3 * (pitch * i as f32).sin() + rng.random_range(-0.05..0.05_f32)).collect()
}

/// Components that are bands of bins, with one relevance for all clips.
#[derive(Debug, Clone)]
struct Bands {
    logits: Vec<f32>,
    relevance: Vec<f32>,
}

impl ComponentExplanation for Bands {
    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn relevance(&self, _: ClassId) -> Vec<f32> {
        self.relevance.clone()
    }

    fn mask_of(&self, components: &[usize], frames: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), frames.len() * N_BINS);
        for row in out.chunks_exact_mut(N_BINS) {
            row.fill(0.0);
            components.iter().for_each(|&k| row[EDGES[k]..EDGES[k + 1]].fill(1.0));
        }
    }
}

/// Probabilities of the classifier on `samples`, with the bins of some components left out.
fn probs_without(package: &Package, samples: &[f32], components: &[usize]) -> Vec<f32> {
    let classifier = Classifier::load(package).unwrap();
    let params = classifier.front_end();
    let mut spectrogram = stft(&params.stft, samples).unwrap();
    // A clip of 32 hops has 33 centred frames; the segment is the first 32.
    spectrogram.frames.truncate(N_FRAMES * N_BINS);
    let mut samples = samples.to_vec();
    if !components.is_empty() {
        for i in 0..N_FRAMES {
            for &k in components {
                spectrogram.frame_mut(i)[EDGES[k]..EDGES[k + 1]].fill(Complex32::default());
            }
        }
        samples = istft(&params.stft, &spectrogram, samples.len()).unwrap();
    }
    let columns = FrontEnd::new(params).unwrap().batch(&samples).unwrap();
    classifier.classify(&columns[..N_FRAMES * 16]).unwrap().probs
}

fn top(scores: &[f32]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap()
}

fn run(package: &Package, clips: &[Vec<f32>], targets: &[Vec<usize>], bands: &Bands, seed: u64) -> Evaluation {
    let explain = |_: &Segment<'_>| -> Result<Bands> { Ok(bands.clone()) };
    let options = EvaluationOptions { seed, folds: vec![4], ..EvaluationOptions::default() };
    let mut told = Vec::new();
    let evaluation =
        evaluate(package, clips, targets, explain, &options, &mut |done, of| told.push((done, of))).unwrap();
    assert_eq!(told.last(), Some(&(clips.len(), clips.len())));
    evaluation
}

#[test]
fn faithfulness_is_the_drop_of_probability_without_the_components() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let clips: Vec<Vec<f32>> = (0..3).map(clip).collect();
    let targets = vec![vec![0], vec![1], vec![2]];
    // Above 0.1: 0, 1, 3; above 0.3: 1, 3; above 0.5 and 0.7: 1; above 0.9: 1 too.
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.2, 1.0, -0.9, 0.4, 0.1] };
    let evaluation = run(&package, &clips, &targets, &bands, 1);

    let drops = |components: &[usize]| -> Vec<f64> {
        let mut drops: Vec<f64> = clips
            .iter()
            .map(|clip| {
                let before = probs_without(&package, clip, &[]);
                f64::from(before[top(&before)] - probs_without(&package, clip, components)[top(&before)])
            })
            .collect();
        drops.sort_by(f64::total_cmp);
        drops
    };
    let near = |key: &str, value: Option<f64>, components: &[usize]| {
        let expected = drops(components)[1];
        assert!((value.unwrap() - expected).abs() < 2e-5, "{key}: {value:?} where {components:?} give {expected}");
    };
    let at = |figures: &BTreeMap<String, Option<f64>>, key: &str| figures[key];
    near("0.1", at(&evaluation.ff_median, "0.1"), &[0, 1, 3]);
    near("0.3", at(&evaluation.ff_median, "0.3"), &[1, 3]);
    near("0.5", at(&evaluation.ff_median, "0.5"), &[1]);
    near("0.9", at(&evaluation.ff_median, "0.9"), &[1]);
    // Three of five are taken: as many others are not to be had, so both of them. Their drops are not the others'.
    near("random 0.1", at(&evaluation.ff_median_random, "0.1"), &[2, 4]);
    assert!((drops(&[0, 1, 3])[1] - drops(&[2, 4])[1]).abs() > 1e-3, "a test that could not fail");
    for (key, n) in [("0.1", 3.0), ("0.3", 2.0), ("0.5", 1.0), ("0.7", 1.0), ("0.9", 1.0)] {
        assert_eq!(evaluation.components_kept[key], Some(n), "components above {key}");
    }
    // What is left without 1 and 3 is the same as the components 0, 2, 4 alone.
    let mut outs: Vec<f64> = clips
        .iter()
        .map(|c| f64::from(probs_without(&package, c, &[1, 3])[top(&probs_without(&package, c, &[]))]))
        .collect();
    outs.sort_by(f64::total_cmp);
    assert!((evaluation.prob_out_median["0.3"].unwrap() - outs[1]).abs() < 2e-5);
    // The interpretation alone, made by leaving out all others.
    let alone: Vec<(usize, f64)> = clips
        .iter()
        .map(|c| {
            let (class, probs) = (top(&probs_without(&package, c, &[])), probs_without(&package, c, &[0, 2, 4]));
            (usize::from(top(&probs) == class), f64::from(probs[class]))
        })
        .collect();
    let agreeing = alone.iter().map(|a| a.0).sum::<usize>() as f64 / 3.0;
    assert!((evaluation.agrees["0.3"].unwrap() - agreeing).abs() < 1e-12);
    let mut ins: Vec<f64> = alone.iter().map(|a| a.1).collect();
    ins.sort_by(f64::total_cmp);
    assert!((evaluation.prob_in_median["0.3"].unwrap() - ins[1]).abs() < 2e-5);
}

#[test]
fn the_random_baseline_takes_as_many_from_the_others_and_is_seeded() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let clips = vec![clip(1)];
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.0, 1.0, 0.0, 0.0, 0.0] };
    let before = probs_without(&package, &clips[0], &[]);
    let drop_of = |k: usize| f64::from(before[top(&before)] - probs_without(&package, &clips[0], &[k])[top(&before)]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let random = run(&package, &clips, &[vec![0]], &bands, seed).ff_median_random["0.9"].unwrap();
        let drawn: Vec<usize> = (0..5).filter(|&k| (drop_of(k) - random).abs() < 2e-5).collect();
        assert_eq!(drawn.len(), 1, "seed {seed} gives {random}, which is not one component's drop");
        assert_ne!(drawn[0], 1, "the selected component was drawn");
        seen.insert(drawn[0]);
        let again = run(&package, &clips, &[vec![0]], &bands, seed).ff_median_random["0.9"].unwrap();
        assert_eq!(random, again);
    }
    assert!(seen.len() > 1, "every seed drew component {seen:?}");
}

#[test]
fn where_nothing_is_relevant_nothing_is_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.0; 5] };
    let evaluation = run(&package, &[clip(1)], &[vec![0]], &bands, 1);
    assert_eq!(evaluation.ff_median["0.1"], Some(0.0));
    assert_eq!(evaluation.ff_median_random["0.1"], Some(0.0));
    assert_eq!(evaluation.components_kept["0.1"], Some(0.0));
    // The interpretation is silence.
    let before = probs_without(&package, &clip(1), &[]);
    let silence = probs_without(&package, &vec![0.0; N_SAMPLES], &[]);
    assert!((evaluation.prob_in_median["0.1"].unwrap() - f64::from(silence[top(&before)])).abs() < 2e-5);
}

#[test]
fn accuracy_and_fidelity_are_counted_against_targets_and_classifier() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let clips: Vec<Vec<f32>> = (0..4).map(clip).collect();
    let logits: Vec<Vec<f32>> = clips
        .iter()
        .map(|c| Listener::new(&Classifier::load(&package).unwrap()).unwrap().hear(c).unwrap().classified.logits)
        .collect();
    let tops: Vec<usize> = logits.iter().map(|l| top(l)).collect();
    // Right, right beside another class, wrong, and without a class.
    let wrong = (tops[2] + 1) % 6;
    let mut both = vec![tops[1], (tops[1] + 1) % 6];
    both.sort_unstable();
    let targets = vec![vec![tops[0]], both, vec![wrong], vec![]];
    // The interpreter says the same of the first, puts the top class second for the second, last for the others.
    let answers: Vec<Vec<f32>> = (0..4)
        .map(|i| {
            let mut answer: Vec<f32> = vec![1.0; 6];
            answer[tops[i]] = [2.0, 1.5, 0.0, 0.0][i];
            answer[(tops[i] + 1) % 6] = 1.75;
            answer
        })
        .collect();
    let explain = |segment: &Segment<'_>| -> Result<Bands> {
        let i = logits.iter().position(|l| *l == segment.classified.logits).unwrap();
        Ok(Bands { logits: answers[i].clone(), relevance: vec![0.0; 5] })
    };
    let options = EvaluationOptions::default();
    let evaluation = evaluate(&package, &clips, &targets, explain, &options, &mut |_, _| ()).unwrap();
    assert_eq!(evaluation.n, 4);
    assert!((evaluation.accuracy.unwrap() - 2.0 / 3.0).abs() < 1e-12);
    let (low, high) = evaluation.accuracy_interval.unwrap();
    assert!((low..=high).contains(&(2.0 / 3.0)) && low >= 0.0 && high <= 1.0);
    assert_eq!(evaluation.fidelity_top1, Some(0.25));
    assert_eq!(evaluation.fidelity_top5, Some(0.5));
    let class = &evaluation.per_class[tops[0]];
    let own: Vec<usize> = (0..4).filter(|&i| targets[i].contains(&tops[0])).collect();
    assert_eq!((class.label.as_str(), class.n), (LABELS[tops[0]], own.len()));
    let recalled = own.iter().filter(|&&i| tops[i] == tops[0]).count();
    assert_eq!(class.recall, Some(recalled as f64 / own.len() as f64));
    let none = evaluation.per_class.iter().find(|c| c.n == 0).unwrap();
    assert_eq!((none.recall, none.auprc, none.fidelity_top1, none.ff_median["0.1"]), (None, None, None, None));
}

#[test]
fn threads_do_not_change_a_figure() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let clips: Vec<Vec<f32>> = (0..9).map(clip).collect();
    let targets: Vec<Vec<usize>> = (0..9).map(|i| vec![i % 6]).collect();
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.2, 1.0, 0.0, 0.4, 0.0] };
    let with = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        let mut evaluation = pool.install(|| run(&package, &clips, &targets, &bands, 3));
        evaluation.seconds = 0.0;
        evaluation
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn the_json_has_the_keys_that_scripts_rely_on() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![1.0, 0.0, 0.0, 0.0, 0.0] };
    let evaluation = run(&package, &[clip(1)], &[vec![0]], &bands, 1);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["n"], 1);
    for key in ["accuracy", "macro_auprc", "fidelity_top1", "fidelity_top5"] {
        assert!(json[key].is_number(), "{key}: {}", json[key]);
    }
    for key in ["ff_median", "ff_median_random"] {
        let keys: Vec<&String> = json[key].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["0.1", "0.3", "0.5", "0.7", "0.9"], "{key}");
        assert!(json[key].as_object().unwrap().values().all(serde_json::Value::is_number), "{key}");
    }
    assert_eq!(json["model"]["name"], "tiny");
    assert_eq!(json["folds"], serde_json::json!([4]));
    assert_eq!(evaluation.model.sha256, package.sha256());
}

#[test]
fn impossible_requests_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.0; 5] };
    let options = EvaluationOptions::default();
    let refused = |clips: &[Vec<f32>], targets: &[Vec<usize>]| {
        evaluate(&package, clips, targets, |_| Ok(bands.clone()), &options, &mut |_, _| ()).unwrap_err().kind()
    };
    assert_eq!(refused(&[], &[]), ErrorKind::Usage);
    assert_eq!(refused(&[clip(1)], &[vec![6]]), ErrorKind::Bug);
    assert_eq!(refused(&[clip(1)], &[]), ErrorKind::Bug);
}

#[test]
fn classes_are_matched_by_name() {
    let data = ["rain".to_owned(), "dog".to_owned(), "cat".to_owned()];
    let model = ["cat", "dog", "rain"];
    let targets = targets_for_model(&data, &model, &[vec![0], vec![1, 2], vec![]]).unwrap();
    assert_eq!(targets, [vec![2], vec![0, 1], vec![]]);
    let error = targets_for_model(&data, &["dog", "rain"], &[vec![2]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("\"cat\""), "{error}");
    assert!(targets_for_model(&data, &["dog", "rain"], &[vec![0, 1]]).is_ok(), "an unused class does not matter");
}

#[test]
fn relevant_means_above_the_threshold() {
    assert_eq!(relevant(&[0.3, 0.300_01, -1.0, f32::NAN, 1.0], 0.3), [1, 4]);
}

#[test]
fn a_mask_works_on_the_log_magnitude_and_keeps_the_phase() {
    let dir = tempfile::tempdir().unwrap();
    let classifier = Classifier::load(&package(dir.path())).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let samples = clip(2);
    let heard = listener.hear(&samples).unwrap();
    let n = N_FRAMES * N_BINS;
    // A mask of 0.25 everywhere, kept inside, and 0.75, kept outside, are the same sound: each bin's magnitude m becomes
    // (1 + m)^0.25 - 1.
    let inside = listener.audio(&heard, &vec![0.25; n], MaskScale::Log, Keep::Inside).unwrap();
    let outside = listener.audio(&heard, &vec![0.75; n], MaskScale::Log, Keep::Outside).unwrap();
    let mut expected = heard.spectrogram.clone();
    for x in &mut expected.frames {
        let m = f64::from(x.norm());
        *x *= if m > 0.0 { (((1.0 + m).powf(0.25) - 1.0) / m) as f32 } else { 0.0 };
    }
    let expected = istft(&classifier.front_end().stft, &expected, N_SAMPLES).unwrap();
    for audio in [&inside, &outside] {
        assert_eq!(audio.len(), N_SAMPLES);
        let worst = audio.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }
    // A whole mask gives the sound back (but for the last frame's fade), and nothing of it silence.
    let whole = listener.audio(&heard, &vec![1.0; n], MaskScale::Log, Keep::Inside).unwrap();
    let worst = whole.iter().zip(&samples).take(N_SAMPLES - 100).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
    assert!(listener.audio(&heard, &vec![1.0; n], MaskScale::Log, Keep::Outside).unwrap().iter().all(|x| *x == 0.0));
    assert_eq!(listener.audio(&heard, &[1.0], MaskScale::Log, Keep::Inside).unwrap_err().kind(), ErrorKind::Bug);
}

#[test]
fn a_gain_and_what_it_leaves_add_up_to_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    let classifier = Classifier::load(&package(dir.path())).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let samples = clip(2);
    let heard = listener.hear(&samples).unwrap();
    let mask: Vec<f32> = (0..N_FRAMES * N_BINS).map(|i| 0.5 + 0.5 * (i as f32 * 0.3).sin()).collect();
    let inside = listener.audio(&heard, &mask, MaskScale::Gain, Keep::Inside).unwrap();
    let outside = listener.audio(&heard, &mask, MaskScale::Gain, Keep::Outside).unwrap();
    let sum = inside.iter().zip(&outside).map(|(a, b)| a + b);
    let worst = sum.zip(&samples).take(N_SAMPLES - 100).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
    let quiet = listener.audio(&heard, &vec![0.5; mask.len()], MaskScale::Gain, Keep::Inside).unwrap();
    let worst = quiet.iter().zip(&samples).take(N_SAMPLES - 100).map(|(a, b)| (a - 0.5 * b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn clips_of_any_length_fill_one_segment() {
    let dir = tempfile::tempdir().unwrap();
    let classifier = Classifier::load(&package(dir.path())).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let samples = clip(3);
    let exact = listener.hear(&samples).unwrap();
    let mut longer = samples.clone();
    longer.extend(clip(4));
    // The last frame reaches past the segment, so only what lies before it is the same.
    let long = listener.hear(&longer).unwrap();
    assert_eq!(long.features.len(), exact.features.len());
    assert_eq!(long.features[..30 * 16], exact.features[..30 * 16]);
    let short = listener.hear(&samples[..1000]).unwrap();
    let mut padded = samples[..1000].to_vec();
    padded.resize(N_SAMPLES, 0.0);
    let silent = listener.hear(&padded).unwrap();
    // 1000 samples end in frame 10, which is centred on the last.
    assert_eq!(short.features[..11 * 16], silent.features[..11 * 16]);
    assert!(short.features[12 * 16..].iter().all(|x| *x == short.features[12 * 16]), "silence");
    assert!(listener.hear(&[]).is_ok());
}

#[test]
fn the_table_shows_every_figure_and_dashes_for_none() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let bands = Bands { logits: vec![0.0; 6], relevance: vec![0.2, 1.0, 0.0, 0.4, 0.0] };
    let mut evaluation = run(&package, &[clip(1), clip(2)], &[vec![0], vec![1]], &bands, 1);
    evaluation.accuracy = Some(0.875);
    evaluation.accuracy_interval = Some((0.75, 1.0));
    evaluation.ff_median.insert("0.1".to_owned(), Some(0.1234));
    evaluation.seconds = 2.0;
    let text = table(&evaluation);
    assert!(text.starts_with("tiny with l2i, folds 4: 2 clips in 2.0 s\n"), "{text}");
    assert!(text.contains("accuracy        87.5 %   (95 % interval 75.0 to 100.0)\n"), "{text}");
    assert!(text.contains("faithfulness (FF, median)       0.123"), "{text}");
    let row = text.lines().find(|l| l.starts_with("f ")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["f", "0", "-", "-", "-", "-", "-"]);
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}
