//! What keys ask of the engine: the screen's state only notes it, and whoever runs the screen passes it on.

use std::time::Duration;

use super::app::{App, is_over};
use crate::engine::controls::{Change, Controls};
use crate::engine::detector::Edit;
use crate::engine::report::Explained;
use crate::engine::snapshot::Snapshot;

/// A request to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Show the input of this index.
    Focus(usize),
    /// Play what comes next of interpretation, input and silence.
    NextListenMode,
    /// Change how a class is listened for.
    Edit(Edit),
    /// Give up the explanations that are pending.
    CallOff,
}

impl Command {
    /// Passes it on.
    pub fn apply(self, controls: &Controls) {
        match self {
            Self::Focus(index) => controls.set_focus(index),
            Self::NextListenMode => controls.next_listen_mode(),
            Self::Edit(edit) => controls.change(Change::Edit(edit)),
            Self::CallOff => controls.call_off_explanations(),
        }
    }
}

/// How long a hint stays, unless a key comes first.
const HINT: Duration = Duration::from_secs(4);

/// A sentence that says why a key did nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hint {
    pub(super) text: &'static str,
    left: Duration,
}

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

    pub(super) fn hint(&mut self, text: &'static str) {
        self.hint = Some(Hint { text, left: HINT });
    }
}
