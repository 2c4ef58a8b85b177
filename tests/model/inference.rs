//! Devices and batches: the path of a GPU (plain candle, whole batches) equals our own kernels, a batch equals its segments
//! one by one, and a device that fails is replaced by the CPU without losing a segment.
//!
//! Without a GPU that path runs on the CPU; where this is built with `--features cuda` and there is one, on that as well.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use crate::support::l2i;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Tensor;
use earwitness::engine::inference::{ComputeDevice, DeviceChoice, Inference, MAX_BATCH, Networks};
use earwitness::interpret::l2i::{L2i, L2iExplanation};
use earwitness::interpret::{Explanation, Interpreter, Needs, Segment};
use earwitness::model::classifier::{Classified, Classifier, Network};
use earwitness::model::device;
use earwitness::model::package::{Package, find_model};
use earwitness::model::taps::Taps;
use earwitness::model::vgg::{Forward, PlainVgg, VggConfig};
use earwitness::units::ClassId;
use earwitness::{Error, ErrorKind, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far the two paths may be apart, as a share of the largest value; a GPU sums in another order still.
const TOLERANCE: f32 = 1e-4;
const TOLERANCE_GPU: f32 = 1e-3;

/// The devices other than the CPU that there are: its plain path, and a GPU.
fn devices() -> Vec<(ComputeDevice, f32)> {
    let mut devices = vec![(ComputeDevice::plain_cpu(), TOLERANCE)];
    match device::open(DeviceChoice::Cuda(0)) {
        Ok((gpu, None)) => devices.push((gpu, TOLERANCE_GPU)),
        Ok((_, Some(why))) => eprintln!("skipped on a GPU: {why}"),
        Err(why) => eprintln!("skipped on a GPU: {why}"),
    }
    devices
}

fn tiny() -> Package {
    l2i::package(tempfile::tempdir().unwrap().path())
}

/// The tiny model, and one that ships, where it is there.
fn packages() -> Vec<Package> {
    let default = find_model("esc13").and_then(|dir| Package::open(&dir));
    match default {
        Ok(default) => vec![tiny(), default],
        Err(e) => {
            eprintln!("skipped for esc13: {e}");
            vec![tiny()]
        }
    }
}

/// `n` segments that look like compressed mel columns: levels that drift, and something that rings.
fn segments(package: &Package, n: usize) -> Vec<Vec<f32>> {
    let (n_frames, n_mels) = (package.manifest().segment.n_frames, package.manifest().front_end.n_mels);
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let one = |_| {
        let (pitch, level) = (rng.random_range(0..n_mels), rng.random_range(-1.0..0.5_f32));
        let value = |i: usize| {
            let rings = i % n_mels == pitch && (i / n_mels / 8).is_multiple_of(2);
            level + rng.random_range(-0.2..0.2_f32) + if rings { 1.0 } else { 0.0 }
        };
        (0..n_frames * n_mels).map(value).collect()
    };
    (0..n).map(one).collect()
}

fn slices(segments: &[Vec<f32>]) -> Vec<&[f32]> {
    segments.iter().map(Vec::as_slice).collect()
}

fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    let off = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    assert!(got.iter().all(|g| g.is_finite()) && off <= tolerance * largest, "{what}: off by {off} of {largest}");
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_same(got: &Classified, want: &Classified, tolerance: f32) {
    assert_close("logits", &got.logits, &want.logits, tolerance);
    assert_close("probabilities", &got.probs, &want.probs, tolerance);
    let (got, want) = (Taps::gather(&[&got.taps]).unwrap(), Taps::gather(&[&want.taps]).unwrap());
    assert_eq!((got.len(), want.len()), (3, 3));
    for (got, want) in got.iter().zip(&want) {
        assert_eq!(got.dims(), want.dims());
        assert_close("a tap", &values(got), &values(want), tolerance);
    }
}

fn assert_same_explanation(got: &L2iExplanation, want: &L2iExplanation, tolerance: f32) {
    assert_close("H", &got.activations, &want.activations, tolerance);
    assert_close("z", &got.pooled, &want.pooled, tolerance);
    assert_close("Θ(H)", &got.logits, &want.logits, tolerance);
    assert_close("attention", got.attention.as_ref().unwrap(), want.attention.as_ref().unwrap(), tolerance);
}

fn explain(l2i: &L2i, classified: &Classified) -> L2iExplanation {
    l2i.explain_fully(&Segment { log_magnitude: &[], features: &[], classified, sound: None }).unwrap()
}

/// What there is to see of an explanation.
fn seen(explanation: &dyn Explanation) -> Vec<f32> {
    let class = ClassId(1);
    let mut seen = vec![0.0; explanation.n_frames() * explanation.n_bins()];
    explanation.mask(class, 0..explanation.n_frames(), &mut seen);
    seen.extend(explanation.evidence(class));
    seen.extend(explanation.components(class).iter().map(|c| c.relevance));
    seen
}

#[test]
fn other_devices_give_what_our_kernels_give() {
    for package in packages() {
        let own = (Classifier::load(&package).unwrap(), L2i::load(&package).unwrap());
        let segments = segments(&package, 3);
        for (device, tolerance) in devices() {
            let other = (Classifier::load_on(&package, &device).unwrap(), L2i::load_on(&package, &device).unwrap());
            let got = other.0.classify_batch(&slices(&segments)).unwrap();
            let want = own.0.classify_batch(&slices(&segments)).unwrap();
            for (got, want) in got.iter().zip(&want) {
                assert!(got.taps.are_on(&device), "taps were taken off {}", device.name());
                assert_same(got, want, tolerance);
                assert_same_explanation(&explain(&other.1, got), &explain(&own.1, want), tolerance);
            }
        }
    }
}

#[test]
fn a_batch_gives_what_its_segments_give_alone() {
    let package = tiny();
    let all = segments(&package, 9);
    let everywhere = devices().into_iter().chain([(ComputeDevice::cpu(), 0.0)]);
    for (device, tolerance) in everywhere {
        let classifier = Classifier::load_on(&package, &device).unwrap();
        let mut l2i = L2i::load_on(&package, &device).unwrap();
        let alone: Vec<Classified> = all.iter().map(|s| classifier.classify(s).unwrap()).collect();
        for n in [0, 1, 2, 3, 9] {
            let batch = classifier.classify_batch(&slices(&all[..n])).unwrap();
            assert_eq!(batch.len(), n);
            for (got, want) in batch.iter().zip(&alone) {
                assert_same(got, want, tolerance);
            }
            // Rows of one batch, rows in another order, and rows of several batches.
            let mut turned: Vec<&Classified> = batch.iter().rev().collect();
            let in_order: Vec<&Classified> = batch.iter().collect();
            turned.extend(&alone);
            for classified in [in_order, turned] {
                let segments = classified.iter().map(|c| Segment {
                    log_magnitude: &[],
                    features: &[],
                    classified: c,
                    sound: None,
                });
                let explained = l2i.explain_batch(&segments.collect::<Vec<_>>()).unwrap();
                assert_eq!(explained.len(), classified.len());
                for (got, one) in explained.iter().zip(&classified) {
                    let want = explain(&l2i, one);
                    assert_close("an explanation", &seen(got.as_ref()), &seen(&want), tolerance.max(1e-6) * 10.0);
                }
            }
        }
        assert!(classifier.classify_batch(&[&all[0], &all[1][1..]]).is_err());
    }
}

#[test]
fn any_number_of_segments_comes_back_in_order() {
    let package = tiny();
    let all = segments(&package, 2 * MAX_BATCH + 3);
    let want = Classifier::load(&package).unwrap().classify_batch(&slices(&all)).unwrap();
    for (device, tolerance) in devices() {
        let package = package.clone();
        let mut inference = Inference::on(&device, move |device| Networks::load(&package, "l2i", device)).unwrap();
        assert_eq!((inference.device_name(), inference.fell_back()), (device.name().as_str(), None));
        for n in [0, 1, MAX_BATCH, MAX_BATCH + 1, all.len()] {
            let got = inference.classify(&slices(&all[..n])).unwrap();
            assert_eq!(got.len(), n);
            for (got, want) in got.iter().zip(&want) {
                assert_close("logits", &got.logits, &want.logits, tolerance);
            }
            let segments =
                got.iter().map(|classified| Segment { log_magnitude: &[], features: &[], classified, sound: None });
            assert_eq!(inference.explain(&segments.collect::<Vec<_>>()).unwrap().len(), n);
        }
    }
}

/// A network, or a method, that works `left` times and then never again.
struct Failing<T> {
    inner: T,
    left: Arc<AtomicUsize>,
}

impl<T> Failing<T> {
    fn work(&self) -> Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| Error::bug("the cable was pulled"))
    }
}

impl Network for Failing<PlainVgg> {
    fn forward(&self, segments: &Tensor) -> Result<Forward> {
        self.work()?;
        self.inner.forward(segments)
    }
}

impl Interpreter for Failing<L2i> {
    fn method(&self) -> &'static str {
        self.inner.method()
    }

    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        self.work()?;
        self.inner.explain(segment)
    }

    fn explain_batch(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Box<dyn Explanation>>> {
        self.work()?;
        self.inner.explain_batch(segments)
    }
}

/// Inference on a device whose classifier works for so many batches, and its method for so many others.
fn failing(device: &ComputeDevice, classifies: usize, explains: usize) -> Inference {
    let package = tiny();
    Inference::on(device, move |device| {
        if device.has_own_kernels() {
            return Networks::load(&package, "l2i", device);
        }
        let config = VggConfig::from_manifest(package.manifest())?;
        let weights = package.tensors(&package.manifest().classifier.weights)?;
        let inner = PlainVgg::load(&config, &weights, device.candle())?;
        let net = Failing { inner, left: Arc::new(AtomicUsize::new(classifies)) };
        let method = Failing { inner: L2i::load_on(&package, device)?, left: Arc::new(AtomicUsize::new(explains)) };
        Ok(Networks {
            classifier: Classifier::with_network(&package, device, Box::new(net))?,
            interpreter: Some(Box::new(method)),
        })
    })
    .unwrap()
}

#[test]
fn a_device_that_fails_is_replaced_and_no_segment_is_lost() {
    let package = tiny();
    let all = segments(&package, 12);
    let own = (Classifier::load(&package).unwrap(), L2i::load(&package).unwrap());
    for (device, tolerance) in devices() {
        // One batch each goes into the comparison with the CPU.
        for (classifies, explains, failing_batch) in [(1, 99, 0), (3, 99, 2), (99, 1, 0), (99, 3, 2), (2, 2, 1)] {
            let mut inference = failing(&device, classifies, explains);
            assert_eq!(inference.fell_back(), None);
            for (i, batch) in all.chunks(3).enumerate() {
                let classified = inference.classify(&slices(batch)).unwrap();
                let segments = batch.iter().zip(&classified);
                let segments = segments.map(|(features, classified)| Segment {
                    log_magnitude: &[],
                    features,
                    classified,
                    sound: None,
                });
                let explained = inference.explain(&segments.collect::<Vec<_>>()).unwrap();
                assert_eq!((classified.len(), explained.len()), (3, 3));
                for ((features, classified), explained) in batch.iter().zip(&classified).zip(&explained) {
                    let want = own.0.classify(features).unwrap();
                    assert_same(classified, &want, tolerance);
                    let want = explain(&own.1, &want);
                    assert_close("an explanation", &seen(explained.as_ref()), &seen(&want), 10.0 * tolerance);
                }
                let on_cpu = i >= failing_batch;
                assert_eq!(inference.device_name() == "cpu", on_cpu, "{classifies} {explains} batch {i}");
                assert_eq!(inference.fell_back().is_some(), on_cpu);
            }
            let sentence = inference.fell_back().unwrap();
            assert!(sentence.contains(&device.name()) && sentence.contains("the cable was pulled"), "{sentence}");
        }
    }
}

#[test]
fn hidden_layers_on_a_lost_device_are_computed_again() {
    let all = segments(&tiny(), 4);
    for (device, tolerance) in devices() {
        let mut inference = failing(&device, 2, 99);
        let before = inference.classify(&slices(&all)).unwrap();
        inference.classify(&slices(&all)).unwrap();
        assert!(inference.fell_back().is_some());
        let segments = all.iter().zip(&before);
        let segments =
            segments.map(|(features, classified)| Segment { log_magnitude: &[], features, classified, sound: None });
        let explained = inference.explain(&segments.collect::<Vec<_>>()).unwrap();
        let own = (Classifier::load(&tiny()).unwrap(), L2i::load(&tiny()).unwrap());
        for (features, explained) in all.iter().zip(&explained) {
            let want = explain(&own.1, &own.0.classify(features).unwrap());
            assert_close("an explanation", &seen(explained.as_ref()), &seen(&want), 10.0 * tolerance);
        }
    }
}

#[test]
fn a_device_that_computes_nonsense_is_not_used() {
    struct Nonsense(PlainVgg, f64);
    impl Network for Nonsense {
        fn forward(&self, segments: &Tensor) -> Result<Forward> {
            let forward = self.0.forward(segments)?;
            Ok(Forward { logits: (forward.logits * self.1)?, taps: forward.taps, frames: None })
        }
    }
    for (factor, used) in [(1.0, true), (1.01, false), (f64::NAN, false)] {
        let package = tiny();
        let inference = Inference::on(&ComputeDevice::plain_cpu(), move |device| {
            let mut networks = Networks::load(&package, "l2i", device)?;
            if !device.has_own_kernels() {
                let config = VggConfig::from_manifest(package.manifest())?;
                let weights = package.tensors(&package.manifest().classifier.weights)?;
                let net = Nonsense(PlainVgg::load(&config, &weights, device.candle())?, factor);
                networks.classifier = Classifier::with_network(&package, device, Box::new(net))?;
            }
            Ok(networks)
        })
        .unwrap();
        assert_eq!(inference.device_name() != "cpu", used, "×{factor}");
        assert_eq!(inference.fell_back().is_none(), used, "×{factor}: {:?}", inference.fell_back());
        assert!(inference.fell_back().is_none_or(|why| why.contains("logits")));
    }
}

#[test]
fn faults_of_the_caller_are_no_fault_of_the_device() {
    let package = tiny();
    let all = segments(&package, 2);
    let mut inference = failing(&ComputeDevice::plain_cpu(), 99, 99);
    assert_eq!(inference.classify(&[&all[0][1..]]).unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(inference.fell_back(), None);
    let mut mute = Inference::open(&package, "none", DeviceChoice::Cpu).unwrap();
    let classified = mute.classify(&[&all[0]]).unwrap();
    let segment = Segment { log_magnitude: &[], features: &all[0], classified: &classified[0], sound: None };
    assert!(mute.explain(&[segment]).is_err() && !mute.can_explain());
    assert_eq!(mute.device_name(), "cpu");
    let unknown = Inference::open(&package, "tea leaves", DeviceChoice::Cpu).err().unwrap();
    assert_eq!(unknown.kind(), ErrorKind::Usage);
}
