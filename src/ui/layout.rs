//! Where the panes lie: one answer for drawing and for the mouse.

use ratatui::layout::Rect;

use super::app::{App, LabelOrder};
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
        let left_width = (panes.width * 7 / 20).clamp(26, 48);
        let upper_height = (panes.height * 11 / 20).max(5).min(panes.height);
        let upper = Rect { height: upper_height, ..panes };
        let lower = Rect { y: upper.bottom(), height: panes.height - upper_height, ..panes };
        let has_components = app.snapshot.as_deref().is_none_or(components::are_named);
        let (components, events) = if has_components {
            let right = Rect { x: lower.x + left_width + 1, width: lower.width - left_width - 1, ..lower };
            (Rect { width: left_width, ..lower }, right)
        } else {
            (Rect { width: 0, ..lower }, lower)
        };
        // Labels by group say more of each, and the waterfall can do with less.
        let of_labels =
            if app.order() == LabelOrder::Heard { (panes.width * 9 / 20).min(60).max(left_width) } else { left_width };
        let waterfall = Rect { x: upper.x + of_labels + 1, width: upper.width - of_labels - 1, ..upper };
        Self {
            header,
            banner,
            banner_lines,
            body,
            inputs,
            labels: Rect { width: of_labels, ..upper },
            waterfall,
            components,
            events,
            health: line(area.bottom() - 2),
            footer: line(area.bottom() - 1),
        }
    }
}
