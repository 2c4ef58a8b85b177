//! The labels with their scores as bars against the threshold at which an event starts; where they are many, by group, each with how
//! often and when it was heard.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::{App, LabelOrder};
use super::draw::pane;
use super::label_rows::{Row, is_now, rows};
use super::text::{clip, number, pad, pad_start, width};
use super::theme::Theme;
use crate::engine::snapshot::{ClassState, Snapshot};

/// Cells of the columns behind a label, each with the space before it: score, how often, how long ago.
const SCORE: usize = 5;
const TIMES: usize = 6;
const AGO: usize = 5;
/// Fewest cells in which a bar says anything.
const LEAST_BAR: usize = 6;

/// Cells of the widest label column that a pane of `pane_width` cells gives away.
fn label_cells(classes: &[ClassState], pane_width: usize) -> usize {
    let longest = classes.iter().map(|class| width(&class.label)).max().unwrap_or(0);
    longest.clamp(3, (pane_width * 2 / 5).max(3))
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, snapshot: &Snapshot, theme: Theme) {
    let order = app.order();
    let title = match order {
        LabelOrder::Heard => {
            let n_now = snapshot.classes.iter().filter(|class| is_now(class)).count();
            format!("{} labels · {n_now} heard now", snapshot.classes.len())
        }
        LabelOrder::Score => "labels · by score".to_owned(),
        LabelOrder::Model => "labels · model order".to_owned(),
    };
    let inner = pane(buffer, area, &title, theme);
    let rows = rows(order, &snapshot.classes);
    if rows.is_empty() {
        buffer.set_stringn(inner.x, inner.y, "the model has no classes", inner.width.into(), theme.dim());
    } else if order == LabelOrder::Heard {
        draw_groups(buffer, inner, area, &rows, app, snapshot, theme);
    } else {
        draw_list(buffer, inner, &rows, app, snapshot, theme);
    }
}

/// Groups and their labels, from the top; where one is chosen it keeps to the middle.
fn draw_groups(
    buffer: &mut Buffer,
    inner: Rect,
    area: Rect,
    rows: &[Row<'_>],
    app: &App,
    snapshot: &Snapshot,
    theme: Theme,
) {
    let n_rows = usize::from(inner.height);
    let at = app.chosen_label().and_then(|chosen| rows.iter().position(|row| *row == Row::Class(chosen)));
    let first = at.map_or(0, |at| at.saturating_sub(n_rows / 2)).min(rows.len().saturating_sub(n_rows));
    for (y, (idx, row)) in (inner.y..inner.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let line = Rect { y, height: 1, ..inner };
        match row {
            Row::Group { name, n, heard } => {
                let (what, style) = if *heard { ("heard", theme.title()) } else { ("not heard", theme.dim()) };
                buffer.set_string(line.x, y, clip(&format!("{name} · {n} {what}"), inner.width.into()), style);
            }
            Row::Class(class) => {
                let Some(class) = snapshot.classes.get(*class) else { continue };
                draw_heard(buffer, line, class, snapshot, theme);
                if at == Some(idx) {
                    buffer.set_style(line, Style::reset().patch(theme.selected()));
                }
            }
        }
    }
    if rows.len() > n_rows && area.width > 30 {
        let place = format!(" {}/{} ", (first + n_rows).min(rows.len()), rows.len());
        let x = area.right().saturating_sub(width(&place) as u16 + 1);
        buffer.set_string(x, area.y, place, theme.dim());
    }
}

/// One row: marker, label, a bar where there is room, score, how often it was heard and how long ago.
fn draw_heard(buffer: &mut Buffer, row: Rect, class: &ClassState, snapshot: &Snapshot, theme: Theme) {
    let (marker, style) = marker(class, theme);
    let room = usize::from(row.width).saturating_sub(2 + SCORE + TIMES + AGO);
    let longest = snapshot.classes.iter().map(|class| width(&class.label)).max().unwrap_or(0);
    let cells = if room > longest + LEAST_BAR { longest } else { room };
    let mut x = row.x;
    let mut put = |buffer: &mut Buffer, text: &str, style: Style| {
        x = buffer.set_stringn(x, row.y, text, usize::from(row.right().saturating_sub(x)), style).0;
        x
    };
    put(buffer, marker, style);
    let bar_x = put(buffer, &pad(&class.label, cells), style);
    if cells < room {
        let bar = Rect { x: bar_x + 1, width: (room - cells) as u16 - 1, ..row };
        let fill = if class.active { theme.bar_active() } else { theme.bar() };
        draw_bar(buffer, bar, class.score, Some(class.on_threshold), fill, theme);
        x = bar.right();
    }
    let mut put = |text: String, style: Style| {
        x = buffer.set_stringn(x, row.y, text, usize::from(row.right().saturating_sub(x)), style).0;
    };
    put(pad_start(&number(class.score.into(), 2), SCORE), style);
    put(pad_start(&times(class.heard.n), TIMES), if class.heard.n > 0 { style } else { theme.dim() });
    put(pad_start(&ago(class, snapshot), AGO), theme.dim());
}

/// How often, in at most five cells.
fn times(n: u64) -> String {
    match n {
        0 => String::new(),
        1..10_000 => format!("{n}×"),
        10_000..1_000_000 => format!("{}k×", n / 1000),
        _ => "many".to_owned(),
    }
}

/// How long ago a class was heard, in at most four cells; nothing where it never was.
fn ago(class: &ClassState, snapshot: &Snapshot) -> String {
    let Some(last) = class.heard.last else { return String::new() };
    if is_now(class) {
        return "now".to_owned();
    }
    let secs = snapshot.clock.sample_rate.secs(snapshot.position.0.saturating_sub(last.0)) as u64;
    match secs {
        0..100 => format!("{secs}s"),
        100..6000 => format!("{}m", secs / 60),
        6000..360_000 => format!("{}h", secs / 3600),
        _ => format!("{}d", (secs / 86_400).min(999)),
    }
}

fn marker(class: &ClassState, theme: Theme) -> (&'static str, Style) {
    match class {
        ClassState { active: true, .. } => ("▶ ", theme.active()),
        ClassState { enabled: false, .. } => ("x ", theme.dim()),
        ClassState { alarm: false, .. } if class.heard.now => ("○ ", theme.strong()),
        ClassState { edited: true, .. } => ("* ", Style::new()),
        _ => ("  ", Style::new()),
    }
}

fn draw_list(buffer: &mut Buffer, inner: Rect, rows: &[Row<'_>], app: &App, snapshot: &Snapshot, theme: Theme) {
    let n_classes = snapshot.classes.len();
    let class = |row: &Row<'_>| if let Row::Class(idx) = row { Some(*idx) } else { None };
    let mut order: Vec<usize> = rows.iter().filter_map(class).collect();
    let chosen = app.chosen_label();
    // The chosen one is always in view: where its place lies below, it takes the top.
    if let Some(rank) = chosen.and_then(|class| order.iter().position(|other| *other == class))
        && rank + 2 > usize::from(inner.height) / 2
    {
        order[..=rank].rotate_right(1);
    }
    let label_cells = label_cells(&snapshot.classes, inner.width.into());
    let mut y = inner.y;
    for (rank, &idx) in order.iter().enumerate() {
        if y + 1 == inner.bottom() && rank + 1 < n_classes {
            let rest = format!("  … {} more", n_classes - rank);
            buffer.set_stringn(inner.x, y, rest, inner.width.into(), theme.dim());
            break;
        }
        if y >= inner.bottom() {
            break;
        }
        let class = &snapshot.classes[idx];
        draw_class(buffer, Rect { y, height: 1, ..inner }, class, label_cells, theme);
        if chosen == Some(idx) {
            let name = Rect { x: inner.x + 2, y, width: label_cells.min(inner.width.into()) as u16, height: 1 };
            buffer.set_style(name.intersection(inner), theme.selected());
        }
        y += 1;
        if !class.reason.is_empty() && y + 1 < inner.bottom() {
            let reason = clip(&format!("  └ {}", class.reason), inner.width.into());
            buffer.set_string(inner.x, y, reason, theme.dim());
            y += 1;
        }
    }
}

/// One row: marker, label, bar with the threshold's tick, score.
fn draw_class(buffer: &mut Buffer, row: Rect, class: &ClassState, label_cells: usize, theme: Theme) {
    let (marker, style) = marker(class, theme);
    buffer.set_stringn(row.x, row.y, marker, row.width.into(), style);
    let label = pad(&class.label, label_cells);
    let (x, _) = buffer.set_stringn(row.x + 2, row.y, label, usize::from(row.width.saturating_sub(2)), style);
    let score = pad_start(&number(class.score.into(), 2), 4);
    let score_x = row.right().saturating_sub(4);
    let bar = Rect { x: x + 1, width: score_x.saturating_sub(x + 2), ..row };
    let fill = if class.active { theme.bar_active() } else { theme.bar() };
    draw_bar(buffer, bar, class.score, Some(class.on_threshold), fill, theme);
    if score_x > x {
        buffer.set_string(score_x, row.y, score, style);
    }
}

/// A bar of `part` (0…1) of `row`, with a tick at `tick` (0…1). What is no number draws nothing.
pub(crate) fn draw_bar(buffer: &mut Buffer, row: Rect, part: f32, tick: Option<f32>, fill: Style, theme: Theme) {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if row.width == 0 {
        return;
    }
    let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
    let eighths = (part * f32::from(row.width) * 8.0).round() as u16;
    let full = eighths / 8;
    for x in 0..row.width {
        let (symbol, style) = match x {
            x if x < full => ("█", fill),
            x if x == full && !eighths.is_multiple_of(8) => (EIGHTHS[usize::from(eighths % 8)], fill),
            _ => ("·", theme.dim()),
        };
        buffer.set_string(row.x + x, row.y, symbol, style);
    }
    if let Some(tick) = tick.filter(|tick| tick.is_finite()) {
        let x = ((tick.clamp(0.0, 1.0) * f32::from(row.width)) as u16).min(row.width - 1);
        // Over the bar the tick is cut out of it, which works without colour too.
        let style = if x < full { fill.add_modifier(Modifier::REVERSED) } else { theme.strong() };
        buffer.set_string(row.x + x, row.y, "│", style);
    }
}
