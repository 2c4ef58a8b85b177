//! Where the panes lie: one answer for drawing and for the mouse.

use ratatui::layout::Rect;

use super::app::App;
use super::banner::{self, Tone};
use super::{components, header, inputs};

/// Lines that the panes keep below the banners.
const LEAST_BODY: u16 = 7;

/// The parts of a screen that is large enough for panes.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) header: Rect,
    pub(super) banner: Rect,
    pub(super) banner_lines: Vec<(String, Tone)>,
    pub(super) body: Rect,
    /// Without lines where there is one input.
    pub(super) inputs: Rect,
    pub(super) labels: Rect,
    pub(super) waterfall: Rect,
    /// Without columns where the method names no components.
    pub(super) components: Rect,
    pub(super) events: Rect,
    pub(super) health: Rect,
    pub(super) footer: Rect,
}

impl Layout {
    /// Divides `area`, which is at least [`super::MIN_WIDTH`] × [`super::MIN_HEIGHT`].
    pub(super) fn new(app: &App, area: Rect) -> Self {
        let line = |y: u16| Rect { y, height: 1, ..area };
        let header = Rect { height: header::height(app), ..area };
        let banners = app.newest().map(banner::banners).unwrap_or_default();
        let room = area.height.saturating_sub(header.height + 2 + LEAST_BODY);
        let banner_lines = banner::lines(&banners, area.width, room);
        let banner = Rect { y: header.bottom(), height: banner_lines.len() as u16, ..area };
        let body = Rect { y: banner.bottom(), height: area.bottom() - 2 - banner.bottom(), ..area };
        let n_inputs = app.snapshot.as_deref().map_or(0, |snapshot| inputs::height(snapshot, body.height));
        let inputs = Rect { height: n_inputs, ..body };
        let panes = Rect { y: inputs.bottom(), height: body.height - n_inputs, ..body };
        let left_width = (panes.width * 17 / 40).clamp(26, 60);
        let upper_height = (panes.height * 11 / 20).max(5).min(panes.height);
        let upper = Rect { height: upper_height, ..panes };
        let lower = Rect { y: upper.bottom(), height: panes.height - upper_height, ..panes };
        let right = |rows: Rect| Rect { x: rows.x + left_width + 1, width: rows.width - left_width - 1, ..rows };
        let (waterfall, events) = (right(upper), right(lower));
        // Without components the labels have their room, too.
        let has_components = app.snapshot.as_deref().is_none_or(components::are_named);
        let (labels, components) = if has_components {
            (Rect { width: left_width, ..upper }, Rect { width: left_width, ..lower })
        } else {
            (Rect { width: left_width, ..panes }, Rect { width: 0, ..lower })
        };
        Self {
            header,
            banner,
            banner_lines,
            body,
            inputs,
            labels,
            waterfall,
            components,
            events,
            health: line(area.bottom() - 2),
            footer: line(area.bottom() - 1),
        }
    }
}
