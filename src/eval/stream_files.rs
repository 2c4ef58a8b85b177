//! The files of a test stream: the reference list (CSV) and what a monitor reported (JSON lines).

use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use super::events::Span;
use super::stream::ReferenceEvent;
use crate::checked_file::{self, Links};
use crate::units::EvidenceVerdict;
use crate::{Error, Result};

/// Longest file that is read, in bytes: some million lines.
const MAX_BYTES: u64 = 1 << 30;

/// Columns of a reference list.
const COLUMNS: [&str; 5] = ["label", "onset_s", "offset_s", "clip", "snr_db"];

/// Writes a reference list: CSV with a header, seconds to the microsecond.
///
/// # Errors
/// Of kind `Output` where the file cannot be written.
pub fn write_reference(path: &Path, reference: &[ReferenceEvent]) -> Result<()> {
    let mut text = COLUMNS.join(",") + "\n";
    for ReferenceEvent { span, clip, snr_db } in reference {
        let (label, clip) = (quoted(&span.label), quoted(clip));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{label},{:.6},{:.6},{clip},{snr_db}", span.onset_s, span.offset_s);
    }
    std::fs::write(path, text).map_err(|e| {
        Error::output(format!("cannot write {}: {e}; check the folder and the free space", path.display()))
            .with_source(e)
    })
}

/// Reads a reference list; columns may stand in any order, beside others.
///
/// # Errors
/// Of kind `Input`, naming the line: a missing file or column, a field that is no number, an offset before its onset.
pub fn read_reference(path: &Path) -> Result<Vec<ReferenceEvent>> {
    let text = read(path)?;
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, fields(line)));
    let header = lines.next().map(|(_, header)| header).unwrap_or_default();
    let mut columns = [0; COLUMNS.len()];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        *column = header.iter().position(|field| field == name).ok_or_else(|| {
            Error::input(format!(
                "the reference list {} has no column \"{name}\"; its header must name {}",
                path.display(),
                COLUMNS.join(",")
            ))
        })?;
    }
    let mut reference = Vec::new();
    for (line, row) in lines.filter(|(_, row)| row.iter().any(|field| !field.is_empty())) {
        let bad = |what: &str| Error::input(format!("line {line} of {} {what}; mend that line", path.display()));
        let text = |c: usize| row.get(columns[c]).cloned().ok_or_else(|| bad("has too few fields"));
        let number = |c: usize| match text(c)?.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(bad(&format!("has no number under {}", COLUMNS[c]))),
        };
        let span = Span { label: text(0)?, onset_s: number(1)?, offset_s: number(2)? };
        if span.offset_s < span.onset_s {
            return Err(bad("ends before it begins"));
        }
        reference.push(ReferenceEvent { span, clip: text(3)?, snr_db: number(4)? });
    }
    Ok(reference)
}

/// What the classifier said of an event's interpretation.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ReportedFaithfulness {
    /// Whether the interpretation alone gives the same label.
    pub agrees: bool,
    /// Probability of the label on the sound.
    pub prob: Option<f64>,
    /// On the interpretation.
    pub prob_in: Option<f64>,
    /// On what is left without it.
    pub prob_out: Option<f64>,
}

/// An event that a monitor reported.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedEvent {
    /// Label, onset and offset.
    pub span: Span,
    /// How faithful its interpretation is, if that was measured.
    pub faithfulness: Option<ReportedFaithfulness>,
    /// What the figures came to, if that was reported.
    pub verdict: Option<EvidenceVerdict>,
    /// From the moment the event could be told to its report, in seconds.
    pub latency_s: Option<f64>,
}

/// What a monitor reported in one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MonitorReport {
    /// The events, in the order of the lines.
    pub events: Vec<ReportedEvent>,
    /// Length of the stream in seconds, where the run said that it stopped.
    pub stream_s: Option<f64>,
    /// Samples that the run dropped in all, where it said that it stopped.
    pub dropped_samples: Option<u64>,
}

/// One line, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Line {
    r#type: String,
    label: Option<String>,
    onset_s: Option<f64>,
    offset_s: Option<f64>,
    faithfulness: Option<ReportedFaithfulness>,
    verdict: Option<String>,
    latency_s: Option<f64>,
    t_s: Option<f64>,
    dropped_samples: Option<u64>,
}

/// Reads the JSON lines of a monitor's run (or of several that follow each other: the last `stop` counts).
///
/// # Errors
/// Of kind `Input`, naming the line: a file that cannot be read, a line that is no such object, an event without label,
/// onset or offset.
pub fn read_report(path: &Path) -> Result<MonitorReport> {
    let mut report = MonitorReport::default();
    for (i, text) in read(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |what: &str| {
            Error::input(format!(
                "line {} of {} {what}; give the JSON lines of `earwitness monitor --ui jsonl`",
                i + 1,
                path.display()
            ))
        };
        let line: Line = serde_json::from_str(text).map_err(|e| bad(&format!("is no report ({e})")))?;
        match line.r#type.as_str() {
            "event" => {
                let (Some(label), Some(onset_s), Some(offset_s)) = (line.label, line.onset_s, line.offset_s) else {
                    return Err(bad("is an event without label, onset_s or offset_s"));
                };
                let span = Span { label, onset_s, offset_s };
                let (faithfulness, latency_s) = (line.faithfulness, line.latency_s);
                let verdict = line.verdict.as_deref().and_then(EvidenceVerdict::named);
                report.events.push(ReportedEvent { span, faithfulness, verdict, latency_s });
            }
            "stop" => (report.stream_s, report.dropped_samples) = (line.t_s, line.dropped_samples),
            _ => {}
        }
    }
    Ok(report)
}

fn read(path: &Path) -> Result<String> {
    checked_file::read_text(path, Links::Follow, MAX_BYTES)
        .map_err(|e| Error::input(format!("cannot read {}: {e}; check the path", path.display())).with_source(e))
}

/// A field as CSV holds it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// The fields of one line; a quoted one may hold commas, and quotes doubled.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut inside = false;
    let mut chars = line.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '"' if inside && chars.peek() == Some(&'"') => fields[last].extend(chars.next()),
            '"' => inside = !inside,
            ',' if !inside => fields.push(String::new()),
            c => fields[last].push(c),
        }
    }
    fields
}
