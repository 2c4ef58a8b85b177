//! What a program that uses earwitness as a library starts from: `use earwitness::prelude::*;`.
//!
//! Hear a sound, and ask why:
//!
//! ```
//! use std::path::Path;
//!
//! use earwitness::prelude::*;
//!
//! # fn main() -> Result<()> {
//! let package = Package::open(Path::new("models/everyday"))?;
//! let classifier = Classifier::load(&package)?;
//! let rate = classifier.front_end().sample_rate;
//! let tone: Vec<f32> = (0..2 * rate.hz()).map(|i| 0.1 * (0.3 * i as f32).sin()).collect();
//!
//! let mut listener = Listener::new(&classifier)?;
//! let heard = listener.hear(&tone)?;
//! let class = ClassId(heard.classified.top());
//! let mut method = methods::load(&package, methods::chosen(&package, methods::AUTO), &ComputeDevice::cpu(), 1)?;
//! let explanation = method.explain(&heard.segment())?;
//! let why = listener.audio(&heard, &explanation.whole_mask(class), explanation.mask_scale(), Keep::Inside)?;
//! assert_eq!(why.len(), tone.len());
//! # Ok(())
//! # }
//! ```
//!
//! Hear a stream, chunk by chunk, and take its events:
//!
//! ```
//! use std::path::Path;
//! use std::time::SystemTime;
//!
//! use earwitness::prelude::*;
//!
//! # fn main() -> Result<()> {
//! let package = Package::open(Path::new("models/everyday"))?;
//! let mut inference = Inference::new(Classifier::load(&package)?, None);
//! let sample_rate = inference.classifier().front_end().sample_rate;
//! let params = PipelineParams {
//!     source: "silence".to_owned(),
//!     model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
//!     clock: StreamClock { start: SystemTime::now(), sample_rate },
//!     detector: DetectorParams::from_labels(inference.classifier().labels()),
//!     pre_roll_secs: 1.0,
//!     post_roll_secs: 1.0,
//!     max_components: 5,
//! };
//! let mut pipeline = Pipeline::new(params, &inference)?;
//! let mut events: Vec<EventReport> = Vec::new();
//! for _ in 0..50 {
//!     pipeline.push(&mut inference, &[0.0; 512], &mut events)?;
//! }
//! pipeline.finish(&mut inference, &mut events)?;
//! assert!(events.is_empty(), "silence is no event");
//! # Ok(())
//! # }
//! ```
//!
//! A method of your own implements [`Interpreter`]; `examples/custom_interpreter.rs` has one.

pub use crate::dsp::resample;
pub use crate::engine::detector::DetectorParams;
pub use crate::engine::inference::Inference;
pub use crate::engine::offline::{RecordingParams, explain_recording};
pub use crate::engine::pipeline::{Pipeline, PipelineParams};
pub use crate::engine::report::{EventReport, ModelRef};
pub use crate::eval::faithfulness::{Heard, Keep, Listener};
pub use crate::interpret::baseline::FixedMask;
pub use crate::interpret::{Explanation, Interpreter, Needs, Segment, methods};
pub use crate::media::decode::read_recording;
pub use crate::media::wav::write_wav;
pub use crate::model::classifier::{Classified, Classifier};
pub use crate::model::device::ComputeDevice;
pub use crate::model::package::{DEFAULT_MODEL, Package, find_model};
pub use crate::units::{ClassId, StreamClock};
pub use crate::{Error, ErrorKind, Result};
