//! What the mean of several channels hides: counted where channels are mixed, looked at by the reader.
//!
//! The callback sums and counts; a look goes through a ring of its own, and is dropped where that is full.

/// Channel frames that a look sums up: some tenths of a second.
pub(super) const LOOK_FRAMES: u32 = 8192;

/// A channel's power (mean square about its mean) up to this is its converter's last bit at most: it carries nothing.
const SILENT_POWER: f64 = 5e-10;

/// What several channels and their mean have carried for [`LOOK_FRAMES`] channel frames. Powers are mean squares without a
/// constant offset.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChannelLook {
    /// Channel frames.
    pub frames: u32,
    /// Channels.
    pub channels: u16,
    /// Those that carry something.
    pub live: u16,
    /// Which of the first 64 are silent, a bit each.
    pub silent: u64,
    /// Mean power of those that carry something.
    pub mean_power: f64,
    /// Power of the mean of all channels.
    pub mix_power: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    sum: f64,
    squares: f64,
}

impl Sums {
    #[inline]
    fn add(&mut self, x: f64) {
        self.sum += x;
        self.squares += x * x;
    }

    fn power(self, n: f64) -> f64 {
        (self.squares / n - (self.sum / n) * (self.sum / n)).max(0.0)
    }
}

/// Sums of the channels of one input. Made once; what takes samples keeps the real-time rule.
#[derive(Debug)]
pub(super) struct ChannelTally {
    channels: Vec<Sums>,
    mix: Sums,
    frames: u32,
}

impl ChannelTally {
    /// A tally for this many channels. This allocates.
    pub(super) fn new(channels: u16) -> Self {
        Self { channels: vec![Sums::default(); channels.into()], mix: Sums::default(), frames: 0 }
    }

    /// A sample of a channel, counted from 0.
    #[inline]
    pub(super) fn sample(&mut self, channel: usize, sample: f64) {
        if let Some(sums) = self.channels.get_mut(channel) {
            sums.add(sample);
        }
    }

    /// The mean of the channel frame that is complete; gives a look where it is the last of one.
    #[inline]
    pub(super) fn frame(&mut self, mean: f64) -> Option<ChannelLook> {
        self.mix.add(mean);
        self.frames += 1;
        (self.frames == LOOK_FRAMES).then(|| self.look())
    }

    /// What was summed up, which begins anew.
    fn look(&mut self) -> ChannelLook {
        let n = f64::from(self.frames.max(1));
        let mut look = ChannelLook {
            frames: std::mem::take(&mut self.frames),
            channels: u16::try_from(self.channels.len()).unwrap_or(u16::MAX),
            mix_power: std::mem::take(&mut self.mix).power(n),
            ..ChannelLook::default()
        };
        let mut sum = 0.0;
        for (channel, sums) in self.channels.iter_mut().enumerate() {
            let power = std::mem::take(sums).power(n);
            if power > SILENT_POWER {
                look.live += 1;
                sum += power;
            } else if channel < 64 {
                look.silent |= 1 << channel;
            }
        }
        look.mean_power = sum / f64::from(look.live.max(1));
        look
    }
}
