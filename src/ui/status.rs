//! The lines at the bottom, health and keys, and the banner that says that the stream is over.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::keys::{Action, TABLE, first_key};
use super::text::{clip_start, count, number, width, wrap};
use super::theme::Theme;
use crate::engine::snapshot::{Phase, Snapshot};

/// Lines of the longest banner.
const MAX_BANNER_LINES: usize = 3;

/// What the banner says, and whether it is a failure; `None` while the stream runs.
fn banner(app: &App) -> Option<(String, bool)> {
    let quit = first_key(Action::Quit);
    match app.phase()? {
        Phase::Running => None,
        Phase::Ended(reason) => Some((format!("ENDED: {reason}. Press {quit} to quit."), false)),
        Phase::Failed(sentence) => {
            let sentence = sentence.trim_end_matches('.');
            Some((format!("FAILED: {sentence}. Press {quit} to quit."), true))
        }
    }
}

/// Lines that the banner takes on a screen `cells` wide.
pub(super) fn banner_height(app: &App, cells: u16) -> u16 {
    let lines = banner(app).map_or(0, |(text, _)| wrap(&text, usize::from(cells).saturating_sub(2)).len());
    lines.min(MAX_BANNER_LINES) as u16
}

pub(super) fn draw_banner(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let Some((text, failed)) = banner(app) else { return };
    let style = if failed { theme.alarm() } else { theme.notice() };
    let lines = wrap(&text, usize::from(area.width).saturating_sub(2));
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_string(area.x, y, " ".repeat(area.width.into()), style);
        buffer.set_stringn(area.x + 1, y, line, area.width.into(), style);
    }
}

/// What the health line says, most urgent first.
fn health(app: &App, snapshot: &Snapshot, theme: Theme) -> Vec<(String, Style)> {
    let totals = &snapshot.totals;
    let mut items = Vec::new();
    let mut alarm = |text: String| items.push((format!(" {text} "), theme.alarm()));
    if let Some(secs) = app.stalled_secs {
        alarm(format!("NO NEW SOUND FOR {secs} s"));
    }
    if totals.dropped_samples > 0 {
        alarm(format!("DROPPED {} SAMPLES", count(totals.dropped_samples)));
    }
    if !snapshot.shed.is_empty() {
        alarm(format!("SHEDDING {}", snapshot.shed.join(", ")));
    }
    let overloaded = snapshot.load >= 1.0;
    if overloaded {
        alarm(format!("LOAD {}", number(snapshot.load, 2)));
    }
    if totals.xruns > 0 {
        alarm(format!("XRUNS {}", count(totals.xruns)));
    }
    if totals.invalid_samples > 0 {
        alarm(format!("INVALID {} SAMPLES", count(totals.invalid_samples)));
    }
    if totals.shed_strides > 0 {
        items.push((format!("shed {} strides", count(totals.shed_strides)), theme.warn()));
    }
    if !overloaded {
        items.push((format!("load {}", number(snapshot.load, 2)), Style::new()));
    }
    let latency = snapshot.latency.map_or("–".to_owned(), |l| format!("{} s", number(l.p50_secs, 2)));
    items.push((format!("latency {latency}"), Style::new()));
    if totals.dropped_samples == 0 {
        items.push(("dropped 0".to_owned(), theme.dim()));
    }
    if totals.xruns == 0 {
        items.push(("xruns 0".to_owned(), theme.dim()));
    }
    items
}

pub(super) fn draw_health(buffer: &mut Buffer, row: Rect, app: &App, theme: Theme) {
    let Some(snapshot) = app.snapshot.as_deref() else { return };
    let mut x = row.x + 1;
    for (text, style) in health(app, snapshot, theme) {
        // An item that does not fit is left out whole: half a number misleads.
        if usize::from(row.right().saturating_sub(x)) > width(&text) {
            x = buffer.set_stringn(x, row.y, &text, row.width.into(), style).0 + 2;
        }
    }
    let room = usize::from(row.right().saturating_sub(x + 1));
    let (text, style) = match &snapshot.record_dir {
        Some(_) if snapshot.recording_fails => (" RECORDING FAILS ".to_owned(), theme.alarm()),
        Some(dir) if room > 8 => (format!("rec {}", clip_start(dir, room - 4)), theme.strong()),
        Some(_) => ("rec".to_owned(), theme.strong()),
        None => ("not recording".to_owned(), theme.dim()),
    };
    let cells = width(&text);
    if cells <= room {
        buffer.set_string(row.right() - 1 - cells as u16, row.y, text, style);
    }
}

/// The first keys of the table that fit.
pub(super) fn draw_footer(buffer: &mut Buffer, row: Rect, theme: Theme) {
    let mut x = row.x + 1;
    for binding in TABLE {
        let (Some(name), Some(key)) = (binding.footer, binding.keys.first().map(|key| key.name())) else { continue };
        if usize::from(row.right().saturating_sub(x)) <= width(&key) + 1 + width(name) {
            break;
        }
        let (after_key, _) = buffer.set_stringn(x, row.y, key, row.width.into(), theme.key());
        x = buffer.set_stringn(after_key + 1, row.y, name, row.width.into(), theme.dim()).0 + 2;
    }
}
