//! Keeps a live device open. A thread owns its stream; when the stream breaks or stalls, the thread closes it, tries again with
//! growing pauses until the device is back, and hands new rings to the readers. How long the device was away becomes a gap in the
//! stream's time.
//!
//! Drivers may hang in any call, so opening and closing happen on threads of their own, which the keeper need not wait for: at most
//! one opens, and few close, at any time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::capture_clock::CaptureClock;
use super::fan::Lane;
use super::live::{Attach, Attached, Held, Live, Lost, Refusal, Status};
use super::ring::CapturePull;
use crate::error::{Error, Result};

/// A device that is still being closed is opened again after this long only …
const HELD_PATIENCE: Duration = Duration::from_secs(30);

/// … and never while so many streams of it are still being closed.
const MAX_CLOSING: usize = 4;

/// New rings that may wait for a reader. A device that comes and goes while no one reads must not eat the memory.
const MAX_WAITING: usize = 8;

/// The times that a keeper keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// How often the stream is looked at.
    pub(super) tick: Duration,
    /// A stream without a chunk for so long has stalled.
    pub(super) stall: Duration,
    /// The pause before the first attempt; it doubles with each one …
    pub(super) pause: Duration,
    /// … up to this. A stream that has lived for this long begins with the short pause again.
    pub(super) longest_pause: Duration,
    /// How long a first opening may take before the program gives up.
    pub(super) open: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(100),
            stall: Duration::from_secs(8),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            open: Duration::from_secs(10),
        }
    }
}

enum Message {
    Stop,
    Opened(Result<Attached, Refusal>),
}

/// A device that is kept open. Ends with it.
pub(super) struct Keeper {
    live: Arc<Live>,
    messages: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What [`Keeper::open`] gives.
pub(super) struct Opened {
    pub(super) keeper: Keeper,
    pub(super) held: Held,
    pub(super) lanes: Vec<(Lane, CapturePull)>,
    pub(super) clock: Arc<CaptureClock>,
}

impl Keeper {
    /// Opens the device called `name` and keeps it open from then on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where it cannot be opened now.
    pub(super) fn open(name: &str, attach: Attach, timing: Timing) -> Result<Opened> {
        let (messages, inbox) = channel();
        let closing = Arc::default();
        spawn_opener(&attach, None, &closing, &messages).map_err(Refusal::into_error)?;
        let mut attached = match inbox.recv_timeout(timing.open) {
            Ok(Message::Opened(result)) => result.map_err(Refusal::into_error)?,
            _ => {
                return Err(Error::input(format!(
                    "{name} does not answer; check the device and its sound server, or choose another \
                     (`earwitness devices` lists what there is)"
                )));
            }
        };
        let lanes = std::mem::take(&mut attached.lanes);
        let (held, clock) = (attached.held, Arc::clone(&attached.clock));
        let live = Arc::new(Live::new(lanes.len()));
        let run = Run {
            name: name.to_owned(),
            attach,
            timing,
            live: Arc::clone(&live),
            messages: messages.clone(),
            inbox,
            closing,
            pause: timing.pause,
            told_priority: false,
        };
        let thread = thread::Builder::new()
            .name("device-keeper".to_owned())
            .spawn(move || run.all(attached))
            .map_err(no_thread)?;
        Ok(Opened { keeper: Self { live, messages, thread: Mutex::new(Some(thread)) }, held, lanes, clock })
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// Closes the device; whatever it does, this returns soon.
    pub(super) fn stop(&self) {
        let _ = self.messages.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in it has already been reported by the panic hook.
            let _ = thread.join();
        }
        self.live.end();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

fn no_thread(e: std::io::Error) -> Error {
    Error::input(format!("cannot start a thread for the device: {e}; close other programs")).with_source(e)
}

/// Opens on a thread of its own. Where no one takes the result any more, the thread closes what it has opened.
fn spawn_opener(
    attach: &Attach,
    held: Option<Held>,
    closing: &Arc<AtomicUsize>,
    messages: &Sender<Message>,
) -> Result<(), Refusal> {
    let (attach, closing, messages) = (Arc::clone(attach), Arc::clone(closing), messages.clone());
    let body = move || {
        let result = attach(held).map(|mut attached| {
            attached.stream.count_in(closing);
            attached
        });
        let _ = messages.send(Message::Opened(result));
    };
    match thread::Builder::new().name("device-opener".to_owned()).spawn(body) {
        Ok(_) => Ok(()),
        Err(e) => Err(Refusal::Refused(no_thread(e))),
    }
}

/// The keeper's thread.
struct Run {
    name: String,
    attach: Attach,
    timing: Timing,
    live: Arc<Live>,
    messages: Sender<Message>,
    inbox: Receiver<Message>,
    /// Streams that are being closed.
    closing: Arc<AtomicUsize>,
    pause: Duration,
    told_priority: bool,
}

/// Told to stop.
struct Stopped;

/// What came of an attempt to open the device again.
enum Attempt {
    /// It is open, and its first sample came then.
    Open(Attached, Instant),
    Failed(Refusal),
}

/// What to do where the callbacks of the device called `name` have no real-time priority. JACK's have the server's.
fn priority_remedy(name: &str) -> &'static str {
    if name == "jack" || name.starts_with("jack:") {
        "the JACK server runs without real-time priority, so a busy machine may lose samples; start jackd without -r, and allow \
         rtprio for its user in /etc/security/limits.d"
    } else {
        "the system refuses real-time priority, so a busy machine may lose samples; allow rtprio for this user in \
         /etc/security/limits.d, or use a build with the feature rtkit"
    }
}

impl Run {
    fn all(mut self, first: Attached) {
        let held = first.held;
        let mut current = first;
        while let Ok(reason) = self.watch(&current) {
            let end = current.clock.end();
            let lost = Lost { sentence: format!("{reason}; trying again"), since: end, attempts: 0 };
            // Whoever reads the stream says so aloud, with all else that is wrong with it.
            tracing::debug!("{}", lost.sentence);
            self.live.set_status(Status::Lost(lost.clone()));
            if current.clock.first_sample().is_some_and(|first| first.elapsed() >= self.timing.longest_pause) {
                self.pause = self.timing.pause;
            }
            drop(current);
            let since = lost.since;
            match self.retry(held, lost) {
                Ok((attached, first_sample)) => current = self.hand_over(attached, first_sample, end),
                Err(Stopped) => break,
            }
            tracing::info!("{} is back after {:.1} s", self.name, since.elapsed().as_secs_f64());
        }
        self.live.end();
    }

    /// Waits until the stream breaks or stalls; gives what to say of it.
    fn watch(&mut self, current: &Attached) -> Result<String, Stopped> {
        loop {
            self.nap(self.timing.tick)?;
            if let Some(realtime) = current.stream.realtime() {
                self.tell_priority(realtime);
            }
            if let Some(reason) = self.broken(current) {
                return Ok(reason);
            }
        }
    }

    fn broken(&self, current: &Attached) -> Option<String> {
        if current.state.has_ended() {
            return Some(current.state.failure(&self.name).unwrap_or_else(|| format!("{} has ended", self.name)));
        }
        (current.clock.idle_for() >= self.timing.stall).then(|| format!("{} delivers nothing any more", self.name))
    }

    /// Said once, however often the device comes back.
    fn tell_priority(&mut self, realtime: bool) {
        self.live.set_realtime(realtime);
        if !realtime && !std::mem::replace(&mut self.told_priority, true) {
            tracing::warn!("{}: {}", self.name, priority_remedy(&self.name));
        }
    }

    /// Waits for `time`, or less where the device is to be closed.
    fn nap(&self, time: Duration) -> Result<(), Stopped> {
        match self.inbox.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            // No opener is under way here, so nothing else can come.
            _ => Err(Stopped),
        }
    }

    /// Tries until the device is open and its first sample has come.
    fn retry(&mut self, held: Held, mut lost: Lost) -> Result<(Attached, Instant), Stopped> {
        loop {
            self.nap(self.pause)?;
            self.pause = (self.pause * 2).min(self.timing.longest_pause);
            while self.must_wait(&lost) {
                self.nap(self.timing.tick)?;
            }
            lost.attempts += 1;
            self.live.set_status(Status::Lost(lost.clone()));
            match self.attempt(held)? {
                Attempt::Open(attached, first) => return Ok((attached, first)),
                Attempt::Failed(Refusal::Missing(e)) => tracing::debug!("attempt {}: {e}", lost.attempts),
                Attempt::Failed(Refusal::Refused(e)) => {
                    tracing::debug!("attempt {}: {e}", lost.attempts);
                    lost.sentence = format!("{e}; trying again");
                }
            }
            self.live.set_status(Status::Lost(lost.clone()));
        }
    }

    /// Whether another attempt would do harm: the old stream still holds the device, or no one reads.
    fn must_wait(&self, lost: &Lost) -> bool {
        let closing = self.closing.load(Ordering::Acquire);
        let held = closing > 0 && (lost.since.elapsed() < HELD_PATIENCE || closing >= MAX_CLOSING);
        held || self.live.most_waiting() >= MAX_WAITING
    }

    /// Opens the device once and waits for its first sample.
    fn attempt(&self, held: Held) -> Result<Attempt, Stopped> {
        if let Err(refusal) = spawn_opener(&self.attach, Some(held), &self.closing, &self.messages) {
            return Ok(Attempt::Failed(refusal));
        }
        match self.inbox.recv() {
            Ok(Message::Opened(Ok(attached)))
                if attached.held != held || attached.lanes.len() != self.live.n_lanes() =>
            {
                drop(attached);
                let (rate, channels) = (held.rate.hz(), held.channels);
                Ok(Attempt::Failed(Refusal::Refused(Error::input(format!(
                    "{} is back, but not with {rate} Hz and {channels} channels as before; set it back, or restart the monitor",
                    self.name
                )))))
            }
            Ok(Message::Opened(Ok(attached))) => self.first_sample(attached),
            Ok(Message::Opened(Err(refusal))) => Ok(Attempt::Failed(refusal)),
            Ok(Message::Stop) | Err(_) => Err(Stopped),
        }
    }

    /// Waits for the first sample of a new stream.
    fn first_sample(&self, attached: Attached) -> Result<Attempt, Stopped> {
        loop {
            if let Some(first) = attached.clock.first_sample() {
                return Ok(Attempt::Open(attached, first));
            }
            if let Some(reason) = self.broken(&attached) {
                drop(attached);
                return Ok(Attempt::Failed(Refusal::Refused(Error::input(reason))));
            }
            self.nap(self.timing.tick / 20)?;
        }
    }

    /// Gives the new rings to the readers.
    fn hand_over(&self, mut attached: Attached, first_sample: Instant, end: Instant) -> Attached {
        let gap = attached.held.rate.samples(first_sample.saturating_duration_since(end).as_secs_f64());
        self.live.go_on(attached.lanes.drain(..).map(|(_, pull)| pull), gap);
        attached
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::capture::{Capture, CaptureState, Origin, SourceInfo};
    use super::super::fan::{CaptureFan, ChannelChoice};
    use super::super::live::{LiveStream, StreamGuard};
    use super::super::ring::capture_ring;
    use super::super::thread_source::EndState;
    use super::*;
    use crate::units::SampleRate;

    const TIMING: Timing = Timing {
        tick: Duration::from_millis(20),
        stall: Duration::from_millis(300),
        pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        open: Duration::from_secs(10),
    };

    /// A device with two channels whose callback is called by the test.
    #[derive(Default)]
    struct Device {
        /// What opening it does next; without anything, it opens.
        refusals: Mutex<Vec<Refusal>>,
        /// Channels that it has now, if not 2.
        channels: AtomicU32,
        running: Arc<Mutex<Option<Running>>>,
        open: Arc<AtomicUsize>,
        /// Held while closing is to hang.
        hang: Arc<Mutex<()>>,
    }

    type Running = (CaptureFan, Arc<CaptureClock>, Arc<EndState>);

    struct Stream {
        running: Arc<Mutex<Option<Running>>>,
        open: Arc<AtomicUsize>,
        hang: Arc<Mutex<()>>,
    }

    impl LiveStream for Stream {
        fn realtime(&self) -> Option<bool> {
            Some(false)
        }
    }

    impl Drop for Stream {
        fn drop(&mut self) {
            *self.running.lock().unwrap() = None;
            drop(self.hang.lock());
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Device {
        fn attach(&self, held: Option<Held>) -> Result<Attached, Refusal> {
            if held.is_some()
                && let Some(refusal) = self.refusals.lock().unwrap().pop()
            {
                return Err(refusal);
            }
            let channels = match self.channels.load(Ordering::SeqCst) {
                0 => 2,
                n => n as u16,
            };
            let (mut pushes, mut lanes) = (Vec::new(), Vec::new());
            for lane in ChannelChoice::Each.lanes(channels).unwrap() {
                let (push, pull) = capture_ring(50, 1);
                pushes.push((lane, push));
                lanes.push((lane, pull));
            }
            let (clock, state) = (Arc::new(CaptureClock::new()), Arc::new(EndState::default()));
            let fan = CaptureFan::new(pushes, channels);
            *self.running.lock().unwrap() = Some((fan, Arc::clone(&clock), Arc::clone(&state)));
            self.open.fetch_add(1, Ordering::SeqCst);
            let held = Held { rate: SampleRate::new(1000).unwrap(), channels };
            let (running, open, hang) = (Arc::clone(&self.running), Arc::clone(&self.open), Arc::clone(&self.hang));
            Ok(Attached { held, lanes, clock, state, stream: StreamGuard::new(Stream { running, open, hang }) })
        }

        /// Delivers the samples `values` on channel 1, and their negatives on channel 2; whether the device was open.
        fn deliver(&self, values: &[f32]) -> bool {
            let mut running = self.running.lock().unwrap();
            let Some((fan, clock, _)) = running.as_mut() else { return false };
            clock.mark(Duration::from_millis(values.len() as u64), Duration::from_millis(values.len() as u64));
            fan.push_interleaved(&values.iter().flat_map(|v| [*v, -v]).collect::<Vec<f32>>());
            true
        }

        fn unplug(&self) {
            let (_, _, state) = self.running.lock().unwrap().take().unwrap();
            state.fail_device("has gone");
        }
    }

    fn open(device: &Arc<Device>) -> Vec<Capture> {
        let device = Arc::clone(device);
        let opened = Keeper::open("device:x", Arc::new(move |held| device.attach(held)), TIMING).unwrap();
        let keeper = Arc::new(opened.keeper);
        let capture = |(lane, (_, pull))| {
            let info = SourceInfo {
                name: "device:x".into(),
                sample_rate: opened.held.rate,
                channels: opened.held.channels,
                started: std::time::UNIX_EPOCH,
                recorded: false,
            };
            Capture::new(
                info,
                pull,
                Origin::Live { keeper: Arc::clone(&keeper), clock: Arc::clone(&opened.clock), lane },
            )
        };
        opened.lanes.into_iter().enumerate().map(capture).collect()
    }

    fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is() {
            assert!(Instant::now() < deadline, "a minute without {what}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn read(capture: &mut Capture) -> (Vec<f32>, u64) {
        let mut out = [0.0; 100];
        let n = capture.read(&mut out);
        (out[..n].to_vec(), capture.gap_before())
    }

    fn balanced(capture: &Capture) -> (u64, u64, u64, u64) {
        let a = capture.account();
        assert_eq!(a.captured, a.read + a.dropped + a.pending);
        (a.captured, a.read, a.dropped, a.pending)
    }

    #[test]
    fn a_device_that_comes_back_goes_on_behind_a_gap() {
        let device = Arc::new(Device::default());
        let mut captures = open(&device);
        wait_until("the start", || device.deliver(&[0.25, 0.5]));
        // The ring of 50 overflows right before the device goes: no sample behind it announces that.
        device.deliver(&[0.75; 60]);
        let missing = || Refusal::Missing(Error::input("cannot find it"));
        *device.refusals.lock().unwrap() = vec![Refusal::Refused(Error::input("it is busy")), missing(), missing()];
        let gone = Instant::now();
        device.unplug();
        wait_until("the loss", || captures[0].lost().is_some());
        assert_eq!(captures[0].state(), CaptureState::Running, "there is something left to read");
        assert_eq!(read(&mut captures[0]), ([&[0.25, 0.5][..], &[0.75; 48]].concat(), 0));
        assert_eq!((captures[0].state(), captures[1].state()), (CaptureState::Lost, CaptureState::Running));
        wait_until("a refusal", || captures[0].lost().is_some_and(|lost| lost.sentence.contains("busy")));
        let lost = captures[1].lost().unwrap();
        assert_eq!(lost.sentence, "it is busy; trying again");
        assert!(lost.attempts >= 3 && lost.since <= gone, "{lost:?}");
        wait_until("the return", || device.deliver(&[0.125]));
        wait_until("the handover", || captures[0].state() == CaptureState::Running);
        let back = Instant::now();
        let longest = back.duration_since(lost.since).as_millis() as u64 + 12;
        for (i, capture) in captures.iter_mut().enumerate() {
            if i == 1 {
                assert_eq!(read(capture).0.len(), 50);
            }
            let (samples, gap) = read(capture);
            assert_eq!(samples, [if i == 0 { 0.125 } else { -0.125 }]);
            // 12 were dropped, the rest was never captured: three pauses of 20, 40 and 80 ms at least.
            assert!(gap >= 12 + 100 && gap <= longest, "{gap} of at most {longest}");
            assert_eq!(balanced(capture), (63, 51, 12, 0));
            assert!(capture.lost().is_none());
        }
        assert_eq!(captures[0].realtime(), Some(false));
        captures[1].stop();
        assert_eq!(captures[0].state(), CaptureState::Ended);
        assert_eq!(device.open.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_stalled_device_is_opened_again() {
        let device = Arc::new(Device::default());
        let mut captures = open(&device);
        device.deliver(&[0.5]);
        let old = Arc::clone(&device.running.lock().unwrap().as_ref().unwrap().1);
        wait_until("the loss", || captures[0].lost().is_some());
        assert!(captures[0].lost().unwrap().sentence.contains("delivers nothing"));
        // Not before there is another stream: the old one would still take it.
        wait_until("another stream", || {
            device.running.lock().unwrap().as_ref().is_some_and(|running| !Arc::ptr_eq(&running.1, &old))
        });
        wait_until("the return", || device.deliver(&[0.25]) && captures[0].lost().is_none());
        assert_eq!(read(&mut captures[0]), (vec![0.5], 0));
        let (samples, gap) = read(&mut captures[0]);
        assert!(samples[0] == 0.25 && gap >= 290, "{samples:?} behind {gap}");
    }

    #[test]
    fn a_device_that_has_changed_stays_lost_and_says_so() {
        let device = Arc::new(Device::default());
        let mut captures = open(&device);
        device.deliver(&[0.5]);
        device.channels.store(1, Ordering::SeqCst);
        device.unplug();
        wait_until("the sentence", || captures[0].lost().is_some_and(|lost| lost.sentence.contains("2 channels")));
        captures[0].stop();
        assert!(captures[0].lost().is_none());
        assert_eq!(read(&mut captures[0]).0, [0.5]);
        assert_eq!(captures[0].state(), CaptureState::Ended);
    }

    #[test]
    fn a_driver_that_hangs_holds_no_one_up() {
        let device = Arc::new(Device::default());
        let mut captures = open(&device);
        device.deliver(&[0.5]);
        let hang = device.hang.lock().unwrap();
        device.unplug();
        wait_until("the loss", || captures[0].lost().is_some());
        thread::sleep(Duration::from_millis(800));
        assert_eq!(captures[0].lost().unwrap().attempts, 0, "the old stream still holds the device");
        captures[0].stop();
        assert_eq!(device.open.load(Ordering::SeqCst), 1);
        drop(hang);
        wait_until("the end", || device.open.load(Ordering::SeqCst) == 0);
        wait_until("the threads' ends", || Arc::strong_count(&device) == 1);
    }

    #[test]
    fn many_returns_leave_nothing_behind_and_nothing_out() {
        const TURNS: u64 = 20;
        let device = Arc::new(Device::default());
        // The stream's clock runs from its opening on.
        let began = Instant::now();
        let mut captures = open(&device);
        let (mut position, mut heard) = (0, 0);
        for turn in 0..TURNS {
            wait_until("a stream", || device.deliver(&[0.5, 0.25]));
            wait_until("the handover", || captures[0].lost().is_none());
            // The reader is late by some turns.
            if turn % 5 == 4 {
                for capture in &mut captures {
                    while let (samples, gap) = read(capture)
                        && !samples.is_empty()
                    {
                        heard += samples.len();
                        position += samples.len() as u64 + gap;
                    }
                    balanced(capture);
                }
            }
            device.unplug();
            wait_until("the loss", || captures[0].lost().is_some());
        }
        assert!(heard >= 80, "{heard}");
        // Two samples that come right after the opening are counted whole, though time for them has hardly passed, and a gap
        // is rounded.
        let early = TURNS * 3;
        let longest = 2 * (began.elapsed().as_millis() as u64 + early);
        assert!(position <= longest, "{position} of at most {longest}");
        // A device that comes and goes while no one reads is left alone once enough waits to be read.
        for _ in 0..MAX_WAITING {
            wait_until("a stream", || device.deliver(&[0.5, 0.25]));
            wait_until("the handover", || captures[0].lost().is_none());
            device.unplug();
            wait_until("the loss", || captures[0].lost().is_some());
        }
        thread::sleep(5 * TIMING.longest_pause);
        assert!(!device.deliver(&[0.5]) && captures[0].lost().is_some());
        captures[0].stop();
        assert_eq!(device.open.load(Ordering::SeqCst), 0);
    }
}
