//! What the engine tells the outside: plain data, one closed enum. Formats (JSON, WAV, PNG) are `record`'s business.

pub use super::detector::Reason;
use super::health::Health;
pub use crate::interpret::ComponentShare;
pub use crate::interpret::methods::part_word;
use crate::units::{ClassId, EvidenceVerdict, SamplePos, SampleRate, SecondLevels, StreamClock};

/// Everything that leaves the engine through its bounded channel, in order.
#[derive(Debug, Clone)]
pub enum Report {
    /// The stream has begun.
    Start(StartReport),
    /// Why a class is not reported has changed.
    Reason(ReasonReport),
    /// An event has begun, and the detector is sure of it. What it was, and the audio, follow with the event.
    Onset(OnsetReport),
    /// Something was heard; complete with audio.
    Event(Box<EventReport>),
    /// An event that was reported before is explained now, or will not be: the same event again, complete with audio.
    Explained(Box<EventReport>),
    /// Every 10 s of audio, and whenever something is lost or shed.
    Status(StatusReport),
    /// With a status, and at the end: the levels of the seconds since the last, where they are measured.
    Levels(LevelsReport),
    /// The stream has ended; nothing of it follows, except that while other streams go on, events may still be explained.
    Stop(StopReport),
}

/// First report of a stream.
#[derive(Debug, Clone)]
pub struct StartReport {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// Ties positions to wall time. Its rate is the model's: all positions are at that rate.
    pub clock: StreamClock,
    /// The model that listens.
    pub model: ModelRef,
    /// The method that explains, as in `l2i`.
    pub method: String,
    /// The device's or file's own rate and channel count, before resampling and downmixing.
    pub input_rate: SampleRate,
    /// Channels of the input.
    pub input_channels: u16,
    /// Length of one stride in seconds.
    pub stride_secs: f64,
    /// Where this input's interpretation is played while it happens, if it is.
    pub listen: Option<ListenReport>,
}

/// Live playing of an interpretation.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenReport {
    /// Where to, as in `device` or `jack`.
    pub output: String,
    /// From a sound to its being heard, in seconds; constant.
    pub delay_secs: f64,
}

/// Names a model package beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The package's name.
    pub name: String,
    /// Hex sha256 of the package (over its manifest, which holds the hashes of the other files).
    pub sha256: String,
}

/// What the classifier says of the interpretation alone, and of the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faithfulness {
    /// Whether the interpretation alone gives the same top label.
    pub agrees: bool,
    /// Whether it does, or gives the label a probability that would start an event.
    pub enough: bool,
    /// Probability of the label on the input.
    pub prob: f32,
    /// Probability of the label on the interpretation alone.
    pub prob_in: f32,
    /// Probability of the label on what is left without the interpretation.
    pub prob_out: f32,
}

impl Faithfulness {
    /// What the figures come to.
    #[must_use]
    pub fn verdict(&self) -> EvidenceVerdict {
        EvidenceVerdict::of(self.enough, self.prob.into(), self.prob_out.into())
    }
}

/// The beginning of an event. The event follows under the same id, unless it turns out too short to be one.
#[derive(Debug, Clone)]
pub struct OnsetReport {
    /// The id that the event will have.
    pub id: String,
    /// The class's label.
    pub label: String,
    /// The class.
    pub class: ClassId,
    /// Probability so far.
    pub score: f32,
    /// First sample of the event.
    pub onset: SamplePos,
    /// As in [`Event`].
    pub in_file: Option<SamplePos>,
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// As in [`Event`].
    pub latency_secs: f64,
    /// As in [`Event`].
    pub lag_secs: f64,
    /// As in [`Event`].
    pub handling: Handling,
    /// Ties `onset` to wall time.
    pub clock: StreamClock,
}

/// One detection.
#[derive(Debug, Clone)]
pub struct Event {
    /// A ULID.
    pub id: String,
    /// The class's label.
    pub label: String,
    /// The class.
    pub class: ClassId,
    /// Highest probability reached during the event.
    pub score: f32,
    /// First sample of the event.
    pub onset: SamplePos,
    /// One past the last sample of the event.
    pub offset: SamplePos,
    /// Where the event begins in its recording; `None` where it was heard while it happened.
    pub in_file: Option<SamplePos>,
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// The model that decided.
    pub model: ModelRef,
    /// The method that explained, as in `l2i`.
    pub method: String,
    /// Relevant components, most relevant first.
    pub components: Vec<ComponentShare>,
    /// The three figures, where they were measured.
    pub faithfulness: Option<Faithfulness>,
    /// Where the explanation stands.
    pub explanation: Explained,
    /// Seconds of audio from the onset to the end of the segment at which the detector was sure.
    pub latency_secs: f64,
    /// Seconds that the worker was behind the capture when it had come to know that; 0 where the source waits for it. Together
    /// with `latency_secs` this is the time from sound to event.
    pub lag_secs: f64,
    /// Of any loud sound, the RMS of its loudest stride in dBFS; of others none.
    pub level_dbfs: Option<f32>,
    /// What is to be done with it.
    pub handling: Handling,
    /// Ties `onset` and `offset` to wall time.
    pub clock: StreamClock,
}

/// Where an event's explanation stands. Methods that are too slow for every stride explain events later, on a thread of
/// their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Explained {
    /// It is there, as far as the method has one.
    #[default]
    Done,
    /// It will follow as [`Report::Explained`].
    Pending,
    /// It will not come: too much waited, it was called off, or the stream was stopped.
    Missed,
}

/// What the settings say of an event's class, for those who record it and pass it on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handling {
    /// The groups that the class belongs to.
    pub groups: Vec<String>,
    /// Whether it fell into quiet hours: it is recorded and told in lines, but nobody is to be alarmed.
    pub quiet: bool,
    /// What a recorder keeps of it.
    pub record: RecordWhat,
}

/// What a recorder keeps of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordWhat {
    /// Audio, picture and figures.
    #[default]
    Full,
    /// Label and figures, and nothing that could be heard or seen.
    Figures,
    /// As `Figures`, because speech was heard in what would be kept.
    NoSpeech,
}

/// Why a class with a noteworthy score is not reported; told when the reason changes.
#[derive(Debug, Clone)]
pub struct ReasonReport {
    /// The class's label.
    pub label: String,
    /// The class.
    pub class: ClassId,
    /// Its newest probability.
    pub score: f32,
    /// The probability at which an event starts.
    pub on_threshold: f32,
    /// Why not.
    pub reason: Reason,
    /// End of the stride.
    pub position: SamplePos,
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// Ties `position` to wall time.
    pub clock: StreamClock,
}

/// An event with its evidence.
#[derive(Debug, Clone)]
pub struct EventReport {
    /// The detection.
    pub event: Event,
    /// The audio and pictures that belong to it.
    pub clip: Clip,
}

impl EventReport {
    /// Takes out what a method says of it: another one will.
    pub(super) fn postpone_explanation(&mut self) {
        self.event.explanation = Explained::Pending;
        self.event.components.clear();
        self.event.faithfulness = None;
        self.clip.components.clear();
        self.clip.interpretation.fill(0.0);
        self.clip.picture.mask.fill(0.0);
    }
}

/// Audio and pictures of one event; everything in it starts at `start` and is sample-aligned.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Position of the first sample of `heard`: onset less pre-roll.
    pub start: SamplePos,
    /// Rate of all audio here.
    pub sample_rate: SampleRate,
    /// What the microphone heard.
    pub heard: Vec<f32>,
    /// What the classifier heard; same length as `heard`.
    pub interpretation: Vec<f32>,
    /// The relevant components alone, each as long as `heard`.
    pub components: Vec<(ComponentShare, Vec<f32>)>,
    /// Mel spectrogram of `heard` and the mask, for the picture.
    pub picture: MelPicture,
}

/// A mel spectrogram and a mask over it, both `[n_frames, n_bands]`, frame after frame.
#[derive(Debug, Clone, Default)]
pub struct MelPicture {
    /// Mel bands per frame, lowest first.
    pub n_bands: usize,
    /// Seconds from one frame to the next.
    pub frame_secs: f64,
    /// Level in dB (full-scale sine = 0 dB), any finite value.
    pub level_db: Vec<f32>,
    /// Mask in 0…1.
    pub mask: Vec<f32>,
    /// Lowest and highest frequency of the bands in Hz, for the axis.
    pub range_hz: (f32, f32),
    /// Centre frequency of each band in Hz.
    pub centre_hz: Vec<f32>,
    /// The clip's samples, where the method gives each its own share; else none.
    pub samples: Vec<f32>,
    /// Share of each sample, −1…1: negative where it speaks against the label.
    pub shares: Vec<f32>,
}

/// Health of a stream.
#[derive(Debug, Clone)]
pub struct StatusReport {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// Where the stream is.
    pub position: SamplePos,
    /// Ties `position` to wall time.
    pub clock: StreamClock,
    /// RMS level of the last stride in dB full scale.
    pub level_dbfs: f32,
    /// Processing time ÷ stride time, over the last 10 s, of all inputs together.
    pub load: f64,
    /// Seconds that the worker is behind the capture.
    pub lag_secs: f64,
    /// Time from sound to event, of the newest events of all inputs.
    pub latency: Option<Latency>,
    /// What the input is able to hear.
    pub health: Health,
    /// What is wrong with the input or its device, as a sentence.
    pub trouble: Option<String>,
    /// What is being shed under overload; empty when all is well.
    pub shed: &'static [&'static str],
    /// Where the networks run, as in `cpu` or `cuda:0`.
    pub device: String,
    /// Counters since the stream began.
    pub totals: Totals,
}

/// Sound levels by the second.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelsReport {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// What is added to levels relative to full scale; 0 where nobody calibrated the input.
    pub calibration_db: f64,
    /// Ties positions to wall time.
    pub clock: StreamClock,
    /// In order; seconds in which sound is missing are not there.
    pub seconds: Vec<TimedLevels>,
}

/// Levels of one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedLevels {
    /// Where the second begins.
    pub begin: SamplePos,
    /// The levels.
    pub levels: SecondLevels,
}

/// Time from a sound's onset to the event's being known, over the newest events, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Half of the events were known by then.
    pub p50_secs: f64,
    /// 99 of 100 were.
    pub p99_secs: f64,
}

/// Counters since a stream began, taken at one moment; `captured = analysed + dropped + waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Samples (per channel, at the input's own rate) that the source delivered, or skipped while it ran.
    pub captured_samples: u64,
    /// Of these, samples that reached the worker.
    pub analysed_samples: u64,
    /// Of these, samples lost: the ring was full, or the device skipped them.
    pub dropped_samples: u64,
    /// Of these, samples that have not been read yet.
    pub waiting_samples: u64,
    /// Samples that the device would have captured while it was away: the stream's length is `captured + away`.
    pub away_samples: u64,
    /// Gaps that the device reported.
    pub xruns: u64,
    /// Samples that were not finite and were replaced by 0.
    pub invalid_samples: u64,
    /// Events reported.
    pub events: u64,
    /// Strides whose work was shed under overload.
    pub shed_strides: u64,
}

/// Last report of a stream.
#[derive(Debug, Clone)]
pub struct StopReport {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// Where the stream ended.
    pub position: SamplePos,
    /// Ties `position` to wall time.
    pub clock: StreamClock,
    /// Why it ended, as in `end of input`, `duration reached`, `signal`, or an error's sentence.
    pub reason: String,
    /// Counters since the stream began.
    pub totals: Totals,
    /// Seconds the engine computed.
    pub busy_secs: f64,
    /// Seconds that passed on the wall clock.
    pub wall_secs: f64,
}
