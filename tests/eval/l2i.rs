//! The evaluation with the real L2I: a random network and dictionary, whose answers are asked for one by one as well.
#![allow(clippy::unwrap_used)]

use crate::support::l2i::package;
use earwitness::dsp::MaskScale;
use earwitness::eval::evaluate::{EvaluationOptions, evaluate};
use earwitness::eval::faithfulness::{Keep, Listener};
use earwitness::interpret::l2i::L2i;
use earwitness::model::classifier::Classifier;
use earwitness::units::ClassId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn clip(seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pitch = rng.random_range(0.05..1.5_f32);
    (0..3200).map(|i| 0.3 * (pitch * i as f32).sin() + rng.random_range(-0.05..0.05_f32)).collect()
}

#[test]
fn the_figures_are_those_of_the_interpreter_asked_clip_by_clip() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let l2i = L2i::load(&package).unwrap();
    let clips: Vec<Vec<f32>> = (0..5).map(clip).collect();
    let targets: Vec<Vec<usize>> = (0..5).map(|i| vec![i % 3]).collect();
    let options = EvaluationOptions { thresholds: vec![0.1, 0.7], ..EvaluationOptions::default() };
    let evaluation = evaluate(&package, &clips, &targets, |s| l2i.explain_fully(s), &options, &mut |_, _| ()).unwrap();

    let classifier = Classifier::load(&package).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let (mut agreed, mut kept, mut drops) = (0, 0, Vec::new());
    for clip in &clips {
        let heard = listener.hear(clip).unwrap();
        let explanation = l2i.explain_fully(&heard.segment()).unwrap();
        let class = heard.classified.top();
        agreed += usize::from((0..3).all(|c| explanation.logits[class] >= explanation.logits[c]));
        let chosen = explanation.relevant(ClassId(class), 0.7);
        kept += chosen.len();
        let mut mask = vec![0.0; 32 * 129];
        explanation.mask_of(&chosen, 0..32, &mut mask);
        let without = listener.classify_masked(&heard, &mask, MaskScale::Log, Keep::Outside).unwrap();
        drops.push(f64::from(heard.classified.probs[class] - without.probs[class]));
    }
    drops.sort_by(f64::total_cmp);
    assert_eq!(evaluation.fidelity_top1, Some(agreed as f64 / 5.0));
    assert_eq!(evaluation.fidelity_top5, Some(1.0), "there are three classes");
    assert!(kept > 0, "a test of nothing");
    assert_eq!(evaluation.components_kept["0.7"], Some(kept as f64 / 5.0));
    assert!((evaluation.ff_median["0.7"].unwrap() - drops[2]).abs() < 1e-6);
    assert!(drops[2].abs() > 1e-4, "a test of nothing: {drops:?}");
}
