//! The list of inputs, where there are several: what each is called, hears, and has open.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::frames::pane;
use super::header::draw_meter;
use super::text::{clip, clip_start, count, pad, pad_start, width};
use super::theme::Theme;
use crate::engine::health::Health;
use crate::engine::snapshot::{InputSummary, Phase, Snapshot};

/// Lines that the other panes need below.
const OTHERS_LINES: u16 = 7;

/// The widest [`mark`].
const MARK_CELLS: usize = 7;

/// Lines of the pane, title included, of a body of `body_height` lines; 0 where there is one input, or no room.
pub(super) fn height(snapshot: &Snapshot, body_height: u16) -> u16 {
    let n_inputs = snapshot.inputs.len();
    let room = body_height.saturating_sub(OTHERS_LINES + 1).min((body_height / 5).max(2));
    if n_inputs < 2 || room == 0 { 0 } else { 1 + room.min(u16::try_from(n_inputs).unwrap_or(u16::MAX)) }
}

/// How an input is, in a word and its style.
fn mark(input: &InputSummary, theme: Theme) -> (&'static str, Style) {
    match (&input.phase, input.health) {
        (Phase::Ended(_), _) => ("ended", theme.dim()),
        (Phase::Failed(_), _) => ("FAILED", theme.alarm()),
        (Phase::Waiting, _) => ("waits", theme.dim()),
        (Phase::Running, Health::Hearing) => ("hears", theme.good()),
        (Phase::Running, Health::DigitalSilence) => ("SILENT", theme.alarm()),
        (Phase::Running, Health::ConstantOffset) => ("OFFSET", theme.alarm()),
        (Phase::Running, Health::Stalled) => ("STALLED", theme.alarm()),
        (Phase::Running, Health::Repeating) => ("REPEATS", theme.alarm()),
        (Phase::Running, Health::Lost) => ("LOST", theme.alarm()),
    }
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, snapshot: &Snapshot, theme: Theme) {
    if area.height < 2 {
        return;
    }
    let (n_inputs, focus) = (snapshot.inputs.len(), snapshot.focus);
    let rows = pane(buffer, area, &format!("inputs · {n_inputs}"), theme);
    let n_rows = usize::from(rows.height);
    let first = first_row(n_rows, snapshot);
    if n_inputs > n_rows {
        let place = format!(" {}-{} ", first + 1, first + n_rows);
        let x = area.right().saturating_sub(width(&place) as u16 + 1);
        buffer.set_string(x, area.y, place, theme.dim());
    }
    let columns = Columns::new(snapshot, rows.width);
    for (y, (index, input)) in (rows.y..rows.bottom()).zip(snapshot.inputs.iter().enumerate().skip(first)) {
        columns.draw_row(buffer, Rect { y, height: 1, ..rows }, index, input, index == focus, theme);
    }
}

/// The input on the uppermost of `n_rows` rows: the shown one keeps to the middle where there are more than fit.
fn first_row(n_rows: usize, snapshot: &Snapshot) -> usize {
    snapshot.focus.saturating_sub(n_rows / 2).min(snapshot.inputs.len().saturating_sub(n_rows))
}

/// The input on line `y` of the pane; `None` on its title.
pub(super) fn row_at(area: Rect, snapshot: &Snapshot, y: u16) -> Option<usize> {
    let n_rows = usize::from(area.height.saturating_sub(1));
    let row = usize::from(y.checked_sub(area.y + 1)?);
    let index = first_row(n_rows, snapshot) + row;
    (row < n_rows && index < snapshot.inputs.len()).then_some(index)
}

/// How wide the columns are.
struct Columns {
    number: usize,
    name: usize,
    meter: u16,
}

impl Columns {
    fn new(snapshot: &Snapshot, cells: u16) -> Self {
        let longest = snapshot.inputs.iter().map(|input| width(&input.source)).max().unwrap_or(0);
        Self {
            number: snapshot.inputs.len().to_string().len(),
            name: longest.clamp(4, usize::from(cells * 2 / 5)),
            meter: (cells / 8).clamp(7, 20),
        }
    }

    fn draw_row(&self, buffer: &mut Buffer, row: Rect, index: usize, input: &InputSummary, shown: bool, theme: Theme) {
        let (sign, style) = if shown { ('>', theme.strong()) } else { (' ', Style::new()) };
        let number = pad_start(&(index + 1).to_string(), self.number);
        let name = pad(&clip_start(&input.source, self.name), self.name);
        let (x, _) = buffer.set_stringn(row.x, row.y, format!("{sign} {number} {name} "), row.width.into(), style);
        draw_meter(buffer, Rect { x, width: self.meter, ..row }, input.level_dbfs, input.peak_dbfs, theme);
        let (word, style) = mark(input, theme);
        let x = x + self.meter + 1;
        buffer.set_stringn(x, row.y, word, MARK_CELLS, style);
        let x = x + MARK_CELLS as u16 + 1;
        let dropped = match input.totals.dropped_samples {
            0 => String::new(),
            n => format!(" DROPPED {} ", count(n)),
        };
        let mut end = row.right();
        if !dropped.is_empty() && width(&dropped) < usize::from(end.saturating_sub(x)) {
            end -= width(&dropped) as u16;
            buffer.set_string(end, row.y, &dropped, theme.alarm());
        }
        let room = usize::from(end.saturating_sub(x + 1));
        if !input.open.is_empty() && room > 2 {
            let labels: Vec<&str> = input.open.iter().map(|event| event.label.as_str()).collect();
            let open = clip(&format!("▶ {}", labels.join(", ")), room);
            buffer.set_stringn(x, row.y, open, room, theme.active());
        }
    }
}
