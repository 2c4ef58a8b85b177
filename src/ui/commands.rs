//! What keys ask of the engine: the screen's state only notes it, and whoever runs the screen passes it on.

use std::time::Duration;

use super::app::App;
use super::command::{Command, HINT, Hint, NEXT_STEP};
use super::over::is_over;
use crate::engine::controls::TakenSound;
use crate::engine::report::Explained;
use crate::engine::snapshot::Snapshot;

impl App {
    /// What keys have asked of the engine since the last call, in order.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Tells the screen that time has passed; tells whether it must be drawn again.
    pub fn on_elapsed(&mut self, by: Duration) -> bool {
        let Some(hint) = &mut self.hint else { return false };
        hint.left = hint.left.saturating_sub(by);
        let over = hint.left.is_zero();
        if over {
            self.hint = None;
        }
        over
    }

    pub(super) fn next_input(&mut self) {
        if let Some((at, n)) = self.focus() {
            self.go_to_input((at + 1) % n);
        }
    }

    pub(super) fn previous_input(&mut self) {
        if let Some((at, n)) = self.focus() {
            self.go_to_input((at + n - 1) % n);
        }
    }

    pub(super) fn go_to_input(&mut self, index: usize) {
        let Some((_, n)) = self.focus() else { return };
        if n == 1 {
            self.hint("this is the only input");
        } else if index >= n {
            self.hint("there is no input of this number");
        } else if self.newest().is_some_and(is_over) {
            // Nobody is left to show another one.
            self.hint("the inputs have ended; this is the last that was seen");
        } else if self.frozen {
            self.hint("the screen is frozen; press Space before going to another input");
        } else {
            self.wanted_input = Some(index);
            self.commands.push(Command::Focus(index));
        }
    }

    pub(super) fn next_listen_mode(&mut self) {
        match self.newest() {
            None => {}
            Some(snapshot) if snapshot.listen.is_none() => self.hint("start with --listen device to hear it live"),
            Some(_) => self.commands.push(Command::NextListenMode),
        }
    }

    pub(super) fn call_off(&mut self) {
        let pending =
            |snapshot: &Snapshot| snapshot.events.iter().any(|summary| summary.event.explanation == Explained::Pending);
        match self.newest() {
            None => {}
            Some(snapshot) if !pending(snapshot) => self.hint("no explanation is pending"),
            Some(_) => {
                self.commands.push(Command::CallOff);
                self.hint("the explanations that were pending are called off");
            }
        }
    }

    /// The input that is shown, or will be, and how many there are; `None` before the first snapshot.
    fn focus(&self) -> Option<(usize, usize)> {
        let newest = self.newest()?;
        let n = newest.inputs.len().max(1);
        Some((self.wanted_input.unwrap_or(newest.focus).min(n - 1), n))
    }

    /// Asks for the last seconds.
    pub(super) fn take_sound(&mut self) {
        match self.newest() {
            None => {}
            Some(_) if self.options.keep_sound.is_none() => {
                self.hint("there is no folder for sounds; start with --labels DIR")
            }
            Some(snapshot) if is_over(snapshot) => {
                self.hint("the inputs have ended; there is nothing to take any more")
            }
            Some(_) => self.commands.push(Command::TakeSound),
        }
    }

    /// Keeps the last seconds, which were asked for, and says so.
    pub fn on_taken(&mut self, sound: &TakenSound) {
        let Some(keeper) = self.options.keep_sound.clone() else { return };
        let text = keeper.keep(sound).unwrap_or_else(|e| e.to_string());
        self.hint = Some(Hint { text: text.into(), left: NEXT_STEP });
    }

    pub(super) fn hint(&mut self, text: &'static str) {
        self.hint = Some(Hint { text: text.into(), left: HINT });
    }
}
