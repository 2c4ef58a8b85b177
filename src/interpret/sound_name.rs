//! Names for sounds that nobody named: where in frequency and when they sound, as in "2.1 kHz tone, pulsed" or "low rumble".

/// A sound's energy over frequency and over time.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundShape {
    /// Energy of each bin over the whole sound.
    pub by_bin: Vec<f64>,
    /// Hz from one bin to the next; the first is 0 Hz.
    pub bin_hz: f64,
    /// Energy of each frame.
    pub by_frame: Vec<f64>,
    /// Seconds from one frame to the next.
    pub frame_secs: f64,
}

/// What has this share of its energy around its strongest bin is a tone …
const TONE_SHARE: f64 = 0.5;
/// … where around means so far off, as a share of its frequency, …
const TONE_WIDTH: f64 = 0.06;
/// … but so many bins at least, as a window's main lobe is wide.
const TONE_BINS: usize = 2;

/// Nine tenths of the energy lie above and below these.
const LOW_SHARE: f64 = 0.1;
const HIGH_SHARE: f64 = 0.9;

/// A frame sounds from this share of the loud frames' energy on (15 dB below) …
const SOUNDS_SHARE: f64 = 0.03;
/// … and frames that are so loud as one of fifty is are loud.
const LOUD_QUANTILE: f64 = 0.98;
/// A gap this short is none.
const GAP_SECS: f64 = 0.1;
/// One stretch up to this long is short.
const SHORT_SECS: f64 = 0.3;
/// So many stretches are pulses.
const PULSES: usize = 3;

impl SoundShape {
    /// The name; empty for silence.
    #[must_use]
    pub fn name(&self) -> String {
        let place = place(&self.by_bin, self.bin_hz);
        match self.when() {
            Some(when) if !place.is_empty() => format!("{place}, {when}"),
            _ => place,
        }
    }

    /// How the sound comes and goes; nothing where it just sounds.
    fn when(&self) -> Option<&'static str> {
        let mut sorted = self.by_frame.clone();
        sorted.sort_by(f64::total_cmp);
        let loud = *sorted.get(((sorted.len().checked_sub(1)?) as f64 * LOUD_QUANTILE) as usize)?;
        // Of a sound shorter than a fiftieth of the time, the loudest frame is what is loud.
        let loud = if loud > 0.0 { loud } else { *sorted.last()? };
        if loud <= 0.0 {
            return None;
        }
        let stretches = self.stretches(SOUNDS_SHARE * loud);
        let longest = stretches.iter().map(|(start, end)| end - start).max()?;
        match stretches.len() {
            PULSES.. => Some("pulsed"),
            2 => Some("twice"),
            _ if longest as f64 * self.frame_secs <= SHORT_SECS => Some("short"),
            _ => None,
        }
    }

    /// First frame, and the one behind the last, of each stretch from `level` on.
    fn stretches(&self, level: f64) -> Vec<(usize, usize)> {
        let gap = (GAP_SECS / self.frame_secs.max(f64::MIN_POSITIVE)) as usize;
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for (t, _) in self.by_frame.iter().enumerate().filter(|(_, energy)| **energy >= level) {
            match stretches.last_mut() {
                Some((_, end)) if t <= *end + gap => *end = t + 1,
                _ => stretches.push((t, t + 1)),
            }
        }
        stretches
    }
}

/// Where in frequency a sound lies; empty for silence.
#[must_use]
pub fn place(by_bin: &[f64], bin_hz: f64) -> String {
    // A constant offset is no sound.
    let heard = by_bin.get(1..).unwrap_or(&[]);
    let total: f64 = heard.iter().sum();
    if !(total > 0.0 && total.is_finite()) {
        return String::new();
    }
    let hz = |index: usize| (index + 1) as f64 * bin_hz;
    let peak = (0..heard.len()).fold(0, |best, i| if heard[i] > heard[best] { i } else { best });
    let around = TONE_BINS.max(((peak + 1) as f64 * TONE_WIDTH).round() as usize);
    let inside: f64 = heard[peak.saturating_sub(around)..heard.len().min(peak + around + 1)].iter().sum();
    let quantile = |share: f64| {
        let mut sum = 0.0;
        hz(heard
            .iter()
            .position(|energy| {
                sum += energy;
                sum >= share * total
            })
            .unwrap_or(heard.len() - 1))
    };
    let (low, middle, high) = (quantile(LOW_SHARE), quantile(0.5), quantile(HIGH_SHARE));
    if inside >= TONE_SHARE * total {
        return if hz(peak) < 120.0 { "low hum".to_owned() } else { format!("{} tone", frequency(hz(peak))) };
    }
    if high < 350.0 {
        return "low rumble".to_owned();
    }
    if low >= 3000.0 {
        return format!("hiss above {}", frequency(low));
    }
    if high <= 3.0 * low {
        return format!("sound around {}", frequency(middle));
    }
    format!("noise from {} to {}", frequency(low), frequency(high))
}

/// Two digits and a unit, as in `2.1 kHz`.
fn frequency(hz: f64) -> String {
    let magnitude = 10_f64.powf(hz.max(1.0).log10().floor() - 1.0);
    let rounded = (hz / magnitude).round() * magnitude;
    if rounded >= 10_000.0 {
        format!("{:.0} kHz", rounded / 1000.0)
    } else if rounded >= 1000.0 {
        format!("{:.1} kHz", rounded / 1000.0)
    } else {
        format!("{rounded:.0} Hz")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIN_HZ: f64 = 15.625;
    const FRAME_SECS: f64 = 0.016;

    /// Energy that is even between two frequencies, over a hundred frames in which it sounds where `on` says so.
    fn sound(from_hz: f64, to_hz: f64, on: impl Fn(usize) -> bool) -> SoundShape {
        let inside = |bin: usize| f64::from(u8::from((from_hz..=to_hz).contains(&(bin as f64 * BIN_HZ))));
        SoundShape {
            by_bin: (0..513).map(inside).collect(),
            bin_hz: BIN_HZ,
            by_frame: (0..100).map(|t| if on(t) { 1.0 } else { 1e-4 }).collect(),
            frame_secs: FRAME_SECS,
        }
    }

    #[test]
    fn a_name_says_where_and_when() {
        let always = |_| true;
        for (shape, want) in [
            (sound(2090.0, 2140.0, |t| t % 20 < 8), "2.1 kHz tone, pulsed"),
            (sound(40.0, 300.0, always), "low rumble"),
            (sound(45.0, 60.0, always), "low hum"),
            (sound(430.0, 445.0, |t| (10..20).contains(&t)), "440 Hz tone, short"),
            (sound(5000.0, 8000.0, always), "hiss above 5.3 kHz"),
            (sound(800.0, 1600.0, |t| (10..30).contains(&t) || t > 60), "sound around 1.2 kHz, twice"),
            (sound(100.0, 7000.0, |t| t < 60), "noise from 800 Hz to 6.3 kHz"),
            // A gap of three frames is none.
            (sound(100.0, 7000.0, |t| t % 20 < 17), "noise from 800 Hz to 6.3 kHz"),
            (sound(0.0, 1.0, always), ""),
        ] {
            assert_eq!(shape.name(), want);
        }
    }

    #[test]
    fn a_click_in_long_silence_is_short_and_nothing_is_nothing() {
        let mut click = sound(100.0, 7000.0, |_| false);
        click.by_frame = vec![0.0; 100];
        assert_eq!(click.when(), None);
        click.by_frame[50] = 1.0;
        assert_eq!(click.when(), Some("short"));
        let nothing = SoundShape { by_bin: Vec::new(), bin_hz: 1.0, by_frame: Vec::new(), frame_secs: 0.01 };
        assert_eq!(nothing.name(), "");
    }

    #[test]
    fn frequencies_have_two_digits() {
        for (hz, want) in
            [(47.3, "47 Hz"), (440.0, "440 Hz"), (996.0, "1.0 kHz"), (2140.0, "2.1 kHz"), (15_400.0, "15 kHz")]
        {
            assert_eq!(frequency(hz), want);
        }
    }
}
