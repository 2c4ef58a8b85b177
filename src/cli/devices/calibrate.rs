//! `earwitness devices calibrate`: what makes an input's levels sound pressure levels.

use std::ffi::OsString;
use std::thread;
use std::time::{Duration, Instant};

use crate::audio::source::{Capture, CaptureOptions, CaptureState, InputSpec, open};
use crate::cli::output;
use crate::cli::parse::positive;
use crate::dsp::SoundLevelMeter;
use crate::error::{Error, Result};
use crate::units::SecondLevels;

const AFTER_HELP: &str = "\
Examples:
  earwitness devices calibrate --input device:ID              a calibrator of 94 dB on the microphone
  earwitness devices calibrate --input device:ID --level 114

Put the calibrator on the microphone and start it first. Where the microphone's sensitivity is known
instead, no tone is needed: calibration_db is the sound pressure level that gives full scale.";

/// Seconds that are left out at the beginning, while filters and the device settle.
const SETTLE_SECS: usize = 1;
/// Seconds of a steady tone differ by no more than this, in dB.
const STEADY_DB: f32 = 0.5;
/// No tone of a calibrator is softer than this on any usable microphone, in dB relative to full scale.
const SOFTEST_DB: f32 = -90.0;
/// How often to look for samples, and how long to wait for the first.
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

/// Measure what calibrates an input, with a tone of known level
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The input, as for `earwitness monitor`
    #[arg(long, value_name = "SPEC", env = "EARWITNESS_INPUT", default_value = "default")]
    input: OsString,
    /// Level of the calibrator's tone, in dB
    #[arg(long, value_name = "DB", env = "EARWITNESS_LEVEL", default_value_t = 94.0, value_parser = positive)]
    level: f64,
    /// Seconds to measure
    #[arg(long, value_name = "N", env = "EARWITNESS_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let spec = InputSpec::parse(&args.input)?;
    let mut captures = open(&spec, CaptureOptions::default())?;
    let capture = captures.first_mut().ok_or_else(|| Error::bug("an input without channels was opened"))?;
    let wanted = args.seconds as usize + SETTLE_SECS;
    let heard = levels(capture, wanted)?;
    capture.stop();
    let measured = heard.get(SETTLE_SECS..).filter(|rest| !rest.is_empty()).ok_or_else(|| {
        Error::input(format!("{spec} gave less than {} s of sound; give a longer one", SETTLE_SECS + 1))
    })?;
    let calibration = args.level - steady(measured)?;
    output::print(&format!(
        "calibration_db = {calibration:.2}\n\n\
         Full scale is {calibration:.1} dB. Write this line below [monitor] or the input's [[input]] in the settings file,\n\
         or give --calibration {calibration:.2}; with --levels, levels are sound pressure levels then.\n"
    ))
}

/// The levels of the first `wanted` seconds, or of what there is.
fn levels(capture: &mut Capture, wanted: usize) -> Result<Vec<SecondLevels>> {
    let mut meter = SoundLevelMeter::new(capture.info().sample_rate, 0.0);
    let (mut buffer, mut over) = (vec![0.0; 4096], Vec::new());
    let mut last = Instant::now();
    while over.len() < wanted {
        let n = capture.read(&mut buffer);
        if n > 0 {
            last = Instant::now();
            meter.gap(capture.gap_before());
            meter.push(&buffer[..n], &mut over);
            continue;
        }
        match capture.state() {
            CaptureState::Failed(sentence) => return Err(Error::input(sentence)),
            CaptureState::Ended => break,
            _ if last.elapsed() > PATIENCE => {
                let name = &capture.info().name;
                return Err(Error::input(format!("{name} gives no sound; check that it is connected")));
            }
            _ => thread::sleep(POLL),
        }
    }
    Ok(over.into_iter().map(|(_, levels)| levels).collect())
}

/// The level of a tone, A-weighted, in dB relative to full scale. A calibrator sounds at 1 kHz, where the weighting changes
/// nothing, and hum and rumble count less.
fn steady(seconds: &[SecondLevels]) -> Result<f64> {
    let levels = || seconds.iter().map(|second| second.laeq_db);
    let (low, high) = (levels().fold(f32::INFINITY, f32::min), levels().fold(f32::NEG_INFINITY, f32::max));
    if low < SOFTEST_DB {
        return Err(Error::input(format!(
            "the input is silent ({low:.1} dB relative to full scale); put the calibrator on the microphone and start it"
        )));
    }
    if high - low > STEADY_DB {
        return Err(Error::input(format!(
            "the sound is not steady: its seconds differ by {:.1} dB; hold the calibrator still and try again",
            high - low
        )));
    }
    Ok(levels().map(f64::from).sum::<f64>() / seconds.len() as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_steady_tone_calibrates() {
        let seconds = |levels: &[f32]| -> Vec<SecondLevels> {
            let one = |db: &f32| SecondLevels { laeq_db: *db, lafmax_db: *db, lceq_db: *db, lzeq_db: *db };
            levels.iter().map(one).collect()
        };
        assert!((steady(&seconds(&[-26.1, -26.0, -25.9])).unwrap() + 26.0).abs() < 1e-5);
        assert!(steady(&seconds(&[-26.0, -30.0])).unwrap_err().to_string().contains("not steady"));
        assert!(steady(&seconds(&[-120.0, -120.0])).unwrap_err().to_string().contains("silent"));
    }
}
