//! The help: every key of the table, and what the signs mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::frames::popup;
use super::keys::{Binding, TABLE};
use super::text::{clip, pad};
use super::theme::Theme;

/// What the signs on the screen mean; stands below the keys.
const LEGEND: [&str; 14] = [
    "▶ an event is under way, x a label is not listened for,",
    "  * it was changed for this run, o it is heard and only shown",
    "12× 3m heard twelve times today, the last time three minutes ago",
    "│ in a bar: the score at which an event starts",
    "+1.00 the component that spoke most for the label; – against it",
    "✓ evidence that is enough alone, and needed: without it less",
    "        than half of the score is left; ≈ enough only;",
    "        ✗ not enough. It does not say that the label is right.",
    "… the explanation is pending; it comes after the event",
    "in→out: probability of the label on the interpretation alone,",
    "        and on what is left without it",
    "the newest second of \"why\" is dark: it is not decided yet",
    "latency: half of the events were known after the first time,",
    "         99 of 100 after the second",
];

/// The furthest that the help can be scrolled, whatever the screen.
pub(super) fn last_line() -> usize {
    lines(TABLE).len() + LEGEND.len()
}

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

/// Draws the help from its line `from` on (as far as there is more than fits).
pub(super) fn draw(buffer: &mut Buffer, area: Rect, from: usize, theme: Theme) {
    draw_table(buffer, area, TABLE, &LEGEND, from, theme);
}

/// Draws the keys of `table` and the words of `legend`, from line `from` on.
pub(crate) fn draw_table<A: 'static>(
    buffer: &mut Buffer,
    area: Rect,
    table: &[Binding<A>],
    legend: &[&str],
    from: usize,
    theme: Theme,
) {
    let keys = lines(table);
    let key_cells = keys.iter().map(|(keys, _)| super::text::width(keys)).max().unwrap_or(0);
    let n_lines = keys.len() + 1 + legend.len();
    let inner = popup(buffer, area, 68, (n_lines + 2).min(area.height.into()) as u16, "keys", theme);
    let room = usize::from(inner.height);
    let from = from.min(n_lines.saturating_sub(room));
    if n_lines > room {
        let place = format!(" {}-{} of {n_lines} · ↑ ↓ ", from + 1, from + room);
        let x = inner.right().saturating_sub(super::text::width(&place) as u16 + 1);
        buffer.set_string(x, inner.bottom(), place, theme.dim());
    }
    for (y, at) in (inner.y..inner.bottom()).zip(from..) {
        let Some((keys, text)) = keys.get(at) else {
            if let Some(line) = at.checked_sub(keys.len() + 1).and_then(|at| legend.get(at)) {
                buffer.set_string(inner.x, y, clip(line, inner.width.into()), theme.dim());
            }
            continue;
        };
        let (x, _) = buffer.set_stringn(inner.x, y, pad(keys, key_cells), inner.width.into(), theme.key());
        let room = usize::from(inner.right().saturating_sub(x + 2));
        buffer.set_stringn(x + 2, y, clip(text, room), room, Style::new());
    }
}
