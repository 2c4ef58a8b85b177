//! A method of your own: what is louder than the average of its frequency band explains the decision. It knows nothing of the
//! classifier, and the figures show it. It hears one segment, the first seconds of the recording.
//!
//! ```sh
//! cargo run --release --example custom_interpreter -- bark.wav heard.wav
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use earwitness::prelude::*;

/// The method: it looks at a segment and has a mask to show for it, the same for every class. One with components, or with a mask
/// for each class, implements `Explanation` itself.
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
        Ok(Box::new(FixedMask::new(mask, n)))
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
    let mask = explanation.whole_mask(class);

    let prob = |classified: &Classified| classified.probs[class.0];
    println!("{} with {:.2}", classifier.labels()[class.0].name, prob(&heard.classified));
    println!(
        "the interpretation alone: {:.2}",
        prob(&listener.classify_masked(&heard, &mask, explanation.mask_scale(), Keep::Inside)?)
    );
    println!(
        "what is left without it: {:.2}",
        prob(&listener.classify_masked(&heard, &mask, explanation.mask_scale(), Keep::Outside)?)
    );
    write_wav(Path::new(output), sample_rate, &listener.audio(&heard, &mask, explanation.mask_scale(), Keep::Inside)?)
}
