//! One device, several inputs: the fan hands each channel, or the mean of all, to a ring of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ring::{CaptureCounters, CapturePush};
use super::sample::ToF32;
use crate::error::{Error, Result};

/// Which channels of a device become inputs.
///
/// Parses and displays as `mix`, `each` and `1,3`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChannelChoice {
    /// One input: the mean of all channels.
    #[default]
    Mix,
    /// Every channel is an input of its own.
    Each,
    /// These channels, counted from 1, each an input of its own, in this order.
    Only(Vec<u16>),
}

/// What one input hears of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The channel, counted from 1; `None` for the mean of all.
    pub channel: Option<u16>,
}

impl ChannelChoice {
    /// The inputs that a device of `channels` channels gives, at least one.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`], naming the channel that the device does not have, or saying that none was chosen.
    pub fn lanes(&self, channels: u16) -> Result<Vec<Lane>> {
        match self {
            Self::Mix => Ok(vec![Lane { channel: None }]),
            Self::Each => Ok((1..=channels.max(1)).map(|n| Lane { channel: Some(n) }).collect()),
            Self::Only(wanted) if wanted.is_empty() => {
                Err(Error::input("no channel is chosen; write mix, each, or channel numbers as in 1,3"))
            }
            Self::Only(wanted) => {
                if let Some(missing) = wanted.iter().find(|&&n| n == 0 || n > channels) {
                    let has = if channels == 1 { "only channel 1".into() } else { format!("channels 1 to {channels}") };
                    return Err(Error::input(format!(
                        "the device has no channel {missing}; it has {has}, so choose among these, or mix, or each"
                    )));
                }
                Ok(wanted.iter().map(|&n| Lane { channel: Some(n) }).collect())
            }
        }
    }
}

impl fmt::Display for ChannelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mix => f.write_str("mix"),
            Self::Each => f.write_str("each"),
            Self::Only(channels) => {
                for (i, channel) in channels.iter().enumerate() {
                    write!(f, "{}{channel}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for ChannelChoice {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Usage`], saying what was expected.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "mix" => return Ok(Self::Mix),
            "each" => return Ok(Self::Each),
            _ => {}
        }
        let mut channels = Vec::new();
        for part in text.split(',').map(str::trim) {
            let channel = part.parse::<u16>().ok().filter(|&n| n > 0).ok_or_else(|| {
                Error::usage(format!(
                    "channels '{text}' are not known; write mix, each, or numbers from 1 with commas between, as in 1,3"
                ))
            })?;
            if channels.contains(&channel) {
                return Err(Error::usage(format!("channel {channel} stands twice in '{text}'; name it once")));
            }
            channels.push(channel);
        }
        Ok(Self::Only(channels))
    }
}

/// What a device's callback owns: interleaved or planar chunks go in, each lane's samples into its ring. Every method
/// that takes samples keeps the real-time rule (see [`crate::audio`]).
pub struct CaptureFan {
    lanes: Vec<(Lane, CapturePush)>,
    channels: u16,
    /// The channel, from 0, that the next interleaved sample belongs to: a chunk may end anywhere.
    next_channel: u16,
}

impl CaptureFan {
    /// A fan for a device of `channels` channels (at least 1). This allocates; what takes samples does not.
    #[must_use]
    pub fn new(lanes: Vec<(Lane, CapturePush)>, channels: u16) -> Self {
        let channels = channels.max(1);
        let fit = |(lane, mut push): (Lane, CapturePush)| {
            push.set_channels(if lane.channel.is_none() { channels } else { 1 });
            (lane, push)
        };
        Self { lanes: lanes.into_iter().map(fit).collect(), channels, next_channel: 0 }
    }

    /// Channels of the chunks.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// How many channel frames every ring has room for now.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.lanes.iter().map(|(_, push)| push.vacant()).min().unwrap_or(usize::MAX)
    }

    /// Something that counts xruns from another thread than the callback's. This allocates.
    #[must_use]
    pub fn xrun_counter(&self) -> XrunCounter {
        XrunCounter { lanes: self.lanes.iter().map(|(_, push)| Arc::clone(push.counters())).collect() }
    }

    /// Hands out an interleaved chunk of any length; it may end inside a channel frame.
    pub fn push_interleaved<S: ToF32>(&mut self, chunk: &[S]) {
        let channels = usize::from(self.channels);
        let at = usize::from(self.next_channel);
        for (lane, push) in &mut self.lanes {
            match lane.channel {
                None => push.push_converted(chunk),
                Some(channel) => {
                    let first = (usize::from(channel).saturating_sub(1) + channels - at) % channels;
                    push.push_every(chunk, first, channels);
                }
            }
        }
        self.next_channel = ((at + chunk.len()) % channels) as u16;
    }

    /// Hands out one chunk of every channel. A slice that is missing or too short counts as silence.
    pub fn push_planar(&mut self, ports: &[&[f32]]) {
        let ports = ports.get(..usize::from(self.channels)).unwrap_or(ports);
        let n = ports.iter().map(|port| port.len()).max().unwrap_or(0);
        for (lane, push) in &mut self.lanes {
            match lane.channel {
                None => push.push_planar_mean(ports, n),
                Some(channel) => {
                    let port = ports.get(usize::from(channel).wrapping_sub(1)).copied().unwrap_or_default();
                    push.push_mono_padded(port, n);
                }
            }
        }
    }

    /// The device skipped `n_frames` channel frames before the next chunk: they count as captured and as dropped, and
    /// readers see a gap.
    pub fn lost(&mut self, n_frames: u64) {
        for (_, push) in &mut self.lanes {
            push.lose(n_frames);
        }
    }

    /// Counts a gap that the device reported, for every input.
    pub fn count_xrun(&self) {
        for (_, push) in &self.lanes {
            push.count_xrun();
        }
    }
}

/// Counts xruns of a device for all its inputs. Counting keeps the real-time rule.
#[derive(Debug, Clone)]
pub struct XrunCounter {
    lanes: Vec<Arc<CaptureCounters>>,
}

impl XrunCounter {
    /// Counts a gap that the device reported.
    pub fn count(&self) {
        for counters in &self.lanes {
            counters.xruns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::ring::{CapturePull, capture_ring};
    use super::*;

    fn fan(choice: &str, channels: u16) -> (CaptureFan, Vec<CapturePull>) {
        let lanes = choice.parse::<ChannelChoice>().unwrap().lanes(channels).unwrap();
        let (lanes, pulls) = lanes
            .into_iter()
            .map(|lane| {
                let (push, pull) = capture_ring(64, 1);
                ((lane, push), pull)
            })
            .unzip();
        (CaptureFan::new(lanes, channels), pulls)
    }

    fn all(pulls: &mut [CapturePull]) -> Vec<Vec<f32>> {
        let read = |pull: &mut CapturePull| {
            let mut out = vec![0.0; pull.pending()];
            let n = pull.read(&mut out);
            out[..n].to_vec()
        };
        pulls.iter_mut().map(read).collect()
    }

    #[test]
    fn choices_parse_display_and_name_what_is_missing() {
        for text in ["mix", "each", "1,3", "2"] {
            assert_eq!(text.parse::<ChannelChoice>().unwrap().to_string(), text);
        }
        assert_eq!(" 3, 1 ".parse::<ChannelChoice>().unwrap(), ChannelChoice::Only(vec![3, 1]));
        for (text, hint) in
            [("", "mix, each"), ("0", "from 1"), ("left", "as in 1,3"), ("1,,2", "1,3"), ("2,2", "twice")]
        {
            let error = text.parse::<ChannelChoice>().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Usage);
            assert!(error.to_string().contains(hint), "'{text}' gives: {error}");
        }
        let lanes = |text: &str, channels| text.parse::<ChannelChoice>().unwrap().lanes(channels);
        let channels = |text, n| lanes(text, n).unwrap().iter().map(|lane| lane.channel).collect::<Vec<_>>();
        assert_eq!(channels("mix", 5), [None]);
        assert_eq!(channels("each", 2), [Some(1), Some(2)]);
        assert_eq!(channels("3,1", 3), [Some(3), Some(1)]);
        let error = lanes("1,3", 2).unwrap_err();
        assert!(error.to_string().contains("no channel 3; it has channels 1 to 2"), "{error}");
        assert!(lanes("2", 1).unwrap_err().to_string().contains("only channel 1"));
        assert!(ChannelChoice::Only(Vec::new()).lanes(2).is_err());
    }

    #[test]
    fn interleaved_chunks_may_end_inside_a_channel_frame() {
        // Sample i of channel c has the value (10 i + c) / 256.
        let value = |i: usize, c: usize| (10 * i + c) as f32 / 256.0;
        let stream: Vec<f32> = (0..12).flat_map(|i| (1..=3).map(move |c| value(i, c))).collect();
        for len in 1..=stream.len() {
            let (mut fan, mut pulls) = fan("3,1", 3);
            stream.chunks(len).for_each(|chunk| fan.push_interleaved(chunk));
            let expected: Vec<Vec<f32>> = [3, 1].map(|c| (0..12).map(|i| value(i, c)).collect()).into();
            assert_eq!(all(&mut pulls), expected, "chunks of {len}");
        }
    }

    #[test]
    fn planar_and_interleaved_chunks_give_the_same() {
        let ports: [&[f32]; 2] = [&[0.5, f32::NAN, 1e-40, -0.25], &[-0.125, 0.75, 1e-40, 1e9]];
        let interleaved: Vec<f32> = (0..4).flat_map(|i| ports.map(|port| port[i])).collect();
        for choice in ["mix", "each"] {
            let ((mut a, mut from_a), (mut b, mut from_b)) = (fan(choice, 2), fan(choice, 2));
            a.push_interleaved(&interleaved);
            b.push_planar(&ports);
            for (a, b) in from_a.iter().zip(&from_b) {
                assert_eq!(a.account(), b.account(), "{choice}");
                assert!(a.account().invalid > 0);
            }
            assert_eq!(all(&mut from_a), all(&mut from_b), "{choice}");
        }
    }

    #[test]
    fn the_channels_of_a_mix_are_looked_at_whatever_the_chunks() {
        // The second channel cancels the first, the third is silent.
        let tone = |i: usize| ((i % 50) as f32 / 25.0 - 1.0) / 4.0;
        let stream: Vec<f32> = (0..20_000).flat_map(|i| [tone(i), -tone(i), 0.1]).collect();
        let ports: Vec<Vec<f32>> = (0..3).map(|c| stream.iter().skip(c).step_by(3).copied().collect()).collect();
        let looks = |pulls: &mut [CapturePull]| std::iter::from_fn(|| pulls[0].channel_look()).collect::<Vec<_>>();
        let (mut whole, mut from_whole) = fan("mix", 3);
        whole.push_interleaved(&stream);
        let expected = looks(&mut from_whole);
        assert_eq!(expected.len(), 2);
        for look in &expected {
            assert_eq!((look.frames, look.channels, look.live, look.silent), (8192, 3, 2, 0b100));
            assert!(look.mean_power > 0.01 && look.mix_power < 1e-9, "{look:?}");
        }
        let (mut pieces, mut from_pieces) = fan("mix", 3);
        stream.chunks(997).for_each(|chunk| pieces.push_interleaved(chunk));
        assert_eq!(looks(&mut from_pieces), expected);
        let (mut planar, mut from_planar) = fan("mix", 3);
        for at in (0..20_000).step_by(500) {
            let ports: Vec<&[f32]> = ports.iter().map(|port| &port[at..at + 500]).collect();
            planar.push_planar(&ports);
        }
        assert_eq!(looks(&mut from_planar), expected);
        // A channel of its own hides nothing.
        let (mut each, mut from_each) = fan("each", 3);
        each.push_interleaved(&stream);
        assert_eq!(looks(&mut from_each), []);
    }

    #[test]
    fn a_port_that_is_missing_or_short_is_silence() {
        let (mut each, mut pulls) = fan("each", 3);
        each.push_planar(&[&[0.5, 0.25], &[1.0]]);
        assert_eq!(all(&mut pulls), [[0.5, 0.25], [1.0, 0.0], [0.0, 0.0]]);
        let (mut mix, mut pulls) = fan("mix", 4);
        mix.push_planar(&[&[0.5, 0.25], &[1.0]]);
        assert_eq!(all(&mut pulls), [[0.375, 0.0625]]);
        mix.push_planar(&[]);
        assert_eq!(pulls[0].pending(), 0);
    }

    #[test]
    fn what_the_device_skipped_is_a_gap_for_every_lane() {
        let (mut fan, mut pulls) = fan("each", 2);
        fan.push_interleaved(&[0.1_f32, 0.2]);
        fan.lost(1000);
        fan.count_xrun();
        fan.xrun_counter().count();
        fan.push_interleaved(&[0.3_f32, 0.4]);
        for pull in &mut pulls {
            let mut out = [0.0; 9];
            assert_eq!((pull.read(&mut out), pull.gap_before()), (1, 0));
            assert_eq!((pull.read(&mut out), pull.gap_before()), (1, 1000));
            let account = pull.account();
            assert_eq!((account.captured, account.dropped, account.read, account.pending), (1002, 1000, 2, 0));
            assert_eq!((account.xruns, account.chunks), (2, 2));
        }
    }
}
