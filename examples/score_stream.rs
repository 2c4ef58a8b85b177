//! Scores a monitor's run over a stream of `make_stream`: the events of its JSON lines against the list of what was there.
//!
//! A report is correct where it has an event's label and overlaps it or begins within the collar of its onset; each event
//! and each report counts once. Everything else that was reported is a false alarm. Prints recall, precision, errors of
//! onset and offset, false alarms an hour, what the faithfulness figures say of the correct reports, latency (from the onset
//! that the report gives, and from the true one), and each class; with `--json` one JSON object instead.
//!
//! ```sh
//! cargo run --release --example score_stream -- --reference stream20/reference.csv --events stream20/events.jsonl
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use earwitness::eval::stream_files::{read_reference, read_report};
use earwitness::eval::stream_score::score_stream;
use earwitness::{Error, Result};

/// Score the events that a monitor reported against those that a stream holds.
///
/// A report is correct where it has an event's label and overlaps it or begins within the collar of its onset; each event
/// and each report counts once.
#[derive(Debug, Parser)]
#[command(name = "score_stream")]
struct Args {
    /// What was there: reference.csv of make_stream
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// What was reported: the JSON lines of `earwitness monitor --ui jsonl`
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Seconds that an onset may be off where the spans do not overlap
    #[arg(long, value_name = "SECS", default_value_t = 1.0)]
    collar: f64,
    /// Length of the stream in seconds [default: what the run's stop line says]
    #[arg(long, value_name = "SECS")]
    stream_secs: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Where even stderr is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "score_stream: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let reference = read_reference(&args.reference)?;
    let report = read_report(&args.events)?;
    let stream_s = args.stream_secs.or(report.stream_s).ok_or_else(|| {
        Error::input(format!(
            "{} does not say how long the stream was (it has no stop line); give --stream-secs",
            args.events.display()
        ))
    })?;
    let score = score_stream(&reference, &report.events, stream_s, args.collar);
    let mut text = if args.json {
        serde_json::to_string_pretty(&score)
            .map_err(|e| Error::bug(format!("the score cannot be written as JSON ({e}); please report this")))?
            + "\n"
    } else {
        score.table()
    };
    if let Some(dropped @ 1..) = report.dropped_samples
        && !args.json
    {
        text +=
            &format!("\nThe run dropped {dropped} samples: it could not keep up, and this is no score of the model.\n");
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Error::output(format!("cannot write to stdout: {e}; send it elsewhere")).with_source(e))
}
