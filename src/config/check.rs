//! What settings must be, also together.

use super::os_text::OsText;
use super::settings::{Config, DetectorConfig, InputConfig};
use crate::audio::listen_spec::ListenSpec;
use crate::audio::source::{ChannelChoice, InputSpec, StartTime};
use crate::engine::detector::MAX_LOW_CUT_HZ;
use crate::interpret::methods::check_live;
use crate::model::device::DeviceChoice;
use crate::toml_text::BadValue;

/// A day: longer spans of sound are taken for a slip.
pub(super) const MAX_SECS: f64 = 86_400.0;

/// Longest event and pre-roll, which are kept in memory.
pub(super) const MAX_CLIP_SECS: f64 = 600.0;

/// An event of any loud sound ends 6 dB below where it began, and no level is below -120 dB.
const LEAST_LOUD_DBFS: f64 = -110.0;

/// A century: nothing here is kept for longer, and time can be computed with it.
const MAX_DAYS: f64 = 36_500.0;

/// Each input has its own ring and memory.
const MAX_INPUTS: usize = 256;

/// Corners that a high-pass may have, in Hz …
const HIGHPASS_HZ: std::ops::RangeInclusive<f64> = 5.0..=5000.0;

/// … and the low cut before a level is taken.
const LOW_CUT_HZ: std::ops::RangeInclusive<f64> = 5.0..=MAX_LOW_CUT_HZ;

/// Most that a sound is made louder or softer by, in dB.
const MAX_GAIN_DB: f64 = 60.0;

/// What an input can be calibrated with, in dB: the sound pressure level of full scale.
const CALIBRATION_DB: std::ops::RangeInclusive<f64> = -50.0..=250.0;

impl Config {
    /// The first setting that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        let m = &self.monitor;
        if let Some(bad) = self.input_problem() {
            return Some(bad);
        }
        if m.model.to_string().trim().is_empty() {
            return Some(BadValue::new("monitor.model", "\"\"", "name a model, as in \"default\""));
        }
        if let Err(e) = check_live(&m.method) {
            return Some(BadValue::new("monitor.method", format!("{:?}", m.method), e.to_string()));
        }
        if !(m.duration_secs >= 0.0 && m.duration_secs.is_finite()) {
            return Some(BadValue::new("monitor.duration_secs", m.duration_secs, "give 0 or more seconds"));
        }
        if let Err(e) = m.listen.parse::<ListenSpec>() {
            return Some(BadValue::new("monitor.listen", format!("{:?}", m.listen), e.to_string()));
        }
        if let Err(e) = m.device.parse::<DeviceChoice>() {
            return Some(BadValue::new("monitor.device", format!("{:?}", m.device), e.to_string()));
        }
        let days = self.record.max_age_days;
        if !(0.0..=MAX_DAYS).contains(&days) {
            return Some(BadValue::new("record.max_age_days", days, format!("give 0 to {MAX_DAYS} days")));
        }
        detector_problem(&self.detector).or_else(|| self.class_problem()).or_else(|| self.sink_problem())
    }

    fn input_problem(&self) -> Option<BadValue> {
        let m = &self.monitor;
        let one = |key: String, spec: &OsText, channels_key: String, channels: &str| {
            if let Err(e) = InputSpec::parse(spec.as_os_str()) {
                // An address may hold a password.
                let shown =
                    if format!("{spec}").contains("://") { "(an address)".to_owned() } else { format!("{spec:?}") };
                return Some(BadValue::new(key, shown, e.to_string()));
            }
            let wrong = channels.parse::<ChannelChoice>().err()?;
            Some(BadValue::new(channels_key, format!("{channels:?}"), wrong.to_string()))
        };
        let sound = |table: String, [highpass_hz, gain_db, calibration_db]: [f64; 3]| {
            if highpass_hz != 0.0 && !HIGHPASS_HZ.contains(&highpass_hz) {
                let (least, most) = HIGHPASS_HZ.into_inner();
                let remedy = format!("give {least} to {most} Hz, or 0 for none");
                return Some(BadValue::new(format!("{table}.highpass_hz"), highpass_hz, remedy));
            }
            let remedy = format!("give -{MAX_GAIN_DB} to {MAX_GAIN_DB} dB");
            let fits = (-MAX_GAIN_DB..=MAX_GAIN_DB).contains(&gain_db);
            let wrong = (!fits).then(|| BadValue::new(format!("{table}.gain_db"), gain_db, remedy));
            let (least, most) = CALIBRATION_DB.into_inner();
            let remedy = format!("give {least} to {most} dB; 'earwitness devices calibrate' measures it");
            let fits = CALIBRATION_DB.contains(&calibration_db);
            wrong.or_else(|| (!fits).then(|| BadValue::new(format!("{table}.calibration_db"), calibration_db, remedy)))
        };
        let start = |key: String, start_time: &str| {
            let wrong = start_time.parse::<StartTime>().err().filter(|_| !start_time.is_empty())?;
            Some(BadValue::new(key, format!("{start_time:?}"), wrong.to_string()))
        };
        if self.input.is_empty() {
            let wrong = one("monitor.input".into(), &m.input, "monitor.channels".into(), &m.channels);
            let wrong = wrong.or_else(|| start("monitor.start_time".into(), &m.start_time));
            return wrong.or_else(|| sound("monitor".into(), [m.highpass_hz, m.gain_db, m.calibration_db]));
        }
        if self.input.len() > MAX_INPUTS {
            return Some(BadValue::new("input", self.input.len(), format!("give at most {MAX_INPUTS} inputs")));
        }
        let mut all = self.input.iter().enumerate();
        let wrong = all.find_map(|(i, input)| {
            one(format!("input[{i}].spec"), &input.spec, format!("input[{i}].channels"), &input.channels)
                .or_else(|| start(format!("input[{i}].start_time"), &input.start_time))
                .or_else(|| sound(format!("input[{i}]"), [input.highpass_hz, input.gain_db, input.calibration_db]))
        });
        wrong.or_else(|| self.second_stdin())
    }

    /// An input that wants what another one reads already.
    fn second_stdin(&self) -> Option<BadValue> {
        let is_stdin = |input: &InputConfig| InputSpec::parse(input.spec.as_os_str()).is_ok_and(|spec| spec.is_stdin());
        let (i, second) = self.input.iter().enumerate().filter(|(_, input)| is_stdin(input)).nth(1)?;
        let remedy = "standard input can be heard once; give the second sound through a file or a named pipe";
        Some(BadValue::new(format!("input[{i}].spec"), format!("{:?}", second.spec), remedy))
    }
}

fn detector_problem(d: &DetectorConfig) -> Option<BadValue> {
    if !(1..=100).contains(&d.of_strides) {
        return Some(BadValue::new("detector.of_strides", d.of_strides, "give 1 to 100 strides"));
    }
    if !(1..=d.of_strides).contains(&d.min_strides) {
        let remedy = format!("give 1 to detector.of_strides, here {}", d.of_strides);
        return Some(BadValue::new("detector.min_strides", d.min_strides, remedy));
    }
    if !(d.rival_margin > 0.0 && d.rival_margin <= 1.0) {
        let remedy = "give more than 0, at most 1: 1 reports all labels of a group";
        return Some(BadValue::new("detector.rival_margin", d.rival_margin, remedy));
    }
    if !(d.sure_threshold > 0.0 && d.sure_threshold <= 1.0) {
        let remedy = "give more than 0, and at most 1, which is never reached";
        return Some(BadValue::new("detector.sure_threshold", d.sure_threshold, remedy));
    }
    let spans = [
        ("min_duration_secs", d.min_duration_secs, MAX_CLIP_SECS),
        ("merge_gap_secs", d.merge_gap_secs, MAX_CLIP_SECS),
        ("cooldown_secs", d.cooldown_secs, MAX_SECS),
        ("pre_roll_secs", d.pre_roll_secs, MAX_CLIP_SECS),
        ("post_roll_secs", d.post_roll_secs, MAX_CLIP_SECS),
    ];
    for (name, secs, most) in spans {
        if !(0.0..=most).contains(&secs) {
            return Some(BadValue::new(format!("detector.{name}"), secs, format!("give 0 to {most} seconds")));
        }
    }
    if !(d.max_event_secs >= d.min_duration_secs.max(1.0) && d.max_event_secs <= MAX_CLIP_SECS) {
        let remedy = format!("give at least 1 second and min_duration_secs, and at most {MAX_CLIP_SECS} seconds");
        return Some(BadValue::new("detector.max_event_secs", d.max_event_secs, remedy));
    }
    let levels = [("level_gate_dbfs", d.level_gate_dbfs), ("loud_dbfs", d.loud_dbfs)];
    for (name, dbfs) in levels {
        if !(-120.0..=0.0).contains(&dbfs) {
            return Some(BadValue::new(format!("detector.{name}"), dbfs, "give -120 to 0 dB full scale"));
        }
    }
    if d.low_cut_hz != 0.0 && !LOW_CUT_HZ.contains(&d.low_cut_hz) {
        let (least, most) = LOW_CUT_HZ.into_inner();
        return Some(BadValue::new(
            "detector.low_cut_hz",
            d.low_cut_hz,
            format!("give {least} to {most} Hz, or 0 for none"),
        ));
    }
    if d.loud_dbfs <= LEAST_LOUD_DBFS {
        let remedy = format!("give more than {LEAST_LOUD_DBFS} dB full scale, or 0 for none");
        return Some(BadValue::new("detector.loud_dbfs", d.loud_dbfs, remedy));
    }
    let wrong = d.thresholds.iter().find(|(_, on)| !(**on > 0.0 && **on < 1.0));
    wrong.map(|(label, on)| {
        BadValue::new(format!("detector.thresholds.{label}"), on, "give a probability above 0 and below 1")
    })
}
