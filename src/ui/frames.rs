//! What panes and windows have around them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::clip;
use super::theme::Theme;

/// Draws a pane's title on a rule; gives the room below it, of at least one line.
pub(crate) fn pane(buffer: &mut Buffer, area: Rect, title: &str, theme: Theme) -> Rect {
    buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), theme.rule());
    let title = format!(" {} ", clip(title, usize::from(area.width).saturating_sub(4)));
    buffer.set_stringn(area.x + 1, area.y, title, usize::from(area.width.saturating_sub(1)), theme.title());
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

/// Clears the middle of `area` for a framed window of at most `width` × `height` cells; gives the room inside.
pub(crate) fn popup(buffer: &mut Buffer, area: Rect, width: u16, height: u16, title: &str, theme: Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let window = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    for y in window.y..window.bottom() {
        for x in window.x..window.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    let across = "─".repeat(usize::from(width).saturating_sub(2));
    buffer.set_string(window.x, window.y, format!("┌{across}┐"), theme.rule());
    for y in window.y + 1..window.bottom().saturating_sub(1) {
        buffer.set_string(window.x, y, "│", theme.rule());
        buffer.set_string(window.right() - 1, y, "│", theme.rule());
    }
    buffer.set_string(window.x, window.bottom() - 1, format!("└{across}┘"), theme.rule());
    let title = format!(" {} ", clip(title, usize::from(width).saturating_sub(6)));
    buffer.set_stringn(window.x + 2, window.y, title, usize::from(width.saturating_sub(3)), theme.title());
    Rect { x: window.x + 2, y: window.y + 1, width: width.saturating_sub(4), height: height.saturating_sub(2) }
}
