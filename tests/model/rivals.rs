//! FLINT, VIBI, APNet and IBA on a tiny package and made sounds: their trainings learn and can be resumed, and what they say has the
//! form of every explanation.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use crate::support::l2i;
use earwitness::ErrorKind;
use earwitness::eval::faithfulness::{Heard, Listener};
use earwitness::interpret::iba::{BlockOutputs, STATISTICS};
use earwitness::interpret::{Explanation, methods};
use earwitness::model::apnet::ApnetConfig;
use earwitness::model::backward::{Chain, Reversible};
use earwitness::model::causal::{CausalConfig, CausalNet};
use earwitness::model::classifier::{Classifier, frozen};
use earwitness::model::device::ComputeDevice;
use earwitness::model::flint::FlintConfig;
use earwitness::model::manifest::{Apnet, Flint, Iba, Manifest, Vibi};
use earwitness::model::package::Package;
use earwitness::model::tap_shapes::TapShapes;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::VggConfig;
use earwitness::model::vibi::VibiConfig;
use earwitness::train::apnet::ApnetLesson;
use earwitness::train::augment::AugmentParams;
use earwitness::train::beside::{Lesson, LessonEpoch, LessonProgress, Schedule, teach};
use earwitness::train::classifier::{Clips, TrainingClips};
use earwitness::train::flint::FlintLesson;
use earwitness::train::iba::statistics;
use earwitness::train::vibi::VibiLesson;
use earwitness::units::ClassId;

const N_BINS: usize = 129;
const FRAMES: usize = 32;

fn clips() -> Clips {
    let clip = |i: usize| (0..3101).map(|t| 0.4 * (t as f32 * (0.1 + 0.15 * i as f32)).sin()).collect();
    Clips { samples: (0..12).map(clip).collect(), targets: (0..12).map(|i| vec![i % 3]).collect() }
}

fn flint(manifest: &Manifest) -> FlintLesson {
    FlintLesson {
        net: FlintConfig { net: TapShapes::from_manifest(manifest).unwrap(), n_attributes: 6, channels: 8 },
        activation: manifest.classifier.activation,
        fidelity: 1.0,
        reconstruction: 2.0,
        diversity: 0.2,
        sparsity: 0.1,
    }
}

fn vibi(manifest: &Manifest) -> VibiLesson {
    let silence = manifest.front_end.params().unwrap().compression.silence();
    let net = VibiConfig { n_mels: 16, n_classes: 3, chunk: [16, 8], channels: 4, chosen: 0.5, silence };
    VibiLesson { net, activation: manifest.classifier.activation, bottleneck: 0.01, temperature: 0.7 }
}

fn apnet(manifest: &Manifest) -> ApnetLesson {
    let silence = manifest.front_end.params().unwrap().compression.silence();
    ApnetLesson {
        net: ApnetConfig { n_mels: 16, n_classes: 3, n_prototypes: 6, frames: 8, channels: 4, silence },
        activation: manifest.classifier.activation,
        labels: 10.0,
        prototypes: 5.0,
        reconstruction: 5.0,
    }
}

struct Setting {
    dir: tempfile::TempDir,
    package: Package,
    how: Schedule,
    clips: Clips,
}

impl Setting {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let package = l2i::package(dir.path());
        let manifest = package.manifest();
        let how = Schedule {
            front_end: manifest.front_end.params().unwrap(),
            activation: manifest.classifier.activation,
            n_frames: FRAMES,
            n_classes: 3,
            epochs: 4,
            batch: 4,
            learning_rate: 1e-2,
            augment: AugmentParams::none(),
            seed: 3,
        };
        Self { dir, package, how, clips: clips() }
    }

    /// Teaches until `batches` are done.
    fn run(
        &self,
        lesson: &dyn Lesson,
        checkpoint: Option<&PathBuf>,
        batches: usize,
    ) -> (earwitness::Result<Arrays>, Vec<LessonEpoch>) {
        let (mut epochs, mut left) = (Vec::new(), batches);
        let data = TrainingClips { clips: &self.clips, noise: &[], validation: &self.clips };
        let classifier = frozen(&self.package).unwrap();
        let result = teach(&self.how, lesson, classifier.as_ref(), data, checkpoint, &mut |progress| {
            match progress {
                LessonProgress::Batch(..) => left -= 1,
                LessonProgress::Epoch(epoch) => epochs.push(epoch),
            }
            left > 0
        });
        (result, epochs)
    }

    fn learns_and_resumes(&self, lesson: &dyn Lesson) -> Arrays {
        let (whole, epochs) = self.run(lesson, None, usize::MAX);
        assert_eq!(epochs.len(), 4);
        assert!(epochs[3].loss < epochs[0].loss, "{epochs:?}");
        assert!(epochs[3].decisions.fidelity_top1.is_some_and(|f| (0.0..=1.0).contains(&f)), "{epochs:?}");
        let checkpoint = self.dir.path().join("lesson.checkpoint");
        let (interrupted, before) = self.run(lesson, Some(&checkpoint), 7);
        assert_eq!(interrupted.unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(before.len(), 2);
        let (resumed, after) = self.run(lesson, Some(&checkpoint), usize::MAX);
        assert_eq!(after.len(), 2);
        assert_eq!(after[1].decisions, epochs[3].decisions);
        let whole = whole.unwrap();
        assert_eq!(resumed.unwrap(), whole);
        whole
    }

    /// The package with one more method.
    fn with(&self, change: impl FnOnce(&mut Manifest), file: &str, arrays: Arrays) -> Package {
        let mut manifest = self.package.manifest().clone();
        change(&mut manifest);
        Package::write(self.dir.path(), manifest, &[(file.to_owned(), arrays)].into()).unwrap()
    }
}

fn heard(package: &Package) -> Heard {
    let classifier = Classifier::load(package).unwrap();
    let chirp: Vec<f32> = (0..3101).map(|i| 0.3 * (i as f32 * i as f32 * 2e-4).sin()).collect();
    Listener::new(&classifier).unwrap().hear(&chirp).unwrap()
}

/// The explanation of a method, whose every mask is one.
fn explained(package: &Package, method: &str) -> Box<dyn Explanation> {
    assert!(methods::available(package).contains(&method));
    let mut interpreter = methods::load(package, method, &ComputeDevice::cpu(), 1).unwrap();
    assert_eq!(interpreter.method(), method);
    assert_eq!(interpreter.needs().suits_strides(), method != "iba");
    let explanation = interpreter.explain(&heard(package).segment()).unwrap();
    assert_eq!((explanation.n_frames(), explanation.n_bins()), (FRAMES, N_BINS));
    for class in (0..3).map(ClassId) {
        let whole = explanation.whole_mask(class);
        assert!(whole.iter().all(|m| (0.0..=1.0).contains(m)));
        let mut some = vec![9.0; 5 * N_BINS];
        explanation.mask(class, 7..12, &mut some);
        assert_eq!(some, whole[7 * N_BINS..12 * N_BINS]);
        assert_eq!(explanation.evidence(class).len(), FRAMES);
        let shares = explanation.components(class);
        assert!(shares.windows(2).all(|pair| pair[0].relevance >= pair[1].relevance), "{shares:?}");
        for share in shares {
            explanation.component_mask(class, share.index, 7..12, &mut some);
            assert!(some.iter().all(|m| (0.0..=1.0).contains(m)));
        }
    }
    explanation
}

#[test]
fn flint_learns_and_explains() {
    let setting = Setting::new();
    let arrays = setting.learns_and_resumes(&flint(setting.package.manifest()));
    let weights = "flint.safetensors".to_owned();
    let spec = Flint { n_attributes: 6, channels: 8, relevance_threshold: 0.1, weights: weights.clone() };
    let package = setting.with(|manifest| manifest.flint = Some(spec), &weights, arrays);
    let explanation = explained(&package, "flint");
    assert_eq!(explanation.decision().len(), 3);
    let relevant: usize = (0..3).map(|class| explanation.components(ClassId(class)).len()).sum();
    assert!(relevant > 0, "some attribute speaks for some class");
    assert!(explanation.components(ClassId(9)).is_empty(), "there is no such class");
    assert!(explanation.whole_mask(ClassId(9)).iter().all(|m| *m == 0.0));
}

#[test]
fn vibi_learns_and_explains() {
    let setting = Setting::new();
    let arrays = setting.learns_and_resumes(&vibi(setting.package.manifest()));
    let weights = "vibi.safetensors".to_owned();
    let spec = Vibi { chunk_frames: 16, chunk_bands: 8, chosen: 0.5, channels: 4, weights: weights.clone() };
    let package = setting.with(|manifest| manifest.vibi = Some(spec), &weights, arrays);
    let explanation = explained(&package, "vibi");
    assert_eq!(explanation.decision().len(), 3);
    // Two of four chunks: half of the bands' mask is 1, whatever the class.
    let bands = explanation.band_mask(ClassId(0)).unwrap();
    assert_eq!(bands.iter().sum::<f32>() as usize, FRAMES * 16 / 2);
    assert_eq!(explanation.whole_mask(ClassId(0)), explanation.whole_mask(ClassId(2)));
    let shares = explanation.components(ClassId(0));
    assert!(!shares.is_empty() && shares.iter().all(|share| share.name.ends_with(" Hz")), "{shares:?}");
    assert!((shares[0].relevance - 1.0).abs() < 1e-6);
}

#[test]
fn apnet_learns_from_labels_and_explains_by_prototypes() {
    let setting = Setting::new();
    let arrays = setting.learns_and_resumes(&apnet(setting.package.manifest()));
    let weights = "apnet.safetensors".to_owned();
    let spec = Apnet { n_prototypes: 6, frames: 8, channels: 4, relevance_threshold: 0.1, weights: weights.clone() };
    let package = setting.with(|manifest| manifest.apnet = Some(spec), &weights, arrays);
    let explanation = explained(&package, "apnet");
    assert_eq!(explanation.decision().len(), 3);
    let shares = explanation.components(ClassId(1));
    assert!(
        (shares[0].relevance - 1.0).abs() < 1e-6 && shares.iter().all(|share| share.name.starts_with("b, prototype ")),
        "{shares:?}"
    );
    // A prototype of 8 frames sounds for no longer than that.
    let mut mask = vec![0.0; FRAMES * N_BINS];
    explanation.component_mask(ClassId(1), shares[0].index, 0..FRAMES, &mut mask);
    let sounding = mask.chunks_exact(N_BINS).filter(|frame| frame.iter().any(|m| *m > 0.0)).count();
    assert!((1..=8).contains(&sounding), "{sounding} frames");
    assert!(explanation.components(ClassId(9)).is_empty(), "there is no such class");
    assert!(explanation.whole_mask(ClassId(9)).iter().all(|m| *m == 0.0));
}

#[test]
fn iba_knows_its_layer_and_explains() {
    let setting = Setting::new();
    let outputs = BlockOutputs::open(&setting.package, 1).unwrap();
    assert_eq!(outputs.bands(), [8, 6]);
    let front_end = setting.package.manifest().front_end.params().unwrap();
    let arrays = statistics(&outputs, &front_end, FRAMES, &setting.clips, &mut |_, _| {}).unwrap();
    let [mean, deviation] = STATISTICS.map(|name| arrays.get(name, &[8, 6]).unwrap());
    assert!(mean.iter().chain(deviation).all(|v| v.is_finite() && *v >= 0.0), "after a ReLU");
    assert!(deviation.iter().any(|d| *d > 0.0));
    let none = statistics(&outputs, &front_end, FRAMES, &Clips::default(), &mut |_, _| {});
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(BlockOutputs::open(&setting.package, 9).err().unwrap().kind(), ErrorKind::Usage);

    let weights = "iba.safetensors".to_owned();
    let package = |layer: &str, beta: f32| {
        let spec = Iba { layer: layer.to_owned(), beta, weights: weights.clone() };
        setting.with(|manifest| manifest.iba = Some(spec), &weights, arrays.clone())
    };
    let wrong = package("block1", 10.0);
    let error = methods::load(&wrong, "iba", &ComputeDevice::cpu(), 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Model, "{error}");
    let package_10 = package("block2", 10.0);
    let explanation = explained(&package_10, "iba");
    let bits = explanation.relevance(ClassId(0)).unwrap();
    assert!(bits.iter().all(|b| *b >= 0.0) && bits.iter().any(|b| *b > 0.0));
    assert!(explanation.decision().is_empty());
    assert_eq!(
        bits,
        explained(&package_10, "iba").relevance(ClassId(0)).unwrap(),
        "noise depends on seed and segment alone"
    );
    let kept = |of: &dyn Explanation| of.relevance(ClassId(0)).unwrap().iter().sum::<f32>();
    assert!(kept(&*explanation) < kept(&*explained(&package("block2", 1e-6), "iba")), "what costs more is kept less");
}

fn one_hot(n: usize, at: usize) -> Vec<f32> {
    (0..n).map(|i| f32::from(u8::from(i == at))).collect()
}

/// From a block on, the gradient of a class's logit is the one that a walk through the whole network gives there.
fn goes_there_and_back(net: &dyn Reversible, segment: &[f32]) {
    for (block, class) in (0..net.n_blocks()).map(|block| (block, block % net.n_classes())) {
        let above = net.above(segment, block).unwrap().unwrap();
        let (hidden, want) = net.block_gradient(segment, class, block).unwrap().unwrap();
        assert_eq!(*above.hidden(), hidden);
        let logits = std::sync::Mutex::new(Vec::new());
        let got = above.gradient(&hidden.values, &|found| {
            *logits.lock().unwrap() = found.to_vec();
            one_hot(found.len(), class)
        });
        let largest = want.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() <= 1e-5 * largest), "block {block}");
        let logits = logits.into_inner().unwrap();
        let whole = net.logits(segment).unwrap();
        assert!(logits.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-4), "{logits:?} are not {whole:?}");
        // At other values, without the ties of a ReLU's zeros: by finite differences along the gradient.
        let other: Vec<f32> =
            hidden.values.iter().enumerate().map(|(i, v)| v + 0.1 * (i * 37 % 101) as f32 / 101.0).collect();
        let back = above.gradient(&other, &|found| one_hot(found.len(), class));
        let largest = back.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        let moved = |by: f32| -> f32 {
            let values: Vec<f32> = other.iter().zip(&back).map(|(v, g)| v + by * g / largest).collect();
            let logit = std::sync::Mutex::new(0.0);
            let _ = above.gradient(&values, &|found| {
                *logit.lock().unwrap() = found[class];
                vec![0.0; found.len()]
            });
            logit.into_inner().unwrap()
        };
        let step = 1e-3_f32;
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        let expected = back.iter().map(|g| g * g).sum::<f32>() / largest;
        assert!((slope - expected).abs() <= 0.05 * expected, "block {block}: {slope} is not {expected}");
    }
    assert!(net.above(segment, net.n_blocks()).unwrap().is_none());
}

#[test]
fn a_network_goes_on_from_a_block_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let package = l2i::package(dir.path());
    let config = VggConfig::from_manifest(package.manifest()).unwrap();
    let chain = Chain::load(&config, &package.tensors("classifier.safetensors").unwrap()).unwrap();
    goes_there_and_back(&chain, &heard(&package).features);

    let everyday = Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/everyday")).unwrap();
    let config = CausalConfig::from_manifest(everyday.manifest()).unwrap();
    let net = CausalNet::load(&config, &everyday.tensors(&everyday.manifest().classifier.weights).unwrap()).unwrap();
    let columns: Vec<f32> = (0..32 * 64).map(|i| 0.4 + 0.4 * ((i * i % 977) as f32 / 977.0 - 0.5)).collect();
    let net = net.reversible();
    goes_there_and_back(&net, &columns);
}
