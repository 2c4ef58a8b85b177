//! Plays what was recorded, on a thread of its own: opening a device may take a while, and the screen must not wait.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::audio::listen_spec::ListenSpec;
use crate::audio::playback::{ListenControl, ListenMode, playback_ring};
use crate::audio::playback_clock::ListenClock;
use crate::audio::playback_device::{Playback, choose};
use crate::dsp::resample;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// How long the device may still have sound after the last sample was given to it.
const DRAIN: Duration = Duration::from_millis(250);
/// How often a playback is looked after.
const TICK: Duration = Duration::from_millis(30);

/// Two sounds of one length that are played together; one of them is heard.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What the microphone heard.
    pub heard: Arc<[f32]>,
    /// What the classifier heard of it, or one component.
    pub why: Arc<[f32]>,
    /// Rate of both.
    pub rate: SampleRate,
}

/// What plays now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Playing {
    /// Seconds from the beginning of the sounds; none where nothing plays.
    pub position_secs: Option<f64>,
    /// Whether what the classifier heard is heard.
    pub why: bool,
    /// Why nothing plays though it was asked for, as a sentence.
    pub trouble: Option<String>,
}

enum Order {
    Play(Pair, ListenMode),
    Hear(ListenMode),
    Stop,
}

/// Plays on demand. Dropping it stops the sound.
#[derive(Debug)]
pub struct Sound {
    orders: Option<Sender<Order>>,
    state: Arc<Mutex<Playing>>,
}

impl Sound {
    /// A player on the device that `spec` names. No device is opened before something is played.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] where the system gives no thread.
    pub fn new(spec: ListenSpec) -> Result<Self> {
        let (orders, incoming) = channel();
        let state = Arc::new(Mutex::new(Playing::default()));
        let worker = Worker { spec, state: Arc::clone(&state), run: None };
        thread::Builder::new()
            .name("review-sound".to_owned())
            .spawn(move || worker.run(&incoming))
            .map_err(|e| Error::bug(format!("a thread could not start ({e}); end other programs")).with_source(e))?;
        Ok(Self { orders: Some(orders), state })
    }

    /// Plays `pair` from the beginning, in place of what played.
    pub fn play(&self, pair: Pair, why: bool) {
        {
            let mut state = lock(&self.state);
            *state = Playing { position_secs: Some(0.0), why, trouble: None };
        }
        self.send(Order::Play(pair, mode(why)));
    }

    /// From here on, hears the other sound.
    pub fn hear(&self, why: bool) {
        lock(&self.state).why = why;
        self.send(Order::Hear(mode(why)));
    }

    /// Stops.
    pub fn stop(&self) {
        lock(&self.state).position_secs = None;
        self.send(Order::Stop);
    }

    /// What plays now.
    #[must_use]
    pub fn playing(&self) -> Playing {
        lock(&self.state).clone()
    }

    fn send(&self, order: Order) {
        // The thread is there as long as this is.
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.orders = None;
    }
}

const fn mode(why: bool) -> ListenMode {
    if why { ListenMode::Interpretation } else { ListenMode::Input }
}

fn lock(state: &Mutex<Playing>) -> MutexGuard<'_, Playing> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Worker {
    spec: ListenSpec,
    state: Arc<Mutex<Playing>>,
    run: Option<Run>,
}

/// A playback that runs.
struct Run {
    playback: Playback,
    control: Arc<ListenControl>,
    rate: SampleRate,
    n_samples: u64,
    /// When the last sample left the ring.
    done: Option<Instant>,
}

impl Worker {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = if self.run.is_some() {
                orders.recv_timeout(TICK)
            } else {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(Order::Play(pair, mode)) => {
                    self.run = None;
                    match start(&self.spec, &pair, mode) {
                        Ok(run) => self.run = Some(run),
                        Err(e) => self.say(Some(e.to_string())),
                    }
                }
                Ok(Order::Hear(mode)) => {
                    if let Some(run) = &self.run {
                        run.control.set_mode(mode);
                    }
                }
                Ok(Order::Stop) => self.run = None,
                Err(RecvTimeoutError::Timeout) => self.look_after(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look_after(&mut self) {
        let Some(run) = &mut self.run else { return };
        if let Some(trouble) = run.playback.trouble() {
            self.run = None;
            return self.say(Some(trouble));
        }
        let played = run.control.played_samples();
        if played < run.n_samples {
            let mut state = lock(&self.state);
            if state.position_secs.is_some() {
                state.position_secs = Some(run.rate.secs(played));
            }
        } else if run.done.get_or_insert_with(Instant::now).elapsed() >= DRAIN {
            self.run = None;
            self.say(None);
        }
    }

    /// Nothing plays, and why.
    fn say(&self, trouble: Option<String>) {
        let mut state = lock(&self.state);
        state.position_secs = None;
        state.trouble = trouble;
    }
}

fn start(spec: &ListenSpec, pair: &Pair, mode: ListenMode) -> Result<Run> {
    let device = choose(spec)?;
    let rate = device.rate();
    let heard = resample(&pair.heard, pair.rate, rate)?;
    let mut why = resample(&pair.why, pair.rate, rate)?;
    why.resize(heard.len(), 0.0);
    let (mut push, pull) = playback_ring(rate, 0, heard.len());
    push.push(0, &heard, &why);
    push.close();
    let control = Arc::clone(push.control());
    control.set_mode(mode);
    // From here on the playback's own clock counts.
    let clock = Arc::new(ListenClock::default());
    clock.set(0);
    let playback = device.start(pull, clock, rate)?;
    Ok(Run { playback, control, rate, n_samples: heard.len() as u64, done: None })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_a_device_there_is_a_reason_and_nothing_plays() {
        let sound = Sound::new(ListenSpec::Off).unwrap();
        let second: Arc<[f32]> = vec![0.1; 8000].into();
        let pair = Pair { heard: Arc::clone(&second), why: second, rate: SampleRate::new(8000).unwrap() };
        sound.play(pair, true);
        let deadline = Instant::now() + Duration::from_secs(60);
        while sound.playing().trouble.is_none() {
            assert!(Instant::now() < deadline, "nothing was said");
            thread::sleep(Duration::from_millis(5));
        }
        let playing = sound.playing();
        assert_eq!(playing.position_secs, None);
        assert!(playing.trouble.unwrap().contains("--listen off"));
        sound.stop();
    }
}
