//! Divides the screen among the panes, and draws what lies on top.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::editor::Editor;
use super::filters::{Form, describe};
use super::keys::{LEGEND, TABLE};
use super::overlay::{Overlay, Purpose};
use super::{draw_event, draw_list};
use crate::archive::Filter;
use crate::ui::frames::popup;
use crate::ui::help::draw_table;
use crate::ui::status::draw_keys;
use crate::ui::text::{clip, clip_start, count, number, pad, width};
use crate::ui::theme::Theme;
use crate::ui::{MIN_HEIGHT, MIN_WIDTH};

/// Draws `app` on the whole frame.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let area = frame.area();
    let theme = Theme::new(&app.options);
    let buffer = frame.buffer_mut();
    if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
        let text = format!("terminal too small (need {MIN_WIDTH}x{MIN_HEIGHT})");
        let x = area.width.saturating_sub(width(&text) as u16) / 2;
        if !area.is_empty() {
            buffer.set_string(area.x + x, area.y + area.height / 2, clip(&text, area.width.into()), Style::new());
        }
    } else {
        draw_screen(buffer, area, app, theme);
    }
    theme.finish(buffer);
}

fn draw_screen(buffer: &mut Buffer, area: Rect, app: &mut App, theme: Theme) {
    let line = |y: u16| Rect { y, height: 1, ..area };
    draw_header(buffer, line(area.y), app, theme);
    let body = Rect { y: area.y + 1, height: area.height - 3, ..area };
    let list_width = (body.width * 9 / 20).clamp(28, 66);
    draw_list::draw(buffer, Rect { width: list_width, ..body }, app, theme);
    let right = Rect { x: body.x + list_width + 1, width: body.width - list_width - 1, ..body };
    draw_event::draw(buffer, right, app, theme);
    draw_sound(buffer, line(area.bottom() - 2), app, theme);
    let footer = line(area.bottom() - 1);
    match &app.hint {
        Some(hint) => {
            let text = clip(hint, usize::from(footer.width).saturating_sub(2));
            buffer.set_string(footer.x + 1, footer.y, text, theme.warn());
        }
        None => draw_keys(buffer, footer, TABLE, theme),
    }
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match &app.overlay {
        Overlay::None => {}
        Overlay::Help(from) => draw_table(buffer, below, TABLE, LEGEND, *from, theme),
        Overlay::Filters(form) => draw_form(buffer, below, form, app.list.filter(), theme),
        Overlay::Delete => draw_question(buffer, below, app, theme),
        Overlay::Write(purpose, editor) => draw_editor(buffer, below, *purpose, editor, theme),
    }
}

fn draw_header(buffer: &mut Buffer, row: Rect, app: &App, theme: Theme) {
    let (x, _) = buffer.set_stringn(row.x + 1, row.y, "earwitness review", row.width.into(), theme.title());
    let filter = describe(app.list.filter());
    let n_shown = app.list.n_rows();
    let text = if filter.is_empty() {
        format!("{} events", count(n_shown))
    } else {
        format!("{} of {} events · {filter}", count(n_shown), count(app.n_all))
    };
    let memory = if app.index.in_memory() { " · index in memory" } else { "" };
    let text = clip(&format!("{text}{memory}"), usize::from(row.right().saturating_sub(x + 3)));
    let (x, _) = buffer.set_stringn(x + 2, row.y, &text, row.width.into(), theme.strong());
    let room = usize::from(row.right().saturating_sub(x + 3));
    let dir = clip_start(&app.index.dir().to_string_lossy(), room);
    if room > 8 {
        buffer.set_string(row.right() - 1 - width(&dir) as u16, row.y, dir, theme.dim());
    }
}

/// What plays, or why nothing does.
fn draw_sound(buffer: &mut Buffer, row: Rect, app: &App, theme: Theme) {
    let playing = app.playing();
    let (text, style) = match (&playing.trouble, playing.position_secs) {
        (Some(trouble), _) => (trouble.clone(), theme.warn()),
        (None, Some(secs)) => {
            let what = if playing.why { "what the classifier heard" } else { "what the microphone heard" };
            (format!("♪ {what} · {} s · a microphone, b classifier, z stop", number(secs, 1)), theme.active())
        }
        (None, None) => (String::new(), theme.dim()),
    };
    buffer.set_string(row.x + 1, row.y, clip(&text, usize::from(row.width).saturating_sub(2)), style);
}

fn draw_form(buffer: &mut Buffer, area: Rect, form: &Form, filter: &Filter, theme: Theme) {
    let lines = form.lines(filter);
    let names = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let inner = popup(buffer, area, 64, lines.len() as u16 + 4, "filters", theme);
    for (i, (y, (name, value))) in (inner.y..inner.bottom()).zip(&lines).enumerate() {
        let chosen = i == form.line();
        let arrows = if chosen { ("‹ ", " ›") } else { ("  ", "  ") };
        let text = format!("{}  {}{value}{}", pad(name, names), arrows.0, arrows.1);
        let style = if chosen { theme.selected() } else { Style::new() };
        buffer.set_string(inner.x, y, pad(&text, inner.width.into()), style);
    }
    let help = "↑ ↓ line   ← → choose   F all events   Enter done";
    let y = inner.y + lines.len() as u16 + 1;
    if y < inner.bottom() {
        buffer.set_string(inner.x, y, clip(help, inner.width.into()), theme.dim());
    }
}

fn draw_question(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let Some(row) = app.list.selected() else { return };
    let inner = popup(buffer, area, 60, 5, "delete this event?", theme);
    let what = format!("{} {} of {}", row.label, number(row.score.unwrap_or(f64::NAN), 2), row.day);
    let lines = [
        (what, theme.strong()),
        (row.dir.clone(), theme.dim()),
        ("y deletes the folder for good; any other key keeps it".to_owned(), theme.warn()),
    ];
    for (y, (text, style)) in (inner.y..inner.bottom()).zip(lines) {
        buffer.set_string(inner.x, y, clip(&text, inner.width.into()), style);
    }
}

fn draw_editor(buffer: &mut Buffer, area: Rect, purpose: Purpose, editor: &Editor, theme: Theme) {
    let (title, help) = match purpose {
        Purpose::Search => ("search", "in labels, sources and notes; empty: everything"),
        Purpose::Note => ("note", "Enter keeps it, Esc leaves it as it was"),
        Purpose::TrueLabel => ("wrong: what was it?", "a label, or nothing where it is not known"),
    };
    let inner = popup(buffer, area, 64, 4, title, theme);
    let (before, after) = editor.parts();
    // The cursor stays in sight.
    let before = clip_start(before, usize::from(inner.width).saturating_sub(2));
    let (x, _) = buffer.set_stringn(inner.x, inner.y, before, inner.width.into(), Style::new());
    let mut rest = after.chars();
    let under = rest.next().unwrap_or(' ');
    let (x, _) = buffer.set_stringn(x, inner.y, under.to_string(), 2, theme.selected());
    let room = usize::from(inner.right().saturating_sub(x));
    buffer.set_stringn(x, inner.y, clip(rest.as_str(), room), room, Style::new());
    if inner.height > 1 {
        buffer.set_string(inner.x, inner.y + 1, clip(help, inner.width.into()), theme.dim());
    }
}
