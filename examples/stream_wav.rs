//! Hears a recording as a stream, in pieces as a sound card delivers them, and prints each event when it is known. Here the
//! program owns the loop: no threads, no clock, no files but the recording.
//!
//! ```sh
//! cargo run --release --example stream_wav -- yard.wav
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use earwitness::prelude::*;

/// Samples that come at once.
const CHUNK: usize = 512;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("stream_wav: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run() -> Result<()> {
    let input = std::env::args().nth(1).ok_or_else(|| Error::usage("give a recording"))?;
    let package = Package::open(&find_model(DEFAULT_MODEL)?)?;
    let interpreter = methods::load(&package, methods::chosen(&package, methods::AUTO), &ComputeDevice::cpu(), 1)?;
    let mut inference = Inference::new(Classifier::load(&package)?, Some(interpreter));
    let sample_rate = inference.classifier().front_end().sample_rate;
    let recording = read_recording(Path::new(&input))?;
    let samples = resample(&recording.mono(), recording.sample_rate, sample_rate)?;

    let params = PipelineParams {
        source: input,
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        clock: StreamClock { start: SystemTime::now(), sample_rate },
        detector: DetectorParams::from_labels(inference.classifier().labels()),
        pre_roll_secs: 1.0,
        post_roll_secs: 1.0,
        max_components: 5,
    };
    let mut pipeline = Pipeline::new(params, &inference)?;
    let mut events = Vec::new();
    for chunk in samples.chunks(CHUNK) {
        pipeline.push(&mut inference, chunk, &mut events)?;
        events.drain(..).for_each(|event| tell(&event));
    }
    // What is open is closed.
    pipeline.finish(&mut inference, &mut events)?;
    events.drain(..).for_each(|event| tell(&event));
    Ok(())
}

fn tell(report: &EventReport) {
    let EventReport { event, clip } = report;
    let secs = |position| event.clock.secs(position);
    let (label, score) = (&event.label, event.score);
    println!("{:8.2} s to {:8.2} s  {label} {score:.2}", secs(event.onset), secs(event.offset));
    if let Some(component) = event.components.first() {
        println!("    most relevant: component {} {}", component.index, component.name);
    }
    let loudest = clip.interpretation.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    println!("    {} samples of interpretation, peak {loudest:.3}", clip.interpretation.len());
}
