//! Training of L-MAC's decoder on made sounds: it learns, it can be resumed and fine-tuned, and it refuses what it cannot use.

#![allow(clippy::unwrap_used)]

use crate::support::l2i;
use earwitness::ErrorKind;
use earwitness::model::lmac::LmacConfig;
use earwitness::model::package::Package;
use earwitness::model::tap_shapes::TapShapes;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{Vgg, VggConfig};
use earwitness::train::augment::AugmentParams;
use earwitness::train::classifier::{Clips, TrainingClips};
use earwitness::train::lmac::{LmacEpoch, LmacProgress, LmacTraining, Objective, train};

fn settings(package: &Package) -> LmacTraining {
    let manifest = package.manifest();
    let net = TapShapes::from_manifest(manifest).unwrap();
    LmacTraining {
        net: LmacConfig { net, channels: 8, conditioned: true },
        front_end: manifest.front_end.params().unwrap(),
        activation: manifest.classifier.activation,
        objective: Objective::Mask,
        clip_frames: 32,
        window_frames: 16,
        window_share: 0.5,
        epochs: 4,
        batch: 4,
        learning_rate: 5e-3,
        weight_decay: 1e-4,
        inside: 4.0,
        outside: 1.0,
        sparsity: 1.0,
        guide: 0.0,
        crosscor_threshold: 0.6,
        bin_threshold: 0.35,
        absent: 0.25,
        augment: AugmentParams::default(),
        seed: 3,
    }
}

fn clips() -> Clips {
    let clip = |i: usize| (0..3101).map(|t| 0.4 * (t as f32 * (0.1 + 0.15 * i as f32)).sin()).collect();
    Clips { samples: (0..12).map(clip).collect(), targets: (0..12).map(|i| vec![i % 3]).collect() }
}

struct Setting {
    _dir: tempfile::TempDir,
    checkpoint: std::path::PathBuf,
    how: LmacTraining,
    classifier: Vgg,
    clips: Clips,
}

impl Setting {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let package = l2i::package(dir.path());
        let how = settings(&package);
        let classifier = Vgg::load(
            &VggConfig::from_manifest(package.manifest()).unwrap(),
            &package.tensors("classifier.safetensors").unwrap(),
        )
        .unwrap();
        Self { checkpoint: dir.path().join("lmac.checkpoint"), _dir: dir, how, classifier, clips: clips() }
    }

    /// Trains until `batches` are done.
    fn run(
        &self,
        how: &LmacTraining,
        start: Option<&Arrays>,
        resumable: bool,
        batches: usize,
    ) -> (earwitness::Result<Arrays>, Vec<LmacEpoch>) {
        let (mut epochs, mut left) = (Vec::new(), batches);
        let data = TrainingClips { clips: &self.clips, noise: &[], validation: &self.clips };
        let checkpoint = resumable.then_some(&self.checkpoint);
        let result = train(how, &self.classifier, data, start, checkpoint, &mut |progress| {
            match progress {
                LmacProgress::Batch(..) => left -= 1,
                LmacProgress::Epoch(epoch) => epochs.push(epoch),
            }
            left > 0
        });
        (result, epochs)
    }
}

#[test]
fn it_learns_and_a_resumed_run_ends_where_an_uninterrupted_one_does() {
    let setting = Setting::new();
    let (whole, epochs) = setting.run(&setting.how, None, false, usize::MAX);
    assert_eq!(epochs.len(), 4);
    assert!(epochs[3].loss < epochs[0].loss, "{epochs:?}");
    assert!(epochs.iter().all(|e| e.guided == 0.0 && e.mask > 0.0 && e.mask < 1.0));
    let figures = epochs[3].figures.unwrap();
    assert!((0.0..=1.0).contains(&figures.input_fidelity) && (0.0..=100.0).contains(&figures.average_drop));
    assert!((0.0..=1.0).contains(&figures.absent_mask) && figures.absent_mask != figures.mask, "asked for two classes");

    let (interrupted, before) = setting.run(&setting.how, None, true, 7);
    assert_eq!(interrupted.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(before.len(), 2);
    let (resumed, after) = setting.run(&setting.how, None, true, usize::MAX);
    assert_eq!(after.len(), 2);
    assert_eq!(after[1].figures, epochs[3].figures);
    assert_eq!(resumed.unwrap(), whole.unwrap());
}

/// Clips of three tones, each its own class: the separating objective knows the parts of every mixture.
#[test]
fn the_separating_objective_learns_from_known_parts() {
    let setting = Setting::new();
    let how = LmacTraining { objective: Objective::Separate { weight: 1.0 }, absent: 0.0, ..setting.how.clone() };
    let (trained, epochs) = setting.run(&how, None, false, usize::MAX);
    assert!(trained.is_ok() && epochs[3].loss < epochs[0].loss, "{epochs:?}");
    assert!(epochs.iter().any(|e| e.guided > 0.0), "some parts are known: {epochs:?}");
}

#[test]
fn fine_tuning_begins_with_the_decoder_that_is_there_and_guides() {
    let setting = Setting::new();
    let trained = setting.run(&setting.how, None, false, usize::MAX).0.unwrap();
    let fine = LmacTraining { guide: 4.0, crosscor_threshold: 0.1, epochs: 1, ..setting.how.clone() };
    let (tuned, epochs) = setting.run(&fine, Some(&trained), false, usize::MAX);
    assert!(epochs[0].guided > 0.0, "{epochs:?}");
    let tuned = tuned.unwrap();
    assert_eq!(tuned.0.keys().collect::<Vec<_>>(), trained.0.keys().collect::<Vec<_>>());
    assert_ne!(tuned, trained);
    let other = LmacTraining { net: LmacConfig { channels: 12, ..fine.net.clone() }, ..fine };
    assert_eq!(setting.run(&other, Some(&trained), false, usize::MAX).0.unwrap_err().kind(), ErrorKind::Model);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let setting = Setting::new();
    for how in [
        LmacTraining { epochs: 0, ..setting.how.clone() },
        LmacTraining { batch: 0, ..setting.how.clone() },
        LmacTraining { window_frames: 15, ..setting.how.clone() },
        LmacTraining { window_share: 1.5, ..setting.how.clone() },
        LmacTraining { absent: -0.1, ..setting.how.clone() },
    ] {
        assert_eq!(setting.run(&how, None, false, usize::MAX).0.unwrap_err().kind(), ErrorKind::Usage);
    }
}
