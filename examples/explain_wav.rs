//! Explains a recording and writes what the classifier heard of it.
//!
//! ```sh
//! cargo run --release --example explain_wav -- bark.wav heard.wav lrp
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use earwitness::prelude::*;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("explain_wav: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, rest @ ..] = &arguments[..] else {
        return Err(Error::usage("give a recording, a WAV file to write, and perhaps a method"));
    };
    let method = rest.first().map_or(methods::AUTO, String::as_str);

    // The networks: what hears, and what says why.
    let package = Package::open(&find_model(DEFAULT_MODEL)?)?;
    let interpreter = methods::load(&package, methods::chosen(&package, method), &ComputeDevice::cpu(), 1)?;
    let mut inference = Inference::new(Classifier::load(&package)?, Some(interpreter));

    // The sound, at the rate that the model hears.
    let sample_rate = inference.classifier().front_end().sample_rate;
    let recording = read_recording(Path::new(input))?;
    let samples = resample(&recording.mono(), recording.sample_rate, sample_rate)?;

    let params = RecordingParams {
        source: input.clone(),
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        clock: StreamClock { start: SystemTime::now(), sample_rate },
        max_components: 5,
    };
    let report = explain_recording(&samples, &mut inference, None, &params)?;
    println!("{} with {:.2}", report.event.label, report.event.score);
    if let Some(figures) = report.event.faithfulness {
        println!("the interpretation alone: {:.2}; the rest: {:.2}", figures.prob_in, figures.prob_out);
    }
    write_wav(Path::new(output), sample_rate, &report.clip.interpretation)
}
