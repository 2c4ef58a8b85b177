//! The ring between a capture callback and the worker: the push half cleans, downmixes and counts; the pull half reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::sample::{ToF32, flush_denormal, valid};

/// Mono samples converted at a time, on the callback's stack.
const BLOCK: usize = 256;

/// Gaps that can wait for the reader. With more, the last one stays open until there is room, and swallows what comes.
const MAX_GAPS: usize = 64;

/// What an input has counted since it began. Samples are mono, at the input's own rate, unless said otherwise.
///
/// `captured = read + dropped + pending` at any moment at which no callback runs.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    /// Samples that the source delivered.
    pub captured_samples: AtomicU64,
    /// Of these, samples lost because the ring was full.
    pub dropped_samples: AtomicU64,
    /// Gaps that the device reported; how long they were it does not say.
    pub xruns: AtomicU64,
    /// Samples, of any channel, that could not be sound (see [`valid`]) and became 0.
    pub invalid_samples: AtomicU64,
    /// Chunks that the source delivered. While it stands still, nothing arrives.
    pub chunks: AtomicU64,
}

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
    let counters = Arc::new(CaptureCounters::default());
    let push = CapturePush {
        samples: samples_in,
        gaps: gaps_in,
        counters: Arc::clone(&counters),
        channels: channels.max(1),
        sum: 0.0,
        have: 0,
        pushed: 0,
        lost: 0,
    };
    let pull = CapturePull { samples: samples_out, gaps: gaps_out, counters, read: 0, next_gap: None, gap_before: 0 };
    (push, pull)
}

/// The half that belongs to the callback. Every method keeps the real-time rule (see [`crate::audio`]).
pub struct CapturePush {
    samples: HeapProd<f32>,
    gaps: HeapProd<Gap>,
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

    /// How many mono samples the ring has room for now; more once the reader has read.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.samples.vacant_len()
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
        if invalid > 0 {
            self.counters.invalid_samples.fetch_add(invalid, Ordering::Relaxed);
        }
        self.counters.chunks.fetch_add(1, Ordering::Relaxed);
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
                Some(sample) => self.sum += f64::from(sample),
                None => *invalid += 1,
            }
            self.have += 1;
            if self.have == self.channels {
                let mean = (self.sum / f64::from(self.channels)) as f32;
                (self.sum, self.have) = (0.0, 0);
                return Some(flush_denormal(mean));
            }
        }
        None
    }

    fn push_mono(&mut self, block: &[f32]) {
        if block.is_empty() {
            return;
        }
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
    }
}

/// The half that belongs to the worker.
pub struct CapturePull {
    samples: HeapCons<f32>,
    gaps: HeapCons<Gap>,
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
