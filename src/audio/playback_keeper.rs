//! Keeps a playback device open: a thread that looks after the stream, says when it is lost, and tries again. While it is
//! away the worker finds a full ring and goes on.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::keeper::Timing;
use super::playback::PlaybackPull;
use super::playback_clock::{ClockFollower, ListenClock};
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// How long closing a device may take before it is left to itself: some drivers never return from it.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// Mono samples filled at a time, on the callback's stack.
const BLOCK: usize = 256;

/// What a callback plays from. When its stream is closed, the ring goes back to the keeper, for the next stream.
pub(super) struct Lease {
    pull: Option<PlaybackPull>,
    follower: ClockFollower,
    /// Buffers filled, since the keeper was made.
    beats: Arc<AtomicU64>,
    home: Sender<PlaybackPull>,
}

// ---- on the audio thread: the real-time rule holds from here …

impl Lease {
    /// Fills an interleaved buffer of any length; all of the `channels` (at least 1) get the same. For callbacks.
    pub(super) fn play<S>(&mut self, out: &mut [S], channels: usize, convert: impl Fn(f32) -> S)
    where
        S: Copy,
    {
        let mut block = [0.0_f32; BLOCK];
        for part in out.chunks_mut(BLOCK * channels.max(1)) {
            let n = part.len().div_ceil(channels.max(1)).min(BLOCK);
            let mono = block.get_mut(..n).unwrap_or_default();
            let now = self.follower.next(n);
            if let Some(pull) = &mut self.pull {
                pull.fill(mono, now, 0);
            }
            for (frame, sample) in part.chunks_mut(channels.max(1)).zip(mono) {
                frame.fill(convert(*sample));
            }
        }
        self.beats.fetch_add(1, Ordering::Relaxed);
    }
}

// ---- … to here.

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(pull) = self.pull.take() {
            // Without a keeper no one will play it again.
            let _ = self.home.send(pull);
        }
    }
}

/// A stream that runs. Dropping it closes the device, and may hang.
pub(super) type Stream = Box<dyn Any + Send>;

/// Opens the device and starts it. The state is for its callbacks: what they say there ends the stream.
pub(super) type Opener = Box<dyn Fn(Lease, Arc<EndState>) -> Result<Stream> + Send>;

/// A playback device that is kept open. Ends with it.
pub struct Playback {
    trouble: Arc<Mutex<Option<String>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Playback {
    /// What is wrong with the device, in one sentence; `None` while it plays.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// [`trouble`](Self::trouble) for others to ask.
    pub fn watcher(&self) -> Box<dyn Fn() -> Option<String> + Send> {
        let trouble = Arc::clone(&self.trouble);
        Box::new(move || trouble.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Closes the device; whatever its driver does, this returns soon.
    pub fn stop(&mut self) {
        self.stop = None;
        let Some(thread) = self.thread.take() else { return };
        // Where a driver hangs in opening, the thread is left to it.
        let patience = Instant::now() + 2 * CLOSE_PATIENCE;
        while !thread.is_finished() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        if thread.is_finished() {
            // A panic in it has already been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is played on, by name, and by what clock.
pub(super) struct Session {
    pub(super) name: String,
    pub(super) open: Opener,
    pub(super) pull: PlaybackPull,
    pub(super) clock: Arc<ListenClock>,
    pub(super) input_rate: SampleRate,
    pub(super) timing: Timing,
}

impl Session {
    /// Opens the device, and keeps it open from then on.
    ///
    /// # Errors
    /// As the opener, where it cannot be opened now; [`crate::ErrorKind::Output`] where the system gives no thread.
    pub(super) fn start(self) -> Result<Playback> {
        let (stop, told) = channel();
        let (home, back) = channel();
        let trouble = Arc::new(Mutex::new(None));
        let mut keeper = Keeper {
            output_rate: self.pull.rate(),
            pull: Some(self.pull),
            name: self.name,
            open: self.open,
            clock: self.clock,
            input_rate: self.input_rate,
            timing: self.timing,
            beats: Arc::default(),
            home,
            back,
            told,
            trouble: Arc::clone(&trouble),
        };
        let first = keeper.attach()?;
        let thread = thread::Builder::new().name("playback-keeper".to_owned()).spawn(move || keeper.run(first));
        let thread = thread.map_err(|e| {
            Error::output(format!("cannot start a thread for the playback device: {e}; close other programs"))
                .with_source(e)
        })?;
        Ok(Playback { trouble, stop: Some(stop), thread: Some(thread) })
    }
}

struct Attached {
    stream: Stream,
    state: Arc<EndState>,
    since: Instant,
}

/// The thread behind a [`Playback`].
struct Keeper {
    name: String,
    open: Opener,
    /// Here while no stream has it.
    pull: Option<PlaybackPull>,
    output_rate: SampleRate,
    clock: Arc<ListenClock>,
    input_rate: SampleRate,
    timing: Timing,
    beats: Arc<AtomicU64>,
    home: Sender<PlaybackPull>,
    back: Receiver<PlaybackPull>,
    told: Receiver<()>,
    trouble: Arc<Mutex<Option<String>>>,
}

/// Told to stop.
struct Stopped;

impl Keeper {
    fn run(mut self, first: Attached) {
        let mut pause = self.timing.pause;
        let mut current = first;
        while let Ok(reason) = self.watch(&current) {
            let sentence = format!("the interpretation is not heard: {reason}; trying again");
            tracing::warn!("{sentence}");
            self.say(Some(sentence));
            if current.since.elapsed() >= self.timing.longest_pause {
                pause = self.timing.pause;
            }
            close(current.stream);
            match self.retry(&mut pause) {
                Ok(attached) => current = attached,
                Err(Stopped) => return,
            }
            self.say(None);
            tracing::info!("{} plays again", self.name);
        }
        close(current.stream);
    }

    /// Waits until the stream breaks or stalls; gives what to say of it.
    fn watch(&self, current: &Attached) -> Result<String, Stopped> {
        let (mut beats, mut heard) = (self.beats.load(Ordering::Relaxed), Instant::now());
        loop {
            self.nap(self.timing.tick)?;
            if current.state.has_ended() {
                return Ok(current.state.failure(&self.name).unwrap_or_else(|| format!("{} has ended", self.name)));
            }
            let now = self.beats.load(Ordering::Relaxed);
            if std::mem::replace(&mut beats, now) != now {
                heard = Instant::now();
            } else if heard.elapsed() >= self.timing.stall {
                return Ok(format!("{} takes no sound", self.name));
            }
        }
    }

    fn retry(&mut self, pause: &mut Duration) -> Result<Attached, Stopped> {
        loop {
            self.nap(*pause)?;
            *pause = (*pause * 2).min(self.timing.longest_pause);
            match self.attach() {
                Ok(attached) => return Ok(attached),
                Err(e) => {
                    tracing::debug!("{e}");
                    self.say(Some(format!("the interpretation is not heard: {e}; trying again")));
                }
            }
        }
    }

    /// Opens the device with the ring, which comes back where that fails.
    fn attach(&mut self) -> Result<Attached> {
        if self.pull.is_none() {
            self.pull = self.back.try_recv().ok();
        }
        let Some(pull) = self.pull.take() else {
            return Err(Error::output(format!("{} does not close; unplug it or restart its sound server", self.name)));
        };
        let follower = ClockFollower::new(Arc::clone(&self.clock), self.input_rate, self.output_rate);
        let lease = Lease { pull: Some(pull), follower, beats: Arc::clone(&self.beats), home: self.home.clone() };
        let state = Arc::new(EndState::default());
        let stream = (self.open)(lease, Arc::clone(&state))?;
        Ok(Attached { stream, state, since: Instant::now() })
    }

    fn nap(&self, time: Duration) -> Result<(), Stopped> {
        match self.told.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
        }
    }

    fn say(&self, sentence: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = sentence;
    }
}

/// Closes a stream on a thread of its own, which is waited for only for [`CLOSE_PATIENCE`].
fn close(stream: Stream) {
    let (closed, done) = channel();
    let closer = thread::Builder::new().name("playback-closer".to_owned()).spawn(move || {
        drop(stream);
        let _ = closed.send(());
    });
    if closer.is_ok() {
        let _ = done.recv_timeout(CLOSE_PATIENCE);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::playback::playback_ring;
    use super::*;
    use std::sync::atomic::AtomicBool;

    const DELAY: u64 = 1000;
    const NEVER: Duration = Duration::from_secs(3600);

    fn rate() -> SampleRate {
        SampleRate::new(8000).unwrap()
    }

    /// What the device that the test is has been given.
    type Slot = Arc<Mutex<Option<(Lease, Arc<EndState>)>>>;

    struct Fake(Slot);

    impl Drop for Fake {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = None;
        }
    }

    fn session(
        slot: &Slot,
        present: &Arc<AtomicBool>,
        pull: PlaybackPull,
        clock: &Arc<ListenClock>,
        stall: Duration,
    ) -> Session {
        let (slot, present) = (Arc::clone(slot), Arc::clone(present));
        let open: Opener = Box::new(move |lease, state| {
            if !present.load(Ordering::Relaxed) {
                return Err(Error::output("cannot open the fake"));
            }
            *slot.lock().unwrap() = Some((lease, state));
            Ok(Box::new(Fake(Arc::clone(&slot))))
        });
        let ms = Duration::from_millis;
        let timing = Timing { tick: ms(1), stall, pause: ms(1), longest_pause: ms(4), ..Timing::default() };
        Session { name: "the fake".into(), open, pull, clock: Arc::clone(clock), input_rate: rate(), timing }
    }

    fn wait(mut until: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !until() {
            assert!(Instant::now() < deadline, "it did not come about within a minute");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn sample(position: u64) -> f32 {
        ((position % 997) as f32 + 1.0) / 2000.0
    }

    /// Plays from `now` on, as stereo in odd buffers; gives one channel.
    fn play(slot: &Slot, clock: &ListenClock, now: u64, n: usize) -> Vec<f32> {
        clock.set(now);
        let mut out = vec![9.0; 2 * n];
        let mut held = slot.lock().unwrap();
        let (lease, _) = held.as_mut().unwrap();
        out.chunks_mut(2 * 601).for_each(|buffer| lease.play(buffer, 2, |x| x));
        assert!(out.chunks(2).all(|frame| frame[0] == frame[1]));
        out.chunks(2).map(|frame| frame[0]).collect()
    }

    #[test]
    fn a_device_that_goes_is_told_tried_again_and_plays_at_its_place() {
        let (mut push, pull) = playback_ring(rate(), DELAY, 4000);
        let (slot, present, clock) = (Slot::default(), Arc::new(AtomicBool::new(true)), Arc::default());
        let playback = session(&slot, &present, pull, &clock, NEVER).start().unwrap();
        let samples: Vec<f32> = (0..20_000).map(sample).collect();
        push.push(0, &samples[..4000], &samples[..4000]);
        let heard = play(&slot, &clock, DELAY, 3000);
        assert!((80..3000).all(|p| heard[p] == sample(p as u64)));
        assert_eq!(playback.trouble(), None);

        present.store(false, Ordering::Relaxed);
        slot.lock().unwrap().as_ref().unwrap().1.fail_device("has gone");
        wait(|| playback.trouble().is_some_and(|sentence| sentence.contains("cannot open the fake")));
        assert!(slot.lock().unwrap().is_none());
        // The worker goes on.
        for at in (4000..16_000).step_by(1000) {
            let part = &samples[at..at + 1000];
            push.push(at as u64, part, part);
        }
        assert_eq!(push.vacant(), 0);

        present.store(true, Ordering::Relaxed);
        let watcher = playback.watcher();
        wait(|| watcher().is_none());
        play(&slot, &clock, DELAY + 16_000, 200);
        push.push(16_200, &samples[16_200..], &samples[16_200..]);
        let heard = play(&slot, &clock, DELAY + 16_200, 2000);
        assert!((80..2000).all(|p| heard[p] == sample(16_200 + p as u64)));
        drop(playback);
        assert!(slot.lock().unwrap().is_none(), "closed");
    }

    #[test]
    fn a_device_that_asks_for_nothing_is_opened_anew() {
        let (mut push, pull) = playback_ring(rate(), DELAY, 100);
        let (slot, present, clock) = (Slot::default(), Arc::new(AtomicBool::new(true)), Arc::default());
        let playback = session(&slot, &present, pull, &clock, Duration::from_millis(20)).start().unwrap();
        present.store(false, Ordering::Relaxed);
        wait(|| playback.trouble().is_some());
        push.push(0, &[0.0; 200], &[0.0; 200]);
        assert_eq!(push.vacant(), 0);
        present.store(true, Ordering::Relaxed);
        wait(|| playback.trouble().is_none() && slot.lock().unwrap().is_some());
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_at_first() {
        let (_push, pull) = playback_ring(rate(), DELAY, 100);
        let (slot, present, clock) = (Slot::default(), Arc::default(), Arc::default());
        let error = session(&slot, &present, pull, &clock, Duration::from_millis(20)).start().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "cannot open the fake");
    }
}
