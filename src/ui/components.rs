//! The components that speak for the explained class, and against it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::frames::pane;
use super::labels::draw_bar;
use super::text::{clip, pad, pad_start, width};
use super::theme::Theme;
use crate::engine::report::ComponentShare;
use crate::engine::snapshot::Snapshot;

/// What a person calls the component.
pub(super) fn name(component: &ComponentShare) -> String {
    if component.name.is_empty() { format!("#{}", component.index) } else { component.name.clone() }
}

/// The same in at most `max` cells: what is cut is the label, for the number tells components of one label apart.
pub(super) fn short_name(component: &ComponentShare, max: usize) -> String {
    let name = name(component);
    match name.rsplit_once(' ') {
        Some((label, number)) if width(&name) > max && number.parse::<u32>().is_ok() && width(number) + 3 <= max => {
            format!("{} {number}", clip(label, max - width(number) - 1))
        }
        _ => clip(&name, max),
    }
}

/// Whether the relevance reads as 0 on the screen.
fn is_nothing(component: &ComponentShare) -> bool {
    component.relevance.abs() < 0.005
}

/// A relevance with its sign, as in `+0.41`.
pub(super) fn signed(relevance: f32) -> String {
    if relevance.is_finite() { format!("{relevance:+.2}") } else { "?".to_owned() }
}

/// Label of the class that the snapshot explains, if it explains one.
pub(super) fn explained(snapshot: &Snapshot) -> Option<&str> {
    snapshot.explained.and_then(|class| snapshot.classes.get(class.0)).map(|class| class.label.as_str())
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, snapshot: &Snapshot, theme: Theme) {
    let title = explained(snapshot).map_or("components".to_owned(), |label| format!("components · why {label}"));
    let inner = pane(buffer, area, &title, theme);
    let components: Vec<_> = snapshot.components.iter().filter(|component| !is_nothing(component)).cloned().collect();
    if components.is_empty() {
        buffer.set_string(inner.x, inner.y, clip("  nothing to explain yet", inner.width.into()), theme.dim());
        return;
    }
    draw_rows(buffer, inner, &components, theme);
}

/// Whether the method names components. Those of masks alone, such as L-MAC, do not: `w` shows what they heard.
pub(super) fn are_named(snapshot: &Snapshot) -> bool {
    !snapshot.components.is_empty() || matches!(snapshot.method.as_str(), "l2i" | "none")
}

/// One row for each component, as many as fit: name, bar from a common zero, relevance.
pub(crate) fn draw_rows(buffer: &mut Buffer, area: Rect, components: &[ComponentShare], theme: Theme) {
    let longest = components.iter().map(|component| width(&name(component))).max().unwrap_or(0);
    let name_cells = longest.clamp(3, usize::from(area.width / 3).max(3)) as u16;
    // Negative relevance runs to the left of zero; without any, the bars have the whole width.
    let has_negative = components.iter().any(|component| component.relevance < 0.0);
    for (y, component) in (area.y..area.bottom()).zip(components) {
        let bars = Rect { x: area.x + 3 + name_cells, y, width: area.width.saturating_sub(name_cells + 9), height: 1 };
        if bars.width == 0 || bars.right() + 6 > area.right() {
            let text = short_name(component, area.width.into());
            buffer.set_string(area.x, y, text, Style::new());
            continue;
        }
        buffer.set_string(
            area.x + 2,
            y,
            pad(&short_name(component, name_cells.into()), name_cells.into()),
            Style::new(),
        );
        let left = if has_negative { bars.width / 3 } else { 0 };
        draw_signed(buffer, bars, left, component.relevance, theme);
        buffer.set_string(bars.right() + 1, y, pad_start(&signed(component.relevance), 5), Style::new());
    }
}

/// A bar to the right of zero, which lies `left` cells in, or a hatched one to the left of it.
fn draw_signed(buffer: &mut Buffer, row: Rect, left: u16, relevance: f32, theme: Theme) {
    let right = Rect { x: row.x + left, width: row.width - left, ..row };
    draw_bar(buffer, right, relevance, None, theme.good(), theme);
    for x in row.x..right.x {
        buffer.set_string(x, row.y, "·", theme.dim());
    }
    if relevance < 0.0 {
        let cells = ((relevance.max(-1.0).abs() * f32::from(left)).round() as u16).clamp(1.min(left), left);
        for x in right.x - cells..right.x {
            buffer.set_string(x, row.y, "▒", theme.bad());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str) -> ComponentShare {
        ComponentShare { index: 7, name: name.into(), relevance: 1.0 }
    }

    #[test]
    fn a_short_name_keeps_its_number() {
        assert_eq!(short_name(&component("glass_breaking 3"), 16), "glass_breaking 3");
        assert_eq!(short_name(&component("glass_breaking 3"), 12), "glass_bre… 3");
        assert_eq!(short_name(&component("glass_breaking 12"), 5), "g… 12");
        assert_eq!(short_name(&component("glass_breaking 12"), 4), "gla…", "no room for both");
        assert_eq!(short_name(&component("vehicle horn, honking"), 8), "vehicle…", "a name without a number");
        assert_eq!(short_name(&component(""), 8), "#7");
    }
}
