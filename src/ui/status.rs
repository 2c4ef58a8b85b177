//! The lines at the bottom: health and keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::keys::{Action, Binding, TABLE};
use super::text::{clip, clip_start, count, number, width};
use super::theme::Theme;
use crate::engine::report::Latency;
use crate::engine::snapshot::Snapshot;

/// From this width on the health line says where the networks run, and how long the slowest events took.
const ROOMY_CELLS: u16 = 80;
/// From this width on it says which latency is which.
const WIDE_CELLS: u16 = 100;

/// Being behind by so much is worth saying.
const LAG_SECS: f64 = 0.5;

/// What the health line says, most urgent first.
fn health(app: &App, snapshot: &Snapshot, cells: u16, theme: Theme) -> Vec<(String, Style)> {
    let totals = &snapshot.totals;
    let mut items = Vec::new();
    let mut alarm = |text: String| items.push((format!(" {text} "), theme.alarm()));
    if let Some(secs) = app.stalled_secs {
        alarm(format!("NO NEW SOUND FOR {secs} s"));
    }
    if totals.dropped_samples > 0 {
        alarm(format!("DROPPED {} SAMPLES", count(totals.dropped_samples)));
    }
    let device = if cells >= ROOMY_CELLS { format!(" ({})", snapshot.device) } else { String::new() };
    let overloaded = snapshot.load >= 1.0;
    if overloaded {
        alarm(format!("LOAD {}{device}", number(snapshot.load, 2)));
    }
    if totals.xruns > 0 {
        alarm(format!("XRUNS {}", count(totals.xruns)));
    }
    if totals.invalid_samples > 0 {
        alarm(format!("INVALID {} SAMPLES", count(totals.invalid_samples)));
    }
    if snapshot.lag_secs > LAG_SECS {
        items.push((format!("lag {} s", number(snapshot.lag_secs, 1)), theme.warn()));
    }
    if totals.shed_strides > 0 {
        items.push((format!("shed {} strides", count(totals.shed_strides)), theme.warn()));
    }
    if !overloaded {
        items.push((format!("load {}{device}", number(snapshot.load, 2)), Style::new()));
    }
    items.push((format!("latency {}", latency(snapshot.latency, cells)), Style::new()));
    if totals.dropped_samples == 0 {
        items.push(("dropped 0".to_owned(), theme.dim()));
    }
    if totals.xruns == 0 {
        items.push(("xruns 0".to_owned(), theme.dim()));
    }
    items
}

/// Time from sound to event: of half of the events, and of 99 of 100 where there is room.
fn latency(latency: Option<Latency>, cells: u16) -> String {
    let Some(Latency { p50_secs, p99_secs }) = latency else { return "–".to_owned() };
    let (p50, p99) = (number(p50_secs, 2), number(p99_secs, 2));
    match cells {
        WIDE_CELLS.. => format!("p50 {p50} s, p99 {p99} s"),
        ROOMY_CELLS.. => format!("{p50}/{p99} s"),
        _ => format!("{p50} s"),
    }
}

pub(super) fn draw_health(buffer: &mut Buffer, row: Rect, app: &App, theme: Theme) {
    let Some(snapshot) = app.snapshot.as_deref() else { return };
    // Whether there will be evidence is always said, and first of all if there will not.
    let recording = match &snapshot.record_dir {
        Some(_) if snapshot.recording_fails.is_some() => " RECORDING FAILS ",
        Some(_) => "rec",
        None => "",
    };
    let reserved = if recording.is_empty() { 0 } else { width(recording) as u16 + 2 };
    let end = row.right().saturating_sub(reserved);
    let mut x = row.x + 1;
    for (text, style) in health(app, snapshot, row.width, theme) {
        // An item that does not fit is left out whole: half a number misleads.
        if usize::from(end.saturating_sub(x)) > width(&text) {
            x = buffer.set_stringn(x, row.y, &text, row.width.into(), style).0 + 2;
        }
    }
    let room = usize::from(row.right().saturating_sub(x + 1));
    let (text, style) = match &snapshot.record_dir {
        Some(_) if snapshot.recording_fails.is_some() => (recording.to_owned(), theme.alarm()),
        Some(dir) if room > 8 => (format!("rec {}", clip_start(dir, room - 4)), theme.strong()),
        Some(_) => (recording.to_owned(), theme.strong()),
        None => ("not recording".to_owned(), theme.dim()),
    };
    let cells = width(&text);
    if cells <= room {
        buffer.set_string(row.right() - 1 - cells as u16, row.y, text, style);
    }
}

/// Whether the key of `action` can do anything now.
fn is_useful(action: Action, snapshot: Option<&Snapshot>) -> bool {
    match action {
        Action::NextInput => snapshot.is_some_and(|snapshot| snapshot.inputs.len() > 1),
        Action::Listen => snapshot.is_some_and(|snapshot| snapshot.listen.is_some()),
        _ => true,
    }
}

/// The first keys of the table that fit; for a moment, why a key did nothing; while a label is chosen, how it stands.
pub(super) fn draw_footer(buffer: &mut Buffer, row: Rect, app: &App, theme: Theme) {
    if let Some(hint) = &app.hint {
        let text = clip(&hint.text, usize::from(row.width).saturating_sub(2));
        buffer.set_string(row.x + 1, row.y, text, theme.warn());
        return;
    }
    if let Some(line) = app.label_line() {
        buffer.set_string(row.x + 1, row.y, clip(&line, usize::from(row.width).saturating_sub(2)), theme.strong());
        return;
    }
    let useful = TABLE.iter().filter(|binding| is_useful(binding.action, app.snapshot.as_deref()));
    draw_keys(buffer, row, useful, theme);
}

/// Draws the first of `bindings` that fit, on one line.
pub(crate) fn draw_keys<'a, A: 'static>(
    buffer: &mut Buffer,
    row: Rect,
    bindings: impl IntoIterator<Item = &'a Binding<A>>,
    theme: Theme,
) {
    let mut x = row.x + 1;
    for binding in bindings {
        let (Some(name), Some(key)) = (binding.footer, binding.keys.first().map(|key| key.name())) else { continue };
        if usize::from(row.right().saturating_sub(x)) <= width(&key) + 1 + width(name) {
            break;
        }
        let (after_key, _) = buffer.set_stringn(x, row.y, key, row.width.into(), theme.key());
        x = buffer.set_stringn(after_key + 1, row.y, name, row.width.into(), theme.dim()).0 + 2;
    }
}
