//! The ring between a capture callback and the worker: the push half cleans, downmixes and counts; the pull half reads.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::channel_tally::{ChannelLook, ChannelTally};
use super::sample::{ToF32, flush_denormal, valid};

pub use super::account::{Account, CaptureCounters};

/// Mono samples converted at a time, on the callback's stack.
const BLOCK: usize = 256;

/// Gaps that can wait for the reader. With more, the last one stays open until there is room, and swallows what comes.
const MAX_GAPS: usize = 64;

/// Looks at the channels that can wait for the reader: as many as the ring has seconds of sound for, mostly. More are dropped.
const MAX_LOOKS: usize = 256;

/// How often a reader of the counters looks again while a callback is at work, without and with a nap in between. A
/// callback is done after some microseconds; one that was killed in the middle (a sound server may do that to its
/// clients' threads) never is.
const LOOKS: u32 = 200;
const NAPS: u32 = 20;
const NAP: Duration = Duration::from_millis(1);

/// Samples that never reached the ring.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// How many samples had entered the ring before.
    at: u64,
    /// How many are missing.
    len: u64,
}

/// A ring for `capacity` mono samples (at least 1), fed with interleaved chunks of `channels` channels (at least 1).
///
/// This allocates; nothing afterwards does.
#[must_use]
pub fn capture_ring(capacity: usize, channels: u16) -> (CapturePush, CapturePull) {
    let (samples_in, samples_out) = HeapRb::new(capacity.max(1)).split();
    let (gaps_in, gaps_out) = HeapRb::new(MAX_GAPS).split();
    let (looks_in, looks_out) = HeapRb::new(MAX_LOOKS).split();
    let counters = Arc::new(CaptureCounters::default());
    let mut push = CapturePush {
        samples: samples_in,
        gaps: gaps_in,
        looks: looks_in,
        tally: None,
        counters: Arc::clone(&counters),
        channels: 1,
        sum: 0.0,
        have: 0,
        pushed: 0,
        lost: 0,
    };
    push.set_channels(channels);
    let pull = CapturePull {
        samples: samples_out,
        gaps: gaps_out,
        looks: looks_out,
        counters,
        read: 0,
        next_gap: None,
        gap_before: 0,
    };
    (push, pull)
}

/// The half that belongs to the callback. Every method keeps the real-time rule (see [`crate::audio`]).
pub struct CapturePush {
    samples: HeapProd<f32>,
    gaps: HeapProd<Gap>,
    looks: HeapProd<ChannelLook>,
    /// Of the channels, where there are several.
    tally: Option<ChannelTally>,
    counters: Arc<CaptureCounters>,
    channels: u16,
    /// Sum of the channels of the channel frame under way, and how many of them there were: a chunk may end anywhere.
    /// In f64, so that equal channels give exactly themselves.
    sum: f64,
    have: u16,
    /// Samples that entered the ring.
    pushed: u64,
    /// Samples lost since the last one that entered.
    lost: u64,
}

impl CapturePush {
    /// Channels of the chunks.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// What the chunks will have from now on; for one who lays out channels after the ring is made. This allocates.
    pub(super) fn set_channels(&mut self, channels: u16) {
        self.channels = channels.max(1);
        self.tally = (channels > 1).then(|| ChannelTally::new(channels));
        (self.sum, self.have) = (0.0, 0);
    }

    /// How many mono samples the ring has room for now; more once the reader has read. One whose reader is gone holds no one
    /// up: there is room for anything, and it is dropped.
    #[must_use]
    pub fn vacant(&self) -> usize {
        if self.samples.read_is_held() { self.samples.vacant_len() } else { usize::MAX }
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> &Arc<CaptureCounters> {
        &self.counters
    }

    /// [`push_converted`](Self::push_converted) for samples that are `f32` already.
    pub fn push_interleaved_f32(&mut self, chunk: &[f32]) {
        self.push_converted(chunk);
    }

    /// Converts an interleaved chunk of any length to mono (the mean of the channels) and pushes it. Samples that cannot
    /// be sound become 0 and are counted, denormals become 0; what the ring has no room for is dropped and counted.
    pub fn push_converted<S: ToF32>(&mut self, chunk: &[S]) {
        let mut block = [0.0_f32; BLOCK];
        let mut invalid = 0;
        let mut rest = chunk;
        while !rest.is_empty() {
            let mut filled = 0;
            for slot in &mut block {
                let Some(mean) = self.next_mean(&mut rest, &mut invalid) else { break };
                *slot = mean;
                filled += 1;
            }
            self.push_mono(block.get(..filled).unwrap_or_default());
        }
        self.count_chunk(invalid);
    }

    /// Pushes a chunk that is mono already, whatever [`channels`](Self::channels) says. Samples are cleaned as in
    /// [`push_converted`](Self::push_converted).
    pub fn push_mono_samples(&mut self, chunk: &[f32]) {
        self.push_mono_padded(chunk, chunk.len());
    }

    /// As [`push_mono_samples`](Self::push_mono_samples) for `n` samples: what `chunk` lacks is silence.
    pub(super) fn push_mono_padded(&mut self, chunk: &[f32], n: usize) {
        let chunk = chunk.get(..n).unwrap_or(chunk);
        let mut invalid = self.push_cleaned(chunk.iter().copied());
        invalid += self.push_cleaned(std::iter::repeat_n(0.0, n - chunk.len()));
        self.count_chunk(invalid);
    }

    /// Pushes the samples `first`, `first + step`, … of an interleaved chunk: one channel of it.
    pub(super) fn push_every<S: ToF32>(&mut self, chunk: &[S], first: usize, step: usize) {
        let samples = chunk.get(first..).unwrap_or_default();
        let invalid = self.push_cleaned(samples.iter().step_by(step.max(1)).map(|sample| sample.to_f32()));
        self.count_chunk(invalid);
    }

    /// Pushes the mean of [`channels`](Self::channels) slices of `n` samples; what is missing of them is silence.
    pub(super) fn push_planar_mean(&mut self, ports: &[&[f32]], n: usize) {
        let mut invalid = 0;
        let mut block = [0.0_f32; BLOCK];
        let mut at = 0;
        while at < n {
            let len = BLOCK.min(n - at);
            for (i, slot) in block.iter_mut().take(len).enumerate() {
                let mut sum = 0.0;
                for (channel, sample) in ports.iter().enumerate().filter_map(|(c, port)| Some((c, port.get(at + i)?))) {
                    match valid(*sample) {
                        Some(sample) => {
                            sum += f64::from(sample);
                            self.tally_sample(channel, sample);
                        }
                        None => invalid += 1,
                    }
                }
                let mean = sum / f64::from(self.channels);
                self.tally_frame(mean);
                *slot = flush_denormal(mean as f32);
            }
            self.push_mono(block.get(..len).unwrap_or_default());
            at += len;
        }
        self.count_chunk(invalid);
    }

    /// Counts `n` samples that the device skipped before the next chunk, as captured and as dropped; the reader sees a
    /// gap there.
    pub fn lose(&mut self, n: u64) {
        self.counters.begin();
        self.lost += n;
        self.counters.captured_samples.fetch_add(n, Ordering::Relaxed);
        self.counters.dropped_samples.fetch_add(n, Ordering::Relaxed);
        self.counters.end();
    }

    /// Counts a gap that the device reported.
    pub fn count_xrun(&self) {
        self.counters.xruns.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes samples from `rest` until a channel frame is complete; `None` where they do not suffice.
    #[inline]
    fn next_mean<S: ToF32>(&mut self, rest: &mut &[S], invalid: &mut u64) -> Option<f32> {
        while let Some((first, others)) = rest.split_first() {
            *rest = others;
            match valid(first.to_f32()) {
                Some(sample) => {
                    self.sum += f64::from(sample);
                    self.tally_sample(self.have.into(), sample);
                }
                None => *invalid += 1,
            }
            self.have += 1;
            if self.have == self.channels {
                let mean = self.sum / f64::from(self.channels);
                (self.sum, self.have) = (0.0, 0);
                self.tally_frame(mean);
                return Some(flush_denormal(mean as f32));
            }
        }
        None
    }

    #[inline]
    fn tally_sample(&mut self, channel: usize, sample: f32) {
        if let Some(tally) = &mut self.tally {
            tally.sample(channel, f64::from(sample));
        }
    }

    #[inline]
    fn tally_frame(&mut self, mean: f64) {
        if let Some(look) = self.tally.as_mut().and_then(|tally| tally.frame(mean)) {
            // Where the reader is late, it has enough to look at.
            let _ = self.looks.try_push(look);
        }
    }

    /// Pushes mono samples, cleaned, and says how many could not be sound.
    fn push_cleaned(&mut self, mut samples: impl Iterator<Item = f32>) -> u64 {
        let mut block = [0.0_f32; BLOCK];
        let mut invalid = 0;
        loop {
            let mut filled = 0;
            for (slot, sample) in block.iter_mut().zip(&mut samples) {
                *slot = valid(sample).map_or_else(
                    || {
                        invalid += 1;
                        0.0
                    },
                    flush_denormal,
                );
                filled += 1;
            }
            if filled == 0 {
                return invalid;
            }
            self.push_mono(block.get(..filled).unwrap_or_default());
        }
    }

    fn count_chunk(&self, invalid: u64) {
        if invalid > 0 {
            self.counters.invalid_samples.fetch_add(invalid, Ordering::Relaxed);
        }
        self.counters.chunks.fetch_add(1, Ordering::Relaxed);
    }

    fn push_mono(&mut self, block: &[f32]) {
        if block.is_empty() {
            return;
        }
        self.counters.begin();
        // A gap is announced before the samples behind it can be read. Where there is no room for the announcement,
        // the gap is still open: these samples are part of it.
        let gap = Gap { at: self.pushed, len: self.lost };
        let announced = self.lost == 0 || (self.samples.vacant_len() > 0 && self.gaps.try_push(gap).is_ok());
        let n = if announced { self.samples.push_slice(block) } else { 0 };
        if announced {
            self.lost = 0;
        }
        let lost = (block.len() - n) as u64;
        self.pushed += n as u64;
        self.lost += lost;
        self.counters.captured_samples.fetch_add(block.len() as u64, Ordering::Relaxed);
        if lost > 0 {
            self.counters.dropped_samples.fetch_add(lost, Ordering::Relaxed);
        }
        self.counters.end();
    }
}

/// The half that belongs to the worker.
pub struct CapturePull {
    samples: HeapCons<f32>,
    gaps: HeapCons<Gap>,
    looks: HeapCons<ChannelLook>,
    counters: Arc<CaptureCounters>,
    read: u64,
    next_gap: Option<Gap>,
    gap_before: u64,
}

impl CapturePull {
    /// Copies samples into `out` and says how many; 0 where there are none now. Never blocks. A read ends at a gap, so
    /// that samples from before and after one never stand in the same read.
    pub fn read(&mut self, out: &mut [f32]) -> usize {
        self.gap_before = 0;
        if out.is_empty() {
            return 0;
        }
        let ready = self.samples.occupied_len();
        if ready == 0 {
            return 0;
        }
        // Looked at after `ready`: whatever lies before these samples has been announced by then.
        if self.next_gap.is_none() {
            self.next_gap = self.gaps.try_pop();
        }
        let mut limit = out.len().min(ready);
        if let Some(gap) = self.next_gap.take_if(|gap| gap.at <= self.read) {
            self.gap_before = gap.len;
            self.next_gap = self.gaps.try_pop();
        }
        if let Some(gap) = self.next_gap {
            limit = limit.min(usize::try_from(gap.at - self.read).unwrap_or(usize::MAX));
        }
        let n = self.samples.pop_slice(out.get_mut(..limit).unwrap_or_default());
        self.read += n as u64;
        n
    }

    /// How many samples were dropped just before the first one of the last [`read`](Self::read). Adding it keeps the
    /// reader's sample position true to the source's.
    #[must_use]
    pub const fn gap_before(&self) -> u64 {
        self.gap_before
    }

    /// The next look at the channels that are mixed here, if one waits. It may be ahead of the samples.
    pub fn channel_look(&mut self) -> Option<ChannelLook> {
        self.looks.try_pop()
    }

    /// Samples that wait to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.samples.occupied_len()
    }

    /// What has been counted.
    #[must_use]
    pub fn counters(&self) -> &CaptureCounters {
        &self.counters
    }

    /// Where every sample went: numbers of one and the same moment, so that `captured = read + dropped + pending` while a
    /// callback runs, too. Waits for some microseconds where a callback is in the middle of a push, and for no longer
    /// than 20 ms where that callback never returns; what it had not counted then counts as it stands.
    #[must_use]
    pub fn account(&self) -> Account {
        for look in 0..LOOKS + NAPS {
            if let Some(account) = self.try_account() {
                return account;
            }
            if look < LOOKS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
        let account = self.look();
        Account { captured: account.read + account.dropped + account.pending, ..account }
    }

    /// The account, unless a callback changed it meanwhile.
    fn try_account(&self) -> Option<Account> {
        let before = self.counters.sequence.load(Ordering::Acquire);
        if !before.is_multiple_of(2) {
            return None;
        }
        let account = self.look();
        // Whatever was just seen of a later push brings that push's odd number with it.
        fence(Ordering::Acquire);
        (self.counters.sequence.load(Ordering::Relaxed) == before).then_some(account)
    }

    fn look(&self) -> Account {
        let counters = &*self.counters;
        Account {
            captured: counters.captured_samples.load(Ordering::Relaxed),
            read: self.read,
            dropped: counters.dropped_samples.load(Ordering::Relaxed),
            pending: self.pending() as u64,
            xruns: counters.xruns.load(Ordering::Relaxed),
            invalid: counters.invalid_samples.load(Ordering::Relaxed),
            chunks: counters.chunks.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(pull: &mut CapturePull) -> Vec<f32> {
        let mut out = vec![0.0; pull.pending()];
        let n = pull.read(&mut out);
        out.truncate(n);
        out
    }

    #[test]
    fn a_chunk_may_end_inside_a_channel_frame() {
        let (mut push, mut pull) = capture_ring(16, 3);
        push.push_converted(&[3.0_f32, 0.0]);
        assert_eq!(pull.pending(), 0);
        push.push_converted(&[0.0_f32, -0.3, -0.3, -0.3, 1.0]);
        push.push_converted::<f32>(&[]);
        push.push_converted(&[1.0_f32, 1.0]);
        assert_eq!(read_all(&mut pull), [1.0, -0.3, 1.0]);
        assert_eq!(pull.counters().chunks.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn what_cannot_be_sound_becomes_silence_and_is_counted() {
        let (mut push, mut pull) = capture_ring(16, 2);
        push.push_interleaved_f32(&[f32::NAN, 0.5, f32::INFINITY, f32::NEG_INFINITY, 1e-40, 1e-40, 1e30, 0.0]);
        assert_eq!(read_all(&mut pull), [0.25, 0.0, 0.0, 0.0]);
        assert_eq!(pull.counters().invalid_samples.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_full_ring_drops_the_new_samples_and_tells_where() {
        let (mut push, mut pull) = capture_ring(4, 1);
        push.push_converted(&[1_i16, 2, 3, 4, 5, 6].map(|v| v * 256));
        push.push_converted(&[7_i16 * 256]);
        let mut out = [0.0; 3];
        let scaled = |out: &[f32]| out.iter().map(|x| (x * 128.0) as i32).collect::<Vec<_>>();
        assert_eq!((pull.read(&mut out), pull.gap_before()), (3, 0));
        assert_eq!(scaled(&out), [1, 2, 3]);
        push.push_converted(&[8_i16, 9].map(|v| v * 256));
        // The old samples end at the gap, though newer ones wait already.
        assert_eq!((pull.pending(), pull.read(&mut out), pull.gap_before()), (3, 1, 0));
        assert_eq!(scaled(&out[..1]), [4]);
        assert_eq!((pull.read(&mut out), pull.gap_before()), (2, 3));
        assert_eq!(scaled(&out[..2]), [8, 9]);
        assert_eq!((pull.read(&mut out), pull.gap_before()), (0, 0));
        let counters = pull.counters();
        assert_eq!(counters.captured_samples.load(Ordering::Relaxed), 9);
        assert_eq!(counters.dropped_samples.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_callback_that_never_returns_does_not_hold_the_account() {
        let (mut push, mut pull) = capture_ring(8, 1);
        push.push_mono_samples(&[0.5, 0.25, f32::NAN]);
        assert_eq!(pull.read(&mut [0.0; 2]), 2);
        push.lose(7);
        // Killed when samples had entered the ring and had not been counted.
        push.counters.begin();
        push.samples.push_slice(&[0.1, 0.2]);
        let account = pull.account();
        assert_eq!(account, Account { captured: 12, read: 2, dropped: 7, pending: 3, xruns: 0, invalid: 1, chunks: 1 });
    }

    #[test]
    fn positions_stay_true_through_any_number_of_gaps() {
        // Sample i has the value i, so the reader can check its position; the consumer is slow and irregular.
        let (mut push, mut pull) = capture_ring(5, 1);
        let (mut position, mut next, mut out) = (0_u64, 0_u32, [0.0; 3]);
        for step in 0..5000_u32 {
            let chunk: Vec<i32> = (0..step % 4).map(|k| ((next + k) as i32) << 8).collect();
            push.push_converted(&chunk);
            next += step % 4;
            if step % 3 == 0 {
                let n = pull.read(&mut out[..1 + (step as usize / 3) % 3]);
                position += pull.gap_before();
                for &sample in &out[..n] {
                    assert_eq!((f64::from(sample) * f64::from(1 << 23)) as u64, position);
                    position += 1;
                }
            }
        }
        assert!(pull.counters().dropped_samples.load(Ordering::Relaxed) > 1000);
    }
}
