//! What a screen can ask of the engine, and what it says where it cannot.

use std::borrow::Cow;
use std::time::Duration;

use crate::engine::controls::{Change, Controls};
use crate::engine::detector::Edit;

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
    /// Take the last seconds of the input that is shown.
    TakeSound,
}

impl Command {
    /// Passes it on.
    pub fn apply(self, controls: &Controls) {
        match self {
            Self::Focus(index) => controls.set_focus(index),
            Self::NextListenMode => controls.next_listen_mode(),
            Self::Edit(edit) => controls.change(Change::Edit(edit)),
            Self::CallOff => controls.call_off_explanations(),
            Self::TakeSound => controls.take_sound(),
        }
    }
}

/// How long a hint stays, unless a key comes first.
pub(super) const HINT: Duration = Duration::from_secs(4);

/// How long a hint stays that says what to do next.
pub(super) const NEXT_STEP: Duration = Duration::from_secs(15);

/// A sentence that says why a key did nothing, or what to do next.
#[derive(Debug, Clone)]
pub(super) struct Hint {
    pub(super) text: Cow<'static, str>,
    pub(super) left: Duration,
}
