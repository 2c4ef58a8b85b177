//! How a device is to be opened: which of the rates, channel counts and formats that it offers.

use cpal::traits::DeviceTrait;
use cpal::{HostId, SampleFormat, SupportedStreamConfigRange};

use super::cpal_host::{FORMATS, converts};
use super::fan::ChannelChoice;
use super::live::Held;
use crate::units::SampleRate;

/// The rate to ask for where a device offers a range: what nearly all converters run at, so nothing is resampled twice.
const PREFERRED_HZ: u32 = 48_000;

/// Most channels that a device may be opened with. ALSA's converting layers offer this many and more, whatever is behind.
const MOST_CHANNELS: u16 = 64;

/// How a device is to be opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) rate: SampleRate,
    pub(super) channels: u16,
    pub(super) format: SampleFormat,
}

/// How many channels to open a device with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Channels {
    /// As few as possible, but so many at least.
    Fewest(u16),
    Exactly(u16),
    Most,
}

/// What to look for among what a device offers.
#[derive(Debug, Clone, Copy)]
struct Wish {
    channels: Channels,
    hz: u32,
    /// Whether no other rate will do.
    only_hz: bool,
    format: Option<SampleFormat>,
}

/// How to open `device`; `None` where it offers nothing that will do. A device that was open before is opened as before or not
/// at all.
pub(super) fn choose(
    device: &cpal::Device,
    host: HostId,
    channels: &ChannelChoice,
    held: Option<Held>,
) -> Result<Option<Choice>, cpal::Error> {
    let ranges: Vec<_> = device.supported_input_configs()?.collect();
    // Where a server converts, the device's own rate, channels and format are those that need no conversion.
    let own = if converts(host) { device.default_input_config().ok() } else { None };
    let own_format = own.as_ref().map(cpal::SupportedStreamConfig::sample_format);
    let wish = match (held, &own) {
        (Some(held), _) => {
            Wish { channels: Channels::Exactly(held.channels), hz: held.rate.hz(), only_hz: true, format: own_format }
        }
        (None, Some(own)) => Wish {
            channels: Channels::Exactly(own.channels()),
            hz: own.sample_rate(),
            only_hz: false,
            format: own_format,
        },
        (None, None) => {
            // ALSA's converting layers offer every number of channels, and do not say what the device has.
            let anything = ranges.iter().any(|range| range.channels() >= MOST_CHANNELS);
            let usual = if anything { device.default_input_config().ok().map(|usual| usual.channels()) } else { None };
            Wish { channels: wanted(channels, usual), hz: PREFERRED_HZ, only_hz: false, format: None }
        }
    };
    Ok(best(&ranges, wish))
}

/// How many channels serve a choice, where `usual` is what a device that offers everything is opened with.
fn wanted(channels: &ChannelChoice, usual: Option<u16>) -> Channels {
    match channels {
        ChannelChoice::Mix => Channels::Fewest(1),
        ChannelChoice::Only(wanted) => Channels::Fewest(wanted.iter().copied().max().unwrap_or(1)),
        ChannelChoice::Each => usual.map_or(Channels::Most, Channels::Exactly),
    }
}

/// The best of what a device offers: the right channels, then the rate nearest to the wish, then the format wished for, then
/// the first of [`FORMATS`].
///
/// A device without software in between offers only what it has, and gets no choice from us. One with a converting layer
/// offers everything; it is then asked for what needs no conversion with the usual microphone. Too few channels are better
/// than nothing: what they are too few for says so.
fn best(ranges: &[SupportedStreamConfigRange], wish: Wish) -> Option<Choice> {
    let order = |range: &SupportedStreamConfigRange| {
        let format = range.sample_format();
        let rank = FORMATS.iter().position(|&f| f == format)?;
        let hz = wish.hz.max(range.min_sample_rate()).min(range.max_sample_rate());
        if wish.only_hz && hz != wish.hz {
            return None;
        }
        let n = range.channels();
        let channels = match wish.channels {
            Channels::Fewest(least) => (n < least, n.abs_diff(least)),
            Channels::Exactly(wanted) if n != wanted => return None,
            Channels::Exactly(_) => (false, 0),
            Channels::Most => (false, MOST_CHANNELS - n),
        };
        let choice = Choice { rate: SampleRate::new(hz)?, channels: n, format };
        Some((choice, (channels, hz.abs_diff(wish.hz), wish.format != Some(format), rank)))
    };
    let usable = ranges.iter().filter(|range| (1..=MOST_CHANNELS).contains(&range.channels()));
    usable.filter_map(order).min_by_key(|(_, order)| *order).map(|(choice, _)| choice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use cpal::SupportedBufferSize;

    fn range(channels: u16, hz: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, hz.0, hz.1, SupportedBufferSize::Unknown, format)
    }

    fn wish(channels: Channels) -> Wish {
        Wish { channels, hz: PREFERRED_HZ, only_hz: false, format: None }
    }

    fn shape(choice: Option<Choice>) -> Option<(u16, u32, SampleFormat)> {
        choice.map(|c| (c.channels, c.rate.hz(), c.format))
    }

    fn chosen(ranges: &[SupportedStreamConfigRange]) -> Option<(u16, u32, SampleFormat)> {
        shape(best(ranges, wish(Channels::Fewest(1))))
    }

    #[test]
    fn mono_then_the_usual_rate_then_the_usual_format() {
        use SampleFormat::{DsdU8, F32, I16, I32};
        // What a converting layer offers.
        let anything = [1, 2, 8].map(|n| [F32, I32, I16].map(|format| range(n, (4000, 384_000), format)));
        assert_eq!(chosen(anything.as_flattened()), Some((1, 48_000, I16)));
        // What converters offer.
        assert_eq!(chosen(&[range(2, (44_100, 44_100), I32), range(2, (96_000, 96_000), I16)]), Some((2, 44_100, I32)));
        assert_eq!(chosen(&[range(1, (8000, 16_000), F32)]), Some((1, 16_000, F32)));
        assert_eq!(
            chosen(&[range(32, (48_000, 48_000), F32), range(4, (96_000, 192_000), F32)]),
            Some((4, 96_000, F32))
        );
        assert_eq!(chosen(&[range(18, (48_000, 48_000), I32)]), Some((18, 48_000, I32)));
        assert_eq!(chosen(&[range(2, (48_000, 48_000), DsdU8), range(65, (48_000, 48_000), F32)]), None);
        assert_eq!(chosen(&[range(2, (0, 0), F32)]), None);
    }

    #[test]
    fn single_channels_need_as_many_as_the_last_of_them() {
        let offered = [1, 2, 4, 8].map(|n| range(n, (48_000, 48_000), SampleFormat::I16));
        let channels = |choice: &str, usual| {
            let choice = choice.parse().unwrap();
            best(&offered, wish(wanted(&choice, usual))).map(|c| c.channels)
        };
        assert_eq!(
            [channels("mix", Some(2)), channels("1", Some(2)), channels("3,1", None)],
            [Some(1), Some(1), Some(4)]
        );
        assert_eq!(channels("9", None), Some(8), "too few, as the lanes will say");
        assert_eq!([channels("each", None), channels("each", Some(2))], [Some(8), Some(2)]);
    }

    #[test]
    fn a_device_that_comes_back_comes_back_as_it_was_or_not_at_all() {
        use SampleFormat::{F32, I16};
        let held = |channels, hz| Wish { channels: Channels::Exactly(channels), hz, only_hz: true, format: Some(F32) };
        let offered = [range(2, (8000, 96_000), I16), range(2, (44_100, 44_100), F32), range(1, (48_000, 48_000), F32)];
        assert_eq!(shape(best(&offered, held(2, 44_100))), Some((2, 44_100, F32)));
        assert_eq!(shape(best(&offered, held(2, 16_000))), Some((2, 16_000, I16)));
        assert_eq!(shape(best(&offered, held(1, 44_100))), None);
        assert_eq!(shape(best(&offered, held(3, 48_000))), None);
    }
}
