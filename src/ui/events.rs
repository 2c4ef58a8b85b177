//! The list of events, what is under way and what was reported, by their beginning: the last one first.

use std::cmp::Reverse;
use std::time::SystemTime;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::App;
use super::components::short_name;
use super::frames::pane;
use super::text::{clip, format_time, in_file, local_time, number, pad, pad_start, short_secs, wall_time, width};
use super::theme::Theme;
use crate::engine::report::{Event, Explained};
use crate::engine::snapshot::{EventSummary, OpenEvent, Snapshot};

/// Cells of the columns, each with the space behind it: time, score, duration, in→out.
const TIME: usize = 9;
/// Where an event lies in its recording, where there is one.
const IN_FILE: usize = 9;
const SCORE: usize = 5;
const SECS: usize = 6;
const FAITH: usize = 13;
/// The column's name fits.
const COMPONENT: usize = 10;
/// A label of so many cells is never cut where there is room for it.
const LABEL: usize = 16;

/// Seconds between onset and offset of `event`.
pub(super) fn duration_secs(event: &Event) -> f64 {
    event.clock.sample_rate.secs(event.offset.since(event.onset))
}

/// The verdict on the evidence, as a sign; dots while that is to come, a dash where it was not measured.
pub(super) fn sign(event: &Event) -> &'static str {
    match &event.faithfulness {
        Some(figures) => figures.verdict().sign(),
        None if event.explanation == Explained::Pending => "…",
        None => "–",
    }
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, snapshot: &Snapshot, theme: Theme) {
    // The list is of all inputs.
    let n_events = match snapshot.inputs[..] {
        [] | [_] => snapshot.totals.events,
        _ => snapshot.inputs.iter().fold(0, |n, input| input.totals.events.saturating_add(n)),
    };
    let title = match n_events {
        0 => "events".to_owned(),
        n => format!("events · {n} since the start"),
    };
    let inner = pane(buffer, area, &title, theme);
    let rows = rows(snapshot);
    if rows.is_empty() {
        let text = clip("nothing reported yet", inner.width.into());
        buffer.set_string(inner.x, inner.y, text, theme.dim());
        return;
    }
    let columns = Columns::new(snapshot, inner.width.into());
    buffer.set_stringn(inner.x, inner.y, columns.heading(), inner.width.into(), theme.dim());
    let (n_rows, n_events) = (usize::from(inner.height.saturating_sub(1)), snapshot.events.len());
    let selected_idx = app.selected_idx();
    let first = first_row(n_rows, &rows, selected_idx);
    for (y, row) in (inner.y + 1..inner.bottom()).zip(&rows[first..]) {
        let place = Rect { y, height: 1, ..inner };
        match row {
            Row::Open(input, event) => columns.draw_open(buffer, place, *input, event, app, theme),
            Row::Told(idx, summary) => {
                columns.draw_row(buffer, place, summary, snapshot, app, theme);
                if Some(*idx) == selected_idx {
                    // Foreground colours would turn into a patchwork of backgrounds.
                    buffer.set_style(place, Style::reset().patch(theme.selected()));
                }
            }
        }
    }
    if let Some(selected_idx) = selected_idx
        && rows.len() > n_rows
        && area.width > 40
    {
        let place = format!(" {}/{n_events} ", selected_idx + 1);
        let x = area.right().saturating_sub(width(&place) as u16 + 1);
        buffer.set_string(x, area.y, place, theme.dim());
    }
}

/// One row of the list.
enum Row<'a> {
    /// An event that is under way, of the input of this index.
    Open(usize, &'a OpenEvent),
    /// One that was reported, and its place among those.
    Told(usize, &'a EventSummary),
}

impl Row<'_> {
    fn onset(&self) -> Option<SystemTime> {
        let (clock, onset) = match self {
            Self::Open(_, event) => (event.clock, event.onset),
            Self::Told(_, summary) => (summary.event.clock, summary.event.onset),
        };
        wall_time(&clock, onset)
    }
}

/// The rows of the list: what is under way and what was reported, the one that began last on top.
fn rows(snapshot: &Snapshot) -> Vec<Row<'_>> {
    let inputs = snapshot.inputs.iter().enumerate();
    let open = inputs.flat_map(|(index, input)| input.open.iter().map(move |event| Row::Open(index, event)));
    let told = snapshot.events.iter().enumerate().map(|(idx, summary)| Row::Told(idx, summary));
    let mut rows: Vec<Row<'_>> = open.chain(told).collect();
    rows.sort_by_key(|row| Reverse(row.onset()));
    rows
}

/// Which of `rows` is the uppermost of `n_rows` lines: the selected event keeps to the middle where there are more. Whoever follows
/// the newest event sees what is under way above it.
fn first_row(n_rows: usize, rows: &[Row<'_>], selected_idx: Option<usize>) -> usize {
    let at = |row: &Row<'_>| matches!(row, Row::Told(idx, _) if *idx > 0 && Some(*idx) == selected_idx);
    let selected = rows.iter().position(at).unwrap_or(0);
    selected.saturating_sub(n_rows / 2).min(rows.len().saturating_sub(n_rows))
}

/// The reported event on line `y` of the pane; `None` elsewhere.
pub(super) fn row_at(area: Rect, snapshot: &Snapshot, selected_idx: Option<usize>, y: u16) -> Option<usize> {
    // Title and heading stand above.
    let n_rows = usize::from(area.height.saturating_sub(2));
    let line = usize::from(y.checked_sub(area.y + 2)?);
    let rows = rows(snapshot);
    match rows.get(first_row(n_rows, &rows, selected_idx) + line)? {
        Row::Told(idx, _) if line < n_rows => Some(*idx),
        _ => None,
    }
}

/// Which columns fit.
struct Columns {
    /// The input's number, with the space behind it; 0 where there is one input.
    input: usize,
    /// Whether there are recordings, and there is room to say where events lie in them.
    in_file: bool,
    label: usize,
    faith: bool,
    component: usize,
}

impl Columns {
    fn new(snapshot: &Snapshot, cells: usize) -> Self {
        let n_inputs = snapshot.inputs.len();
        let input = if n_inputs > 1 { n_inputs.to_string().len().max(2) + 1 } else { 0 };
        let told = snapshot.events.iter().map(|event| event.event.label.as_str());
        let open = snapshot.inputs.iter().flat_map(|input| &input.open).map(|event| event.label.as_str());
        let longest = told.chain(open).map(width).max().unwrap_or(0);
        let mut fixed = TIME + input + SCORE + SECS;
        let of_files = snapshot.events.iter().any(|event| event.event.in_file.is_some());
        // Labels are read first of all: what would cut them is left out.
        let of_label = longest.clamp(5, LABEL) + 1;
        let in_file = of_files && cells >= fixed + IN_FILE + of_label + 2;
        fixed += if in_file { IN_FILE } else { 0 };
        let spare = cells.saturating_sub(fixed + FAITH);
        // The label first, then the figures, then the component that said most.
        let faith = spare >= of_label;
        let room = if faith { spare } else { cells.saturating_sub(fixed + 2) };
        let label = longest.max(5).min(room.saturating_sub(1)).min((room / 2).max(LABEL)).min(room);
        let named = snapshot.events.iter().any(|event| !event.event.components.is_empty());
        let component = room.saturating_sub(label + 1);
        Self {
            input,
            in_file,
            label,
            faith,
            component: if named && faith && component >= COMPONENT { component } else { 0 },
        }
    }

    fn heading(&self) -> String {
        let mut time = pad("time", TIME);
        if self.in_file {
            time.push_str(&pad("in file", IN_FILE));
        }
        let (input, label) = (pad("in", self.input), pad("label", self.label));
        let mut text = format!("{time}{input}{label} score{}", pad_start("secs", SECS - 1));
        if self.faith {
            text.push_str("   in→out");
        }
        if self.component > 0 {
            let in_file = if self.in_file { IN_FILE } else { 0 };
            let before = TIME + in_file + self.input + self.label + SCORE + SECS + FAITH;
            text = format!("{} component", pad(&text, before));
        }
        text
    }

    /// What is under way: since when, how sure, and how long it was heard by now.
    fn draw_open(&self, buffer: &mut Buffer, row: Rect, input: usize, event: &OpenEvent, app: &App, theme: Theme) {
        let time = local_time(&event.clock, event.onset, &app.options.time_zone);
        let mut x = row.x;
        let mut put = |text: String, style: Style| {
            let room = usize::from(row.right().saturating_sub(x));
            x = buffer.set_stringn(x, row.y, text, room, style).0;
        };
        put(pad(&format_time(time.as_ref(), "%H:%M:%S"), TIME), theme.active());
        if self.in_file {
            let at = event.in_file.map(|at| in_file(event.clock.secs(at))).unwrap_or_default();
            put(pad(&at, IN_FILE), theme.dim());
        }
        if self.input > 0 {
            put(pad(&(input + 1).to_string(), self.input), theme.dim());
        }
        put(pad(&event.label, self.label), theme.active());
        put(pad_start(&number(event.score.into(), 2), SCORE + 1), theme.active());
        let secs = event.clock.sample_rate.secs(event.until.since(event.onset));
        put(pad_start(&short_secs(secs), SECS - 1), theme.active());
        put(if self.faith { " ▶ under way" } else { " ▶" }.to_owned(), theme.active());
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        summary: &EventSummary,
        snapshot: &Snapshot,
        app: &App,
        theme: Theme,
    ) {
        let event = &summary.event;
        let time = local_time(&event.clock, event.onset, &app.options.time_zone);
        let mut x = row.x;
        let mut put = |text: String, style: Style| {
            let room = usize::from(row.right().saturating_sub(x));
            x = buffer.set_stringn(x, row.y, text, room, style).0;
        };
        put(pad(&format_time(time.as_ref(), "%H:%M:%S"), TIME), theme.dim());
        if self.in_file {
            let at = event.in_file.map(|at| in_file(event.clock.secs(at))).unwrap_or_default();
            put(pad(&at, IN_FILE), theme.dim());
        }
        if self.input > 0 {
            let number = snapshot.inputs.iter().position(|input| input.source == event.source);
            put(pad(&number.map_or("?".to_owned(), |n| (n + 1).to_string()), self.input), theme.dim());
        }
        put(pad(&event.label, self.label), theme.strong());
        put(pad_start(&number(event.score.into(), 2), SCORE + 1), Style::new());
        put(pad_start(&short_secs(duration_secs(event)), SECS - 1), Style::new());
        let faithfulness = event.faithfulness.as_ref();
        let style = match faithfulness {
            Some(figures) => theme.verdict(figures.verdict()),
            None => theme.dim(),
        };
        put(format!(" {}", sign(event)), style.remove_modifier(Modifier::DIM));
        if self.faith {
            let figures = faithfulness.map_or(String::new(), |figures| {
                format!(" {}→{}", number(figures.prob_in.into(), 2), number(figures.prob_out.into(), 2))
            });
            put(pad(&figures, FAITH - 3), style);
        }
        if self.component > 0
            && let Some(component) = event.components.first()
        {
            put(format!("  {}", short_name(component, self.component)), Style::new());
        }
    }
}
