//! The labels with their scores as bars against the threshold at which an event starts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::app::{App, LabelOrder};
use super::draw::pane;
use super::label_edit::shown;
use super::text::{clip, number, pad, pad_start, width};
use super::theme::Theme;
use crate::engine::snapshot::{ClassState, Snapshot};

/// Cells of the widest label column that a pane of `pane_width` cells gives away.
fn label_cells(classes: &[ClassState], pane_width: usize) -> usize {
    let longest = classes.iter().map(|class| width(&class.label)).max().unwrap_or(0);
    longest.clamp(3, (pane_width * 2 / 5).max(3))
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, snapshot: &Snapshot, theme: Theme) {
    let n_classes = snapshot.classes.len();
    let order = if app.order == LabelOrder::Score { "by score" } else { "model order" };
    let inner = pane(buffer, area, &format!("labels · {order}"), theme);
    if n_classes == 0 {
        buffer.set_stringn(inner.x, inner.y, "the model has no classes", inner.width.into(), theme.dim());
        return;
    }
    let mut order = shown(app.order, &snapshot.classes);
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
    let (marker, style) = match class {
        ClassState { active: true, .. } => ("▶ ", theme.active()),
        ClassState { enabled: false, .. } => ("x ", theme.dim()),
        ClassState { edited: true, .. } => ("* ", Style::new()),
        _ => ("  ", Style::new()),
    };
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
