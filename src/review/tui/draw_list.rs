//! The list of events, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::App;
use crate::archive::{Row, Verdict};
use crate::ui::frames::pane;
use crate::ui::text::{clip, count, in_file, number, pad, pad_start, short_secs, width};
use crate::ui::theme::Theme;
use crate::units::EvidenceVerdict;

/// Cells of the columns, each with the space behind it: marks, day and time, score, duration, in→out.
const MARKS: usize = 3;
const TIME: usize = 15;
/// Where an event lies in its recording, where there is one.
const IN_FILE: usize = 9;
/// The time alone, on a narrow screen, which has no room for durations either.
const SHORT_TIME: usize = 9;
const NARROW: usize = 44;
const SCORE: usize = 5;
const SECS: usize = 6;
const FAITH: usize = 13;

/// The verdict on the evidence, as a sign; a dash where it was not measured.
pub(super) fn sign(evidence: Option<EvidenceVerdict>) -> &'static str {
    evidence.map_or("–", EvidenceVerdict::sign)
}

/// Day and time where it was recorded, or in UTC where that is not known.
pub(super) fn local_time(row: &Row, format: &str) -> String {
    let offset = row.local_offset.unwrap_or(jiff::tz::Offset::UTC);
    row.onset.to_zoned(offset.to_time_zone()).strftime(format).to_string()
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &mut App, theme: Theme) {
    let n_rows = app.list.n_rows();
    let place = match n_rows {
        0 => String::new(),
        _ => format!(" · {} / {}", count(app.list.selected_idx() + 1), count(n_rows)),
    };
    let inner = pane(buffer, area, &format!("events{place}"), theme);
    app.page_rows = u64::from(inner.height.saturating_sub(2)).max(1);
    if n_rows == 0 {
        let text = if app.n_all == 0 { "nothing is recorded here" } else { "no event is like that; F shows all" };
        buffer.set_string(inner.x, inner.y, clip(text, inner.width.into()), theme.dim());
        return;
    }
    let n_shown = u64::from(inner.height.saturating_sub(1));
    let selected = app.list.selected_idx();
    // The selected row keeps to the middle where the list is longer than the pane.
    let first = selected.saturating_sub(n_shown / 2).min(n_rows.saturating_sub(n_shown));
    let last = n_rows.min(first + n_shown);
    let of_files = (first..last).filter_map(|idx| app.list.row(idx)).any(|row| row.in_file_secs.is_some());
    let columns = Columns::new(inner.width.into(), of_files);
    buffer.set_string(inner.x, inner.y, clip(&columns.heading(), inner.width.into()), theme.dim());
    for (y, idx) in (inner.y + 1..inner.bottom()).zip(first..n_rows) {
        let place = Rect { y, height: 1, ..inner };
        if let Some(row) = app.list.row(idx) {
            columns.draw_row(buffer, place, row, theme);
        }
        if idx == selected {
            buffer.set_style(place, Style::reset().patch(theme.selected()));
        }
    }
}

/// Which columns fit.
struct Columns {
    label: usize,
    faith: bool,
    narrow: bool,
    /// Whether there are recordings, and there is room to say where events lie in them.
    in_file: bool,
}

impl Columns {
    fn new(cells: usize, of_files: bool) -> Self {
        let narrow = cells < NARROW;
        let fixed = if narrow { SHORT_TIME } else { TIME + SECS };
        let spare = cells.saturating_sub(MARKS + fixed + SCORE + 1 + 2);
        let in_file = of_files && !narrow && spare >= IN_FILE + 8;
        let spare = if in_file { spare - IN_FILE } else { spare };
        let faith = spare >= FAITH + 8;
        Self { label: if faith { spare - FAITH } else { spare }.max(1), faith, narrow, in_file }
    }

    fn heading(&self) -> String {
        let time = if self.narrow { SHORT_TIME } else { TIME };
        let in_file = if self.in_file { pad("in file", IN_FILE) } else { String::new() };
        let text = format!("{}{}{in_file}{} score", pad("", MARKS), pad("when", time), pad("label", self.label));
        let secs = if self.narrow { String::new() } else { pad_start("secs", SECS) };
        format!("{text}{secs}{}", if self.faith { "   in→out" } else { "" })
    }

    fn draw_row(&self, buffer: &mut Buffer, place: Rect, row: &Row, theme: Theme) {
        let mut x = place.x;
        let mut put = |text: String, style: Style| {
            let room = usize::from(place.right().saturating_sub(x));
            x = buffer.set_stringn(x, place.y, text, room, style).0;
        };
        let (verdict, style) = match row.marks.verdict {
            Some(Verdict::Right) => ("✓", theme.good()),
            Some(Verdict::Wrong) => ("✗", theme.bad()),
            None => (" ", Style::new()),
        };
        put(verdict.to_owned(), style);
        put(if row.marks.starred { "* " } else { "  " }.to_owned(), theme.active());
        let (format, time) = if self.narrow { ("%H:%M:%S", SHORT_TIME) } else { ("%m-%d %H:%M:%S", TIME) };
        put(pad(&local_time(row, format), time), theme.dim());
        if self.in_file {
            put(pad(&row.in_file_secs.map(in_file).unwrap_or_default(), IN_FILE), theme.dim());
        }
        let label = match &row.marks.label {
            Some(label) if width(&row.label) + 4 < self.label => format!("{} → {label}", row.label),
            _ => row.label.clone(),
        };
        put(pad(&label, self.label), theme.strong());
        put(pad_start(&number(row.score.unwrap_or(f64::NAN), 2), SCORE + 1), Style::new());
        if !self.narrow {
            put(pad_start(&short_secs(row.duration_secs), SECS), Style::new());
        }
        let style = row.evidence.map_or(theme.dim(), |evidence| theme.verdict(evidence));
        put(format!(" {}", sign(row.evidence)), style.remove_modifier(Modifier::DIM));
        if self.faith
            && let (Some(inside), Some(outside)) = (row.prob_in, row.prob_out)
        {
            put(format!(" {}→{}", number(inside, 2), number(outside, 2)), style);
        }
    }
}
