//! L-MAC as a method of a package: what it needs, what it gives, and what it says where it cannot be loaded.

#![allow(clippy::unwrap_used)]

use crate::support::l2i;
use earwitness::ErrorKind;
use earwitness::dsp::MaskScale;
use earwitness::eval::faithfulness::Listener;
use earwitness::interpret::lmac::LMac;
use earwitness::interpret::{Interpreter, methods};
use earwitness::model::classifier::Classifier;
use earwitness::model::device::ComputeDevice;
use earwitness::model::lmac::LmacConfig;
use earwitness::model::manifest::Lmac;
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;
use earwitness::units::ClassId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const N_BINS: usize = 129;

/// The tiny package with a random decoder.
fn package(dir: &std::path::Path, conditioned: bool) -> Package {
    let mut manifest = l2i::package(dir).manifest().clone();
    manifest.lmac = Some(Lmac { channels: 10, conditioned, scale: MaskScale::Log, weights: "lmac.safetensors".into() });
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut arrays = Arrays::default();
    for (name, shape) in LmacConfig::from_manifest(&manifest).unwrap().arrays() {
        let n = shape.iter().product();
        arrays.insert(name, shape, (0..n).map(|_| rng.random_range(-0.5..0.5_f32)).collect());
    }
    Package::write(dir, manifest, &[("lmac.safetensors".to_string(), arrays)].into()).unwrap()
}

fn chirp() -> Vec<f32> {
    (0..3101).map(|i| 0.3 * (i as f32 * i as f32 * 2e-4).sin()).collect()
}

#[test]
fn every_class_has_a_mask_of_its_own_over_all_frames() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), true);
    assert!(methods::available(&package).contains(&"lmac"));
    let mut lmac = methods::load(&package, "lmac", &ComputeDevice::cpu(), 1).unwrap();
    assert_eq!(lmac.method(), "lmac");
    let needs = lmac.needs();
    assert!(needs.taps && !needs.backward && needs.forward_passes == 0);

    let classifier = Classifier::load(&package).unwrap();
    let heard = Listener::new(&classifier).unwrap().hear(&chirp()).unwrap();
    let explanation = lmac.explain(&heard.segment()).unwrap();
    assert_eq!((explanation.n_frames(), explanation.n_bins()), (32, N_BINS));
    let mask = |class: usize, frames: std::ops::Range<usize>| {
        let mut mask = vec![9.0; frames.len() * N_BINS];
        explanation.mask(ClassId(class), frames, &mut mask);
        mask
    };
    let whole = mask(0, 0..32);
    // Extreme logits, as random weights give them, come out as just 0 and 1.
    assert!(whole.iter().all(|m| (0.0..=1.0).contains(m)) && whole.iter().any(|m| *m > 0.0 && *m < 1.0));
    assert_eq!(mask(0, 5..9), whole[5 * N_BINS..9 * N_BINS]);
    assert_ne!(mask(1, 0..32), whole);
    assert!(mask(3, 0..32).iter().all(|m| *m == 0.0), "a class that does not exist");
    assert!(explanation.components(ClassId(0)).is_empty() && explanation.relevance(ClassId(0)).is_none());

    let evidence = explanation.evidence(ClassId(0));
    assert_eq!(evidence.len(), 32);
    for (t, e) in evidence.iter().enumerate() {
        let row = |all: &[f32]| all[t * N_BINS..(t + 1) * N_BINS].to_vec();
        let want: f32 = row(&whole).iter().zip(row(&heard.log_magnitude)).map(|(m, x)| m * x).sum();
        assert!((e - want / N_BINS as f32).abs() < 1e-6, "frame {t}");
    }
}

#[test]
fn a_decoder_of_gains_says_so_whole_and_shrunk() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), true);
    let classifier = Classifier::load(&package).unwrap();
    let heard = Listener::new(&classifier).unwrap().hear(&chirp()).unwrap();
    let scale_of = |package: &Package| {
        let explanation = LMac::load(package).unwrap().explain(&heard.segment()).unwrap();
        let shrunk = explanation.shrunk(&[ClassId(0)], 0..8).unwrap();
        assert_eq!(explanation.mask_scale(), shrunk.mask_scale());
        explanation.mask_scale()
    };
    assert_eq!(scale_of(&package), MaskScale::Log);
    let mut manifest = package.manifest().clone();
    manifest.lmac.as_mut().unwrap().scale = MaskScale::Gain;
    let files = [("lmac.safetensors".to_string(), package.tensors("lmac.safetensors").unwrap())].into();
    Package::write(dir.path(), manifest, &files).unwrap();
    assert_eq!(scale_of(&Package::open(dir.path()).unwrap()), MaskScale::Gain);
}

#[test]
fn without_conditioning_there_is_one_mask_the_likeliest_class_has() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), false);
    let classifier = Classifier::load(&package).unwrap();
    let heard = Listener::new(&classifier).unwrap().hear(&chirp()).unwrap();
    let explanation = LMac::load(&package).unwrap().explain(&heard.segment()).unwrap();
    let (mut first, mut second) = (vec![0.0; 32 * N_BINS], vec![0.0; 32 * N_BINS]);
    explanation.mask(ClassId(0), 0..32, &mut first);
    explanation.mask(ClassId(2), 0..32, &mut second);
    assert_eq!(first, second);
}

#[test]
fn a_package_without_a_decoder_or_with_another_ones_weights_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let bare = l2i::package(dir.path());
    assert!(!methods::available(&bare).contains(&"lmac"));
    let error = LMac::load(&bare).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("earwitness train lmac"), "{error}");

    let package = package(dir.path(), true);
    let mut manifest = package.manifest().clone();
    manifest.lmac.as_mut().unwrap().channels = 12;
    let package = Package::write(dir.path(), manifest, &[].into()).unwrap();
    let error = LMac::load(&package).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("late.tap.weight"), "{error}");
}

#[test]
fn a_shrunk_explanation_has_the_masks_of_its_classes_in_its_frames_and_nothing_else() {
    for conditioned in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path(), conditioned);
        let mut lmac = methods::load(&package, "lmac", &ComputeDevice::cpu(), 1).unwrap();
        let classifier = Classifier::load(&package).unwrap();
        let heard = Listener::new(&classifier).unwrap().hear(&chirp()).unwrap();
        let explanation = lmac.explain(&heard.segment()).unwrap();
        let (kept, other) = (ClassId(0), ClassId(1));
        let whole = explanation.whole_mask(kept);
        let all = explanation.shrunk(&[kept], 0..32).unwrap();
        assert_eq!((all.n_frames(), all.n_bins()), (32, N_BINS));
        assert_eq!(all.whole_mask(kept), whole);
        assert!(all.whole_mask(other).iter().chain(&all.evidence(kept)).all(|x| *x == 0.0));
        for part in [explanation.shrunk(&[kept, other], 5..20).unwrap(), all.shrunk(&[kept], 5..20).unwrap()] {
            let mask = part.whole_mask(kept);
            assert_eq!(mask[5 * N_BINS..20 * N_BINS], whole[5 * N_BINS..20 * N_BINS]);
            assert!(mask[..5 * N_BINS].iter().chain(&mask[20 * N_BINS..]).all(|m| *m == 0.0));
            let mut middle = vec![9.0; 3 * N_BINS];
            part.mask(kept, 10..13, &mut middle);
            assert_eq!(middle, whole[10 * N_BINS..13 * N_BINS]);
            part.mask(kept, 18..21, &mut middle);
            assert_eq!(middle[..2 * N_BINS], whole[18 * N_BINS..20 * N_BINS]);
            assert!(middle[2 * N_BINS..].iter().all(|m| *m == 0.0));
        }
        assert!(all.shrunk(&[other], 0..32).unwrap().whole_mask(kept).iter().all(|m| *m == 0.0));
    }
}
