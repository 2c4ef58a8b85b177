//! What a screen, or a signal, may ask of the worker while it runs. The worker looks several times a second; it is no
//! real-time thread, so what is more than a number lies behind a lock that nobody holds for long.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::detector::{DetectorParams, Edit};
use crate::units::{SamplePos, StreamClock};

/// Requests.
#[derive(Debug, Default)]
pub struct Controls {
    focus: AtomicUsize,
    listen_steps: AtomicUsize,
    call_off: AtomicBool,
    take: AtomicBool,
    taken: Mutex<Option<TakenSound>>,
    /// Whether changes wait.
    changed: AtomicBool,
    changes: Mutex<Vec<Change>>,
}

/// The last seconds of an input, as a person asked for them.
#[derive(Debug, Clone)]
pub struct TakenSound {
    /// The samples, at the clock's rate.
    pub samples: Vec<f32>,
    /// Where the first sample is in the stream.
    pub from: SamplePos,
    /// Ties `from` to wall time; its rate is the model's.
    pub clock: StreamClock,
}

/// A change of what is listened for, from the next stride on.
#[derive(Debug, Clone)]
pub enum Change {
    /// Of one class, by a person, on all inputs.
    Edit(Edit),
    /// Of everything: the settings were read again.
    Settings(Box<Settings>),
}

/// Settings that can change while a monitor runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// When scores become an event.
    pub detector: DetectorParams,
    /// Audio kept before the onset, in seconds.
    pub pre_roll_secs: f64,
    /// Audio kept after the offset, in seconds.
    pub post_roll_secs: f64,
    /// Whether the beginning of an event is reported, too.
    pub onsets: bool,
    /// Whether it is reported why a class is not.
    pub reasons: bool,
}

impl Controls {
    /// Index of the input that snapshots show.
    #[must_use]
    pub fn focus(&self) -> usize {
        self.focus.load(Ordering::Relaxed)
    }

    /// Shows another input; one that does not exist counts as the last.
    pub fn set_focus(&self, index: usize) {
        self.focus.store(index, Ordering::Relaxed);
    }

    /// Plays what comes next of interpretation, input and silence.
    pub fn next_listen_mode(&self) {
        self.listen_steps.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times that was asked for since the last look.
    pub fn take_listen_steps(&self) -> usize {
        self.listen_steps.swap(0, Ordering::Relaxed)
    }

    /// Gives up the explanations that are pending.
    pub fn call_off_explanations(&self) {
        self.call_off.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked for since the last look.
    pub fn take_call_off(&self) -> bool {
        self.call_off.swap(false, Ordering::Relaxed)
    }

    /// Asks for the last seconds of the input that is shown.
    pub fn take_sound(&self) {
        self.take.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked for since the last look.
    pub fn take_asked(&self) -> bool {
        self.take.swap(false, Ordering::Relaxed)
    }

    /// Hands the sound over that was asked for.
    pub fn hand_over(&self, sound: TakenSound) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(sound);
    }

    /// The sound that was asked for, once it is there.
    pub fn taken(&self) -> Option<TakenSound> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Changes what is listened for.
    pub fn change(&self, change: Change) {
        self.changes().push(change);
        self.changed.store(true, Ordering::Release);
    }

    /// The changes since the last look, in order.
    pub fn take_changes(&self) -> Vec<Change> {
        if self.changed.swap(false, Ordering::Acquire) { std::mem::take(&mut *self.changes()) } else { Vec::new() }
    }

    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
