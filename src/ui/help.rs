//! The help: every key of the table, and what the signs mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::draw::popup;
use super::keys::TABLE;
use super::text::{clip, pad};
use super::theme::Theme;

/// What the signs on the screen mean; shown below the keys where there is room.
const LEGEND: [&str; 7] = [
    "▶ an event of this label is open",
    "│ in a bar: the score at which an event starts",
    "+1.00 the component that spoke most for the label; – against it",
    "✓ the interpretation alone gives the same label, ✗ it does not",
    "in→out: probability of the label on the interpretation alone,",
    "        and on what is left without it",
    "the newest second of \"why\" is dark: it is not decided yet",
];

/// Keys and text of each line: neighbours in the table with one text share a line.
pub(super) fn lines() -> Vec<(String, &'static str)> {
    let mut lines: Vec<(String, &'static str)> = Vec::new();
    for binding in TABLE {
        let keys = binding.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" ");
        match lines.last_mut() {
            Some((shared, text)) if *text == binding.help => *shared = format!("{shared} / {keys}"),
            _ => lines.push((keys, binding.help)),
        }
    }
    lines
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, theme: Theme) {
    let lines = lines();
    let key_cells = lines.iter().map(|(keys, _)| super::text::width(keys)).max().unwrap_or(0);
    let with_legend = lines.len() + LEGEND.len() + 3;
    let height = if with_legend <= usize::from(area.height) { with_legend } else { lines.len() + 2 };
    let inner = popup(buffer, area, 68, height as u16, "keys", theme);
    for (y, (keys, text)) in (inner.y..inner.bottom()).zip(&lines) {
        let (x, _) = buffer.set_stringn(inner.x, y, pad(keys, key_cells), inner.width.into(), theme.key());
        let room = usize::from(inner.right().saturating_sub(x + 2));
        buffer.set_stringn(x + 2, y, clip(text, room), room, Style::new());
    }
    let legend_y = inner.y + lines.len() as u16 + 1;
    for (y, text) in (legend_y..inner.bottom()).zip(LEGEND) {
        buffer.set_string(inner.x, y, clip(text, inner.width.into()), theme.dim());
    }
}
