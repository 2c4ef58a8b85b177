//! The parameters of one class, as its state machine counts: in frames.

use super::params::{ClassParams, DetectorParams, Localisation};

/// A class whose score pauses while its sound goes on would be reported twice: what begins so soon behind an event of the same
/// class, and within the merge gap, is part of it.
const NEAR_SECS: f64 = 0.3;

/// The parameters of one class, in frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) on: f32,
    pub(super) off: f32,
    pub(super) enabled: bool,
    /// Whether it is reported, and not only shown.
    pub(super) alarm: bool,
    /// Whether the level gate holds for it.
    pub(super) gated: bool,
    pub(super) min_strides: usize,
    pub(super) of_strides: usize,
    pub(super) sure: f32,
    pub(super) min_duration: u64,
    pub(super) merge_gap: u64,
    /// A second report that begins so soon behind the first is part of it.
    pub(super) near: u64,
    pub(super) linger: u64,
    pub(super) cooldown: u64,
    pub(super) max_event: u64,
    pub(super) frame_secs: f64,
    pub(super) tuning: Localisation,
}

impl Units {
    pub(super) fn new(params: &DetectorParams, class: &ClassParams, is_loud: bool, frame_secs: f64) -> Self {
        let frames = |secs: f64| (secs / frame_secs).round() as u64;
        Self {
            on: class.on,
            off: class.off,
            enabled: class.enabled,
            alarm: class.alarm,
            // A level is what it is: one stride is enough, and it has a threshold of its own.
            gated: !is_loud,
            min_strides: if is_loud { 1 } else { params.min_strides },
            of_strides: params.of_strides,
            sure: class.sure.map_or(params.sure, |sure| sure.min(params.sure)),
            min_duration: frames(class.min_duration_secs.unwrap_or(params.min_duration_secs)),
            merge_gap: frames(params.merge_gap_secs),
            near: frames(params.merge_gap_secs.min(NEAR_SECS)),
            linger: frames(params.localisation.linger_secs),
            cooldown: frames(class.cooldown_secs.unwrap_or(params.cooldown_secs)),
            max_event: frames(class.max_event_secs.unwrap_or(params.max_event_secs)).max(1),
            frame_secs,
            tuning: params.localisation,
        }
    }
}
