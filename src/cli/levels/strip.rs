//! A day of levels as text: a row a span, a strip of its minutes, and the loudest minutes.

use std::fmt::Write as _;

use super::by::By;
use crate::archive::level_day::LevelDay;
use crate::archive::level_summary::LevelSummary;
use crate::cli::blocks::block;
use crate::cli::level_day::length;
use crate::cli::output::printable;

/// Minutes that are named as the loudest.
const LOUDEST: usize = 5;

/// The table of a day.
pub(super) fn text(day: &LevelDay, by: By) -> String {
    let minutes = day.spans(60);
    let (source, unit) = (printable(&day.source.name), day.source.unit());
    // Writing to a String cannot fail.
    let mut text = format!("{source}, {}, {unit}\n", day.day);
    let _ = writeln!(text, "{:<8} {:>6} {:>6} {:>6} {:>6} {:>6}", "", "LAeq", "LAFmax", "L10", "L50", "L90");
    let scale = scale(&minutes);
    let form = if by == By::Second { "%H:%M:%S" } else { "%H:%M" };
    for (at, levels) in day.spans(by.secs()) {
        let strip = if by == By::Hour { strip(at, &minutes, scale) } else { String::new() };
        let _ = writeln!(text, "{}", format!("{} {strip}", row(&day.clock(at, form), &levels)).trim_end());
    }
    if let Some(levels) = day.whole() {
        let _ = writeln!(text, "{}", row("day", &levels));
        let _ = writeln!(text, "{} without levels", length(day.n_secs - levels.n_secs as i64));
    }
    let named = |(at, levels): (i64, LevelSummary)| format!("{} {:.1}", day.clock(at, "%H:%M"), levels.laeq_db);
    let loudest: Vec<String> = day.loudest(LOUDEST).into_iter().map(named).collect();
    let _ = writeln!(text, "loudest: {}", loudest.join(", "));
    text
}

fn row(name: &str, levels: &LevelSummary) -> String {
    let [l10, l50, l90] = levels.exceeded_db;
    format!("{name:<8} {:>6.1} {:>6.1} {l10:>6.1} {l50:>6.1} {l90:>6.1}", levels.laeq_db, levels.lafmax_db)
}

/// Lowest and highest LAeq of the minutes.
fn scale(minutes: &[(i64, LevelSummary)]) -> (f64, f64) {
    let levels = || minutes.iter().map(|(_, levels)| levels.laeq_db);
    (levels().fold(f64::INFINITY, f64::min), levels().fold(f64::NEG_INFINITY, f64::max))
}

/// The sixty minutes of an hour that begins at `hour`: a block each, a blank where there are no levels.
fn strip(hour: i64, minutes: &[(i64, LevelSummary)], (low, high): (f64, f64)) -> String {
    let drawn = |minute: i64| {
        let levels = minutes.iter().find(|(at, _)| *at == hour + 60 * minute)?;
        Some(block((levels.1.laeq_db - low) / (high - low).max(1.0)))
    };
    (0..60).map(|minute| drawn(minute).unwrap_or(' ')).collect()
}
