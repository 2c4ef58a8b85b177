//! What a method reads of a classifier's hidden layers: rows of a batch, where they were computed.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::device::ComputeDevice;
use crate::{Error, Result};

/// One segment's outputs of the last three blocks, earliest first. They stay on the device, as a row of the batch that
/// they were computed in: nothing is copied, and the batch's memory is free again when the last of its rows is gone.
#[derive(Debug, Clone)]
pub struct Taps {
    /// `[batch, time, freq, channels]` each.
    batch: Arc<[Tensor]>,
    row: usize,
    place: Option<StreamPlace>,
}

/// Where in a stream a segment is, for a network that hears streams: there, each frame has the same hidden layers in every
/// segment that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamPlace {
    /// The stream; no other one of this process has the same number.
    pub stream: u64,
    /// One past the segment's last frame.
    pub end: u64,
}

impl Taps {
    /// The `n` rows of a batch.
    #[must_use]
    pub fn rows(batch: Vec<Tensor>, n: usize) -> Vec<Self> {
        let batch: Arc<[Tensor]> = batch.into();
        (0..n).map(|row| Self { batch: Arc::clone(&batch), row, place: None }).collect()
    }

    /// Where in a stream the segment is, where that is known.
    #[must_use]
    pub const fn place(&self) -> Option<StreamPlace> {
        self.place
    }

    /// Says where in a stream the segment is.
    pub const fn put_at(&mut self, place: StreamPlace) {
        self.place = Some(place);
    }

    /// Whether all of them lie on a device.
    #[must_use]
    pub fn are_on(&self, device: &ComputeDevice) -> bool {
        self.batch.iter().all(|tap| device.holds(tap))
    }

    /// The hidden layers of this segment alone, `[1, time, freq, channels]` each, on the CPU.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn on_cpu(&self) -> Result<Vec<Tensor>> {
        let taps = Self::gather(&[self])?;
        Ok(taps.iter().map(|tap| tap.to_device(&Device::Cpu)).collect::<candle_core::Result<_>>()?)
    }

    /// Segments as one batch `[all.len(), time, freq, channels]`, in order. Neighbours in the batch that they come from
    /// stay one piece: all of a batch, or a run of it, is not copied.
    ///
    /// # Errors
    /// If there is none, or they are of different networks.
    pub fn gather(all: &[&Self]) -> Result<Vec<Tensor>> {
        let mut runs: Vec<(&Self, usize)> = Vec::new();
        for taps in all {
            match runs.last_mut() {
                Some((first, n)) if Arc::ptr_eq(&first.batch, &taps.batch) && first.row + *n == taps.row => *n += 1,
                _ => runs.push((taps, 1)),
            }
        }
        let layer = |i: usize| {
            let run = |(first, n): &(&Self, usize)| match first.batch.get(i) {
                Some(tap) => Ok(tap.narrow(0, first.row, *n)?),
                None => Err(Error::bug("hidden layers of different networks were put into one batch")),
            };
            match runs.as_slice() {
                [one] => run(one),
                _ => Ok(Tensor::cat(&runs.iter().map(run).collect::<Result<Vec<_>>>()?, 0)?),
            }
        };
        let n_layers = runs.first().map_or(0, |(first, _)| first.batch.len());
        (0..n_layers).map(layer).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// A batch of `n` rows; row r of layer l holds 100 · l + 10 · batch + r.
    fn batch(batch: usize, n: usize) -> Vec<Taps> {
        let layer = |l: usize| {
            let values = (0..n).flat_map(|r| [(100 * l + 10 * batch + r) as f32; 4]).collect();
            Tensor::from_vec(values, (n, 2, 1, 2), &Device::Cpu).unwrap()
        };
        Taps::rows((0..3).map(layer).collect(), n)
    }

    #[test]
    fn rows_of_any_batches_come_in_order() {
        let (a, b) = (batch(0, 4), batch(1, 3));
        let all = [&a[2], &a[3], &b[0], &b[2], &a[0], &a[0]];
        let gathered = Taps::gather(&all).unwrap();
        assert_eq!(gathered.len(), 3);
        for (l, layer) in gathered.iter().enumerate() {
            assert_eq!(layer.dims(), [6, 2, 1, 2]);
            let values = layer.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let firsts: Vec<f32> = values.chunks(4).map(|row| row[0] - 100.0 * l as f32).collect();
            assert_eq!(firsts, [2.0, 3.0, 10.0, 12.0, 0.0, 0.0]);
        }
        assert!(Taps::gather(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_run_of_one_batch_is_not_copied() {
        let a = batch(0, 4);
        for run in [0..4, 1..3, 3..4] {
            let gathered = Taps::gather(&a[run.clone()].iter().collect::<Vec<_>>()).unwrap();
            for (tap, whole) in gathered.iter().zip(a[0].batch.iter()) {
                let (storage, layout) = tap.storage_and_layout();
                let (whole, _) = whole.storage_and_layout();
                assert!(std::ptr::eq(&*storage, &*whole), "another storage");
                assert_eq!(layout.start_offset(), run.start * 4);
            }
        }
    }

    #[test]
    fn memory_is_free_when_the_last_row_is_gone() {
        let mut rows = batch(0, 3);
        let whole = Arc::downgrade(&rows[0].batch);
        rows.drain(..2);
        assert!(whole.upgrade().is_some());
        rows.clear();
        assert!(whole.upgrade().is_none());
    }
}
