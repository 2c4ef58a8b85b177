//! Opening an input without waiting for it: a pipe has no sound before something writes into it, which may be never.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::Builder;

use super::capture::Capture;
use super::file_source::Place;
use super::source::{CaptureOptions, open};
use super::spec::InputSpec;
use crate::error::{Error, Result};

/// An input that is being opened.
pub struct Opening(State);

enum State {
    Done(Result<Vec<Capture>>),
    Waits(Receiver<Result<Vec<Capture>>>),
    Taken,
}

impl Opening {
    /// Opens `spec` as [`open`] does. What may have to be waited for is opened on a thread of its own. That thread ends with
    /// the program where nothing comes: nothing can interrupt it.
    #[must_use]
    pub fn start(spec: &InputSpec, options: CaptureOptions) -> Self {
        if !may_wait(spec) {
            return Self(State::Done(open(spec, options)));
        }
        let (done, waits) = channel();
        let spec = spec.clone();
        let body = move || {
            // Nobody listens any more where the program is about to end.
            let _ = done.send(open(&spec, options));
        };
        match Builder::new().name("opening".to_owned()).spawn(body) {
            Ok(_) => Self(State::Waits(waits)),
            Err(e) => Self(State::Done(Err(Error::input(format!(
                "cannot start the thread that opens the input: {e}; close other programs"
            ))
            .with_source(e)))),
        }
    }

    /// What came of it, once; `None` while it is not known, and from then on.
    pub fn poll(&mut self) -> Option<Result<Vec<Capture>>> {
        match std::mem::replace(&mut self.0, State::Taken) {
            State::Done(outcome) => Some(outcome),
            State::Waits(waits) => match waits.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) => {
                    self.0 = State::Waits(waits);
                    None
                }
                Err(TryRecvError::Disconnected) => {
                    Some(Err(Error::bug("the thread that opens an input has broken down; please report this")))
                }
            },
            State::Taken => None,
        }
    }
}

/// Whether opening `spec` may take for ever.
fn may_wait(spec: &InputSpec) -> bool {
    match spec {
        InputSpec::StdinAuto => true,
        InputSpec::File(path) => Place::of(path).is_ok_and(|place| place == Place::Pipe),
        _ => false,
    }
}
