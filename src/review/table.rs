//! Events as CSV: one row an event, for spreadsheets and statistics.
//!
//! Columns are only ever added, at the end. Labels, sources and notes are untrusted: a cell that a spreadsheet would take
//! for a formula gets an apostrophe before it.

use std::borrow::Cow;
use std::io::Write;

use super::entry::{Entry, rfc3339};
use crate::archive::Verdict;
use crate::error::{Error, Result};
use crate::units::EvidenceVerdict;

/// The columns, in order, with what they hold.
pub const COLUMNS: &[(&str, &str)] = &[
    ("dir", "the event's folder, DAY/NAME"),
    ("id", "the event's id"),
    ("label", "what the classifier said"),
    ("groups", "groups of the label, with spaces between"),
    ("score", "highest probability, 0 to 1"),
    ("onset", "when it began, UTC"),
    ("offset", "when it ended, UTC"),
    ("duration_s", "seconds between"),
    ("local_offset_s", "the place's offset from UTC in seconds"),
    ("source", "the input"),
    ("model", "the model's name"),
    ("model_sha256", "the model's hash"),
    ("method", "the method that explained"),
    ("agrees", "whether the interpretation alone gives the same label"),
    ("prob", "probability of the label on the input"),
    ("prob_in", "on the interpretation alone"),
    ("prob_out", "on what is left without it"),
    ("components", "index:relevance of each relevant component, with spaces between"),
    ("top_component", "name of the most relevant one"),
    ("latency_s", "seconds of audio from the onset until the detector was sure"),
    ("clip_s", "seconds of the clip"),
    ("bytes", "size of the folder"),
    ("verdict", "right or wrong, if a person said so"),
    ("true_label", "what it was, if wrong"),
    ("starred", "whether it is kept for ever"),
    ("note", "what a person wrote"),
    ("marked", "when the marks were changed last, UTC"),
    ("continues", "id of the event that this one goes on from"),
    ("version", "version of the program that recorded it"),
    ("offset_in_file_s", "of a recording: seconds from its beginning to the onset"),
    ("evidence", "enough_and_needed, enough or not_enough"),
];

/// Writes a head line and a row for each entry.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where `out` cannot be written.
pub fn write_table(out: impl Write, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |e: csv::Error| {
        Error::output(format!("the table could not be written ({e}); check the folder and its disk")).with_source(e)
    };
    writer.write_record(COLUMNS.iter().map(|(name, _)| *name)).map_err(failed)?;
    for entry in entries {
        writer.write_record(row(&entry).iter()).map_err(failed)?;
    }
    writer.flush().map_err(|e| failed(e.into()))
}

fn row(Entry { key, event, marks }: &Entry) -> Vec<String> {
    let faithfulness = event.faithfulness.as_ref();
    let components: Vec<String> =
        event.components.iter().map(|c| format!("{}:{}", c.index, number(c.relevance))).collect();
    vec![
        text(key),
        text(&event.id),
        text(&event.label),
        text(&event.groups.join(" ")),
        number(event.score),
        rfc3339(event.onset),
        rfc3339(event.offset),
        format!("{:.3}", event.duration_secs()),
        event.local_offset.map(|offset| offset.seconds().to_string()).unwrap_or_default(),
        text(&event.source),
        text(&event.model.name),
        text(&event.model.sha256),
        text(&event.method),
        faithfulness.map(|f| f.agrees.to_string()).unwrap_or_default(),
        number(faithfulness.and_then(|f| f.prob)),
        number(faithfulness.and_then(|f| f.prob_in)),
        number(faithfulness.and_then(|f| f.prob_out)),
        components.join(" "),
        text(event.components.first().map_or("", |c| &c.name)),
        number(event.latency_secs),
        number(event.clip.as_ref().and_then(|clip| clip.duration_s)),
        event.bytes.to_string(),
        marks.verdict.map(Verdict::word).unwrap_or_default().to_owned(),
        text(marks.label.as_deref().unwrap_or_default()),
        marks.starred.to_string(),
        text(&marks.note),
        marks.marked.map(rfc3339).unwrap_or_default(),
        text(event.continues.as_deref().unwrap_or_default()),
        text(&event.version),
        number(event.in_file_secs),
        event.verdict.map(EvidenceVerdict::word).unwrap_or_default().to_owned(),
    ]
}

/// A number, or nothing where there is none.
fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

fn text(value: &str) -> String {
    harmless(value).into_owned()
}

/// `value`, with an apostrophe before what a spreadsheet would compute, and without control characters: a terminal would obey
/// them. Line breaks and tabs stay.
#[must_use]
pub fn harmless(value: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let computed = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if !computed && !value.contains(obeyed) {
        return Cow::Borrowed(value);
    }
    let shown: String = value.chars().map(|c| if obeyed(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    Cow::Owned(if computed { format!("'{shown}") } else { shown })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::page::tests::entry;
    use super::*;

    #[test]
    fn no_cell_steers_a_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb\rc\u{9b}d"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
        assert_eq!(harmless("two\nlines\tand a tab"), "two\nlines\tand a tab");
        assert_eq!(harmless("=1\u{7}"), "'=1\u{fffd}");
    }

    fn table(entries: Vec<Entry>) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        write_table(&mut out, entries).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn each_event_has_a_row_under_named_columns() {
        let rows = table(vec![entry("dog", "01A")]);
        assert_eq!(rows.len(), 2);
        let cell = |name: &str| rows[1][rows[0].iter().position(|column| column == name).unwrap()].as_str();
        assert_eq!(cell("dir"), "2026-11-20/150012Z-x-01A");
        assert_eq!((cell("label"), cell("score"), cell("agrees"), cell("prob_in")), ("dog", "0.93", "true", "0.95"));
        assert_eq!((cell("onset"), cell("duration_s")), ("2026-11-20T15:00:12.341Z", "1.761"));
        assert_eq!(cell("offset_in_file_s"), "12.341");
        assert_eq!((cell("components"), cell("top_component")), ("17:1 4:-0.41", "dog 3"));
        assert_eq!((cell("verdict"), cell("true_label"), cell("starred")), ("wrong", "cat", "true"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        let mut evil = entry("=HYPERLINK(\"http://x\")", "01A");
        evil.event.source = "+1".into();
        evil.marks.note = "@SUM(A1)\n-2".into();
        evil.marks.label = Some("-dog".into());
        let rows = table(vec![evil]);
        for (column, value) in rows[0].iter().zip(&rows[1]) {
            assert!(!value.starts_with(['=', '+', '-', '@']), "{column}: {value}");
        }
        assert!(rows[1].contains(&"'=HYPERLINK(\"http://x\")".to_owned()));
    }

    #[test]
    fn columns_stay_where_they_are() {
        // Scripts rely on this order: add behind the last one only.
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..6], ["dir", "id", "label", "groups", "score", "onset"]);
        assert_eq!((names.len(), names[29], names[30]), (31, "offset_in_file_s", "evidence"));
        assert_eq!(row(&entry("dog", "01A")).len(), names.len());
    }
}
