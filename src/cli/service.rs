//! What the service manager (systemd) is told: when the monitor is ready, what it does, and that it is alive. Without one,
//! nothing happens.
//!
//! The watchdog is fed by the worker's rounds: a hung worker, or one that no one takes the events of, feeds nothing. A device
//! that is away does not stop it: that is known, told, and no reason to start anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use sd_notify::NotifyState;

use crate::engine::progress::Progress;
use crate::engine::report::Report;
use crate::record::Relay;
use crate::record::relay::Aside;
use crate::sinks::SinkWatch;

/// How often to look where nothing else is asked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often to look whether the worker has begun.
const FIRST_LOOKS: Duration = Duration::from_millis(20);

/// How long the end waits for a service manager that does not take its messages.
const PATIENCE: Duration = Duration::from_secs(1);

/// The link to a service manager.
pub(super) struct Service {
    said: Arc<Mutex<Said>>,
    stop: Sender<()>,
    /// Disconnected once the thread has ended.
    ended: Receiver<()>,
}

/// What there is to say in one line.
#[derive(Debug, Default)]
struct Said {
    inputs: usize,
    events: u64,
    last: String,
    troubles: BTreeMap<String, String>,
}

impl Said {
    fn trouble(&mut self, of: &str, trouble: Option<&str>) {
        match trouble {
            Some(trouble) => self.troubles.insert(of.to_owned(), trouble.to_owned()),
            None => self.troubles.remove(of),
        };
    }

    fn text(&self) -> String {
        let plural = |n: u64, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
        let mut text = format!("{}, {}", plural(self.inputs as u64, "input"), plural(self.events, "event"));
        if !self.last.is_empty() {
            text.push_str(&format!(", last {}", self.last));
        }
        for trouble in self.troubles.values() {
            text.push_str("; ");
            text.push_str(trouble);
        }
        text.replace(|c: char| c.is_control(), " ")
    }
}

impl Service {
    /// Where a service manager has started us, tells it of `progress`, and of what is wrong with the `sinks`, from now on.
    pub(super) fn start(progress: Arc<Progress>, sinks: SinkWatch) -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())?;
        let said = Arc::new(Mutex::new(Said::default()));
        let (stop, stopped) = channel::bounded(0);
        let watch = Watch { progress, sinks, said: Arc::clone(&said), watchdog: sd_notify::watchdog_enabled() };
        let (alive, ended) = channel::bounded(0);
        let body = move || {
            watch.run(&stopped);
            drop(alive);
        };
        Builder::new().name("service".to_owned()).spawn(body).ok()?;
        Some(Self { said, stop, ended })
    }

    /// Where the recorder hands its reports over.
    pub(super) fn relay(&self) -> Box<dyn Relay> {
        Box::new(Listener(Arc::clone(&self.said)))
    }

    /// The monitor ends.
    pub(super) fn stopping(self) {
        drop(self.stop);
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

/// The thread that looks and tells.
struct Watch {
    progress: Arc<Progress>,
    sinks: SinkWatch,
    said: Arc<Mutex<Said>>,
    watchdog: Option<Duration>,
}

impl Watch {
    fn run(self, stopped: &Receiver<()>) {
        let every = self.watchdog.map_or(LOOK_EVERY, |limit| limit / 4).min(LOOK_EVERY);
        let (mut beats, mut text) = (0, String::new());
        loop {
            let pause = if beats == 0 { FIRST_LOOKS.min(every) } else { every };
            if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                break;
            }
            let now = self.progress.beats();
            if now == beats {
                continue;
            }
            if beats == 0 {
                tell(&[NotifyState::Ready]);
            }
            beats = now;
            if self.watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            let mut newest = lock(&self.said).text();
            for sink in self.sinks.states() {
                if let Some(error) = sink.error {
                    newest.push_str(&format!("; {}: {error}", sink.name));
                }
            }
            if newest != text {
                tell(&[NotifyState::Status(&newest)]);
                text = newest;
            }
        }
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(state) {
        tracing::debug!("cannot notify the service manager: {e}");
    }
}

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to what passes by.
struct Listener(Arc<Mutex<Said>>);

impl Relay for Listener {
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        let mut said = lock(&self.0);
        match report {
            Report::Start(_) => said.inputs += 1,
            Report::Stop(stop) => {
                said.inputs = said.inputs.saturating_sub(1);
                said.troubles.remove(&stop.source);
            }
            Report::Event(event) => {
                let event = &event.event;
                said.events += 1;
                let at = jiff::Timestamp::try_from(event.clock.wall(event.onset)).unwrap_or_default();
                said.last = format!("{} at {}", event.label, at.strftime("%FT%TZ"));
            }
            Report::Status(status) => {
                said.trouble(&status.source, status.trouble.as_deref());
                // No input has this name.
                said.trouble("", aside.recording.and_then(|recording| recording.error.as_deref()));
            }
            Report::Onset(_) | Report::Reason(_) | Report::Explained(_) | Report::Levels(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_matters() {
        let mut said = Said { inputs: 1, ..Said::default() };
        assert_eq!(said.text(), "1 input, 0 events");
        (said.inputs, said.events, said.last) = (2, 1, "dog at 2026-11-20T15:00:12Z".into());
        said.troubles.insert("yard".into(), "yard is\ndeaf".into());
        assert_eq!(said.text(), "2 inputs, 1 event, last dog at 2026-11-20T15:00:12Z; yard is deaf");
    }
}
