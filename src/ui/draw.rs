//! Divides the screen among the panes.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::choices::Overlay;
use super::layout::Layout;
use super::text::{clip, width};
use super::theme::Theme;
use super::{banner, components, detail, events, header, help, inputs, labels, status, waterfall};

/// Narrowest terminal that the panes fit into, in cells.
pub const MIN_WIDTH: u16 = 60;
/// Lowest terminal that the panes fit into, in lines.
pub const MIN_HEIGHT: u16 = 16;

/// Draws `app` on the whole frame. Reads nothing else and changes nothing.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let theme = Theme::new(&app.options);
    let buffer = frame.buffer_mut();
    if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
        draw_too_small(buffer, area, app, theme);
    } else {
        draw_screen(buffer, area, app, theme);
    }
    theme.finish(buffer);
}

fn draw_too_small(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    if area.is_empty() {
        return;
    }
    // What must not be overlooked needs no panes; a screen of one line shows nothing else.
    let banners = app.newest().map(banner::banners).unwrap_or_default();
    let lines = banner::lines(&banners, area.width, (area.height - 1).max(1));
    banner::draw(buffer, area, &lines, theme);
    let top = area.y + lines.len() as u16;
    if top >= area.bottom() {
        return;
    }
    let text = format!("terminal too small (need {MIN_WIDTH}x{MIN_HEIGHT})");
    let x = area.width.saturating_sub(width(&text) as u16) / 2;
    let y = top.max(area.y + area.height / 2);
    buffer.set_string(area.x + x, y, clip(&text, area.width.into()), Style::new());
}

fn draw_screen(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let layout = Layout::new(app, area);
    header::draw(buffer, layout.header, app, theme);
    banner::draw(buffer, layout.banner, &layout.banner_lines, theme);
    status::draw_health(buffer, layout.health, app, theme);
    status::draw_footer(buffer, layout.footer, app, theme);
    draw_body(buffer, &layout, app, theme);
    // The line that says what is listened to stays in sight, and so do the banners.
    let first_line = if layout.banner_lines.is_empty() { area.y + 1 } else { layout.banner.bottom() };
    let below = Rect { y: first_line, height: area.bottom() - first_line, ..area };
    match app.overlay {
        Overlay::None => {}
        Overlay::Help => help::draw(buffer, below, app.help_from, theme),
        Overlay::Detail => detail::draw(buffer, below, app, theme),
    }
}

fn draw_body(buffer: &mut Buffer, layout: &Layout, app: &App, theme: Theme) {
    let Some(snapshot) = app.snapshot.as_deref() else {
        let text = "waiting for the first sound";
        let body = layout.body;
        let x = body.x + body.width.saturating_sub(width(text) as u16) / 2;
        buffer.set_stringn(x, body.y + body.height / 2, text, body.width.into(), theme.dim());
        return;
    };
    inputs::draw(buffer, layout.inputs, snapshot, theme);
    labels::draw(buffer, layout.labels, app, snapshot, theme);
    waterfall::draw(buffer, layout.waterfall, app, snapshot, theme);
    if layout.components.width > 0 {
        components::draw(buffer, layout.components, snapshot, theme);
    }
    events::draw(buffer, layout.events, app, snapshot, theme);
}
