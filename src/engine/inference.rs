//! The networks that all inputs share: classifier and method on one device, asked for batches of segments.
//!
//! A device that is not the CPU may be absent, compute nonsense, or be lost at any time. Each of these is said loudly, and
//! the CPU goes on in its place with the very batch that failed: no segment is lost.

use std::sync::Arc;

use crate::interpret::{Explanation, Interpreter, Segment, methods};
use crate::model::causal::Ear;
use crate::model::classifier::{Classified, Classifier};
use crate::model::device;
use crate::model::package::Package;
use crate::{Error, Result};

pub use crate::model::device::{ComputeDevice, DeviceChoice};

/// Most segments that a device gets at once: what they occupy there and on their way stays bounded, however many inputs
/// there are. A device splits them further as its memory demands.
pub const MAX_BATCH: usize = 256;

/// Most segments that the CPU gets at once: enough for all its cores, and a bound on the memory that many inputs take.
const MAX_BATCH_ON_CPU: usize = 16;

/// How far a device's logits may be from the CPU's, as a share of the largest (of 1 at least) …
const LOGITS_TOLERANCE: f32 = 1e-3;

/// … and its relevances, whose largest is 1.
const RELEVANCE_TOLERANCE: f32 = 1e-2;

/// Methods that draw at random draw from this seed: the same sound has the same explanation.
const SEED: u64 = 1;

/// Classifier and method of one model, on one device.
pub struct Networks {
    /// The classifier.
    pub classifier: Classifier,
    /// The method, if segments are to be explained.
    pub interpreter: Option<Box<dyn Interpreter>>,
}

impl Networks {
    /// Classifier and method of a package, on a device.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for a method that does not exist, a model error where the package does not have it or
    /// cannot be used, and whatever the device fails with.
    pub fn load(package: &Package, method: &str, device: &ComputeDevice) -> Result<Self> {
        let interpreter: Option<Box<dyn Interpreter>> = match method {
            "none" => None,
            _ => Some(methods::load(package, method, device, SEED)?),
        };
        Ok(Self { classifier: Classifier::load_on(package, device)?, interpreter })
    }

    fn explain(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Box<dyn Explanation>>> {
        let Some(interpreter) = &mut self.interpreter else {
            return Err(no_method());
        };
        interpreter.explain_batch(segments)
    }
}

fn no_method() -> Error {
    Error::bug("an explanation was asked for and there is no method")
}

/// Makes the networks anew on a device.
type Load = Box<dyn FnMut(&ComputeDevice) -> Result<Networks> + Send>;

/// Classifier and method. Segments of any number of inputs go in as one batch, results come back in order.
pub struct Inference {
    networks: Networks,
    /// The method as it was asked for, with its options, where it was asked for by name.
    asked: Option<String>,
    device_name: String,
    /// How to go on when the device fails; none on the CPU.
    load: Option<Load>,
    fell_back: Option<String>,
}

impl Inference {
    /// Networks that are loaded already; without a method nothing is explained. If their device fails, so does this.
    #[must_use]
    pub fn new(classifier: Classifier, interpreter: Option<Box<dyn Interpreter>>) -> Self {
        Self {
            device_name: classifier.device().name(),
            networks: Networks { classifier, interpreter },
            asked: None,
            load: None,
            fell_back: None,
        }
    }

    /// The networks of a package for a method (`l2i`, or `none`), on the device that was asked for, or on the CPU where
    /// that does not work; [`fell_back`](Self::fell_back) then says why.
    ///
    /// # Errors
    /// As [`device::open`], and as [`Networks::load`] on the CPU.
    pub fn open(package: &Package, method: &str, choice: DeviceChoice) -> Result<Self> {
        let (device, why_not) = device::open(choice)?;
        let (package, asked) = (package.clone(), method.to_owned());
        let mut inference = Self::on(&device, move |device| Networks::load(&package, &asked, device))?;
        inference.asked = Some(method.to_owned());
        if let Some(sentence) = why_not {
            tracing::warn!("{sentence}");
            inference.fell_back = Some(sentence);
        }
        Ok(inference)
    }

    /// The same, whose method has another name in what it reports.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        self.asked = Some(name.to_owned());
        self
    }

    /// The networks that `load` gives on a device. Where that is not the CPU, they are first compared with those that it
    /// gives there; if they fail then or later, `load` is asked for the CPU's.
    ///
    /// # Errors
    /// Whatever `load` fails with on the CPU.
    pub fn on(
        device: &ComputeDevice,
        mut load: impl FnMut(&ComputeDevice) -> Result<Networks> + Send + 'static,
    ) -> Result<Self> {
        if device.has_own_kernels() {
            let Networks { classifier, interpreter } = load(device)?;
            return Ok(Self::new(classifier, interpreter));
        }
        let mut on_cpu = load(&ComputeDevice::cpu())?;
        let networks = load(device).and_then(|mut networks| {
            compare(&mut networks, &mut on_cpu)?;
            Ok(networks)
        });
        Ok(match networks {
            Ok(networks) => {
                Self { networks, asked: None, device_name: device.name(), load: Some(Box::new(load)), fell_back: None }
            }
            Err(e) => {
                let mut inference = Self::new(on_cpu.classifier, on_cpu.interpreter);
                inference.say_fell_back(&device.name(), &e);
                inference
            }
        })
    }

    /// The classifier.
    #[must_use]
    pub const fn classifier(&self) -> &Classifier {
        &self.networks.classifier
    }

    /// The device that computes now, as in `cpu` or `cuda:0`.
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// Why the CPU computes though another device was to: one sentence for status and screen.
    #[must_use]
    pub fn fell_back(&self) -> Option<&str> {
        self.fell_back.as_deref()
    }

    /// The method's name, with its options where it was [opened](Self::open) by name; `none` without one.
    #[must_use]
    pub fn method(&self) -> &str {
        let own = || self.networks.interpreter.as_ref().map_or("none", |interpreter| interpreter.method());
        self.asked.as_deref().unwrap_or_else(own)
    }

    /// Whether there is a method.
    #[must_use]
    pub fn can_explain(&self) -> bool {
        self.networks.interpreter.is_some()
    }

    /// Whether the method can be asked at every stride: it runs the classifier neither backward nor again.
    #[must_use]
    pub fn explains_strides(&self) -> bool {
        self.networks.interpreter.as_ref().is_some_and(|interpreter| interpreter.needs().suits_strides())
    }

    /// Whether a segment must come with its spectrum: for the masks, or because the method and not the classifier says when a
    /// class sounds.
    #[must_use]
    pub fn needs_magnitude(&self) -> bool {
        let reads = self.networks.interpreter.as_ref().is_some_and(|interpreter| interpreter.reads_magnitude());
        reads || !self.networks.classifier.hears_streams()
    }

    /// How many segments are best asked for at once.
    #[must_use]
    pub fn largest_batch(&self) -> usize {
        if self.networks.classifier.device().has_own_kernels() { MAX_BATCH_ON_CPU } else { MAX_BATCH }
    }

    /// Classifies segments, each `[n_frames, n_mels]`, in order.
    ///
    /// # Errors
    /// If a segment has another shape.
    pub fn classify(&mut self, segments: &[&[f32]]) -> Result<Vec<Classified>> {
        // Not the device's fault, so not a reason to leave it.
        self.networks.classifier.check(segments)?;
        let mut all = Vec::with_capacity(segments.len());
        for batch in segments.chunks(MAX_BATCH) {
            let classified = match self.networks.classifier.classify_batch(batch) {
                Ok(classified) => classified,
                Err(e) => {
                    self.fall_back(e)?;
                    self.networks.classifier.classify_batch(batch)?
                }
            };
            all.extend(classified);
        }
        Ok(all)
    }

    /// Lets ears hear what is new, and classifies the newest segment of each, in order.
    ///
    /// # Errors
    /// If the network hears no streams, or the values are no frames.
    pub fn hear(&mut self, ears: &mut [(&mut Ear, &[f32])]) -> Result<Vec<Classified>> {
        self.networks.classifier.hear(ears)
    }

    /// Explains segments that this has classified, in order.
    ///
    /// # Errors
    /// If there is no method, or a segment has another shape.
    pub fn explain(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Arc<dyn Explanation>>> {
        if !self.can_explain() {
            return Err(no_method());
        }
        let mut all = Vec::with_capacity(segments.len());
        for batch in segments.chunks(MAX_BATCH) {
            // Hidden layers that lie on a device which was lost since cannot be read any more.
            let device = self.networks.classifier.device();
            let explanations = if batch.iter().all(|segment| segment.classified.taps.are_on(device)) {
                match self.networks.explain(batch) {
                    Ok(explanations) => explanations,
                    Err(e) => {
                        self.fall_back(e)?;
                        self.explain_from_features(batch)?
                    }
                }
            } else {
                self.explain_from_features(batch)?
            };
            all.extend(explanations.into_iter().map(Arc::from));
        }
        Ok(all)
    }

    /// Explains one segment that this has classified. A method that takes long tells `goes_on` what share is done (0…1), and
    /// `None` comes of a no.
    ///
    /// # Errors
    /// As [`Self::explain`].
    pub fn explain_watched(
        &mut self,
        segment: &Segment<'_>,
        goes_on: &dyn Fn(f32) -> bool,
    ) -> Result<Option<Arc<dyn Explanation>>> {
        let device = self.networks.classifier.device();
        let is_here = segment.classified.taps.are_on(device);
        let interpreter = self.networks.interpreter.as_mut().ok_or_else(no_method)?;
        if is_here {
            match interpreter.explain_watched(segment, goes_on) {
                Ok(explanation) => return Ok(explanation.map(Arc::from)),
                Err(e) => self.fall_back(e)?,
            }
        }
        Ok(self.explain_from_features(&[*segment])?.pop().map(Arc::from))
    }

    /// Classifies segments again, here, and explains that.
    fn explain_from_features(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Box<dyn Explanation>>> {
        let features: Vec<&[f32]> = segments.iter().map(|segment| segment.features).collect();
        let classified = self.classify(&features)?;
        let again = segments.iter().zip(&classified).map(|(segment, classified)| Segment { classified, ..*segment });
        self.networks.explain(&again.collect::<Vec<_>>())
    }

    /// Goes over to the CPU because of `error`; gives it back where this was the CPU.
    fn fall_back(&mut self, error: Error) -> Result<()> {
        let Some(mut load) = self.load.take() else { return Err(error) };
        self.networks = load(&ComputeDevice::cpu())?;
        let name = std::mem::replace(&mut self.device_name, ComputeDevice::cpu().name());
        self.say_fell_back(&name, &error);
        Ok(())
    }

    fn say_fell_back(&mut self, name: &str, error: &Error) {
        let sentence = format!(
            "the device {name} failed, so the CPU does its work from here on; look after it and start again to use it ({error})"
        );
        tracing::warn!("{sentence}");
        self.fell_back = Some(sentence);
    }
}

/// Runs two segments through networks that should say the same, and tells where they do not. Also does what a device does
/// only once, before anybody waits for it.
fn compare(ours: &mut Networks, reference: &mut Networks) -> Result<()> {
    let front_end = *reference.classifier.front_end();
    let n_frames = reference.classifier.n_frames();
    let (n_mels, n_bins) = (front_end.mel.n_mels, front_end.stft.n_bins());
    let noise = |n: usize| (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32);
    let features: Vec<f32> = noise(2 * n_frames * n_mels).collect();
    let log_magnitude: Vec<f32> = noise(n_frames * n_bins).collect();
    let batch: Vec<&[f32]> = features.chunks_exact(n_frames * n_mels).collect();
    let (got, want) = (ours.classifier.classify_batch(&batch)?, reference.classifier.classify_batch(&batch)?);
    for (got, want) in got.iter().zip(&want) {
        let largest = want.logits.iter().fold(1.0_f32, |most, l| most.max(l.abs()));
        let pairs = got.logits.iter().zip(&want.logits).map(|(g, w)| (g - w).abs() / largest);
        agree("logits", pairs, LOGITS_TOLERANCE)?;
    }
    if reference.interpreter.is_none() {
        return Ok(());
    }
    let segments = |classified: &[Classified], networks: &mut Networks| {
        let one = batch.iter().zip(classified);
        let one = one.map(|(features, classified)| Segment {
            log_magnitude: &log_magnitude,
            features,
            classified,
            sound: None,
        });
        networks.explain(&one.collect::<Vec<_>>())
    };
    let (explained, explained_there) = (segments(&got, ours)?, segments(&want, reference)?);
    for ((got, want), classified) in explained.iter().zip(&explained_there).zip(&want) {
        let class = crate::units::ClassId(classified.top());
        let got = got.components(class);
        // One that lies on the threshold may be in one of the lists alone.
        for want in want.components(class) {
            let pair = got.iter().find(|component| component.index == want.index);
            agree("relevances", pair.map(|got| (got.relevance - want.relevance).abs()), RELEVANCE_TOLERANCE)?;
        }
    }
    Ok(())
}

fn agree(what: &str, differences: impl IntoIterator<Item = f32>, tolerance: f32) -> Result<()> {
    match differences.into_iter().find(|d| d.is_nan() || *d > tolerance) {
        Some(d) => Err(Error::model(format!("its {what} differ from the CPU's by {d}"))),
        None => Ok(()),
    }
}
