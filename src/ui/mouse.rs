//! What the mouse does, where it is taken: it selects, opens and scrolls, and can do nothing that keys cannot.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::app::App;
use super::choices::Overlay;
use super::draw::{MIN_HEIGHT, MIN_WIDTH};
use super::keys::Action;
use super::layout::Layout;
use super::{events, inputs};

/// Events that a notch of the wheel moves by.
const NOTCH: usize = 3;
/// Labels that a notch of the wheel moves by.
const LABELS: isize = 3;

impl App {
    /// Takes what the mouse did on a screen of `area`; tells whether the screen must be drawn again.
    pub fn on_mouse(&mut self, event: MouseEvent, area: Rect) -> bool {
        if !self.takes_mouse() || area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
            return false;
        }
        match event.kind {
            MouseEventKind::ScrollUp if self.overlay == Overlay::Help => _ = self.scroll_help(Action::Up),
            MouseEventKind::ScrollDown if self.overlay == Overlay::Help => _ = self.scroll_help(Action::Down),
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if self.is_over_labels(event, area) => {
                self.choose_label(if event.kind == MouseEventKind::ScrollUp { -LABELS } else { LABELS });
            }
            MouseEventKind::ScrollUp => self.move_up(NOTCH),
            MouseEventKind::ScrollDown => self.move_down(NOTCH),
            MouseEventKind::Down(MouseButton::Left) => return self.click(Position::new(event.column, event.row), area),
            _ => return false,
        }
        true
    }

    fn is_over_labels(&self, event: MouseEvent, area: Rect) -> bool {
        let over = |layout: &Layout| layout.labels.contains(Position::new(event.column, event.row));
        self.overlay == Overlay::None && over(&Layout::new(self, area))
    }

    fn click(&mut self, at: Position, area: Rect) -> bool {
        if self.overlay != Overlay::None {
            self.overlay = Overlay::None;
            return true;
        }
        let layout = Layout::new(self, area);
        let Some(snapshot) = self.snapshot.clone() else { return false };
        if layout.inputs.contains(at) {
            let index = inputs::row_at(layout.inputs, &snapshot, at.y);
            return index.map(|index| self.go_to_input(index)).is_some();
        }
        if layout.events.contains(at) {
            let idx = events::row_at(layout.events, &snapshot, self.selected_idx(), at.y);
            return idx.map(|idx| self.click_event(idx)).is_some();
        }
        false
    }
}
