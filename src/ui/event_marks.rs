//! Names events in the waterfall: each label stands where its event begins, with a line to where it ends.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{clip, width};
use super::theme::Theme;
use crate::engine::snapshot::Snapshot;

/// Lines of marks: events that sound at the same time stand below each other, as far as there are lines.
const MAX_LINES: u16 = 3;
/// The waterfall keeps so many lines to itself.
const LEAST_PICTURE: u16 = 3;

/// An event on the screen, in cells from the picture's left edge.
struct Mark<'a> {
    label: &'a str,
    from: u16,
    /// One past its last cell.
    to: u16,
    open: bool,
}

/// Marks the events of `snapshot` and those that are open over `picture`. `cell` says in which cell a second of the stream lies; the
/// newest is the last of the picture.
pub(super) fn draw(buffer: &mut Buffer, picture: Rect, cell: impl Fn(f64) -> f64, snapshot: &Snapshot, theme: Theme) {
    let n_lines = MAX_LINES.min(picture.height.saturating_sub(LEAST_PICTURE));
    // Right edge of what stands on each line, with a cell of room.
    let mut taken = vec![0; n_lines.into()];
    for mark in marks(picture.width, cell, snapshot) {
        let Some(line) = taken.iter().position(|end| *end <= mark.from) else { continue };
        let room = usize::from(picture.width - mark.from);
        let text = clip(&format!("│{}", mark.label), room);
        let span = usize::from(mark.to.saturating_sub(mark.from));
        let text = format!("{text}{}", "─".repeat(span.saturating_sub(width(&text))));
        let style = if mark.open { theme.active() } else { theme.strong() };
        // What the picture shows below would shine through.
        let style = Style::reset().patch(style).patch(theme.selected());
        buffer.set_stringn(picture.x + mark.from, picture.y + line as u16, &text, room, style);
        taken[line] = mark.from.saturating_add(width(&text) as u16).saturating_add(1);
    }
}

/// Events that reach into the picture, by their beginning; of two that begin together the open one first.
fn marks(n_cells: u16, cell: impl Fn(f64) -> f64, snapshot: &Snapshot) -> Vec<Mark<'_>> {
    let mark = |label, from_secs: f64, to_secs: Option<f64>| {
        let (from, to) = (cell(from_secs), to_secs.map_or(f64::from(n_cells), &cell));
        let shown = from.is_finite() && to.is_finite() && from < f64::from(n_cells) && to >= 0.0 && to >= from;
        let within = |x: f64| x.clamp(0.0, f64::from(n_cells)) as u16;
        shown.then(|| Mark { label, from: within(from.floor()), to: within(to.ceil()), open: to_secs.is_none() })
    };
    let secs = |pos| snapshot.clock.secs(pos);
    let open = snapshot.classes.iter().filter_map(|class| mark(class.label.as_str(), secs(class.since?), None));
    let events = snapshot.events.iter().map(|summary| &summary.event);
    let here = events.filter(|event| event.source == snapshot.source);
    let past = here.filter_map(|event| {
        let secs = |pos| event.clock.secs(pos);
        mark(event.label.as_str(), secs(event.onset), Some(secs(event.offset)))
    });
    let mut marks: Vec<Mark<'_>> = open.chain(past).collect();
    marks.sort_by_key(|mark| mark.from);
    marks
}
