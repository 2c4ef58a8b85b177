//! The scrolling mel spectrogram: time flows to the left, the newest column stands at the right edge.
//!
//! Columns are grouped by their frame index in the stream, not by their place in the snapshot: a group then keeps its
//! value while it scrolls, and the picture does not shimmer. A group shows its loudest cell, so that short events and
//! narrow tones survive on a small screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::choices::View;
use super::components::explained;
use super::event_marks;
use super::frames::pane;
use super::text::{clip, pad_start, width};
use super::theme::Theme;
use crate::engine::snapshot::{Snapshot, Waterfall};

/// Cells of the frequency axis, with the space behind it.
const AXIS_CELLS: u16 = 5;

/// How levels become colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// All sound, or what decided of it.
    pub(crate) view: View,
    /// Lowest and highest level of the colours, in dB.
    pub(crate) range_db: (f32, f32),
    /// How things look.
    pub(crate) theme: Theme,
}

/// Draws the whole of a clip under `title`, its beginning at the left edge. `event_secs` is marked on the time axis,
/// `position_secs` across the picture; both count from the clip's beginning.
///
/// `clip` should have as many columns as [`picture_cells`] says.
pub(crate) fn draw_clip(
    buffer: &mut Buffer,
    area: Rect,
    title: &str,
    clip: &Waterfall,
    event_secs: Option<(f64, f64)>,
    position_secs: Option<f64>,
    look: Look,
) {
    let inner = pane(buffer, area, title, look.theme);
    if inner.height < 2 || inner.width <= AXIS_CELLS {
        return;
    }
    let picture = Rect { x: inner.x + AXIS_CELLS, width: inner.width - AXIS_CELLS, height: inner.height - 1, ..inner };
    let secs = clip.frame_secs * clip.n_columns() as f64;
    draw_picture(buffer, picture, &Grid::new(clip, secs, picture.width.into()), look);
    draw_frequencies(buffer, Rect { width: AXIS_CELLS, height: picture.height, ..inner }, clip, look.theme);
    let cell = |at: f64| {
        let x = at / secs * f64::from(picture.width);
        (x.is_finite() && x >= 0.0).then(|| picture.x + (x as u16).min(picture.width - 1))
    };
    let axis = Rect { y: picture.bottom(), height: 1, ..picture };
    buffer.set_string(axis.x, axis.y, "0 s", look.theme.dim());
    let end = format!("{secs:.1} s");
    if axis.width > 16 {
        buffer.set_string(axis.right() - end.len() as u16, axis.y, end, look.theme.dim());
    }
    if let Some((from, to)) = event_secs.and_then(|(from, to)| Some((cell(from)?, cell(to)?))) {
        for x in from..=to {
            buffer.set_string(x, axis.y, "─", look.theme.active());
        }
    }
    if let Some(x) = position_secs.and_then(cell) {
        for y in picture.y..axis.bottom() {
            buffer.set_string(x, y, "│", look.theme.strong());
        }
    }
}

/// Columns that [`draw_clip`] draws in a pane of `width` cells.
pub(crate) fn picture_cells(width: u16) -> usize {
    width.saturating_sub(AXIS_CELLS).into()
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, snapshot: &Snapshot, theme: Theme) {
    let (floor_db, top_db) = app.range_db();
    let what = match (app.view, explained(snapshot)) {
        (View::Heard, _) => "heard · all sound".to_owned(),
        // Each moment shows what was explained then; the label is what is explained now.
        (View::Why, Some(label)) => format!("why · what decided · now {label}"),
        (View::Why, None) => "why · nothing to explain".to_owned(),
    };
    let range = format!(" · {floor_db:.0} to {top_db:.0} dB");
    let title = if width(&what) + width(&range) + 4 <= area.width.into() { what + &range } else { what };
    let inner = pane(buffer, area, &title, theme);
    if inner.height < 2 || inner.width <= AXIS_CELLS {
        return;
    }
    let time_axis = u16::from(inner.height >= 4);
    let picture =
        Rect { x: inner.x + AXIS_CELLS, width: inner.width - AXIS_CELLS, height: inner.height - time_axis, ..inner };
    let waterfall = &*snapshot.waterfall;
    let grid = Grid::new(waterfall, app.span_secs(), picture.width.into());
    draw_picture(buffer, picture, &grid, Look { view: app.view, range_db: app.range_db(), theme });
    event_marks::draw(buffer, picture, |secs| grid.cell_of(secs), snapshot, theme);
    let axis = Rect { width: AXIS_CELLS, height: picture.height, ..inner };
    draw_frequencies(buffer, axis, waterfall, theme);
    if time_axis > 0 {
        draw_times(buffer, Rect { y: picture.bottom(), height: 1, ..picture }, &grid, theme);
    }
}

fn draw_picture(buffer: &mut Buffer, picture: Rect, grid: &Grid<'_>, look: Look) {
    let Look { view, range_db: (floor_db, top_db), theme } = look;
    // Two bands share a cell by the half block's two colours; without colour or half blocks one band fills it.
    let halves = if theme.has_color() && !theme.is_ascii() { 2 } else { 1 };
    let n_rows = usize::from(picture.height) * halves;
    let strength = |x: u16, row: usize| {
        let level_db = grid.level_db(x.into(), row, n_rows, view);
        ((level_db - floor_db) / (top_db - floor_db)).clamp(0.0, 1.0)
    };
    for y in 0..picture.height {
        for x in 0..picture.width {
            let Some(cell) = buffer.cell_mut((picture.x + x, picture.y + y)) else { continue };
            let row = usize::from(y) * halves;
            if halves == 2 {
                let upper = theme.heat(view, strength(x, row));
                let lower = theme.heat(view, strength(x, row + 1));
                cell.set_symbol("▀").set_style(Style::new().fg(upper).bg(lower));
            } else if theme.has_color() {
                cell.set_symbol(" ").set_style(Style::new().bg(theme.heat(view, strength(x, row))));
            } else {
                cell.set_char(theme.density(strength(x, row)));
            }
        }
    }
}

/// Centre frequencies at the top, in the middle and at the bottom, and between them where there is room.
fn draw_frequencies(buffer: &mut Buffer, axis: Rect, waterfall: &Waterfall, theme: Theme) {
    let last = axis.height.saturating_sub(1);
    let n_marks = if axis.height >= 9 { 4 } else { 2.min(last) };
    for mark in 0..=n_marks {
        let y = (last * mark).checked_div(n_marks).unwrap_or(0);
        let (low, high) = bands(waterfall.n_bands, y.into(), axis.height.into());
        if let Some(&centre_hz) = waterfall.centre_hz.get((low + high) / 2).filter(|_| high > low) {
            let text = pad_start(&hz(centre_hz), usize::from(AXIS_CELLS) - 1);
            buffer.set_stringn(axis.x, axis.y + y, text, axis.width.into(), theme.dim());
        }
    }
}

fn draw_times(buffer: &mut Buffer, axis: Rect, grid: &Grid<'_>, theme: Theme) {
    let secs = grid.frame_secs * grid.per_cell * f64::from(axis.width);
    let now = "now";
    if !(secs.is_finite() && secs > 0.0) || axis.width < 12 {
        return;
    }
    buffer.set_string(axis.x, axis.y, clip(&format!("-{secs:.1} s"), 9), theme.dim());
    buffer.set_string(axis.right() - now.len() as u16, axis.y, now, theme.dim());
    if axis.width >= 40 {
        let half = format!("-{:.1} s", secs / 2.0);
        buffer.set_string(axis.x + axis.width / 2, axis.y, clip(&half, 9), theme.dim());
    }
}

/// A frequency in at most four cells, as in `430`, `1.2k`, `11k`.
fn hz(hz: f32) -> String {
    if !hz.is_finite() {
        "?".to_owned()
    } else if hz < 999.5 {
        format!("{hz:.0}")
    } else if hz < 9950.0 {
        format!("{:.1}k", hz / 1000.0)
    } else {
        format!("{:.0}k", hz / 1000.0)
    }
}

/// The bands (from..to) that row `row` of `n_rows` shows, counted from the top, which is the highest band.
fn bands(n_bands: usize, row: usize, n_rows: usize) -> (usize, usize) {
    if n_rows == 0 {
        return (0, 0);
    }
    let up = n_rows.saturating_sub(1 + row);
    let low = up * n_bands / n_rows;
    (low, ((up + 1) * n_bands / n_rows).clamp((low + 1).min(n_bands), n_bands))
}

/// A waterfall laid out on so many cells.
struct Grid<'a> {
    waterfall: &'a Waterfall,
    frame_secs: f64,
    /// Columns that share a cell: at least 1, in steps of [`GROUP_STEP`].
    per_cell: f64,
    /// Index of the leftmost cell's group in the stream; negative before the stream began. Group `g` holds the frames
    /// from `g · per_cell` on.
    first_group: f64,
}

/// Coarse enough that a column more or less in the snapshot does not change the grouping, and with it every cell.
const GROUP_STEP: f64 = 0.25;

impl<'a> Grid<'a> {
    fn new(waterfall: &'a Waterfall, span_secs: f64, n_cells: usize) -> Self {
        let n_columns = waterfall.n_columns() as f64;
        let n_cells = n_cells.max(1) as f64;
        let mut per_cell = span_secs / waterfall.frame_secs / n_cells;
        // Once the engine has begun to drop old columns it never has more than now: use the whole width for them.
        if waterfall.first_frame > 0 {
            per_cell = per_cell.min(n_columns / n_cells);
        }
        // The hair keeps rounding from taking a whole step away; `max` also turns what is no number into 1.
        let per_cell = ((per_cell / GROUP_STEP + 1e-6).floor() * GROUP_STEP).max(1.0);
        let newest_frame = waterfall.first_frame as f64 + n_columns - 1.0;
        // The largest group that begins at or before the newest frame.
        let newest_group = (newest_frame / per_cell).floor();
        Self { waterfall, frame_secs: waterfall.frame_secs, per_cell, first_group: newest_group + 1.0 - n_cells }
    }

    /// The cell in which a second of the stream lies; before the first one it is negative.
    fn cell_of(&self, secs: f64) -> f64 {
        secs / self.frame_secs / self.per_cell - self.first_group
    }

    /// Columns of the snapshot that cell `x` shows; empty where there are none.
    fn columns(&self, x: usize) -> std::ops::Range<usize> {
        let group = self.first_group + x as f64;
        let column = |group: f64| {
            let frame = (group * self.per_cell).ceil();
            (frame - self.waterfall.first_frame as f64).clamp(0.0, self.waterfall.n_columns() as f64) as usize
        };
        column(group)..column(group + 1.0)
    }

    /// Level in dB of cell `x` in row `row` of `n_rows`; −∞ where nothing is known.
    fn level_db(&self, x: usize, row: usize, n_rows: usize, view: View) -> f32 {
        let n_bands = self.waterfall.n_bands;
        let (low, high) = bands(n_bands, row, n_rows);
        let mut loudest = f32::NEG_INFINITY;
        for column in self.columns(x) {
            for idx in column * n_bands + low..column * n_bands + high {
                let level_db = self.waterfall.level_db.get(idx).copied().unwrap_or(f32::NEG_INFINITY);
                let gain_db = match view {
                    View::Heard => 0.0,
                    // The mask weights amplitudes: this is how loud the band is in the interpretation.
                    View::Why => 20.0 * self.waterfall.mask.get(idx).copied().unwrap_or(0.0).clamp(0.0, 1.0).log10(),
                };
                // `max` ignores what is no number.
                loudest = loudest.max(level_db + gain_db);
            }
        }
        loudest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waterfall(first_frame: u64, columns: &[f32]) -> Waterfall {
        Waterfall {
            n_bands: 1,
            first_frame,
            frame_secs: 0.1,
            level_db: columns.to_vec(),
            mask: vec![0.1; columns.len()],
            centre_hz: vec![100.0],
        }
    }

    #[test]
    fn the_newest_column_stands_at_the_right_edge() {
        let waterfall = waterfall(0, &[-30.0, -20.0, -10.0]);
        let grid = Grid::new(&waterfall, 0.4, 4);
        let row: Vec<f32> = (0..4).map(|x| grid.level_db(x, 0, 1, View::Heard)).collect();
        assert_eq!(row, [f32::NEG_INFINITY, -30.0, -20.0, -10.0]);
    }

    #[test]
    fn why_weights_amplitudes_by_the_mask() {
        let waterfall = waterfall(0, &[-30.0]);
        let grid = Grid::new(&waterfall, 0.1, 1);
        assert!((grid.level_db(0, 0, 1, View::Why) - -50.0).abs() < 1e-4);
    }

    #[test]
    fn a_group_keeps_its_value_while_it_scrolls() {
        let levels: Vec<f32> = (0..40_u16).map(|column| f32::from(column * 7 % 11)).collect();
        let (before, after) = (waterfall(6, &levels[6..30]), waterfall(9, &levels[9..33]));
        // Three columns a cell: three columns later, everything has moved by one cell.
        let (before, after) = (Grid::new(&before, 2.4, 8), Grid::new(&after, 2.4, 8));
        assert_eq!(before.per_cell, 3.0);
        for x in 1..8 {
            assert_eq!(before.level_db(x, 0, 1, View::Heard), after.level_db(x - 1, 0, 1, View::Heard), "cell {x}");
        }
    }

    #[test]
    fn every_column_is_shown_once_whatever_the_width() {
        for (n_columns, n_cells) in [(200, 72), (200, 46), (10, 40), (431, 163)] {
            let waterfall = waterfall(12_345, &vec![0.0; n_columns]);
            let grid = Grid::new(&waterfall, 1e9, n_cells);
            let mut next = grid.columns(0).start;
            assert!(next <= n_columns / 8, "{n_cells} cells leave out {next} of {n_columns} columns");
            for x in 0..n_cells {
                assert_eq!(grid.columns(x).start, next, "cell {x} of {n_cells}");
                next = grid.columns(x).end;
            }
            assert_eq!(next, n_columns, "the newest column is shown");
        }
    }

    #[test]
    fn every_band_is_shown_on_any_height() {
        for n_bands in [1, 5, 64, 128] {
            for n_rows in [1, 2, 7, 16, 200] {
                let mut shown = vec![false; n_bands];
                for row in 0..n_rows {
                    let (low, high) = bands(n_bands, row, n_rows);
                    assert!(low < high && high <= n_bands, "{n_bands} bands, row {row} of {n_rows}");
                    shown[low..high].fill(true);
                }
                assert!(shown.iter().all(|&band| band), "{n_bands} bands on {n_rows} rows");
                assert_eq!(bands(n_bands, 0, n_rows).1, n_bands, "the highest band is at the top");
            }
        }
        assert_eq!(bands(0, 0, 4), (0, 0));
    }

    #[test]
    fn a_waterfall_of_nonsense_is_only_dark() {
        let mut nonsense = waterfall(u64::MAX, &[f32::NAN, f32::INFINITY]);
        nonsense.frame_secs = f64::NAN;
        nonsense.mask = vec![f32::NAN];
        let grid = Grid::new(&nonsense, 10.0, 3);
        assert_eq!(grid.level_db(0, 0, 1, View::Why), f32::NEG_INFINITY);
    }
}
