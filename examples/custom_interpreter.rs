//! A method of your own: what is louder than the average of its frequency band explains the decision. It knows nothing of the
//! classifier, and the figures show it.
//!
//! ```sh
//! cargo run --release --example custom_interpreter -- bark.wav heard.wav
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use earwitness::dsp::resample;
use earwitness::eval::faithfulness::{Keep, Listener};
use earwitness::interpret::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use earwitness::media::decode::read_recording;
use earwitness::media::wav::write_wav;
use earwitness::model::classifier::Classifier;
use earwitness::model::package::{DEFAULT_MODEL, Package, find_model};
use earwitness::units::ClassId;
use earwitness::{Error, Result};

/// The method: it looks at a segment …
struct Louder {
    n_bins: usize,
}

impl Interpreter for Louder {
    fn method(&self) -> &'static str {
        "louder"
    }

    /// So little that it can be asked at every stride of a live stream.
    fn needs(&self) -> Needs {
        Needs { taps: false, backward: false, forward_passes: 0 }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let (x, n) = (segment.log_magnitude, self.n_bins);
        let mean = |bin: usize| x.iter().skip(bin).step_by(n).sum::<f32>() / (x.len() / n) as f32;
        let means: Vec<f32> = (0..n).map(mean).collect();
        let mask = x.iter().enumerate().map(|(i, x)| f32::from(*x > means[i % n])).collect();
        Ok(Box::new(Mask { mask, n_bins: n }))
    }
}

/// … and has a mask to show for it, `[n_frames, n_bins]`, the same for every class.
struct Mask {
    mask: Vec<f32>,
    n_bins: usize,
}

impl Explanation for Mask {
    fn n_frames(&self) -> usize {
        self.mask.len() / self.n_bins
    }

    fn n_bins(&self) -> usize {
        self.n_bins
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn evidence(&self, _: ClassId) -> Vec<f32> {
        self.mask.chunks_exact(self.n_bins).map(|frame| frame.iter().sum()).collect()
    }

    fn mask(&self, _: ClassId, frames: Range<usize>, out: &mut [f32]) {
        out.copy_from_slice(&self.mask[frames.start * self.n_bins..frames.end * self.n_bins]);
    }

    fn component_mask(&self, _: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask(ClassId(0), frames, out);
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("custom_interpreter: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = &arguments[..] else {
        return Err(Error::usage("give a recording, and a WAV file to write"));
    };
    let package = Package::open(&find_model(DEFAULT_MODEL)?)?;
    let classifier = Classifier::load(&package)?;
    let sample_rate = classifier.front_end().sample_rate;
    let recording = read_recording(Path::new(input))?;
    let samples = resample(&recording.mono(), recording.sample_rate, sample_rate)?;
    let mut listener = Listener::new(&classifier)?;
    let heard = listener.hear(&samples)?;
    let class = ClassId(heard.classified.top());

    let mut method = Louder { n_bins: package.manifest().front_end.n_bins() };
    let explanation = method.explain(&heard.segment())?;
    let mut mask = vec![0.0; heard.log_magnitude.len()];
    explanation.mask(class, 0..explanation.n_frames(), &mut mask);

    let prob = |classified: &earwitness::model::classifier::Classified| classified.probs[class.0];
    println!("{} with {:.2}", classifier.labels()[class.0].name, prob(&heard.classified));
    println!("the interpretation alone: {:.2}", prob(&listener.classify_masked(&heard, &mask, Keep::Inside)?));
    println!("what is left without it: {:.2}", prob(&listener.classify_masked(&heard, &mask, Keep::Outside)?));
    write_wav(Path::new(output), sample_rate, &listener.audio(&heard, &mask, Keep::Inside)?)
}
