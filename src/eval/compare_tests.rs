#![allow(clippy::unwrap_used)]
use super::*;
use crate::eval::mixtures::{Material, SetKind};
use crate::eval::two_bands::{self, N_BINS, N_FRAMES, N_MELS, tone};
use crate::model::manifest::Activation;

const WORSE: Option<Standing> = Some(Standing::Worse);
const METHODS: [&str; 5] = ["own", "other", "empty", "all-ones", "attributes"];

fn near(found: Option<Mean>, wanted: f64) {
    let found = found.unwrap();
    assert!((found.mean - wanted).abs() < 1e-4, "{found:?} where {wanted} was wanted");
    assert!(found.low <= found.mean + 1e-12 && found.mean <= found.high + 1e-12, "{found:?}");
}

/// Runs a set of tones, low ones first.
fn measure(kind: SetKind, domains: &[Domain], n_threads: usize) -> SetResult {
    let clips: Vec<Vec<f32>> = (0..6).map(|i| tone(i / 3, i)).collect();
    let targets: Vec<Vec<usize>> = (0..6).map(|i| vec![i / 3]).collect();
    let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
    let package = two_bands::package();
    let classifier = two_bands::classifier(&package);
    let subject = Subject { classifier: &classifier, activation: Activation::Sigmoid, load: &two_bands::load };
    let set = MixtureSet::new(kind, material, None, 1).unwrap();
    let methods = METHODS.map(str::to_owned);
    let mut told = 0;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let result = pool.install(|| compare(&subject, &set, &methods, domains, 1, &mut |n| told = n)).unwrap();
    assert_eq!(told, set.len());
    result
}

fn find<'a>(result: &'a SetResult, method: &str, domain: Domain) -> &'a MethodRow {
    result.rows.iter().find(|row| row.method == method && row.domain == domain).unwrap()
}

/// The classifier's probabilities of a clip's own class, on it and on silence.
fn own_and_silent(class: usize, k: usize) -> (f64, f64) {
    let package = two_bands::package();
    let classifier = two_bands::classifier(&package);
    let mut listener = Listener::new(&classifier).unwrap();
    let mut prob = |samples: &[f32]| {
        let logits = listener.hear(samples).unwrap().classified.logits;
        crate::eval::mask_metrics::probabilities(&logits, Activation::Sigmoid)[class]
    };
    (prob(&tone(class, k)), prob(&vec![0.0; two_bands::N_SAMPLES]))
}

#[test]
fn masks_that_hold_what_the_class_listens_to_are_faithful_and_others_are_not() {
    let result = measure(SetKind::InDomain, &[Domain::Stft, Domain::Mel], 2);
    assert_eq!((result.n, result.accuracy), (6, Some(1.0)));
    let known: Vec<(f64, f64)> = (0..6).map(|i| own_and_silent(i / 3, i)).collect();
    let mean = |figure: fn(&(f64, f64)) -> f64| known.iter().map(figure).sum::<f64>() / 6.0;
    let (fall, drop) = (mean(|(p, silent)| p - silent), mean(|(p, silent)| 100.0 * (p - silent) / p));
    assert!(fall > 0.3, "a test that could not fail: {known:?}");
    for domain in [Domain::Stft, Domain::Mel] {
        for method in ["own", "attributes", "all-ones"] {
            let row = find(&result, method, domain);
            near(row.ai, 0.0);
            near(row.ad, 0.0);
            near(row.ag, 0.0);
            near(row.ff, fall);
            near(row.fid_in, 1.0);
            assert_eq!(row.empty_masks, 0);
        }
        for method in ["other", "empty"] {
            let row = find(&result, method, domain);
            near(row.ad, drop);
            near(row.ff, 0.0);
            assert!(row.ff_median.unwrap().abs() < 1e-4);
            let [against] = row.against.as_slice() else { panic!("{row:?}") };
            assert_eq!((against.baseline.as_str(), against.ff, against.ad), ("all-ones", WORSE, WORSE));
        }
        assert!(find(&result, "all-ones", domain).against.is_empty(), "a baseline is not its own");
        let empty = find(&result, "empty", domain);
        assert_eq!((empty.sps, empty.comp, empty.empty_masks, empty.mask_mean), (None, None, 6, Some(0.0)));
        let ones = find(&result, "all-ones", domain);
        let n = (N_FRAMES * if domain == Domain::Stft { N_BINS } else { N_MELS }) as f64;
        near(ones.sps, 0.0);
        near(ones.comp, n.ln());
        // Ones in other places are the same ones.
        assert_eq!(ones.ff_median, ones.ff_median_random);
        let own = find(&result, "own", domain);
        assert!(own.ff_median_random.unwrap() < own.ff_median.unwrap() - 0.05, "{own:?}");
    }
    // The mask is 1 on 40 of 129 bins for one class, on the others for the other one.
    assert!((find(&result, "own", Domain::Stft).mask_mean.unwrap() - 0.5).abs() < 1e-6);
    // Its Gini index is the share of zeros.
    near(find(&result, "own", Domain::Stft).sps, 0.5);
    // The mask of bands is the mel mask: 1 on 6 or 5 of 16 bands.
    assert!((find(&result, "attributes", Domain::Mel).mask_mean.unwrap() - 5.5 / 16.0).abs() < 1e-6);
}

#[test]
fn every_class_that_is_found_is_explained_by_a_mask_of_its_own() {
    // White noise holds both classes' bands.
    let result = measure(SetKind::WhiteNoise, &[Domain::Stft], 2);
    assert_eq!(result.active_classes, Some(2.0));
    let own = find(&result, "own", Domain::Stft);
    near(own.multi_label.fid_in, 1.0);
    near(own.multi_label.ad, 0.0);
    // Without its bands, a class is neither likely nor found again.
    let other = find(&result, "other", Domain::Stft);
    near(other.multi_label.fid_in, 0.0);
    near(other.fid_in, 0.0);
    near(other.fid_in_top3, 1.0);
    assert!(own.multi_label.ff.unwrap().mean > 0.3 && other.multi_label.ad.unwrap().mean > 30.0);
}

#[test]
fn threads_do_not_change_a_figure() {
    let with = |n| measure(SetKind::OutOfDomain, &[Domain::Stft, Domain::Mel], n);
    let one = with(1);
    assert_eq!(one.n, 12);
    assert_eq!(one, with(3));
}

#[test]
fn costs_are_measured_for_each_method() {
    let clips = vec![tone(0, 1), tone(1, 1)];
    let targets = vec![vec![0], vec![1]];
    let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
    let package = two_bands::package();
    let classifier = two_bands::classifier(&package);
    let subject = Subject { classifier: &classifier, activation: Activation::Sigmoid, load: &two_bands::load };
    let set = MixtureSet::new(SetKind::InDomain, material, None, 1).unwrap();
    let costs = costs(&subject, &set, &METHODS.map(str::to_owned), &mut |_| ()).unwrap();
    assert_eq!(costs.iter().map(|c| c.method.as_str()).collect::<Vec<_>>(), METHODS);
    assert!(costs.iter().all(|c| c.seconds_per_explanation.unwrap() >= 0.0));
}
