//! The probes on a tiny network, with answers that can be known beforehand.
#![allow(clippy::unwrap_used)]

use crate::support::l2i;
use earwitness::dsp::FrontEnd;
use earwitness::eval::probe::clip_scores::ClipScorer;
use earwitness::eval::probe::flipping::{Flipping, flip};
use earwitness::eval::probe::input_map::RANDOM;
use earwitness::eval::probe::sanity::{Sanity, cascade};
use earwitness::eval::probe::stability::stability;
use earwitness::eval::probe::table;
use earwitness::eval::probe::vectors::relevance_vectors;
use earwitness::model::classifier::Classifier;
use earwitness::model::package::Package;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Noise with a tone, different for each `seed`, one segment long.
fn clip(seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pitch = rng.random_range(0.05..1.5_f32);
    (0..3101).map(|i| 0.3 * (pitch * i as f32).sin() + rng.random_range(-0.05..0.05_f32)).collect()
}

fn setting() -> (tempfile::TempDir, Package, Vec<Vec<f32>>) {
    let dir = tempfile::tempdir().unwrap();
    let package = l2i::package(dir.path());
    (dir, package, (0..5).map(clip).collect())
}

fn names(methods: &[&str]) -> Vec<String> {
    methods.iter().map(ToString::to_string).collect()
}

/// On one thread, or on several.
fn on_threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

#[test]
fn masks_without_knowledge_of_the_model_do_not_notice_that_it_is_random() {
    let (_dir, package, clips) = setting();
    let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
    let mut told = Vec::new();
    let results = cascade(&package, &names(&["all-ones", "random", "l2i", "saliency"]), &clips, 3, &mut |done, all| {
        told.push((done, all))
    })
    .unwrap();
    let layers: Vec<&str> = results[0].steps.iter().map(|s| s.layer.as_str()).collect();
    assert_eq!(layers, ["fc", "layer7", "layer5", "layer4", "layer2", "layer1"]);
    // Four methods, the original and six steps, five clips.
    assert_eq!(told.last(), Some(&(140, 140)));
    assert!(told.windows(2).all(|w| w[0].0 < w[1].0));
    for step in &results[0].steps {
        assert_eq!((step.ssim, step.spearman), (Some(1.0), None), "a constant has no ranks: {step:?}");
    }
    for step in &results[1].steps {
        assert!((step.ssim.unwrap() - 1.0).abs() < 1e-9 && (step.spearman.unwrap() - 1.0).abs() < 1e-9, "{step:?}");
    }
    let l2i = &results[2];
    assert!(l2i.own_network && !results[0].own_network);
    // Ψ does not see the classifier's last layer: only when the taps change does L2I say something else.
    assert!((l2i.steps[0].ssim.unwrap() - 1.0).abs() < 1e-9, "{:?}", l2i.steps[0]);
    // Its own networks are random here and hardly look at the taps: a little is all that can be asked.
    assert!(l2i.steps[5].ssim.unwrap() < 1.0 - 1e-6, "{:?}", l2i.steps[5]);
    let saliency = &results[3];
    assert!(!saliency.own_network);
    for step in &saliency.steps {
        assert!(step.ssim.unwrap() < 0.99, "the gradient follows every layer: {step:?}");
    }
    assert!(saliency.steps[5].spearman_abs.unwrap() < 0.8, "{:?}", saliency.steps[5]);
    let text = table::sanity(&results);
    assert!(text.contains("l2i*") && text.contains("layer1") && text.is_ascii(), "{text}");
}

#[test]
fn the_cascade_does_not_depend_on_threads_but_on_the_seed() {
    let (_dir, package, clips) = setting();
    let run = |threads: usize, seed: u64| -> Vec<Sanity> {
        let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
        on_threads(threads, || cascade(&package, &names(&["l2i"]), &clips, seed, &mut |_, _| {}).unwrap())
    };
    let one = run(1, 3);
    assert_eq!(one, run(4, 3));
    assert_ne!(one, run(1, 4));
}

#[test]
fn flipping_begins_with_the_sound_and_ends_in_silence() {
    let (_dir, package, clips) = setting();
    let run = |threads: usize, seed: u64| -> Vec<Flipping> {
        let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
        on_threads(threads, || flip(&package, &names(&["l2i", "all-ones"]), &clips, seed, &mut |_, _| {}).unwrap())
    };
    let results = run(1, 3);
    let methods: Vec<&str> = results.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["l2i", "all-ones", RANDOM]);
    let classifier = Classifier::load(&package).unwrap();
    let mut front_end = FrontEnd::new(classifier.front_end()).unwrap();
    let silence = vec![front_end.params().compression.silence(); 32 * 16];
    let silent = classifier.classify(&silence).unwrap().probs;
    let (mut before, mut after) = (0.0, 0.0);
    for clip in &clips {
        let classified = classifier.classify(&front_end.batch(clip).unwrap()[..32 * 16]).unwrap();
        before += f64::from(classified.probs[classified.top()]) / 5.0;
        after += f64::from(silent[classified.top()]) / 5.0;
    }
    assert!((before - after).abs() > 0.01, "a test that could not fail");
    for r in &results {
        for curve in [&r.patches, &r.pixels] {
            assert_eq!((curve.flipped[0], curve.flipped.last()), (0.0, Some(&1.0)));
            assert!((curve.probability[0] - before).abs() < 1e-5, "{} {curve:?}", r.method);
            assert!((curve.probability.last().unwrap() - after).abs() < 1e-5, "{} {curve:?}", r.method);
            let (low, high) = curve.area_interval.unwrap();
            assert!(low <= curve.area.unwrap() && curve.area.unwrap() <= high);
        }
    }
    // Everything equally relevant is the random order.
    assert_eq!(results[1].patches, results[2].patches);
    assert_eq!(results[1].pixels, results[2].pixels);
    assert_ne!(results[0].pixels, results[2].pixels);
    assert_eq!(results, run(4, 3));
    assert_ne!(results, run(1, 4));
    let text = table::flipping(&results);
    assert!(text.contains("all-ones") && text.is_ascii(), "{text}");
}

#[test]
fn relevance_vectors_are_of_components_or_of_bands() {
    let (_dir, package, clips) = setting();
    let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
    let l2i = relevance_vectors(&package, "l2i", &clips, 3, &mut |_, _| {}).unwrap();
    assert!(l2i.vectors.iter().all(|v| v.len() == 7));
    assert!(l2i.vectors.iter().flatten().any(|v| *v < 0.0), "the sign stays");
    let ones = relevance_vectors(&package, "all-ones", &clips, 3, &mut |_, _| {}).unwrap();
    assert!(ones.vectors.iter().all(|v| v.len() == 16 && v.iter().all(|v| (v - 1.0).abs() < 1e-5)));
    assert_eq!(ones.classes, l2i.classes);
    assert_eq!(l2i.coherence().n, 5);
    assert!(relevance_vectors(&package, "none", &clips, 3, &mut |_, _| {}).is_err());
}

#[test]
fn a_clip_page_has_the_scores_of_both_sides() {
    let (_dir, package, clips) = setting();
    let (classifier, methods) = (Classifier::load(&package).unwrap(), names(&["all-ones", "l2i"]));
    let mut scorer = ClipScorer::new(&package, &classifier, &methods, 1).unwrap();
    let scores = scorer.score(&clips[0]).unwrap();
    assert_ne!(scorer.score(&clips[1]).unwrap(), scores);
    assert_eq!(scorer.score(&clips[0]).unwrap(), scores, "a clip leaves nothing behind");
    assert_eq!(scores.features.len(), 32 * 16);
    let ones = &scores.methods[0];
    // All of the sound is the sound; nothing is left without it.
    assert!((ones.prob_in - scores.prob).abs() < 1e-3 && ones.agrees, "{} {}", ones.prob_in, scores.prob);
    assert!(ones.mask.iter().all(|m| (m - 1.0).abs() < 1e-5));
    let l2i = &scores.methods[1];
    assert_eq!(l2i.mask.len(), 32 * 16);
    assert!(l2i.mask.iter().all(|m| (0.0..=1.0).contains(m)));
}

#[test]
fn masks_that_do_not_look_at_the_sound_do_not_move_with_it() {
    let (_dir, package, clips) = setting();
    let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
    let measure = || stability(&package, &names(&["all-ones", "saliency"]), &clips, 3, &mut |_, _| ()).unwrap();
    let results = on_threads(1, measure);
    let ones = &results[0];
    assert_eq!((ones.n, ones.louder, ones.later, ones.noise), (5, Some(0.0), Some(0.0), Some(0.0)));
    let saliency = &results[1];
    for moved in [saliency.louder, saliency.later, saliency.noise] {
        assert!(moved.is_some_and(|moved| moved > 1e-6 && moved < 2.0), "{saliency:?}");
    }
    assert!(table::stability(&results).contains("noise 40 dB below"));
    assert_eq!(on_threads(3, measure), results);
}
