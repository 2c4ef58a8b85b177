//! Capture devices through cpal. What runs on the audio thread stands in [`data_callback`] and [`error_callback`]; the
//! rest of this file belongs to threads that may wait.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, HostId, I24, SampleFormat, SizedSample, U24};

use super::capture_clock::CaptureClock;
use super::cpal_choice::{Choice, choose};
use super::cpal_host::{Complaints, Delivery, Found, cannot_open, delivery, find, is_missing, missing};
use super::fan::{CaptureFan, ChannelChoice, Lane, XrunCounter};
use super::live::{Attached, Held, LiveStream, Refusal, StreamGuard};
use super::ring::CapturePull;
use super::sample::ToF32;
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The default device that was lost is looked for so many times in its own sound system, before another one's default may
/// stand in: a server that is restarted is likelier than one that is gone for good.
const SAME_SYSTEM_ATTEMPTS: u32 = 6;

/// Chunks that a server is asked for, in seconds.
const CHUNK_SECS: f64 = 0.05;

/// A device does not skip more than this in one go; a driver that says so does not know.
const LONGEST_SKIP: Duration = Duration::from_secs(600);

impl ToF32 for I24 {
    #[inline]
    fn to_f32(self) -> f32 {
        (f64::from(self.inner()) / 8_388_608.0) as f32
    }
}

impl ToF32 for U24 {
    #[inline]
    fn to_f32(self) -> f32 {
        (f64::from(self.inner()) / 8_388_608.0 - 1.0) as f32
    }
}

/// Which device to open, each time.
pub(super) struct DeviceChoice {
    id: Option<String>,
    /// For sentences.
    name: String,
    channels: ChannelChoice,
    /// Where the default device was found the last time, and how often it has not been found there since.
    system: Mutex<Option<HostId>>,
    misses: AtomicU32,
}

/// A running capture stream. Dropping it closes the device.
struct DeviceStream {
    _stream: cpal::Stream,
    _pacemaker: Option<cpal::Stream>,
    signals: Arc<Signals>,
}

impl Drop for DeviceStream {
    fn drop(&mut self) {
        // A driver may go on calling while it is being closed, or after a stall; those samples have no place any more.
        self.signals.closed.store(true, Ordering::Release);
    }
}

impl LiveStream for DeviceStream {
    fn realtime(&self) -> Option<bool> {
        // That it was not denied does not mean that it was asked for.
        self.signals.realtime_denied.load(Ordering::Relaxed).then_some(false)
    }
}

/// What one callback tells the other, and the keeper.
#[derive(Debug, Default)]
struct Signals {
    realtime_denied: AtomicBool,
    /// An xrun since the last chunk.
    xrun: AtomicBool,
    /// No more samples are wanted.
    closed: AtomicBool,
}

/// What a data callback needs besides its fan.
struct DataSide {
    clock: Arc<CaptureClock>,
    signals: Arc<Signals>,
    hz: u32,
    /// By the stream's own clock, when the next chunk's first sample is to be captured.
    expected: Option<Duration>,
}

impl DataSide {
    /// Channel frames that the device skipped before a chunk captured at `capture`, as far as the stream's clock tells. It is
    /// believed after an xrun only, and where more than the chunk itself is missing: what is less may be jitter.
    fn skipped(&mut self, capture: Duration, n_frames: u64) -> u64 {
        let len = self.secs(n_frames);
        let expected = self.expected.replace(capture.saturating_add(len));
        if !self.signals.xrun.swap(false, Ordering::Relaxed) {
            return 0;
        }
        let missing = expected.map_or(Duration::ZERO, |expected| capture.saturating_sub(expected));
        if missing <= len || missing > LONGEST_SKIP {
            return 0;
        }
        (missing.as_secs_f64() * f64::from(self.hz)) as u64
    }

    fn secs(&self, n_frames: u64) -> Duration {
        Duration::from_nanos(n_frames.saturating_mul(1_000_000_000) / u64::from(self.hz.max(1)))
    }
}

// ---- on the audio thread: the real-time rule holds from here …

fn data_callback<S: SizedSample + ToF32>(
    mut fan: CaptureFan,
    mut side: DataSide,
) -> impl FnMut(&[S], &cpal::InputCallbackInfo) + Send + 'static {
    move |chunk, info| {
        if side.signals.closed.load(Ordering::Acquire) {
            return;
        }
        let timestamp = info.timestamp();
        let n_frames = (chunk.len() / usize::from(fan.channels())) as u64;
        let skipped = side.skipped(Duration::from_nanos(timestamp.capture.as_nanos() as u64), n_frames);
        if skipped > 0 {
            fan.lost(skipped);
        }
        side.clock.mark(timestamp.callback.duration_since(timestamp.capture), side.secs(n_frames));
        fan.push_interleaved(chunk);
    }
}

fn error_callback(
    state: Arc<EndState>,
    xruns: XrunCounter,
    signals: Arc<Signals>,
) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        ErrorKind::Xrun => {
            signals.xrun.store(true, Ordering::Relaxed);
            xruns.count();
        }
        ErrorKind::RealtimeDenied => signals.realtime_denied.store(true, Ordering::Relaxed),
        // The stream goes on.
        ErrorKind::DeviceChanged => {}
        ErrorKind::DeviceNotAvailable => state.fail_device("has gone"),
        ErrorKind::StreamInvalidated => state.fail_device("has lost its server, or changed its settings"),
        _ => state.fail_device("stopped with an error of its driver"),
    }
}

// ---- … to here.

/// The writing and the reading ends of a device's rings.
type Rings = (CaptureFan, Vec<(Lane, CapturePull)>);

impl DeviceChoice {
    /// The capture device `id` (`None`: the default one).
    pub(super) fn new(id: Option<&str>, channels: ChannelChoice) -> Self {
        let name =
            id.map_or_else(|| "the default capture device".to_owned(), |id| format!("the capture device '{id}'"));
        Self { id: id.map(str::to_owned), name, channels, system: Mutex::default(), misses: AtomicU32::new(0) }
    }

    /// Opens the device and starts it, as it was before where it was open before; `make_rings` gets its rate and channels.
    pub(super) fn open(
        &self,
        held: Option<Held>,
        make_rings: impl FnOnce(Held) -> Result<Rings>,
    ) -> Result<Attached, Refusal> {
        let _complaints = Complaints::catch();
        let name = &self.name;
        let failed = |e: cpal::Error| {
            let is_missing = is_missing(&e);
            let error = cannot_open(name, e);
            if is_missing { Refusal::Missing(error) } else { Refusal::Refused(error) }
        };
        let Found { device, host } = self.find().ok_or_else(|| Refusal::Missing(missing(name)))?;
        let choice =
            choose(&device, host, &self.channels, held).map_err(failed)?.ok_or_else(|| self.no_choice(held))?;
        let held = Held { rate: choice.rate, channels: choice.channels };
        let (fan, lanes) =
            make_rings(held).map_err(|e| Refusal::Refused(Error::new(e.kind(), format!("{name}: {e}"))))?;
        let state = Arc::new(EndState::default());
        let clock = Arc::new(CaptureClock::new());
        let signals = Arc::new(Signals::default());
        let side =
            DataSide { clock: Arc::clone(&clock), signals: Arc::clone(&signals), hz: choice.rate.hz(), expected: None };
        let delivery = delivery(host);
        let pacemaker = if delivery == Delivery::Paced { pacemaker(&device, &choice) } else { None };
        let stream = build(&device, &choice, fan, side, Arc::clone(&state), delivery).map_err(failed)?;
        // A connection to a server lives as long as the last thing that uses it; the stream must be that.
        drop(device);
        stream.play().map_err(failed)?;
        let stream = StreamGuard::new(DeviceStream { _stream: stream, _pacemaker: pacemaker, signals });
        Ok(Attached { held, lanes, clock, state, stream })
    }

    /// The device where it is now. What `default` means may have changed.
    fn find(&self) -> Option<Found> {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.id.as_deref();
        let only =
            if id.is_none() && self.misses.load(Ordering::Relaxed) < SAME_SYSTEM_ATTEMPTS { *system } else { None };
        let found = find(id, only);
        if let Some(found) = &found {
            *system = Some(found.host);
            self.misses.store(0, Ordering::Relaxed);
        } else {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    fn no_choice(&self, held: Option<Held>) -> Refusal {
        let name = &self.name;
        Refusal::Refused(Error::input(match held {
            None => format!("{name} offers no format that can be captured; choose another device"),
            Some(Held { rate, channels }) => format!(
                "{name} is back, but no longer offers {} Hz with {channels} channels; set it back, or restart the monitor",
                rate.hz()
            ),
        }))
    }
}

/// Chunks to ask of a server.
fn chunk(rate: SampleRate) -> cpal::BufferSize {
    cpal::BufferSize::Fixed(rate.samples(CHUNK_SECS) as u32)
}

/// A stream whose samples no one wants; see [`Delivery::Paced`]. Without it the samples come later, and all the same.
fn pacemaker(device: &cpal::Device, choice: &Choice) -> Option<cpal::Stream> {
    let config = cpal::StreamConfig { channels: 1, sample_rate: choice.rate.hz(), buffer_size: chunk(choice.rate) };
    let built = device.build_input_stream_raw(config, choice.format, |_, _| {}, |_| {}, None);
    built.and_then(|stream| stream.play().map(|()| stream)).ok()
}

fn build(
    device: &cpal::Device,
    choice: &Choice,
    fan: CaptureFan,
    side: DataSide,
    state: Arc<EndState>,
    delivery: Delivery,
) -> Result<cpal::Stream, cpal::Error> {
    let config = cpal::StreamConfig {
        channels: choice.channels,
        sample_rate: choice.rate.hz(),
        buffer_size: match delivery {
            Delivery::Chunks => chunk(choice.rate),
            // Any chunk length will do, so the driver has its way.
            Delivery::Driver | Delivery::Paced => cpal::BufferSize::Default,
        },
    };
    let on_error = error_callback(state, fan.xrun_counter(), Arc::clone(&side.signals));
    macro_rules! stream {
        ($($format:ident => $sample:ty),*) => {
            match choice.format {
                $(SampleFormat::$format => {
                    device.build_input_stream(config, data_callback::<$sample>(fan, side), on_error, None)
                })*
                _ => Err(ErrorKind::UnsupportedConfig.into()),
            }
        };
    }
    stream!(
        I8 => i8, I16 => i16, I24 => I24, I32 => i32, I64 => i64,
        U8 => u8, U16 => u16, U24 => U24, U32 => u32, U64 => u64,
        F32 => f32, F64 => f64
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::ring::capture_ring;
    use super::*;

    #[test]
    fn packed_formats_have_their_zero_in_place() {
        let i24 = |v| I24::new(v).unwrap().to_f32();
        let u24 = |v| U24::new(v).unwrap().to_f32();
        assert_eq!([i24(-8_388_608), i24(0), i24(4_194_304)], [-1.0, 0.0, 0.5]);
        assert_eq!([u24(0), u24(8_388_608), u24(12_582_912)], [-1.0, 0.0, 0.5]);
    }

    #[test]
    fn errors_that_a_stream_survives_do_not_end_it() {
        let (state, signals) = (Arc::new(EndState::default()), Arc::new(Signals::default()));
        let (push, pull) = capture_ring(4, 1);
        let fan = CaptureFan::new(vec![(Lane { channel: None }, push)], 1);
        let mut callback = error_callback(Arc::clone(&state), fan.xrun_counter(), Arc::clone(&signals));
        callback(ErrorKind::Xrun.into());
        callback(ErrorKind::Xrun.into());
        assert!(!signals.realtime_denied.load(Ordering::Relaxed));
        callback(ErrorKind::RealtimeDenied.into());
        assert!(signals.realtime_denied.load(Ordering::Relaxed));
        assert_eq!((pull.account().xruns, state.has_ended()), (2, false));
        callback(ErrorKind::DeviceNotAvailable.into());
        callback(ErrorKind::BackendError.into());
        assert!(state.has_ended());
        assert_eq!(state.failure("device:x").unwrap(), "device:x has gone");
    }

    #[test]
    fn a_skip_is_believed_after_an_xrun_and_beyond_jitter_only() {
        let signals = Arc::new(Signals::default());
        let clock = Arc::new(CaptureClock::new());
        let mut side = DataSide { clock, signals: Arc::clone(&signals), hz: 48_000, expected: None };
        let ms = Duration::from_millis;
        let xrun = || signals.xrun.store(true, Ordering::Relaxed);
        xrun();
        assert_eq!(side.skipped(ms(5), 480), 0, "nothing is known before the first chunk");
        assert_eq!(side.skipped(ms(500), 480), 0, "no xrun");
        xrun();
        assert_eq!(side.skipped(ms(519), 480), 0, "9 ms may be jitter of chunks of 10 ms");
        xrun();
        assert_eq!(side.skipped(ms(629), 480), 4800);
        assert_eq!(side.skipped(ms(639), 480), 0);
        xrun();
        assert_eq!(side.skipped(ms(100), 480), 0, "a clock that runs backwards");
        xrun();
        assert_eq!(side.skipped(Duration::from_secs(86_400), 480), 0, "a clock that makes no sense");
        xrun();
        assert_eq!(side.skipped(Duration::MAX, 1), 0);
    }
}
