//! Opening an input without waiting for it: a pipe has no sound before something writes into it, and a network stream none
//! before its server runs, which may be never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::file_source::Place;
use super::net_source;
use super::source::{CaptureOptions, open};
use super::spec::InputSpec;
use crate::error::{Error, ErrorKind, Result};

/// The pause before a network stream is tried again; it doubles with each attempt …
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Longest nap, so that a request to stop is soon heard.
const NAP: Duration = Duration::from_millis(100);

/// An input that is being opened.
pub struct Opening {
    state: State,
    /// Nobody waits any more.
    given_up: Arc<AtomicBool>,
}

enum State {
    Done(Result<Vec<Capture>>),
    Waits(Receiver<Result<Vec<Capture>>>),
    Taken,
}

impl Opening {
    /// Opens `spec` as [`open`] does. What may have to be waited for is opened on a thread of its own. One that waits for a
    /// pipe ends with the program where nothing comes: nothing can interrupt it. A network stream that cannot be reached is
    /// tried again for as long as this lives.
    #[must_use]
    pub fn start(spec: &InputSpec, options: CaptureOptions) -> Self {
        let given_up = Arc::new(AtomicBool::new(false));
        if let InputSpec::Network(address) = spec
            && let Err(e) = net_source::check_program(address)
        {
            // That is not a matter of waiting.
            return Self { state: State::Done(Err(e)), given_up };
        }
        if !may_wait(spec) {
            return Self { state: State::Done(open(spec, options)), given_up };
        }
        let (done, waits) = channel();
        let (spec, stop) = (spec.clone(), Arc::clone(&given_up));
        let body = move || {
            let opened = match spec {
                InputSpec::Network(_) => open_at_last(&spec, &options, &stop),
                _ => open(&spec, options),
            };
            // Nobody listens any more where the program is about to end.
            let _ = done.send(opened);
        };
        let state = match Builder::new().name("opening".to_owned()).spawn(body) {
            Ok(_) => State::Waits(waits),
            Err(e) => State::Done(Err(Error::input(format!(
                "cannot start the thread that opens the input: {e}; close other programs"
            ))
            .with_source(e))),
        };
        Self { state, given_up }
    }

    /// What came of it, once; `None` while it is not known, and from then on.
    pub fn poll(&mut self) -> Option<Result<Vec<Capture>>> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Done(outcome) => Some(outcome),
            State::Waits(waits) => match waits.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) => {
                    self.state = State::Waits(waits);
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

impl Drop for Opening {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Release);
    }
}

/// Opens what can be reached sooner or later: tries again, with growing pauses, and says why it could not where that is new.
fn open_at_last(spec: &InputSpec, options: &CaptureOptions, stop: &AtomicBool) -> Result<Vec<Capture>> {
    let (mut pause, mut said) = (FIRST_PAUSE, String::new());
    loop {
        match open(spec, options.clone()) {
            Err(e) if e.kind() == ErrorKind::Input && !stop.load(Ordering::Acquire) => {
                let why = e.to_string();
                if why != said {
                    tracing::warn!("{why}; trying again until it can be heard");
                    said = why;
                }
            }
            outcome => return outcome,
        }
        let until = Instant::now() + pause;
        while Instant::now() < until && !stop.load(Ordering::Acquire) {
            std::thread::sleep(NAP);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether opening `spec` may take for ever.
fn may_wait(spec: &InputSpec) -> bool {
    match spec {
        InputSpec::StdinAuto | InputSpec::Network(_) => true,
        InputSpec::File(path) => Place::of(path).is_ok_and(|place| place == Place::Pipe),
        _ => false,
    }
}
