//! The review as a screen: the state and its drawing put together.

use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;

use super::app::App;
use super::draw::draw;
use crate::ui::screen::Show;

impl App {
    /// Draws the whole frame.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        draw(frame, self);
    }
}

impl Show for App {
    fn on_key(&mut self, key: KeyEvent) -> bool {
        Self::on_key(self, key)
    }

    fn on_tick(&mut self) -> bool {
        Self::on_tick(self)
    }

    fn should_quit(&self) -> bool {
        Self::should_quit(self)
    }

    fn take_clear(&mut self) -> bool {
        Self::take_clear(self)
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        Self::draw(self, frame);
    }
}
