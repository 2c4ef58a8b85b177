//! When an input began that has no clock of its own: recordings keep the time at which they were made.

use std::time::SystemTime;

use super::capture::Capture;
use super::capture_options::CaptureOptions;
use super::spec::InputSpec;
use crate::error::{Error, Result};
use crate::media::recorded_at::{StartTime, recorded_at};

/// The wall time of a recording's first sample; `None` for what is heard while it happens.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for a start time that lies in the future, or that was given for a device.
pub(super) fn start_of(spec: &InputSpec, options: &CaptureOptions) -> Result<Option<SystemTime>> {
    if options.start_time.is_some() && !spec.can_be_fast() {
        return Err(Error::usage(format!(
            "--start-time is for recordings; {spec} is heard while it happens, so leave --start-time out"
        )));
    }
    match spec {
        InputSpec::File(path) if path.is_file() => {
            let began = recorded_at(path, options.start_time, None)?;
            tracing::info!("{}", began.sentence(&spec.to_string()));
            Ok(Some(began.at))
        }
        InputSpec::Demo if options.start_time.is_none() => Ok(None),
        _ => of_stream(spec, options),
    }
}

/// Of what comes through a pipe neither name nor length is known. Read as quickly as it can be, it is a recording, too.
fn of_stream(spec: &InputSpec, options: &CaptureOptions) -> Result<Option<SystemTime>> {
    let now = SystemTime::now();
    match options.start_time {
        Some(StartTime(at)) if at > now => Err(Error::usage(format!(
            "the start time of {spec} is in the future; give the time at which the recording began"
        ))),
        Some(StartTime(at)) => Ok(Some(at)),
        None => Ok((options.fast && spec.can_be_fast()).then_some(now)),
    }
}

/// Dates the inputs of a recording.
pub(super) fn date(captures: &mut [Capture], start: SystemTime) {
    captures.iter_mut().for_each(|capture| capture.date(start));
}
