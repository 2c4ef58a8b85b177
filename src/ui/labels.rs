//! The labels: score, how often each was heard today and how long ago; where there is room, the score as a bar against the threshold
//! at which an event starts. Where they are many, they stand by group, and all of them are named as far as there is room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::App;
use super::choices::LabelOrder;
use super::frames::pane;
use super::label_flow::{flow, share_out};
use super::label_rows::{Group, classes_in, groups, is_now};
use super::text::{clip, number, pad, pad_start, width};
use super::theme::Theme;
use crate::engine::snapshot::{ClassState, Snapshot};

/// Cells of the columns behind a label, each with the space before it: score, how often today, how long ago.
const SCORE: usize = 5;
const TIMES: usize = 6;
const AGO: usize = 5;
/// A narrower pane does not say how often.
const LEAST_FOR_TIMES: usize = 30;
/// Fewest cells in which a bar says anything.
const LEAST_BAR: usize = 6;
/// Names that go on in the next line begin here.
const INDENT: usize = 2;

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
    if snapshot.classes.is_empty() {
        buffer.set_stringn(inner.x, inner.y, "the model has no classes", inner.width.into(), theme.dim());
    } else if order == LabelOrder::Heard {
        draw_groups(buffer, inner, app, snapshot, theme);
    } else {
        draw_list(buffer, inner, order, app, snapshot, theme);
    }
}

/// Every group: its name and, dim, what was not heard of it, as far as there is room; below it a line for each label that was.
fn draw_groups(buffer: &mut Buffer, inner: Rect, app: &App, snapshot: &Snapshot, theme: Theme) {
    let (room, cells) = (usize::from(inner.height), usize::from(inner.width));
    let groups = groups(&snapshot.classes, app.chosen_label(), room);
    let rest = |group: &Group<'_>, n_lines: usize| {
        let names: Vec<String> = group.rest.iter().map(|idx| name(&snapshot.classes[*idx])).collect();
        flow(&names, (indent(group), INDENT), cells, n_lines)
    };
    let n_used: usize = groups.iter().map(|group| 1 + group.lines.len()).sum();
    let wanted: Vec<usize> = groups.iter().map(|group| rest(group, usize::MAX).len()).collect();
    let given = share_out(room.saturating_sub(n_used), &wanted);
    let mut lines = (inner.y..inner.bottom()).map(|y| Rect { y, height: 1, ..inner });
    for (group, n_lines) in groups.iter().zip(given) {
        let names = rest(group, n_lines);
        for (i, line) in (0..names.len().max(1)).zip(lines.by_ref()) {
            if i == 0 {
                buffer.set_string(line.x, line.y, clip(group.name.unwrap_or_default(), cells), theme.title());
            }
            let from = if i == 0 { indent(group) } else { INDENT };
            let text = names.get(i).map_or("", String::as_str);
            buffer.set_stringn(line.x + from as u16, line.y, text, cells.saturating_sub(from), theme.dim());
        }
        for (idx, line) in group.lines.iter().zip(lines.by_ref()) {
            draw_class(buffer, line, &snapshot.classes[*idx], snapshot, theme);
            if app.chosen_label() == Some(*idx) {
                buffer.set_style(line, Style::reset().patch(theme.selected()));
            }
        }
    }
}

/// Where the names behind a group's own begin.
fn indent(group: &Group<'_>) -> usize {
    group.name.map_or(0, |name| width(name) + 2)
}

/// What stands for a class without a line of its own.
fn name(class: &ClassState) -> String {
    if class.enabled { class.label.clone() } else { format!("x {}", class.label) }
}

/// One row: marker, label, a bar where there is room, score, how often it was heard today and how long ago.
fn draw_class(buffer: &mut Buffer, row: Rect, class: &ClassState, snapshot: &Snapshot, theme: Theme) {
    let (marker, style) = marker(class, theme);
    let times_cells = if usize::from(row.width) < LEAST_FOR_TIMES { 0 } else { TIMES };
    let room = usize::from(row.width).saturating_sub(2 + SCORE + times_cells + AGO);
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
    if times_cells > 0 {
        put(pad_start(&times(class.heard.today), TIMES), style);
    }
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

fn draw_list(buffer: &mut Buffer, inner: Rect, order: LabelOrder, app: &App, snapshot: &Snapshot, theme: Theme) {
    let n_classes = snapshot.classes.len();
    let mut order = classes_in(order, &snapshot.classes);
    let chosen = app.chosen_label();
    // The chosen one is always in view: where its place lies below, it takes the top.
    if let Some(rank) = chosen.and_then(|class| order.iter().position(|other| *other == class))
        && rank + 2 > usize::from(inner.height) / 2
    {
        order[..=rank].rotate_right(1);
    }
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
        let line = Rect { y, height: 1, ..inner };
        draw_class(buffer, line, class, snapshot, theme);
        if chosen == Some(idx) {
            buffer.set_style(line, Style::reset().patch(theme.selected()));
        }
        y += 1;
        if !class.reason.is_empty() && y + 1 < inner.bottom() {
            let reason = clip(&format!("  └ {}", class.reason), inner.width.into());
            buffer.set_string(inner.x, y, reason, theme.dim());
            y += 1;
        }
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
