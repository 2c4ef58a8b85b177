//! Explains a recording with every method that the model has, and says how far each explanation can be believed: what the
//! classifier makes of the interpretation alone, and of what is left without it. It hears one segment, the first seconds.
//!
//! ```sh
//! cargo run --release --example compare_methods -- bark.wav
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use earwitness::prelude::*;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("compare_methods: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run() -> Result<()> {
    let input = std::env::args().nth(1).ok_or_else(|| Error::usage("give a recording"))?;
    // As long a segment as the model was measured on.
    let package = Package::open(&find_model(DEFAULT_MODEL)?)?.for_clips();
    let classifier = Classifier::load(&package)?;
    let sample_rate = classifier.front_end().sample_rate;
    let recording = read_recording(Path::new(&input))?;
    let samples = resample(&recording.mono(), recording.sample_rate, sample_rate)?;

    let mut listener = Listener::new(&classifier)?;
    let heard = listener.hear(&samples)?;
    let class = heard.classified.top();
    println!("{} with {:.3}\n", classifier.labels()[class].name, heard.classified.probs[class]);
    println!("{:<22} {:>8} {:>8} {:>10}", "method", "alone", "without", "seconds");
    for method in methods::available(&package).into_iter().chain(methods::BASELINES.iter().copied()) {
        let mut interpreter = methods::load(&package, method, &ComputeDevice::cpu(), 1)?;
        let began = Instant::now();
        let explanation = interpreter.explain(&heard.segment())?;
        let mask = explanation.whole_mask(ClassId(class));
        let seconds = began.elapsed().as_secs_f64();
        let alone = listener.classify_masked(&heard, &mask, explanation.mask_scale(), Keep::Inside)?.probs[class];
        let without = listener.classify_masked(&heard, &mask, explanation.mask_scale(), Keep::Outside)?.probs[class];
        println!("{method:<22} {alone:>8.3} {without:>8.3} {seconds:>10.4}");
    }
    Ok(())
}
