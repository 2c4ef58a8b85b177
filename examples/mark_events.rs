//! Marks the events of a recording folder as a patient person would who knows what sounded when: right where the reference list of
//! `make_stream` has the label at that time, else wrong, with the label that it has there instead. For measuring what
//! `earwitness learn` gains.
//!
//! ```sh
//! cargo run --release --example mark_events -- --reference day1/reference.csv --record events --most 20
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use earwitness::archive::{Filter, Index, Judged, Marks, Page, Verdict, read_event};
use earwitness::eval::stream::ReferenceEvent;
use earwitness::eval::stream_files::read_reference;
use earwitness::train::dataset::OTHER;
use earwitness::{Error, Result};

/// Mark recorded events right or wrong by what sounded when.
#[derive(Debug, Parser)]
#[command(name = "mark_events")]
struct Args {
    /// What was there: reference.csv of make_stream
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// Folder that `monitor --record` wrote while it heard that stream
    #[arg(long, value_name = "DIR")]
    record: PathBuf,
    /// Mark at most so many events, the wrong ones first, the earliest first [default: all]
    #[arg(long, value_name = "N", default_value_t = usize::MAX)]
    most: usize,
    /// Seconds that an onset may be off where the spans do not overlap
    #[arg(long, value_name = "SECS", default_value_t = 1.0)]
    collar: f64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Where even stderr is gone there is nobody left to report to.
            let _ = writeln!(std::io::stderr(), "mark_events: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let reference = read_reference(&args.reference)?;
    let mut index = Index::open(&args.record)?;
    let unmarked = Filter { judged: Some(Judged::No), ..Filter::default() };
    let mut verdicts = Vec::new();
    for row in index.query(&unmarked, Page::ALL)? {
        let event = read_event(&index.folder(&row.dir))?;
        let (Some(onset), Some(offset)) = (event.onset_s, event.offset_s) else { continue };
        let marks = judge(&reference, &event.label, [onset - args.collar, offset]);
        verdicts.push((marks.verdict == Some(Verdict::Right), event.id, row.dir, marks));
    }
    verdicts.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    verdicts.truncate(args.most);
    let wrong = verdicts.iter().filter(|(right, ..)| !right).count();
    for (_, _, dir, marks) in &verdicts {
        index.set_marks(dir, marks)?;
    }
    let text = format!("{} events marked: {wrong} wrong, {} right\n", verdicts.len(), verdicts.len() - wrong);
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Error::output(format!("cannot write to stdout: {e}; send it elsewhere")).with_source(e))
}

/// What sounded in a span decides.
fn judge(reference: &[ReferenceEvent], label: &str, [from, to]: [f64; 2]) -> Marks {
    let sounding: Vec<&str> = reference
        .iter()
        .filter(|event| event.span.onset_s <= to && from <= event.span.offset_s)
        .map(|event| event.span.label.as_str())
        .collect();
    if sounding.contains(&label) {
        return Marks { verdict: Some(Verdict::Right), ..Marks::default() };
    }
    let instead = sounding.iter().find(|label| **label != OTHER).map(|label| (*label).to_owned());
    Marks { verdict: Some(Verdict::Wrong), label: instead, ..Marks::default() }
}
