//! One open input as its reader sees it: samples, the gaps between them, and whether more will come.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime};

use super::capture_clock::CaptureClock;
use super::channel_tally::ChannelLook;
use super::keeper::Keeper;
use super::live::{Attachment, Lost, Status};
use super::ring::{Account, CapturePull};
use super::thread_source::{EndState, ThreadSource};
use crate::units::SampleRate;

/// What an open input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// As in events: `file:yard.wav`, or `file:yard.wav#2` where channel 2 is an input of its own.
    pub name: String,
    /// The input's own rate.
    pub sample_rate: SampleRate,
    /// The channels of the whole device or recording.
    pub channels: u16,
    /// Wall time of sample 0. For a device it is the moment of opening until the first samples have been read, and from
    /// then on what the capture clock says.
    pub started: SystemTime,
    /// Whether it is a recording, or is read like one: its times are its own, whatever the clock says meanwhile.
    pub recorded: bool,
}

/// What is done to an input's samples before they are heard. The reader does it: a callback has no time for it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditioning {
    /// What is below so many Hz is taken away; 0 for nothing.
    pub highpass_hz: f64,
    /// How much louder it becomes, in dB.
    pub gain_db: f64,
    /// Where sound levels are measured: what is added to levels relative to full scale.
    pub levels_db: Option<f64>,
}

/// Whether more samples will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureState {
    /// Samples come, or have not all been read.
    Running,
    /// The device is gone, every sample before that has been read, and it is being tried again: see [`Capture::lost`].
    Lost,
    /// The source has ended, or was stopped, and every sample has been read.
    Ended,
    /// The source broke for good, and every sample before that has been read. The text is the sentence to show.
    Failed(String),
}

/// What delivers the samples; the inputs of one device or recording share it.
#[derive(Clone)]
pub(super) enum Origin {
    Thread {
        /// Without a channel behind it.
        name: Arc<str>,
        state: Arc<EndState>,
        source: Arc<Mutex<ThreadSource>>,
        waker: Option<Thread>,
        /// Whether it may fall silent: a pipe.
        may_block: bool,
    },
    Live {
        keeper: Arc<Keeper>,
        clock: Arc<CaptureClock>,
        lane: usize,
    },
}

impl Origin {
    /// Takes the continuation that waits for the reader, if the device was away.
    fn next(&self) -> Option<Attachment> {
        match self {
            Self::Thread { .. } => None,
            Self::Live { keeper, lane, .. } => keeper.live().waiting(*lane)?.pop_front(),
        }
    }

    /// The accounts of what waits for the reader, together.
    fn waiting(&self) -> Option<Account> {
        match self {
            Self::Thread { .. } => None,
            Self::Live { keeper, lane, .. } => {
                let waiting = keeper.live().waiting(*lane)?;
                waiting.iter().map(|next| next.pull.account()).reduce(sum)
            }
        }
    }

    fn has_waiting(&self) -> bool {
        match self {
            Self::Thread { .. } => false,
            Self::Live { keeper, lane, .. } => keeper.live().waiting(*lane).is_some_and(|waiting| !waiting.is_empty()),
        }
    }
}

/// One open input: one channel, or the mean of all, of a device, a recording or a pipe.
pub struct Capture {
    info: SourceInfo,
    origin: Origin,
    pull: CapturePull,
    /// Samples of `pull` so far, gaps included.
    position: u64,
    /// A gap that no sample has been read behind yet.
    open_gap: u64,
    gap_before: u64,
    /// What went through the rings before this one.
    closed: Account,
    /// Samples that the device would have captured while it was away.
    away: u64,
    last_arrival: Instant,
    clock_read: bool,
    conditioning: Conditioning,
}

fn sum(a: Account, b: Account) -> Account {
    Account {
        captured: a.captured + b.captured,
        read: a.read + b.read,
        dropped: a.dropped + b.dropped,
        pending: a.pending + b.pending,
        xruns: a.xruns + b.xruns,
        invalid: a.invalid + b.invalid,
        chunks: a.chunks + b.chunks,
    }
}

impl Capture {
    pub(super) fn new(info: SourceInfo, pull: CapturePull, origin: Origin) -> Self {
        Self {
            info,
            origin,
            pull,
            position: 0,
            open_gap: 0,
            gap_before: 0,
            closed: Account::default(),
            away: 0,
            last_arrival: Instant::now(),
            clock_read: false,
            conditioning: Conditioning::default(),
        }
    }

    /// What was opened.
    #[must_use]
    pub const fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// What is to be done to its samples.
    #[must_use]
    pub const fn conditioning(&self) -> Conditioning {
        self.conditioning
    }

    /// Says what is to be done to its samples.
    pub const fn set_conditioning(&mut self, conditioning: Conditioning) {
        self.conditioning = conditioning;
    }

    /// Gives the input another name, for events and messages.
    pub fn rename(&mut self, name: String) {
        self.info.name = name;
    }

    /// It is a recording that began at `start`.
    pub(super) const fn date(&mut self, start: SystemTime) {
        (self.info.started, self.info.recorded) = (start, true);
    }

    /// Whether this input has a life of its own: it must not be kept waiting, and should never fall silent for good.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match &self.origin {
            Origin::Thread { may_block, .. } => *may_block,
            Origin::Live { .. } => true,
        }
    }

    /// Copies mono samples at the input's own rate into `out` and says how many; 0 where there are none now. Never waits.
    pub fn read(&mut self, out: &mut [f32]) -> usize {
        let mut n = self.pull_some(out);
        while n == 0 && !out.is_empty() && self.origin.has_waiting() {
            // The stream of this ring ended before the next one was opened, so what it had is visible now.
            n = self.pull_some(out);
            if n == 0 {
                self.go_on();
                n = self.pull_some(out);
            }
        }
        self.gap_before = 0;
        if n > 0 {
            self.gap_before = std::mem::take(&mut self.open_gap);
            self.last_arrival = Instant::now();
            match &self.origin {
                Origin::Thread { waker, .. } => {
                    if let Some(thread) = waker {
                        thread.unpark();
                    }
                }
                Origin::Live { clock, .. } => {
                    if !std::mem::replace(&mut self.clock_read, true) {
                        self.info.started = clock.first_sample_wall().unwrap_or(self.info.started);
                    }
                }
            }
        }
        n
    }

    fn pull_some(&mut self, out: &mut [f32]) -> usize {
        let n = self.pull.read(out);
        if n > 0 {
            self.open_gap += self.pull.gap_before();
            self.position += n as u64 + self.pull.gap_before();
        }
        n
    }

    /// Goes on with the ring that the device has filled since it came back.
    fn go_on(&mut self) {
        let Some(next) = self.origin.next() else { return };
        let mut account = self.pull.account();
        // A driver that hangs may still push something into the old ring: no one will hear it.
        account.dropped += std::mem::take(&mut account.pending);
        self.closed = sum(self.closed, account);
        // Samples dropped at the very end of a stream were announced to no one.
        self.away += next.gap;
        self.open_gap += next.gap + account.captured.saturating_sub(self.position);
        self.pull = next.pull;
        self.position = 0;
    }

    /// How many samples are missing just before the first one of the last [`read`](Self::read): dropped, because the ring
    /// was full, or never captured, because the device was away. A read never goes across such a gap; adding it keeps the
    /// reader's position true to the source's. Gaps of a device that was away are measured with the machine's monotonic
    /// clock, which stands still while the machine sleeps.
    #[must_use]
    pub const fn gap_before(&self) -> u64 {
        self.gap_before
    }

    /// The next look at the channels that are mixed here, if one waits.
    pub fn channel_look(&mut self) -> Option<ChannelLook> {
        self.pull.channel_look()
    }

    /// Whether more samples will come.
    #[must_use]
    pub fn state(&self) -> CaptureState {
        // The order counts: what was pushed before the end is visible once the end is.
        let state = match &self.origin {
            Origin::Thread { name, state, .. } => match state.has_ended() {
                false => CaptureState::Running,
                true => state.failure(name).map_or(CaptureState::Ended, CaptureState::Failed),
            },
            Origin::Live { keeper, .. } => match keeper.live().status() {
                Status::Running => CaptureState::Running,
                Status::Lost(_) => CaptureState::Lost,
                Status::Ended => CaptureState::Ended,
            },
        };
        if self.pull.pending() > 0 || self.origin.has_waiting() { CaptureState::Running } else { state }
    }

    /// What is to be said of a device that is gone and is being tried again. It may be gone already while samples from
    /// before wait to be read.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        match &self.origin {
            Origin::Thread { .. } => None,
            Origin::Live { keeper, .. } => match keeper.live().status() {
                Status::Lost(lost) => Some(lost),
                Status::Running | Status::Ended => None,
            },
        }
    }

    /// Where every sample went since the input was opened: `captured = read + dropped + pending`, always. What a device
    /// would have captured while it was away is in none of these; it is in [`away`](Self::away).
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = sum(self.closed, self.pull.account());
        if let Some(waiting) = self.origin.waiting() {
            account = sum(account, waiting);
        }
        account
    }

    /// Samples that the device would have captured while it was away, as far as it has come back.
    #[must_use]
    pub const fn away(&self) -> u64 {
        self.away
    }

    /// Samples that wait to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        let waiting = self.origin.waiting().map_or(0, |account| account.pending);
        self.pull.pending() + usize::try_from(waiting).unwrap_or(usize::MAX)
    }

    /// How long no sample has been read, because none came or because no one asked. A device that died without a word
    /// shows here.
    #[must_use]
    pub fn idle_for(&self) -> Duration {
        self.last_arrival.elapsed()
    }

    /// Whether the device's callback has real-time priority; `None` where that is not known, or where there is no device.
    #[must_use]
    pub fn realtime(&self) -> Option<bool> {
        match &self.origin {
            Origin::Thread { .. } => None,
            Origin::Live { keeper, .. } => keeper.live().realtime(),
        }
    }

    /// Ends the capture, for all inputs of the same device or recording. What is in the rings can still be read; then the
    /// state is [`CaptureState::Ended`].
    pub fn stop(&mut self) {
        match &self.origin {
            Origin::Thread { state, source, .. } => {
                source.lock().unwrap_or_else(PoisonError::into_inner).stop();
                state.end();
            }
            Origin::Live { keeper, .. } => keeper.stop(),
        }
    }
}
