#![allow(clippy::unwrap_used)]
use super::*;
use crate::dsp::WindowKind;

const RATE: f32 = 8_000.0;

fn transform() -> StftParams {
    StftParams { n_fft: 256, hop: 128, win_length: 256, window: WindowKind::Hann, centred: true }
}

/// A second of hum at 1 kHz (or none), over which a tone sounds in the second half.
fn clip(hz: f32, hum: f32, variant: usize) -> Vec<f32> {
    (0..8000)
        .map(|i| {
            let t = i as f32 / RATE * std::f32::consts::TAU;
            let loud = if i < 4000 { 0.0 } else { 0.3 + 0.1 * (variant as f32) + 0.1 * (t * 3.0).sin() };
            loud * (t * hz).sin() + hum * (t * 1000.0).sin()
        })
        .collect()
}

/// The bin in which column `k` is greatest.
fn peak(dictionary: &Dictionary, k: usize) -> usize {
    let n = dictionary.names.len();
    (0..dictionary.n_bins).max_by(|&a, &b| dictionary.w[a * n + k].total_cmp(&dictionary.w[b * n + k])).unwrap()
}

/// Clips, their classes, the labels, and background.
type Scene = (Vec<Vec<f32>>, Vec<Vec<usize>>, Vec<String>, Vec<Vec<f32>>);

/// Three classes of tones at 500, 2000 and 3000 Hz, over the same hum, and the hum alone.
fn scene() -> Scene {
    let mut clips = Vec::new();
    let mut targets = Vec::new();
    for variant in 0..4 {
        for (class, hz) in [500.0, 2000.0, 3000.0].into_iter().enumerate() {
            // The hum is off in half of the clips: always there, it could not be told from the tone.
            clips.push(clip(hz, if variant % 2 == 0 { 0.2 } else { 0.0 }, variant));
            targets.push(vec![class]);
        }
    }
    let labels = ["low", "mid", "high"].map(str::to_owned).to_vec();
    (clips, targets, labels, vec![vec![0.0; 8000], hum()])
}

/// A second of the hum alone.
fn hum() -> Vec<f32> {
    (0..8000).map(|i| 0.2 * (i as f32 / RATE * std::f32::consts::TAU * 1000.0).sin()).collect()
}

#[test]
fn by_class_each_class_gets_its_own_tone_and_not_the_hum() {
    let (clips, targets, labels, background) = scene();
    let data = DictionaryData { clips: &clips, targets: &targets, labels: &labels, background: &background };
    let recipe = Recipe::PerClass { per_class: 1, noise: 1, keep_noise: true, max_clips: 3 };
    let params = DictionaryParams { sparsity: 0.1, tolerance: 0.0, ..DictionaryParams::new(transform(), recipe) };
    let mut parts = Vec::new();
    let dictionary = learn_dictionary(&data, &params, &mut |p| {
        assert_eq!((p.n_parts, p.max_iters), (4, params.max_iters));
        parts.push((p.part_index, p.part.to_owned()));
    })
    .unwrap();
    parts.dedup();
    assert_eq!(parts, [(0, "noise"), (1, "low"), (2, "mid"), (3, "high")].map(|(i, p)| (i, p.to_owned())));
    assert_eq!(dictionary.names, ["low 1", "mid 1", "high 1", "noise 1"]);
    assert_eq!((dictionary.n_bins, dictionary.w.len()), (129, 129 * 4));
    // 8000 Hz / 256 = 31.25 Hz a bin.
    assert_eq!([0, 1, 2, 3].map(|k| peak(&dictionary, k)), [16, 64, 96, 32]);
    for k in 0..4 {
        let length: f32 = (0..129).map(|b| dictionary.w[b * 4 + k].powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
        if k < 3 {
            // What the fixed part explains is not learnt again.
            assert!(dictionary.w[32 * 4 + k] < 0.1, "component {k}: {}", dictionary.w[32 * 4 + k]);
        }
    }
    let recipe = Recipe::PerClass { per_class: 1, noise: 1, keep_noise: false, max_clips: 3 };
    let without = learn_dictionary(&data, &DictionaryParams { recipe, ..params.clone() }, &mut |_| {}).unwrap();
    assert_eq!(without.names, ["low 1", "mid 1", "high 1"]);
    assert!((0..129).all(|b| without.w[b * 3..][..3] == dictionary.w[b * 4..][..3]));
    // Without the fixed part the hum is in every class.
    let recipe = Recipe::PerClass { per_class: 1, noise: 0, keep_noise: false, max_clips: 3 };
    let plain = learn_dictionary(&data, &DictionaryParams { recipe, ..params }, &mut |_| {}).unwrap();
    assert!((0..3).all(|k| plain.w[32 * 3 + k] > 0.2), "{:?}", &plain.w[32 * 3..][..3]);
}

#[test]
fn as_a_whole_every_tone_has_a_component() {
    let (clips, targets, labels, background) = scene();
    let data = DictionaryData { clips: &clips, targets: &targets, labels: &labels, background: &background };
    let params = DictionaryParams::new(transform(), Recipe::Whole { n_components: 6 });
    let dictionary = learn_dictionary(&data, &params, &mut |p| assert_eq!(p.part, "component")).unwrap();
    assert_eq!(dictionary.names.len(), 6);
    assert_eq!(dictionary.names[5], "component 5");
    let peaks: Vec<usize> = (0..6).map(|k| peak(&dictionary, k)).collect();
    for bin in [16, 32, 64, 96] {
        assert!(peaks.contains(&bin), "no component at bin {bin}: {peaks:?}");
    }
    assert_eq!(dictionary, learn_dictionary(&data, &params, &mut |_| {}).unwrap());
}

#[test]
fn frames_are_averaged_in_groups_and_silence_is_left_out() {
    let params = DictionaryParams::new(transform(), Recipe::Whole { n_components: 1 });
    // 63 frames in 8000 samples; the first half is silent, so of the groups of five those from frame 30 on are left.
    let sound = clip(500.0, 0.0, 0);
    let spectra = spectra_of(&sound, &params).unwrap();
    assert_eq!(spectra.len(), 129 * 7);
    // The last group has three frames; its mean is over three.
    let all = stft(&params.stft, &sound).unwrap();
    let wanted: f32 = (60..63).map(|t| all.frame(t)[16].norm().ln_1p()).sum::<f32>() / 3.0;
    assert!((spectra[6 * 129 + 16] - wanted).abs() < 1e-5, "{} {wanted}", spectra[6 * 129 + 16]);
    assert!(spectra_of(&[0.0; 5000], &params).unwrap().is_empty());
    assert!(averaged_spectra(&[], &params).unwrap().is_empty());
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let (clips, targets, labels, _) = scene();
    let refused = |recipe: Recipe, labels: &[String], group_frames: usize| {
        let data = DictionaryData { clips: &clips, targets: &targets, labels, background: &[] };
        let params = DictionaryParams { group_frames, max_iters: 2, ..DictionaryParams::new(transform(), recipe) };
        learn_dictionary(&data, &params, &mut |_| {}).unwrap_err().to_string()
    };
    let recipe = |noise| Recipe::PerClass { per_class: 1, noise, keep_noise: true, max_clips: 9 };
    assert!(refused(recipe(1), &labels, 5).contains("name a folder of noise"));
    let more = [labels.clone(), vec!["cow".to_owned()]].concat();
    let said = refused(recipe(0), &more, 5);
    assert!(said.contains("0 recordings for \"cow\""), "{said}");
    assert!(refused(Recipe::Whole { n_components: 0 }, &labels, 5).contains("components is 0"));
    assert!(refused(Recipe::Whole { n_components: 1 }, &labels, 0).contains("group_frames is 0"));
}
