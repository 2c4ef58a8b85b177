//! Events as labels on the recording that they were heard in: a label track for Audacity, a selection table for Raven.

use std::collections::BTreeSet;
use std::io::Write;

use super::entry::Entry;
use crate::archive::Verdict;
use crate::error::{Error, Result};

/// Where a selection ends that nothing is known of: what people hear.
const HIGHEST_HZ: f64 = 20_000.0;

/// Recordings that an error names.
const NAMED: usize = 5;

/// Events of one recording, in the order of time.
#[derive(Debug)]
pub struct Track {
    labels: Vec<Label>,
    /// Events of no recording: they were heard live.
    pub left_out: usize,
}

#[derive(Debug)]
struct Label {
    begin_secs: f64,
    end_secs: f64,
    entry: Entry,
}

impl Track {
    /// Lays events on the recording that they come from.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] where they come from more than one recording, or from live sound alone.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self> {
        let (mut labels, mut left_out) = (Vec::new(), 0);
        for entry in entries {
            match entry.event.in_file_secs {
                Some(begin_secs) => {
                    labels.push(Label { begin_secs, end_secs: begin_secs + entry.event.duration_secs(), entry });
                }
                None => left_out += 1,
            }
        }
        let sources: BTreeSet<String> = labels.iter().map(|label| plain(&label.entry.event.source)).collect();
        if sources.len() > 1 {
            let named: Vec<&str> = sources.iter().take(NAMED).map(String::as_str).collect();
            let more = if sources.len() > NAMED { ", …" } else { "" };
            return Err(Error::usage(format!(
                "the events come from {} recordings ({}{more}), and such a file belongs to one; choose with --text NAME",
                sources.len(),
                named.join(", ")
            )));
        }
        if labels.is_empty() && left_out > 0 {
            return Err(Error::usage(
                "all of the events were heard live, not in a recording; give --export csv or jsonl, which have their times",
            ));
        }
        labels.sort_by(|a, b| a.begin_secs.total_cmp(&b.begin_secs));
        Ok(Self { labels, left_out })
    }

    /// Writes a label track for Audacity: begin and end in seconds, and the label with its score, with tabs between.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] where `out` cannot be written.
    pub fn write_audacity(&self, mut out: impl Write) -> Result<()> {
        for Label { begin_secs, end_secs, entry } in &self.labels {
            let label = plain(&entry.event.label);
            let score = entry.event.score.map_or_else(String::new, |score| format!(" {score:.2}"));
            writeln!(out, "{begin_secs:.6}\t{end_secs:.6}\t{label}{score}").map_err(failed)?;
        }
        Ok(())
    }

    /// Writes a selection table for Raven: a head line, then a line for each event. A selection reaches from 0 Hz to half of
    /// the clip's sample rate, because an event has no place in frequency.
    ///
    /// # Errors
    /// As [`Self::write_audacity`].
    pub fn write_raven(&self, mut out: impl Write) -> Result<()> {
        let head = [
            "Selection",
            "View",
            "Channel",
            "Begin Time (s)",
            "End Time (s)",
            "Low Freq (Hz)",
            "High Freq (Hz)",
            "Begin File",
            "Annotation",
            "Score",
            "Mark",
            "True Label",
            "Event",
        ];
        writeln!(out, "{}", head.join("\t")).map_err(failed)?;
        for (i, Label { begin_secs, end_secs, entry }) in self.labels.iter().enumerate() {
            let Entry { event, marks, key } = entry;
            let rate = event.clip.as_ref().and_then(|clip| clip.sample_rate_hz);
            let row = [
                (i + 1).to_string(),
                "Spectrogram 1".to_owned(),
                "1".to_owned(),
                format!("{begin_secs:.6}"),
                format!("{end_secs:.6}"),
                "0.0".to_owned(),
                format!("{:.1}", rate.map_or(HIGHEST_HZ, |hz| f64::from(hz) / 2.0)),
                file_name(&event.source),
                plain(&event.label),
                event.score.map_or_else(String::new, |score| format!("{score:.4}")),
                marks.verdict.map(Verdict::word).unwrap_or_default().to_owned(),
                plain(marks.label.as_deref().unwrap_or_default()),
                plain(key),
            ];
            writeln!(out, "{}", row.join("\t")).map_err(failed)?;
        }
        Ok(())
    }
}

/// The file that `file:CARD/YARD.WAV` names, as Raven lists it: without its folder.
fn file_name(source: &str) -> String {
    let path = source.strip_prefix("file:").unwrap_or(source);
    plain(path.rsplit('/').next().unwrap_or(path))
}

/// `text` in one field of one line: it may come from elsewhere.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn failed(e: std::io::Error) -> Error {
    Error::output(format!("the labels could not be written ({e}); check the folder and its disk")).with_source(e)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::page::tests::entry;
    use super::*;

    fn at(label: &str, begin_secs: f64) -> Entry {
        let mut entry = entry(label, "01A");
        entry.event.in_file_secs = Some(begin_secs);
        entry
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_label_track_is_in_the_order_of_time() {
        let track = Track::new([at("dog\tor\ncat", 70.5), at("dog", 12.341)]).unwrap();
        let lines = text(|out| track.write_audacity(out));
        assert_eq!(lines, "12.341000\t14.102000\tdog 0.93\n70.500000\t72.261000\tdog or cat 0.93\n");
    }

    #[test]
    fn a_selection_table_has_what_raven_asks_for() {
        let mut one = at("dog", 12.341);
        one.event.source = "file:card/A01/yard.wav".into();
        let table = text(|out| Track::new([one]).unwrap().write_raven(out));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        let cell = |name: &str| rows[1][rows[0].iter().position(|column| *column == name).unwrap()];
        assert!(rows.len() == 2 && rows[0].len() == rows[1].len(), "{rows:?}");
        assert_eq!((cell("Selection"), cell("View"), cell("Channel")), ("1", "Spectrogram 1", "1"));
        assert_eq!((cell("Begin Time (s)"), cell("End Time (s)")), ("12.341000", "14.102000"));
        assert_eq!(cell("Low Freq (Hz)"), "0.0");
        assert!(cell("High Freq (Hz)").parse::<f64>().unwrap() > 1000.0);
        assert_eq!((cell("Begin File"), cell("Annotation"), cell("Score")), ("yard.wav", "dog", "0.9300"));
        assert_eq!((cell("Mark"), cell("True Label")), ("wrong", "cat"));
    }

    #[test]
    fn labels_lie_on_one_recording() {
        let (mut other, mut live) = (at("dog", 1.0), at("dog", 1.0));
        other.event.source = "file:other.wav".into();
        live.event.in_file_secs = None;
        let message = Track::new([at("dog", 1.0), other]).unwrap_err().to_string();
        assert!(message.contains("2 recordings") && message.contains("file:other.wav"), "{message}");
        assert!(message.contains("--text"), "{message}");
        assert_eq!(Track::new([at("dog", 1.0), live.clone()]).unwrap().left_out, 1);
        assert!(Track::new([live]).unwrap_err().to_string().contains("heard live"));
        assert_eq!(text(|out| Track::new([]).unwrap().write_audacity(out)), "");
    }
}
