//! Channels that cancel each other, and channels that carry nothing: both make the mean quieter than what is heard.

pub use super::channel_tally::ChannelLook;

use super::channel_tally::ChannelTally;
use crate::units::SampleRate;

/// Sound for so long, in seconds, shows that channels cancel: before 4 s of nothing count as a deaf input.
const CANCEL_SECS: f64 = 3.0;

/// Sound for so long, in seconds, shows that other channels are silent.
const SILENT_SECS: f64 = 8.0;

/// A recording that is over needs no more than this, in seconds, if nothing speaks against it.
const SHORT_SECS: f64 = 0.3;

/// Channels cancel where their mean has less than this share of their power.
const CANCEL_SHARE: f64 = 0.1;

/// … and less than this share of what independent channels would leave, so that many microphones are not taken for it.
const INDEPENDENT_SHARE: f64 = 0.5;

/// What is quieter says nothing of channels that cancel: -80 dBFS.
const LEAST_POWER: f64 = 1e-8;

/// What is quieter says nothing of others that are silent: -60 dBFS.
const LEAST_LOUD_POWER: f64 = 1e-6;

/// What is wrong with the channels of an input that hears their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelTrouble {
    /// They cancel each other.
    Cancel,
    /// Some carry nothing.
    Silent {
        /// How many channels there are.
        channels: u16,
        /// How many of them carry something.
        live: u16,
        /// Which of the first 64 are silent, a bit each.
        silent: u64,
    },
}

impl ChannelTrouble {
    /// What is wrong with the input called `source`, without a remedy.
    #[must_use]
    pub fn fault(&self, source: &str) -> String {
        match self {
            Self::Cancel => {
                format!("the channels of {source} cancel each other, so that almost nothing is left of their mean")
            }
            Self::Silent { channels, live, .. } => {
                let n_silent = channels - live;
                let lost_db = 20.0 * (f64::from(*channels) / f64::from((*live).max(1))).log10();
                format!(
                    "{n_silent} of the {channels} channels of {source} {} silent, so that their mean is up to {lost_db:.0} dB \
                     too quiet",
                    if n_silent == 1 { "is" } else { "are" }
                )
            }
        }
    }

    /// What a monitor does about it.
    #[must_use]
    pub fn sentence(&self, source: &str) -> String {
        let remedy = match self {
            Self::Cancel => "use --channels each, or one of them, as in --channels 1".to_owned(),
            Self::Silent { .. } => format!("use --channels {}", self.sounding()),
        };
        format!("{}; {remedy}", self.fault(source))
    }

    /// The channels that carry something, as `--channels` takes them; `each` where they cannot be told.
    fn sounding(&self) -> String {
        match self {
            Self::Silent { channels, silent, .. } if *channels <= 64 => {
                let sounding = (0..*channels).filter(|channel| silent & (1 << channel) == 0);
                sounding.map(|channel| (channel + 1).to_string()).collect::<Vec<_>>().join(",")
            }
            _ => "each".to_owned(),
        }
    }
}

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing: there was too little sound.
    Unclear,
    Well,
    Wrong(ChannelTrouble),
}

impl Verdict {
    const fn trouble(self) -> Option<ChannelTrouble> {
        match self {
            Self::Wrong(trouble) => Some(trouble),
            Self::Unclear | Self::Well => None,
        }
    }
}

/// Watches the looks at one input.
#[derive(Debug)]
pub struct ChannelWatch {
    rate: SampleRate,
    /// What the newest looks with sound agree on, and for how many channel frames.
    newest: Verdict,
    frames: u64,
    /// Channel frames with sound that said something else before.
    otherwise: u64,
    known: Option<ChannelTrouble>,
}

impl ChannelWatch {
    /// A watch over an input whose channels have this rate.
    #[must_use]
    pub const fn new(rate: SampleRate) -> Self {
        Self { rate, newest: Verdict::Unclear, frames: 0, otherwise: 0, known: None }
    }

    /// Takes the next look. Looks without sound say nothing.
    pub fn push(&mut self, look: &ChannelLook) {
        let said = judge(look);
        if said == Verdict::Unclear {
            return;
        }
        match agreed(self.newest, said) {
            Some(both) => {
                self.newest = both;
                self.frames += u64::from(look.frames);
            }
            None => {
                self.otherwise += self.frames;
                (self.newest, self.frames) = (said, u64::from(look.frames));
            }
        }
        let is_silent = matches!(self.newest, Verdict::Wrong(ChannelTrouble::Silent { .. }));
        if self.rate.secs(self.frames) >= if is_silent { SILENT_SECS } else { CANCEL_SECS } {
            self.known = self.newest.trouble();
        }
    }

    /// What is wrong, while that is known.
    #[must_use]
    pub const fn trouble(&self) -> Option<ChannelTrouble> {
        self.known
    }

    /// What was wrong with a recording that is over: a short one needs less.
    #[must_use]
    pub fn at_end(&self) -> Option<ChannelTrouble> {
        let is_short = self.otherwise == 0 && self.rate.secs(self.frames) >= SHORT_SECS;
        self.known.or(if is_short { self.newest.trouble() } else { None })
    }
}

fn judge(look: &ChannelLook) -> Verdict {
    if look.channels < 2 || look.live == 0 || look.mean_power < LEAST_POWER {
        return Verdict::Unclear;
    }
    let live = f64::from(look.live);
    // The power of the mean of those that carry something.
    let mix = look.mix_power * (f64::from(look.channels) / live).powi(2);
    if look.live > 1 && mix < look.mean_power * CANCEL_SHARE.min(INDEPENDENT_SHARE / live) {
        return Verdict::Wrong(ChannelTrouble::Cancel);
    }
    if look.live == look.channels {
        return Verdict::Well;
    }
    if look.mean_power < LEAST_LOUD_POWER {
        return Verdict::Unclear;
    }
    let ChannelLook { channels, live, silent, .. } = *look;
    Verdict::Wrong(ChannelTrouble::Silent { channels, live, silent })
}

/// What two verdicts agree on; `None` where they do not.
fn agreed(a: Verdict, b: Verdict) -> Option<Verdict> {
    use ChannelTrouble::Silent;
    let (Verdict::Wrong(Silent { channels, live, silent }), Verdict::Wrong(Silent { silent: too, live: more, .. })) =
        (a, b)
    else {
        return (a == b).then_some(a);
    };
    // Beyond 64 channels only their number is known.
    let silent = silent & too;
    let live = if channels <= 64 { channels - silent.count_ones() as u16 } else { live.max(more) };
    (live < channels).then_some(Verdict::Wrong(Silent { channels, live, silent }))
}

/// Watches the channels of a recording that nobody captures, piece by piece.
#[derive(Debug)]
pub struct RecordingChannels {
    channels: u16,
    tally: ChannelTally,
    watch: ChannelWatch,
}

impl RecordingChannels {
    /// A watch over a recording that is read from its beginning.
    #[must_use]
    pub fn new(channels: u16, rate: SampleRate) -> Self {
        Self { channels, tally: ChannelTally::new(channels), watch: ChannelWatch::new(rate) }
    }

    /// Takes the next samples, interleaved.
    pub fn push(&mut self, samples: &[f32]) {
        if self.channels < 2 {
            return;
        }
        for frame in samples.chunks_exact(self.channels.into()) {
            let mut sum = 0.0;
            for (channel, sample) in frame.iter().enumerate() {
                let sample = super::sample::valid(*sample).map_or(0.0, f64::from);
                self.tally.sample(channel, sample);
                sum += sample;
            }
            if let Some(look) = self.tally.frame(sum / f64::from(self.channels)) {
                self.watch.push(&look);
            }
        }
    }

    /// What was wrong with the channels, if anything was.
    #[must_use]
    pub fn trouble(&self) -> Option<ChannelTrouble> {
        self.watch.at_end()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RATE: u32 = 22_050;

    fn rate() -> SampleRate {
        SampleRate::new(RATE).unwrap()
    }

    /// Noise that is the same for the same seed.
    fn noise(secs: f64, amplitude: f32, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..rate().samples(secs)).map(|_| amplitude * uniform()).collect()
    }

    fn interleaved(channels: &[Vec<f32>]) -> Vec<f32> {
        (0..channels[0].len()).flat_map(|i| channels.iter().map(move |channel| channel[i])).collect()
    }

    fn trouble(channels: &[Vec<f32>]) -> Option<ChannelTrouble> {
        let mut watch = RecordingChannels::new(channels.len() as u16, rate());
        interleaved(channels).chunks(channels.len() * 1000).for_each(|piece| watch.push(piece));
        watch.trouble()
    }

    fn scaled(samples: &[f32], by: f32, offset: f32) -> Vec<f32> {
        samples.iter().map(|x| x * by + offset).collect()
    }

    #[test]
    fn a_balanced_microphone_in_a_stereo_jack_cancels() {
        for secs in [0.8, 1.5, 20.0] {
            let a = noise(secs, 0.1, 1);
            assert_eq!(trouble(&[a.clone(), scaled(&a, -1.0, 0.0)]), Some(ChannelTrouble::Cancel), "{secs} s");
            // Not quite as loud, and with offsets.
            assert_eq!(trouble(&[scaled(&a, 1.0, 0.3), scaled(&a, -0.7, 0.1)]), Some(ChannelTrouble::Cancel));
            // A silent channel beside.
            let quiet = vec![0.0; a.len()];
            assert_eq!(trouble(&[a.clone(), quiet, scaled(&a, -1.0, 0.0)]), Some(ChannelTrouble::Cancel));
        }
    }

    #[test]
    fn channels_that_differ_do_not_cancel() {
        let (a, b) = (noise(12.0, 0.1, 1), noise(12.0, 0.1, 2));
        assert_eq!(trouble(&[a.clone(), a.clone()]), None);
        assert_eq!(trouble(&[a.clone(), b.clone()]), None);
        assert_eq!(trouble(&[a.clone(), scaled(&a, 0.001, 0.0)]), None);
        // Wide stereo: more of the difference than of the sum.
        let wide = |sign: f32| a.iter().zip(&b).map(|(m, s)| 0.5 * m + sign * s).collect::<Vec<_>>();
        assert_eq!(trouble(&[wide(1.0), wide(-1.0)]), None);
        // As many microphones as an array has, each with noise of its own.
        let array: Vec<Vec<f32>> = (0..16).map(|seed| noise(6.0, 0.1, seed)).collect();
        assert_eq!(trouble(&array), None);
        // Out of phase for a second, as music may be.
        let mut turned = a.clone();
        turned[..RATE as usize].iter_mut().for_each(|x| *x = -*x);
        assert_eq!(trouble(&[a.clone(), turned]), None);
        assert_eq!(trouble(&[a]), None);
    }

    #[test]
    fn silent_channels_are_named_by_those_that_sound() {
        let sound = noise(1.0, 0.01, 1);
        let dead = |value: f32| vec![value; sound.len()];
        let last_bit: Vec<f32> = sound.iter().map(|x| if *x > 0.0 { 0.25 } else { 0.25 + 1.0 / 32_768.0 }).collect();
        let mut eight = vec![sound.clone()];
        eight.extend(std::iter::repeat_n(dead(0.0), 7));
        let said = trouble(&eight).unwrap().sentence("file:x.wav");
        assert_eq!(
            said,
            "7 of the 8 channels of file:x.wav are silent, so that their mean is up to 18 dB too quiet; use --channels 1"
        );
        let said = trouble(&[dead(0.5), sound.clone(), last_bit, sound.clone()]).unwrap().sentence("x");
        assert!(said.contains("2 of the 4 channels of x are silent") && said.ends_with("use --channels 2,4"), "{said}");
        // All silent: that is told otherwise. Too quiet to say.
        assert_eq!(trouble(&[dead(0.0), dead(0.3)]), None);
        assert_eq!(trouble(&[noise(12.0, 1e-4, 1), vec![0.0; rate().samples(12.0) as usize]]), None);
    }

    #[test]
    fn a_channel_that_speaks_later_was_not_silent() {
        let (a, b) = (noise(6.0, 0.1, 1), noise(6.0, 0.1, 2));
        let turns = |first: &[f32], second: &[f32]| [first, second].concat();
        let quiet = vec![0.0; a.len()];
        assert_eq!(trouble(&[turns(&a, &quiet), turns(&quiet, &b)]), None);
    }

    #[test]
    fn trouble_that_is_mended_is_forgotten() {
        let a = noise(4.0, 0.1, 1);
        let looks = |b: &[f32]| {
            let mut tally = ChannelTally::new(2);
            let mut looks = Vec::new();
            for (x, y) in a.iter().zip(b) {
                tally.sample(0, f64::from(*x));
                tally.sample(1, f64::from(*y));
                looks.extend(tally.frame(f64::from(x + y) / 2.0));
            }
            looks
        };
        let mut watch = ChannelWatch::new(rate());
        looks(&scaled(&a, -1.0, 0.0)).iter().for_each(|look| watch.push(look));
        assert_eq!(watch.trouble(), Some(ChannelTrouble::Cancel));
        // Silence says nothing.
        looks(&a).iter().for_each(|look| watch.push(&ChannelLook { mean_power: 0.0, ..*look }));
        assert_eq!(watch.trouble(), Some(ChannelTrouble::Cancel));
        looks(&a).iter().for_each(|look| watch.push(look));
        assert_eq!((watch.trouble(), watch.at_end()), (None, None));
    }
}
