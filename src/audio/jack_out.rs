//! What a JACK client plays: the ring's reading end, on its way into the callback and, when a client is closed, out of it and
//! into the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringbuf::traits::{Consumer as _, Producer as _, Split as _};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::playback::PlaybackPull;
use super::playback_clock::{ClockFollower, ListenClock};
use crate::units::SampleRate;

/// Lets a JACK client have the port `interpretation`, and holds what it plays while no client is open.
pub struct JackOut {
    /// Tells how far the capture is where the client itself cannot: when it is not the stream's first.
    clock: Arc<ListenClock>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    pull: Option<PlaybackPull>,
    /// The way into the callback of the client that is open.
    way_in: Option<HeapProd<PlaybackPull>>,
    /// Clients so far.
    n_clients: u64,
}

impl JackOut {
    /// For an input whose worker sets `clock`.
    #[must_use]
    pub fn new(clock: Arc<ListenClock>) -> Self {
        Self { clock, waiting: Mutex::default() }
    }

    /// From now on this is played, by the client that is open or the next one. It must play at the server's rate.
    pub fn play(&self, pull: PlaybackPull) {
        self.take_back(pull);
    }

    /// What the next client's callback plays from.
    #[must_use]
    pub fn feed(self: &Arc<Self>, rate: SampleRate) -> OutFeed {
        let (mut way_in, way_out) = HeapRb::new(1).split();
        let mut waiting = self.waiting();
        if let Some(pull) = waiting.pull.take() {
            waiting.pull = way_in.try_push(pull).err();
        }
        waiting.way_in = Some(way_in);
        waiting.n_clients += 1;
        // The first client's frames are the stream's; how long a later one's stream has lasted only the worker knows.
        let follower = (waiting.n_clients > 1).then(|| ClockFollower::new(Arc::clone(&self.clock), rate, rate));
        OutFeed { way_out, pull: None, follower, number: waiting.n_clients, home: Arc::clone(self) }
    }

    fn take_back(&self, pull: PlaybackPull) {
        let mut waiting = self.waiting();
        let left = match &mut waiting.way_in {
            Some(way_in) => way_in.try_push(pull).err(),
            None => Some(pull),
        };
        if left.is_some() {
            waiting.pull = left;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The callback's side. [`fill`](Self::fill) keeps the real-time rule (see [`crate::audio`]).
pub struct OutFeed {
    way_out: HeapCons<PlaybackPull>,
    pull: Option<PlaybackPull>,
    follower: Option<ClockFollower>,
    /// Which client's it is.
    number: u64,
    home: Arc<JackOut>,
}

impl OutFeed {
    /// Fills the port's buffer for a cycle whose first captured frame was the client's `frame`th. Silence while there is
    /// nothing to play.
    pub fn fill(&mut self, out: &mut [f32], frame: u64) {
        if self.pull.is_none() {
            self.pull = self.way_out.try_pop();
        }
        let now = match &mut self.follower {
            Some(follower) => follower.next(out.len()),
            None => frame,
        };
        match &mut self.pull {
            Some(pull) => pull.fill(out, now, 0),
            None => out.fill(0.0),
        }
    }
}

impl Drop for OutFeed {
    /// The client is closed, on a thread that may wait.
    fn drop(&mut self) {
        let Some(pull) = self.pull.take().or_else(|| self.way_out.try_pop()) else { return };
        {
            let mut waiting = self.home.waiting();
            if waiting.n_clients == self.number {
                // The newest way in leads here, and so nowhere any more.
                waiting.way_in = None;
            }
        }
        self.home.take_back(pull);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::playback::{ListenMode, playback_ring};
    use super::*;

    /// The ring holds 1, 2, 3 … from position 0 on, played 4 samples after its capture.
    fn ring() -> PlaybackPull {
        let (mut push, pull) = playback_ring(SampleRate::new(1000).unwrap(), 4, 1000);
        push.control().set_mode(ListenMode::Interpretation);
        let sound: Vec<f32> = (1..=500).map(|i| i as f32).collect();
        assert_eq!(push.push(0, &sound, &sound), 500);
        pull
    }

    /// What is played at `frame`, after the 40 before it, which any fade has long ended by.
    fn played(feed: &mut OutFeed, frame: u64) -> f32 {
        let mut out = [9.0; 2];
        (0..=20).rev().for_each(|i| feed.fill(&mut out, frame - 2 * i));
        out[0]
    }

    #[test]
    fn the_ring_goes_from_client_to_client_and_keeps_its_place() {
        let clock = Arc::new(ListenClock::default());
        let out = Arc::new(JackOut::new(Arc::clone(&clock)));
        let rate = SampleRate::new(1000).unwrap();
        let mut first = out.feed(rate);
        assert_eq!(played(&mut first, 40), 0.0, "nothing to play yet");
        out.play(ring());
        // Four samples later than captured, and the sample at position p has the value p + 1.
        assert_eq!(played(&mut first, 100), 97.0);
        assert_eq!(played(&mut first, 200), 197.0);
        // The second client is there before the first is closed. Its own frames begin anew, but the clock says where it is.
        let mut second = out.feed(rate);
        assert_eq!(played(&mut second, 40), 0.0);
        drop(first);
        clock.set(300);
        let got = played(&mut second, 40);
        assert!((290.0..=390.0).contains(&got), "{got}");
        // Closed without another: the next one finds it.
        drop(second);
        let mut third = out.feed(rate);
        clock.set(450);
        assert!(played(&mut third, 40) > got);
    }
}
