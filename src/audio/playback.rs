//! The ring between the worker and a playback callback: the push half lays samples on the listened input's timeline, the
//! pull half plays each one a constant delay after it was captured.
//!
//! Time is the capture clock's. A callback says which position of the input is being captured, and gets what was heard
//! `delay_samples` before. Nothing here adapts the delay: what comes too late is not played, so that sound and picture
//! never drift apart, and one late stride leaves no trace behind it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::mixer::Mixer;
use crate::units::SampleRate;

pub use super::listen_control::{ListenControl, ListenMode};

/// Length of every cross-fade.
const FADE_SECS: f64 = 0.01;

/// Jumps that can wait for the callback. With more, nothing is taken until it has read some.
const MAX_MARKS: usize = 64;

/// Samples taken from the ring at a time, on the callback's stack.
const BLOCK: usize = 128;

/// Where the samples behind it lie on the timeline.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// How many samples had entered the ring before.
    at: u64,
    /// Position of the next one.
    position: i64,
}

/// A ring for `capacity_samples` (at least 1), played at `rate` `delay_samples` after capture. The delay must cover the
/// time from a sound to the push of what is to be heard of it; the capacity, what is pushed ahead of being played.
///
/// This allocates; nothing afterwards does.
#[must_use]
pub fn playback_ring(rate: SampleRate, delay_samples: u64, capacity_samples: usize) -> (PlaybackPush, PlaybackPull) {
    let (samples_in, samples_out) = HeapRb::new(capacity_samples.max(1)).split();
    let (marks_in, marks_out) = HeapRb::new(MAX_MARKS).split();
    let control = Arc::new(ListenControl::default());
    let fade = (rate.samples(FADE_SECS) as usize).max(1);
    let push = PlaybackPush {
        samples: samples_in,
        marks: marks_in,
        control: Arc::clone(&control),
        rate,
        delay_samples,
        pushed: 0,
        next: None,
        marked_at: None,
    };
    let pull = PlaybackPull {
        samples: samples_out,
        marks: marks_out,
        rate,
        delay_samples,
        popped: 0,
        head: None,
        next_mark: None,
        next: 0,
        playing: false,
        mixer: Mixer::new(fade, control.mode()),
        control,
    };
    (push, pull)
}

/// The half that belongs to the worker. When it is dropped, the playback falls silent without counting an underrun.
pub struct PlaybackPush {
    samples: HeapProd<[f32; 2]>,
    marks: HeapProd<Mark>,
    control: Arc<ListenControl>,
    rate: SampleRate,
    delay_samples: u64,
    /// Samples that entered the ring.
    pushed: u64,
    /// Position at which a sample needs no mark; `None` before the first.
    next: Option<i64>,
    /// What `pushed` was at the last mark.
    marked_at: Option<u64>,
}

impl PlaybackPush {
    /// Appends samples and says how many fitted: the rest is lost, and need not be pushed again. Never blocks.
    ///
    /// `position` is the index of the first one on the listened input's timeline, counted at the playback's rate; it
    /// may jump. Both slices have one length (the longer one is cut): what the microphone heard, and what the
    /// classifier heard of it. Empty ones announce that the next samples lie at `position`, and that none will come
    /// for what lies before.
    pub fn push(&mut self, position: u64, input: &[f32], interpretation: &[f32]) -> usize {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let len = input.len().min(interpretation.len());
        // A mark stands before its samples can be read.
        if self.next != Some(position) && !self.mark(position, len) {
            return 0;
        }
        let n = self.samples.push_iter(input.iter().zip(interpretation).take(len).map(|(a, b)| [*a, *b]));
        self.pushed += n as u64;
        self.next = Some(position.saturating_add(n as i64));
        n
    }

    /// Announces `position` for the next sample, and says whether that sample may follow.
    fn mark(&mut self, position: i64, len: usize) -> bool {
        // In a full ring one mark will do, and the marks' room is not used up. Only where the timeline went back must
        // the callback know: it would otherwise wait for samples from ahead, and the ring stay full.
        let full = len > 0 && self.samples.is_full();
        if full && self.marked_at == Some(self.pushed) && self.next.is_some_and(|next| position >= next) {
            return false;
        }
        if self.marks.try_push(Mark { at: self.pushed, position }).is_err() {
            return false;
        }
        self.marked_at = Some(self.pushed);
        self.next = Some(position);
        true
    }

    /// Says that nothing will come, until [`push`](Self::push) says otherwise.
    pub fn close(&mut self) {
        self.push(u64::MAX, &[], &[]);
    }

    /// The mode and the counters.
    #[must_use]
    pub const fn control(&self) -> &Arc<ListenControl> {
        &self.control
    }

    /// The playback's sample rate.
    #[must_use]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples from the capture of a sound to its playback.
    #[must_use]
    pub const fn delay_samples(&self) -> u64 {
        self.delay_samples
    }

    /// How many samples the ring has room for now; more once the callback has read.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.samples.vacant_len()
    }
}

impl Drop for PlaybackPush {
    fn drop(&mut self) {
        self.close();
    }
}

/// What lies at a position.
enum Found {
    /// So many samples, from there on.
    Samples(usize),
    /// Nothing for so many samples; what comes then is known.
    Gap(u64),
    /// Nothing, and nothing is known of what will come.
    Nothing,
}

/// The half that belongs to the callback. Every method keeps the real-time rule (see [`crate::audio`]).
pub struct PlaybackPull {
    samples: HeapCons<[f32; 2]>,
    marks: HeapCons<Mark>,
    control: Arc<ListenControl>,
    rate: SampleRate,
    delay_samples: u64,
    /// Samples that left the ring.
    popped: u64,
    /// Position of the next sample in the ring.
    head: Option<i64>,
    next_mark: Option<Mark>,
    /// Position that is played next.
    next: i64,
    /// Whether the last sample played came from the ring.
    playing: bool,
    mixer: Mixer,
}

impl PlaybackPull {
    /// Fills `out` (one channel, any length) with what is to be heard.
    ///
    /// `now` is where the capture clock stands at the first sample of `out`, in samples of the input's timeline at the
    /// playback's rate: `now - delay_samples` is played. `tolerance` is how far the playback may be from there before it
    /// jumps: 0 where `now` is exact to the sample; for a device with a clock of its own, more than `now` jitters.
    ///
    /// Samples from before are left out; missing ones are silence. Wherever the sound does not go on, and where the mode
    /// changes, it is cross-faded.
    pub fn fill(&mut self, out: &mut [f32], now: u64, tolerance: u64) {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let due = now.saturating_sub(i64::try_from(self.delay_samples).unwrap_or(i64::MAX));
        // A jump out of silence is none.
        if !self.playing {
            self.next = due;
        } else if self.next.abs_diff(due) > tolerance {
            self.next = due;
            self.mixer.splice();
            self.control.resyncs.fetch_add(1, Ordering::Relaxed);
        }
        let mode = self.control.mode();
        let mut rest = out;
        while !rest.is_empty() {
            let found = self.find(self.next);
            let n = match found {
                Found::Samples(n) => n.min(rest.len()).min(BLOCK),
                Found::Gap(n) => usize::try_from(n).unwrap_or(usize::MAX).min(rest.len()),
                Found::Nothing => rest.len(),
            };
            let (part, others) = rest.split_at_mut(n.min(rest.len()));
            rest = others;
            let plays = matches!(found, Found::Samples(_));
            if plays != self.playing {
                self.mixer.splice();
                if matches!(found, Found::Nothing) && mode != ListenMode::Silence {
                    self.control.underruns.fetch_add(1, Ordering::Relaxed);
                }
                self.playing = plays;
            }
            if plays {
                self.play(part, mode);
            } else {
                self.mixer.silence(part, mode);
            }
            self.next = self.next.saturating_add(n as i64);
        }
    }

    /// The playback's sample rate.
    #[must_use]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples from the capture of a sound to its playback.
    #[must_use]
    pub const fn delay_samples(&self) -> u64 {
        self.delay_samples
    }

    /// The mode and the counters.
    #[must_use]
    pub const fn control(&self) -> &Arc<ListenControl> {
        &self.control
    }

    /// Throws away what lies before `due`, and says what lies there.
    fn find(&mut self, due: i64) -> Found {
        loop {
            let ready = self.samples.occupied_len();
            // Looked at after `ready`: whatever lies before these samples has been announced by then.
            self.pass_marks();
            let Some(head) = self.head else { return Found::Nothing };
            let run = self.next_mark.map_or(ready, |mark| {
                ready.min(usize::try_from(mark.at.saturating_sub(self.popped)).unwrap_or(usize::MAX))
            });
            let late = usize::try_from(due.saturating_sub(head)).unwrap_or(0);
            let to_skip = if head > due { self.superseded(head) } else { late.min(run) };
            if to_skip > 0 {
                let skipped = self.samples.skip(to_skip);
                self.advance(skipped);
            } else if head > due {
                return Found::Gap(head.abs_diff(due));
            } else if run > 0 {
                return Found::Samples(run);
            } else {
                return Found::Nothing;
            }
        }
    }

    /// How many samples from `head` on are not to be waited for, because the timeline went back behind them.
    fn superseded(&self, head: i64) -> usize {
        let mut marks = self.next_mark.iter().chain(self.marks.iter());
        let last = marks.rfind(|mark| mark.position <= head);
        last.map_or(0, |mark| usize::try_from(mark.at.saturating_sub(self.popped)).unwrap_or(0))
    }

    /// Takes the marks that stand before the next sample.
    fn pass_marks(&mut self) {
        loop {
            // Of marks at one place the last one holds.
            while self.next_mark.is_none_or(|mark| self.marks.try_peek().is_some_and(|other| other.at == mark.at)) {
                let Some(mark) = self.marks.try_pop() else { break };
                self.next_mark = Some(mark);
            }
            let Some(mark) = self.next_mark.take_if(|mark| mark.at <= self.popped) else { return };
            self.head = Some(mark.position);
        }
    }

    fn advance(&mut self, n: usize) {
        self.popped += n as u64;
        self.head = self.head.map(|head| head.saturating_add(n as i64));
    }

    /// Plays the next samples of the ring, at most [`BLOCK`].
    fn play(&mut self, out: &mut [f32], mode: ListenMode) {
        let mut block = [[0.0_f32; 2]; BLOCK];
        let n = self.samples.pop_slice(block.get_mut(..out.len()).unwrap_or_default());
        self.advance(n);
        self.control.played_samples.fetch_add(n as u64, Ordering::Relaxed);
        self.mixer.play(&block, out, mode);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FADE: usize = 80;
    const DELAY: u64 = 1000;

    fn ring(capacity: usize) -> (PlaybackPush, PlaybackPull) {
        playback_ring(SampleRate::new(8000).unwrap(), DELAY, capacity)
    }

    /// Slow enough that a step of 0.02 is none of its own.
    fn heard(position: u64) -> f32 {
        0.4 * (position as f32 * 0.04).sin()
    }

    fn explained(position: u64) -> f32 {
        0.3 * (position as f32 * 0.03).cos()
    }

    /// Pushes the samples of these positions.
    fn push(push: &mut PlaybackPush, positions: std::ops::Range<u64>) -> usize {
        let (input, interpretation): (Vec<f32>, Vec<f32>) = positions.clone().map(|p| (heard(p), explained(p))).unzip();
        push.push(positions.start, &input, &interpretation)
    }

    /// The largest step from one sample to the next.
    fn largest_step(out: &[f32]) -> f32 {
        out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    /// What the signals do by themselves, and what a fade between signals below 0.4 adds at most.
    const SMOOTH: f32 = 0.4 * 0.04 + 0.8 / FADE as f32;

    #[test]
    fn each_sample_is_played_at_its_delay_whatever_the_buffer() {
        for (buffer, stride) in [(1, 1), (7, 400), (64, 333), (257, 2000), (1024, 64), (4000, 1999)] {
            let (mut to, mut from) = ring(12_000);
            let (mut now, mut next, mut all) = (0, 0, Vec::new());
            while now < 10_000 {
                // The worker is ahead of the playback, by strides.
                while next + DELAY < now + buffer as u64 + 1 {
                    assert_eq!(push(&mut to, next..next + stride), stride as usize);
                    next += stride;
                }
                let mut out = vec![9.0; buffer];
                from.fill(&mut out, now, 0);
                all.extend_from_slice(&out);
                now += buffer as u64;
            }
            let (before, after) = all.split_at(DELAY as usize);
            assert!(before.iter().all(|x| *x == 0.0), "nothing was captured so early");
            for (position, sample) in after.iter().enumerate().skip(FADE) {
                assert_eq!(*sample, explained(position as u64), "position {position}, buffers of {buffer}");
            }
            assert!(largest_step(&all) < SMOOTH);
            assert_eq!((to.control().underruns(), to.control().resyncs()), (0, 0), "buffers of {buffer}");
            assert_eq!(to.control().played_samples(), after.len() as u64);
        }
    }

    #[test]
    fn an_underrun_is_counted_once_does_not_click_and_leaves_no_delay() {
        let (mut to, mut from) = ring(12_000);
        push(&mut to, 0..2000);
        let mut all = vec![0.0; 6000];
        for (i, out) in all.chunks_mut(50).enumerate() {
            let now = DELAY + 50 * i as u64;
            // 2000 to 2700 are missing in time; what is late then comes late, in two parts.
            match now - DELAY {
                2700 => assert_eq!(push(&mut to, 2000..2300), 300),
                2800 => assert_eq!(push(&mut to, 2300..6000), 3700),
                _ => {}
            }
            from.fill(out, now, 0);
        }
        assert!(all[2000 + FADE..2800].iter().all(|x| *x == 0.0));
        for position in (FADE..2000).chain(2800 + FADE..6000) {
            assert_eq!(all[position], explained(position as u64), "position {position}");
        }
        assert!(largest_step(&all) < SMOOTH, "{}", largest_step(&all));
        assert_eq!((from.control().underruns(), from.control().resyncs()), (1, 0));
        // Silence that was asked for is no underrun, nor is the end.
        from.control().set_mode(ListenMode::Silence);
        push(&mut to, 6000..6100);
        from.fill(&mut [0.0; 300], DELAY + 6000, 0);
        from.control().set_mode(ListenMode::Input);
        push(&mut to, 6300..6400);
        drop(to);
        from.fill(&mut [0.0; 300], DELAY + 6300, 0);
        assert_eq!((from.control().underruns(), from.control().played_samples()), (1, 5200 + 200));
    }

    #[test]
    fn a_mode_fades_into_the_next_and_gains_of_one_are_exact() {
        let (mut to, mut from) = ring(12_000);
        push(&mut to, 0..10_000);
        let mut all = vec![0.0; 8000];
        for (i, out) in all.chunks_mut(100).enumerate() {
            // Every 10 ms at the beginning of the second half: a key held down.
            if i % 20 == 0 || (40..60).contains(&i) {
                from.control().set_mode(from.control().mode().next());
            }
            from.fill(out, DELAY + 100 * i as u64, 0);
        }
        assert!(largest_step(&all) < SMOOTH, "{}", largest_step(&all));
        // Input, silence; then interpretation from 6000 on.
        assert!((FADE..2000).all(|p| all[p] == heard(p as u64)));
        assert!((2000 + FADE..4000).all(|p| all[p] == 0.0));
        let names: Vec<_> = [ListenMode::Interpretation, ListenMode::Input, ListenMode::Silence]
            .iter()
            .map(|mode| (mode.as_str(), mode.next().as_str(), ListenMode::from_u8(*mode as u8) == *mode))
            .collect();
        assert_eq!(
            names,
            [("interpretation", "input", true), ("input", "silence", true), ("silence", "interpretation", true)]
        );
    }

    #[test]
    fn a_gap_in_the_timeline_is_silence_of_its_length() {
        let (mut to, mut from) = ring(12_000);
        push(&mut to, 0..1000);
        // Announced before its samples come: no underrun.
        assert_eq!(to.push(1500, &[], &[]), 0);
        let mut all = vec![0.0; 3000];
        for (i, out) in all.chunks_mut(125).enumerate() {
            if i == 10 {
                push(&mut to, 1500..2500);
                to.close();
            }
            from.fill(out, DELAY + 125 * i as u64, 0);
        }
        for (position, sample) in all.iter().enumerate() {
            let want = match position {
                FADE..1000 | 1580..2500 => explained(position as u64),
                1080..1500 | 2580.. => 0.0,
                _ => continue,
            };
            assert_eq!(*sample, want, "position {position}");
        }
        assert!(largest_step(&all) < SMOOTH);
        assert_eq!((from.control().underruns(), from.control().resyncs()), (0, 0));
    }

    #[test]
    fn a_timeline_that_begins_again_is_followed() {
        for capacity in [12_000, 2000] {
            let (mut to, mut from) = ring(capacity);
            // What is pushed lies far ahead and, in the small ring, fills it.
            push(&mut to, 50_000..52_000);
            from.fill(&mut [0.0; 100], DELAY + 50_000, 0);
            while push(&mut to, 52_000..54_000) == 2000 {}
            for _ in 0..1000 {
                // Nothing fits, or the samples from ahead stand before it.
                push(&mut to, 0..100);
                push(&mut to, 60_000..60_100);
            }
            push(&mut to, 0..400);
            let mut all = vec![0.0; 400];
            from.fill(&mut all[..1], DELAY, 0);
            push(&mut to, 1..400);
            from.fill(&mut all[1..], DELAY + 1, 0);
            assert!((1 + FADE..400).all(|p| all[p] == explained(p as u64)), "capacity {capacity}");
        }
    }

    #[test]
    fn a_clock_of_its_own_is_followed_only_when_it_is_off_by_more_than_the_tolerance() {
        let (mut to, mut from) = ring(30_000);
        push(&mut to, 0..30_000);
        let (mut all, mut jitter) = (Vec::new(), 0_u64);
        for i in 0..100 {
            // This device takes 1 % less than the capture clock gives, and sees it jitter.
            jitter = (jitter * 7 + 3) % 50;
            let mut out = [0.0; 99];
            from.fill(&mut out, DELAY + 100 + 100 * i + jitter, 120);
            all.extend_from_slice(&out);
        }
        assert!(largest_step(&all) < SMOOTH);
        let resyncs = from.control().resyncs();
        assert!(resyncs == 1 || resyncs == 0, "100 samples off at the end, and {resyncs} jumps");
        let lag = |i: usize| {
            (0..30_000).min_by(|a, b| {
                let distance = |p: &usize| (0..40).map(|k| (all[i + k] - explained((p + k) as u64)).abs()).sum::<f32>();
                distance(a).total_cmp(&distance(b))
            })
        };
        assert!(lag(9000).unwrap().abs_diff(9190) < 180);
    }

    #[test]
    fn a_playback_that_stands_still_costs_its_own_samples_only() {
        let (mut to, mut from) = ring(3000);
        for i in 0..1000 {
            push(&mut to, 100 * i..100 * (i + 1));
        }
        assert_eq!(to.vacant(), 0);
        // When it comes back, the old samples go, and it has its delay again.
        let mut out = [0.0; 500];
        from.fill(&mut out, DELAY + 99_000, 0);
        assert_eq!(to.vacant(), 3000);
        push(&mut to, 99_500..101_000);
        from.fill(&mut out, DELAY + 99_500, 0);
        assert!((FADE..500).all(|p| out[p] == explained(99_500 + p as u64)));
    }

    #[test]
    fn what_is_not_a_number_is_not_played() {
        let (mut to, mut from) = ring(100);
        to.push(0, &[0.0; 90], &[f32::NAN; 90]);
        let mut out = [9.0; 90];
        from.fill(&mut out, DELAY, 0);
        assert_eq!(out, [0.0; 90]);
    }
}
