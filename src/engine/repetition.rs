//! Finds out whether samples repeat themselves exactly, as those of a stuck device do and those of a room never do.
//!
//! Twice a second the last few samples are remembered as an anchor. Where an anchor comes again, the distance is taken for
//! the period, and what follows is compared sample by sample.

/// Samples of an anchor: enough that noise of less than one bit a sample does not come again by chance too often.
const WINDOW: usize = 64;

/// An anchor has at least this many places where the value changes: next to silence, anything resembles anything.
const MIN_CHANGES: u32 = 8;

/// Of so many repeated samples one must differ from the one before: a click in silence, twice, is no repetition.
const SAMPLES_PER_CHANGE: u64 = 16;

/// Anchors at a time. Each is looked for until the longest period has passed: there are enough to never run out.
const N_ANCHORS: usize = 5;

/// Seconds between anchors.
const ANCHOR_SECS: f64 = 0.5;

/// A shorter period is that of a tone.
const MIN_PERIOD_SECS: f64 = 0.02;

/// The longest period that is found.
const MAX_PERIOD_SECS: f64 = 2.0;

/// More than this is not kept, whatever the rate: 2 s at 192 kHz.
const MAX_PERIOD_SAMPLES: usize = 384_000;

/// What repeats must do so for this long, its first occurrence included; two periods at least.
const MIN_SECS: f64 = 2.0;

/// The factor of the rolling hash, and that factor to the power of [`WINDOW`].
const FACTOR: u64 = 0x5851_f42d_4c95_7f2d;
const FACTOR_OF_OLDEST: u64 = FACTOR.wrapping_pow(WINDOW as u32);

/// Watches one stream of samples. The memory is fixed: the longest period and a little more.
#[derive(Debug)]
pub(super) struct Repetition {
    /// The newest samples, round and round.
    ring: Vec<f32>,
    /// Where the next sample goes.
    head: usize,
    /// Samples so far.
    position: u64,
    /// Samples since the last gap.
    unbroken: u64,
    /// Of the newest [`WINDOW`] samples.
    hash: u64,
    changes: u32,
    anchors: [Option<Anchor>; N_ANCHORS],
    /// Where in `anchors` the next one goes.
    next_anchor: usize,
    /// The position from which on the next one is taken.
    anchor_due: u64,
    /// Samples that repeat now.
    track: Option<Track>,
    /// What repeated before a gap, and the samples since.
    before_gap: Option<(Track, u64)>,
    anchor_every: u64,
    min_period: usize,
    max_period: usize,
    min_samples: u64,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    hash: u64,
    /// Of the sample behind its last one.
    end: u64,
}

/// A stretch in which every sample equals the one `period` samples before.
#[derive(Debug, Clone, Copy)]
struct Track {
    period: usize,
    /// How many samples do.
    matched: u64,
    /// How many of these differ from the sample before them.
    changes: u64,
    /// Whether it is a tone.
    tone: bool,
    /// Whether it has lasted long enough.
    told: bool,
}

impl Repetition {
    pub(super) fn new(rate_hz: u32) -> Self {
        let samples = |secs: f64| ((secs * f64::from(rate_hz)).round() as usize).max(1);
        let max_period = samples(MAX_PERIOD_SECS).min(MAX_PERIOD_SAMPLES);
        Self {
            ring: vec![0.0; max_period + WINDOW + 2],
            head: 0,
            position: 0,
            unbroken: 0,
            hash: 0,
            changes: 0,
            anchors: [None; N_ANCHORS],
            next_anchor: 0,
            anchor_due: 0,
            track: None,
            before_gap: None,
            anchor_every: samples(ANCHOR_SECS) as u64,
            min_period: samples(MIN_PERIOD_SECS),
            max_period,
            min_samples: samples(MIN_SECS) as u64,
        }
    }

    /// Takes the next sample, which must be finite and not −0.
    #[inline]
    pub(super) fn push(&mut self, sample: f32) {
        let changed = sample != self.back(0);
        if let Some(slot) = self.ring.get_mut(self.head) {
            *slot = sample;
        }
        self.head = if self.head + 1 == self.ring.len() { 0 } else { self.head + 1 };
        self.position += 1;
        self.unbroken += 1;
        let oldest = self.back(WINDOW);
        let oldest_changed = oldest != self.back(WINDOW + 1);
        self.hash = self
            .hash
            .wrapping_mul(FACTOR)
            .wrapping_add(scattered(sample))
            .wrapping_sub(scattered(oldest).wrapping_mul(FACTOR_OF_OLDEST));
        self.changes = self.changes + u32::from(changed) - u32::from(oldest_changed);
        match self.track {
            Some(track) if self.back(track.period) == sample => self.follow(track, changed),
            _ => {
                self.track = None;
                self.search();
            }
        }
        if self.position >= self.anchor_due && self.unbroken >= WINDOW as u64 && self.changes >= MIN_CHANGES {
            self.anchors[self.next_anchor] = Some(Anchor { hash: self.hash, end: self.position });
            self.next_anchor = (self.next_anchor + 1) % N_ANCHORS;
            self.anchor_due = self.position + self.anchor_every;
        }
    }

    /// Samples are missing before the next one. What repeated may go on, at another place of its period.
    pub(super) fn gap(&mut self) {
        self.unbroken = 0;
        if let Some(track) = self.track.take().filter(|track| !track.tone) {
            self.before_gap = Some((track, 0));
        }
    }

    /// Whether the samples repeat, and have done so for long enough to be sure of it.
    pub(super) fn repeats(&self) -> bool {
        self.track.or(self.before_gap.map(|(track, _)| track)).is_some_and(|track| track.told)
    }

    /// Whether the newest samples may be a repetition, or cannot be told from one.
    pub(super) fn may_repeat(&self) -> bool {
        let long = |track: Track| !track.tone && track.matched >= 4 * WINDOW as u64;
        self.before_gap.is_some() || self.track.is_some_and(long)
    }

    /// The sample `n` before the newest one.
    #[inline]
    fn back(&self, n: usize) -> f32 {
        let len = self.ring.len();
        let i = self.head + len - 1 - n;
        self.ring.get(if i >= len { i - len } else { i }).copied().unwrap_or(0.0)
    }

    /// One more sample is as it was a period ago.
    #[inline]
    fn follow(&mut self, mut track: Track, changed: bool) {
        track.matched += 1;
        track.changes += u64::from(changed);
        if !track.told && !track.tone {
            let period = track.period as u64;
            let long = track.matched + period >= self.min_samples.max(2 * period);
            if long && track.changes * SAMPLES_PER_CHANGE >= track.matched {
                // A tone is found at a multiple of its period where it is found again after a disturbance.
                track.tone = self.is_tone();
                track.told = !track.tone;
            }
        }
        self.track = Some(track);
    }

    /// Looks for an anchor that the newest samples are equal to; the newest first.
    #[inline]
    fn search(&mut self) {
        let age = |anchor: &Anchor| self.position - anchor.end;
        let wanted = |anchor: &&Anchor| anchor.hash == self.hash && age(anchor) <= self.max_period as u64;
        let found = self.anchors.iter().flatten().filter(wanted).min_by_key(|anchor| age(anchor));
        if let Some(period) = found.map(age) {
            let (matched, changes, told) =
                self.before_gap.take().map_or((0, 0, false), |(t, _)| (t.matched, t.changes, t.told));
            self.track = Some(Track {
                period: period as usize,
                matched: matched + WINDOW as u64,
                changes: changes + u64::from(self.changes),
                tone: period < self.min_period as u64,
                told,
            });
        } else if let Some((_, since)) = &mut self.before_gap {
            *since += 1;
            if *since > self.max_period as u64 {
                self.before_gap = None;
            }
        }
    }

    /// Whether the newest samples have a period that is that of a tone.
    fn is_tone(&self) -> bool {
        let span = (3 * self.min_period).min(self.max_period - self.min_period.min(self.max_period));
        (1..self.min_period).any(|period| (0..span).all(|n| self.back(n) == self.back(n + period)))
    }
}

/// A sample's bits, spread: coarse samples have many zeros at the end, and those of the hash would stay zeros, too.
#[inline]
fn scattered(sample: f32) -> u64 {
    let bits = u64::from(sample.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^ (bits >> 32)
}
