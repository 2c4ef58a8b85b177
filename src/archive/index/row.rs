//! One row of the index.

use jiff::{Timestamp, tz::Offset};
use rusqlite::{Connection, params, types::Type};

use crate::archive::{
    event::StoredEvent,
    marks::{Marks, Verdict},
};
use crate::units::EvidenceVerdict;

/// The stamp of marks that could not be read: what the row says of them is not known to be so, and is decided anew at the
/// next look. Until then the event is not removed, because it may be starred.
pub(super) const DOUBTFUL: i64 = -1;

/// Longest folder that the tables allow, in bytes; nothing is that long.
const MAX_BYTES: i64 = 1 << 50;

/// What a list shows of an event, and its filters look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The event's key: its folder below the recording folder, as in `2026-11-20/150012Z-dog-01JD…`.
    pub dir: String,
    /// The day's folder, in UTC: `YYYY-MM-DD`.
    pub day: String,
    /// The event's id.
    pub id: String,
    /// The class's label.
    pub label: String,
    /// Groups of the label.
    pub groups: Vec<String>,
    /// Highest probability, 0…1.
    pub score: Option<f64>,
    /// When it began.
    pub onset: Timestamp,
    /// Its length in seconds.
    pub duration_secs: f64,
    /// Of a recording: seconds from its beginning to the onset.
    pub in_file_secs: Option<f64>,
    /// The recording computer's offset from UTC at that time.
    pub local_offset: Option<Offset>,
    /// The input.
    pub source: String,
    /// The method that explained.
    pub method: String,
    /// Whether the interpretation alone gives the same label, where that was measured.
    pub agrees: Option<bool>,
    /// What the figures below come to.
    pub evidence: Option<EvidenceVerdict>,
    /// Probability of the label on the input.
    pub prob: Option<f64>,
    /// Probability of the label on the interpretation alone.
    pub prob_in: Option<f64>,
    /// Probability of the label on what is left.
    pub prob_out: Option<f64>,
    /// Whether there is audio.
    pub has_clip: bool,
    /// Id of the event that this one goes on from.
    pub continues: Option<String>,
    /// Length of the folder's files together, in bytes.
    pub bytes: u64,
    /// What people said of it.
    pub marks: Marks,
}

/// The columns that [`Row`] is read from, in its order.
pub(super) const COLUMNS: &str = "dir, day, id, label, groups, score, onset_ms, duration_ms, local_offset_s, source, method, agrees, \
     prob, prob_in, prob_out, has_clip, continues, bytes, verdict, was, starred, note, marked_ms, in_file_ms, \
     evidence";

impl Row {
    /// Reads a row with the columns [`COLUMNS`].
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let time = |column: usize, ms: i64| {
            Timestamp::from_millisecond(ms)
                .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(e)))
        };
        let groups: String = row.get(4)?;
        let verdict: Option<String> = row.get(18)?;
        let offset: Option<i32> = row.get(8)?;
        let marked: Option<i64> = row.get(22)?;
        let in_file_ms: Option<i64> = row.get(23)?;
        let evidence: Option<String> = row.get(24)?;
        Ok(Self {
            dir: row.get(0)?,
            day: row.get(1)?,
            id: row.get(2)?,
            label: row.get(3)?,
            groups: groups.split('\n').filter(|g| !g.is_empty()).map(str::to_owned).collect(),
            score: row.get(5)?,
            onset: time(6, row.get(6)?)?,
            duration_secs: row.get::<_, i64>(7)? as f64 / 1000.0,
            in_file_secs: in_file_ms.map(|ms| ms as f64 / 1000.0),
            local_offset: offset.and_then(|secs| Offset::from_seconds(secs).ok()),
            source: row.get(9)?,
            method: row.get(10)?,
            agrees: row.get(11)?,
            evidence: evidence.as_deref().and_then(EvidenceVerdict::named),
            prob: row.get(12)?,
            prob_in: row.get(13)?,
            prob_out: row.get(14)?,
            has_clip: row.get(15)?,
            continues: row.get(16)?,
            bytes: u64::try_from(row.get::<_, i64>(17)?).unwrap_or(0),
            marks: Marks {
                verdict: verdict.as_deref().and_then(Verdict::of),
                label: row.get(19)?,
                starred: row.get(20)?,
                note: row.get(21)?,
                marked: marked.map(|ms| time(22, ms)).transpose()?,
            },
        })
    }
}

/// Puts an event into the index, in place of the row with its key.
pub(super) fn insert(
    connection: &Connection,
    key: &str,
    event: &StoredEvent,
    marks: &Marks,
    marks_stamp: i64,
) -> rusqlite::Result<()> {
    let day = key.split_once('/').map_or("", |(day, _)| day);
    // Names come from files; one with a line break would look like two.
    let groups: Vec<String> = event.groups.iter().map(|group| group.replace('\n', " ")).collect();
    let figures = event.faithfulness.as_ref();
    // Not OR REPLACE: that deletes without a trigger's noticing.
    connection.prepare_cached("DELETE FROM events WHERE dir = ?1")?.execute([key])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (dir, day, id, label, groups, score, tenths, onset_ms, duration_ms, local_offset_s, source, method, agrees,
         prob, prob_in, prob_out, has_clip, continues, bytes, verdict, was, starred, note, marked_ms, marks_stamp, in_file_ms,
         evidence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26,
         ?27)",
    )?;
    statement.execute(params![
        key,
        day,
        event.id,
        event.label,
        groups.join("\n"),
        event.score,
        tenths(event.score),
        event.onset.as_millisecond(),
        (event.duration_secs() * 1000.0).round() as i64,
        event.local_offset.map(Offset::seconds),
        event.source,
        event.method,
        figures.map(|f| f.agrees),
        figures.and_then(|f| f.prob),
        figures.and_then(|f| f.prob_in),
        figures.and_then(|f| f.prob_out),
        event.files.clip.is_some(),
        event.continues,
        length(event.bytes),
        marks.verdict.map(Verdict::word),
        marks.label,
        marks.starred,
        marks.note,
        marks.marked.map(Timestamp::as_millisecond),
        marks_stamp,
        event.in_file_secs.map(|secs| (secs * 1000.0).round() as i64),
        event.verdict.map(EvidenceVerdict::word),
    ])?;
    Ok(())
}

/// Puts marks into the row of `key`; whether there is one.
pub(super) fn mark(
    connection: &Connection,
    key: &str,
    marks: &Marks,
    marks_stamp: i64,
    bytes: Option<u64>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "UPDATE events SET verdict = ?2, was = ?3, starred = ?4, note = ?5, marked_ms = ?6, marks_stamp = ?7,
         bytes = coalesce(?8, bytes) WHERE dir = ?1",
    )?;
    let n = statement.execute(params![
        key,
        marks.verdict.map(Verdict::word),
        marks.label,
        marks.starred,
        marks.note,
        marks.marked.map(Timestamp::as_millisecond),
        marks_stamp,
        bytes.map(length),
    ])?;
    Ok(n > 0)
}

/// Says that nobody knows the newest marks of the event `key`: those in its row stay until its folder can be read.
pub(super) fn doubt(connection: &Connection, key: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("UPDATE events SET marks_stamp = ?2 WHERE dir = ?1")?;
    Ok(statement.execute(params![key, DOUBTFUL])? > 0)
}

/// A length within what the tables allow.
fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX).min(MAX_BYTES)
}

/// A score in whole tenths, downwards: what retention compares before age.
fn tenths(score: Option<f64>) -> i64 {
    score.map_or(0, |score| (score * 10.0).floor() as i64)
}
