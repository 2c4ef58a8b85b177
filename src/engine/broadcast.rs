//! The newest seconds of an input's sound and of its interpretation, for whoever hears them from elsewhere: a browser, say.
//!
//! The worker never waits for a listener: it replaces the oldest sound, and a listener that is too slow goes on where the memory
//! begins.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::listen::Destination;
use crate::units::SampleRate;

/// How much is remembered, in seconds.
const SECS: f64 = 2.0;

/// What of an input is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The input itself.
    Input,
    /// What the classifier hears in it.
    Interpretation,
}

/// The inputs that somebody hears from elsewhere, by their indices.
#[derive(Debug, Default)]
pub struct Broadcasts(Mutex<BTreeMap<usize, Broadcast>>);

/// One input's newest sound.
#[derive(Debug, Default)]
struct Broadcast {
    listeners: usize,
    /// How many samples came before the first that is remembered.
    before: u64,
    /// Input and interpretation side by side.
    samples: VecDeque<[f32; 2]>,
}

impl Broadcast {
    fn end(&self) -> u64 {
        self.before + self.samples.len() as u64
    }
}

impl Broadcasts {
    /// Whether somebody hears the input of index `input`.
    #[must_use]
    pub fn is_heard(&self, input: usize) -> bool {
        self.all().contains_key(&input)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<usize, Broadcast>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody hears an input for as long as this lives.
#[derive(Debug)]
pub struct Listening {
    all: Arc<Broadcasts>,
    input: usize,
    channel: Channel,
    /// The next sample to take, counted like [`Broadcast::before`].
    next: u64,
}

impl Listening {
    /// Hears the input of index `input` from now on.
    #[must_use]
    pub fn new(all: Arc<Broadcasts>, input: usize, channel: Channel) -> Self {
        let next = {
            let mut broadcasts = all.all();
            let broadcast = broadcasts.entry(input).or_default();
            broadcast.listeners += 1;
            broadcast.end()
        };
        Self { all, input, channel, next }
    }

    /// Appends what has come since the last call; what came before the memory begins is passed over.
    pub fn take(&mut self, samples: &mut Vec<f32>) {
        let broadcasts = self.all.all();
        let Some(broadcast) = broadcasts.get(&self.input) else { return };
        let from = self.next.max(broadcast.before) - broadcast.before;
        let side = usize::from(self.channel == Channel::Interpretation);
        samples.extend(broadcast.samples.iter().skip(from as usize).map(|both| both[side]));
        self.next = broadcast.end();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut broadcasts = self.all.all();
        if let Some(broadcast) = broadcasts.get_mut(&self.input) {
            broadcast.listeners -= 1;
            if broadcast.listeners == 0 {
                broadcasts.remove(&self.input);
            }
        }
    }
}

/// Where the worker puts an input's sound.
#[derive(Debug)]
pub struct BroadcastPush {
    all: Arc<Broadcasts>,
    input: usize,
    rate: SampleRate,
}

impl BroadcastPush {
    /// For the input of index `input`, at `rate`.
    #[must_use]
    pub const fn new(all: Arc<Broadcasts>, input: usize, rate: SampleRate) -> Self {
        Self { all, input, rate }
    }
}

impl Destination for BroadcastPush {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Listeners have no timeline: a gap is left out, and what follows is heard at once.
    fn push(&mut self, _: u64, input: &[f32], interpretation: &[f32]) {
        let mut broadcasts = self.all.all();
        let Some(broadcast) = broadcasts.get_mut(&self.input) else { return };
        broadcast.samples.extend(input.iter().zip(interpretation).map(|(input, why)| [*input, *why]));
        let too_many = broadcast.samples.len().saturating_sub(self.rate.samples(SECS) as usize);
        broadcast.samples.drain(..too_many);
        broadcast.before += too_many as u64;
    }

    fn close(&mut self) {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn taken(listening: &mut Listening) -> Vec<f32> {
        let mut samples = Vec::new();
        listening.take(&mut samples);
        samples
    }

    #[test]
    fn everyone_hears_what_comes_from_the_beginning_of_their_listening_on() {
        let all = Arc::new(Broadcasts::default());
        let rate = SampleRate::new(1000).unwrap();
        let mut push = BroadcastPush::new(Arc::clone(&all), 3, rate);
        push.push(0, &[9.0], &[9.0]);
        let mut first = Listening::new(Arc::clone(&all), 3, Channel::Input);
        assert!(all.is_heard(3) && !all.is_heard(0));
        push.push(1, &[1.0, 2.0], &[-1.0, -2.0]);
        let mut second = Listening::new(Arc::clone(&all), 3, Channel::Interpretation);
        push.push(3, &[3.0], &[-3.0]);
        assert_eq!(taken(&mut first), [1.0, 2.0, 3.0]);
        assert_eq!(taken(&mut second), [-3.0]);
        assert!(taken(&mut first).is_empty());
        drop((first, second));
        assert!(!all.is_heard(3));
    }

    #[test]
    fn a_slow_listener_goes_on_where_the_memory_begins() {
        let all = Arc::new(Broadcasts::default());
        let rate = SampleRate::new(1000).unwrap();
        let mut push = BroadcastPush::new(Arc::clone(&all), 0, rate);
        let mut slow = Listening::new(Arc::clone(&all), 0, Channel::Input);
        for second in 0..10_u8 {
            push.push(0, &[f32::from(second); 1000], &[0.0; 1000]);
        }
        let heard = taken(&mut slow);
        assert_eq!((heard.len(), heard.first(), heard.last()), (2000, Some(&8.0), Some(&9.0)));
    }
}
