//! One event with all its figures.

use std::time::UNIX_EPOCH;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::components::draw_rows;
use super::events::{duration_secs, sign};
use super::frames::popup;
use super::text::{clip, format_time, local_time, number, pad, wrap};
use super::theme::Theme;
use crate::engine::report::{Event, Explained, RecordWhat};
use crate::engine::snapshot::EventSummary;
use crate::units::StreamClock;

/// Cells of the names at the left.
const NAME: usize = 12;
/// Width of the window where the terminal has it.
const WIDTH: u16 = 84;

/// A folder is written within so many seconds of the event's end, or something is slow.
const WRITING_SECS: f64 = 30.0;
/// An event this new may be on its way to the disk, even if others cannot be written.
const NEW_SECS: f64 = 5.0;

/// What stands for the folder of an event that has none.
fn without_folder(event: &Event, app: &App) -> &'static str {
    let Some(snapshot) = app.newest().filter(|snapshot| snapshot.record_dir.is_some()) else { return "not recorded" };
    // Events may come from another input, with a clock of its own.
    let start = |clock: &StreamClock| clock.start.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let begun = start(&snapshot.clock) - start(&event.clock);
    let age_secs = begun + snapshot.clock.secs(snapshot.position) - event.clock.secs(event.offset);
    match (snapshot.recording_fails.is_some(), age_secs) {
        (true, age_secs) if age_secs > NEW_SECS => "not recorded: recording fails",
        (false, age_secs) if age_secs > WRITING_SECS => "not recorded yet",
        _ => "recording…",
    }
}

/// Names and values, one line each; a value goes on in the next line where the name is empty.
fn figures(summary: &EventSummary, app: &App, cells: usize) -> Vec<(&'static str, String)> {
    let event = &summary.event;
    let onset = local_time(&event.clock, event.onset, &app.options.time_zone);
    let secs = |pos| number(event.clock.secs(pos), 3);
    // The beginning of a recording is where its stream begins.
    let place = if event.in_file.is_some() { "in the file" } else { "in stream" };
    let mut lines = vec![
        (
            "onset",
            format!(
                "{}, for {} s",
                format_time(onset.as_ref(), "%Y-%m-%d %H:%M:%S%.3f %Z"),
                number(duration_secs(event), 3)
            ),
        ),
        (place, format!("{} s to {} s of {}", secs(event.onset), secs(event.offset), event.source)),
        (
            "score",
            format!("{} at its highest, sure after {} s", number(event.score.into(), 3), number(event.latency_secs, 2)),
        ),
    ];
    match &event.faithfulness {
        Some(figures) => {
            let verdict = figures.verdict().words();
            lines.push(("evidence", format!("{} {verdict} for the label", sign(event))));
            let (prob, inside, outside) = (figures.prob.into(), figures.prob_in.into(), figures.prob_out.into());
            lines.push((
                "",
                format!("prob {} · in {} · out {}", number(prob, 3), number(inside, 3), number(outside, 3)),
            ));
        }
        None => {
            let why = match event.explanation {
                Explained::Done => "not measured".to_owned(),
                Explained::Pending => format!("… {} is still at work", event.method),
                Explained::Missed => "the explanation was called off, or there was no time for it".to_owned(),
            };
            lines.push(("evidence", why));
        }
    }
    let folder = summary.dir.clone().unwrap_or_else(|| without_folder(event, app).to_owned());
    for (idx, line) in wrap(&folder, cells.saturating_sub(NAME)).into_iter().enumerate() {
        lines.push((if idx == 0 { "folder" } else { "" }, line));
    }
    if event.handling.record == RecordWhat::NoSpeech {
        lines.push(("audio", "not kept: somebody speaks".to_owned()));
    }
    let sha256: String = event.model.sha256.chars().take(12).collect();
    lines.push(("model", format!("{} · sha256 {sha256} · {}", event.model.name, event.method)));
    lines.push(("id", format!("{} · class {}", event.id, event.class.0)));
    lines
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let Some(summary) = app.selected_event() else { return };
    let width = WIDTH.min(area.width.saturating_sub(4));
    let lines = figures(summary, app, usize::from(width).saturating_sub(4));
    let components = &summary.event.components;
    let height = lines.len() + 1 + components.len() + 2;
    let title = format!("{} {}", summary.event.label, number(summary.event.score.into(), 2));
    let inner = popup(buffer, area, width, height as u16, &title, theme);
    let mut y = inner.y;
    for (name, value) in lines.iter().take(inner.height.into()) {
        buffer.set_stringn(inner.x, y, pad(name, NAME), inner.width.into(), theme.dim());
        let room = usize::from(inner.width).saturating_sub(NAME);
        buffer.set_stringn(inner.x + NAME as u16, y, clip(value, room), room, Style::new());
        y += 1;
    }
    if y >= inner.bottom() {
        return;
    }
    let what = if components.is_empty() { "no components" } else { "components" };
    buffer.set_stringn(inner.x, y, what, inner.width.into(), theme.dim());
    let rows = Rect { y: y + 1, height: inner.bottom() - y - 1, ..inner };
    draw_rows(buffer, rows, components, theme);
}
