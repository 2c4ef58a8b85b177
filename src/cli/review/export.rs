//! `review --export`: recorded events for other programs.

use std::io::Write;
use std::path::Path;

use super::made_file::{entry, readers, write_whole};
use crate::archive::{Filter, Index, Page};
use crate::cli::output;
use crate::error::Result;
use crate::review::entry::Entry;
use crate::review::lines::write_lines;
use crate::review::table::write_table;
use crate::review::tracks::Track;

/// The formats by their names.
pub(super) const FORMATS: [&str; 4] = ["csv", "jsonl", "audacity", "raven"];

/// Rights of a file about nothing: whatever the user's mask leaves.
const ANYONE: u32 = 0o666;

/// Writes the events of `filter`, newest first, or along their recording, into `out`, or onto stdout.
pub(super) fn export(
    index: &Index,
    filter: &Filter,
    limit: Option<u64>,
    format: &str,
    out: Option<&Path>,
) -> Result<()> {
    let rows = index.query(filter, Page { skip: 0, limit: limit.unwrap_or(u64::MAX) })?;
    let mode = readers(index, rows.first().map(|row| row.dir.as_str()));
    put(format, rows.iter().filter_map(|row| entry(index, &row.dir)), mode, out)
}

/// Writes what there is to write of no events.
pub(super) fn nothing(format: &str, out: Option<&Path>) -> Result<()> {
    put(format, [], ANYONE, out)
}

fn put(format: &str, entries: impl IntoIterator<Item = Entry>, mode: u32, out: Option<&Path>) -> Result<()> {
    match out.filter(|file| *file != Path::new("-")) {
        Some(file) => write_whole(mode, file, |out| write(format, entries, out)).map(|_| ()),
        None => {
            let mut text = Vec::new();
            write(format, entries, &mut text)?;
            output::print(&String::from_utf8_lossy(&text))
        }
    }
}

fn write(format: &str, entries: impl IntoIterator<Item = Entry>, out: impl Write) -> Result<()> {
    let track = |entries| -> Result<Track> {
        let track = Track::new(entries)?;
        if track.left_out > 0 {
            output::note(&format!("{} events were heard live, not in a recording: left out", track.left_out));
        }
        Ok(track)
    };
    match format {
        "jsonl" => write_lines(out, entries),
        "audacity" => track(entries)?.write_audacity(out),
        "raven" => track(entries)?.write_raven(out),
        _ => write_table(out, entries),
    }
}
