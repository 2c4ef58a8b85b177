#![allow(clippy::unwrap_used)]
use super::*;
use crate::eval::mixtures::{Material, SetKind};
use crate::eval::two_bands::{self, tone};
use crate::model::manifest::Activation;

fn measure(kind: SetKind, n_threads: usize) -> CorruptionResult {
    let clips: Vec<Vec<f32>> = (0..6).map(|i| tone(i / 3, i)).collect();
    measure_clips(&clips, kind, n_threads)
}

/// Of three clips of each class.
fn measure_clips(clips: &[Vec<f32>], kind: SetKind, n_threads: usize) -> CorruptionResult {
    let targets: Vec<Vec<usize>> = (0..6).map(|i| vec![i / 3]).collect();
    let material = Material { clips, targets: &targets, noise: &[], speech: &[] };
    let package = two_bands::package();
    let classifier = two_bands::classifier(&package);
    let subject = Subject { classifier: &classifier, activation: Activation::Sigmoid, load: &two_bands::load };
    let set = MixtureSet::new(kind, material, None, 1).unwrap();
    let methods = ["own", "other", "empty", "all-ones"].map(str::to_owned);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    pool.install(|| corrupt(&subject, &set, &methods, 1, &mut |_| ())).unwrap()
}

fn find<'a>(result: &'a CorruptionResult, method: &str) -> &'a CorruptionRow {
    result.rows.iter().find(|row| row.method == method).unwrap()
}

#[test]
fn of_two_tones_a_mask_keeps_the_one_it_covers() {
    let result = measure(SetKind::CorruptOverlap, 2);
    assert_eq!((result.n, result.n_found), (6, 6));
    assert!(result.mixture_si_sdr_db.unwrap().abs() < 0.2, "{result:?}");
    let db = |method: &str| find(&result, method).si_sdr_improvement_db.unwrap().mean;
    let share = |method: &str| find(&result, method).target_share.unwrap().mean;
    assert!(db("own") > 25.0 && share("own") > 0.99, "{result:?}");
    assert!(db("other") < -25.0 && share("other") < 0.01, "{result:?}");
    assert!(db("all-ones").abs() < 1e-3 && (share("all-ones") - 0.5).abs() < 0.01, "{result:?}");
    assert!(db(IDEAL) > 25.0 && share(IDEAL) > 0.99, "{result:?}");
    let (own, other) = (find(&result, "own"), find(&result, "other"));
    assert!(own.target_kept.unwrap() > 0.99 && own.corruption_kept.unwrap() < 0.01);
    assert!((other.target_kept.unwrap() + own.target_kept.unwrap() - 1.0).abs() < 1e-3);
    assert_eq!(own.si_sdr_improvement_found_db, own.si_sdr_improvement_db);
    let empty = find(&result, "empty");
    assert_eq!((empty.silent, empty.si_sdr_improvement_db, empty.target_share), (6, None, None));
    assert_eq!((empty.target_kept, empty.corruption_kept), (Some(0.0), Some(0.0)));
}

#[test]
fn the_ideal_mask_bounds_the_others_in_noise() {
    let result = measure(SetKind::CorruptNoise, 2);
    let db = |method: &str| find(&result, method).si_sdr_improvement_db.unwrap().mean;
    assert!(db(IDEAL) > db("own") && db("own") > 1.0 && db("other") < -1.0, "{result:?}");
}

#[test]
fn threads_do_not_change_a_figure() {
    assert_eq!(measure(SetKind::CorruptNoise, 1), measure(SetKind::CorruptNoise, 3));
}

#[test]
fn relevance_that_does_not_know_when_has_an_auc_of_one_half() {
    let half = |class: usize, k: usize| {
        let mut clip = tone(class, k);
        let middle = clip.len() / 2;
        clip[middle..].fill(0.0);
        clip
    };
    let clips: Vec<Vec<f32>> = (0..6).map(|i| if i < 3 { half(0, i) } else { tone(1, i) }).collect();
    let result = measure_clips(&clips, SetKind::CorruptOverlap, 1);
    let auc = |method: &str| find(&result, method).time_auc.unwrap().mean;
    assert!((auc("own") - 0.5).abs() < 1e-9, "its relevance is the same in all frames");
    assert!(auc(IDEAL) > 0.99, "{result:?}");
    let always = measure(SetKind::CorruptOverlap, 1);
    assert_eq!(find(&always, IDEAL).time_auc, None, "a target that always sounds says nothing");
}
