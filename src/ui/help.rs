//! The help: every key of the table, and what the signs mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::draw::popup;
use super::keys::{Binding, TABLE};
use super::text::{clip, pad};
use super::theme::Theme;

/// What the signs on the screen mean; shown below the keys where there is room.
const LEGEND: [&str; 9] = [
    "▶ an event of this label is open",
    "│ in a bar: the score at which an event starts",
    "+1.00 the component that spoke most for the label; – against it",
    "✓ the interpretation alone gives the same label, ✗ it does not",
    "in→out: probability of the label on the interpretation alone,",
    "        and on what is left without it",
    "the newest second of \"why\" is dark: it is not decided yet",
    "latency: half of the events were known after the first time,",
    "         99 of 100 after the second",
];

/// Keys and text of each line: neighbours in the table with one text share a line.
pub(crate) fn lines<A: 'static>(table: &[Binding<A>]) -> Vec<(String, &'static str)> {
    let mut lines: Vec<(Vec<String>, &'static str)> = Vec::new();
    for binding in table {
        let keys = binding.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(" ");
        match lines.last_mut() {
            Some((shared, text)) if *text == binding.help => shared.push(keys),
            _ => lines.push((vec![keys], binding.help)),
        }
    }
    lines.into_iter().map(|(keys, text)| (together(keys), text)).collect()
}

/// Keys of several actions on one line, as in `↑ k / ↓ j`; digits as a range, as in `1…9`.
fn together(keys: Vec<String>) -> String {
    let is_digit = |key: &String| key.len() == 1 && key.starts_with(|c: char| c.is_ascii_digit());
    let (digits, mut keys): (Vec<String>, Vec<String>) = keys.into_iter().partition(is_digit);
    match (digits.first(), digits.last()) {
        (Some(first), Some(last)) if first != last => keys.push(format!("{first}…{last}")),
        _ => keys.extend(digits),
    }
    keys.join(" / ")
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, theme: Theme) {
    draw_table(buffer, area, TABLE, &LEGEND, theme);
}

/// Draws the keys of `table`, and `legend` below them where there is room.
pub(crate) fn draw_table<A: 'static>(
    buffer: &mut Buffer,
    area: Rect,
    table: &[Binding<A>],
    legend: &[&str],
    theme: Theme,
) {
    let mut lines = lines(table);
    let key_cells = lines.iter().map(|(keys, _)| super::text::width(keys)).max().unwrap_or(0);
    // What the signs mean, as far as there is room; of the keys, nothing goes without a word.
    let height = (lines.len() + legend.len() + 3).min(area.height.into());
    let inner = popup(buffer, area, 68, height as u16, "keys", theme);
    let room = usize::from(inner.height);
    if lines.len() > room && room > 0 {
        lines.truncate(room - 1);
        lines.push(("…".to_owned(), "more in a larger terminal"));
    }
    for (y, (keys, text)) in (inner.y..inner.bottom()).zip(&lines) {
        let (x, _) = buffer.set_stringn(inner.x, y, pad(keys, key_cells), inner.width.into(), theme.key());
        let room = usize::from(inner.right().saturating_sub(x + 2));
        buffer.set_stringn(x + 2, y, clip(text, room), room, Style::new());
    }
    let legend_y = inner.y + lines.len() as u16 + 1;
    for (y, text) in (legend_y..inner.bottom()).zip(legend) {
        buffer.set_string(inner.x, y, clip(text, inner.width.into()), theme.dim());
    }
}
