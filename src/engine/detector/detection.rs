//! What goes into the state machines, and what comes out.

use crate::units::ClassId;

/// An event that is over. Frames are the stream's.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The class.
    pub class: ClassId,
    /// First frame.
    pub onset: u64,
    /// One past the last frame.
    pub offset: u64,
    /// Highest probability.
    pub score: f32,
    /// End of the segment that had it.
    pub peak_end: u64,
    /// End of the segment at which the detector was sure.
    pub sure_end: u64,
}

/// An event that has just begun: the detector is sure of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opening {
    /// The class.
    pub class: ClassId,
    /// First frame.
    pub onset: u64,
    /// Probability at this stride, or the highest that led here.
    pub score: f32,
}

/// What one stride brings.
pub struct StrideInput<'a> {
    /// One past the segment's last frame.
    pub end: u64,
    /// Probability of each class; where any loud sound counts, its score last.
    pub probs: &'a [f32],
    /// The gate's level, where the stride is quieter: then it speaks for no class.
    pub gate_dbfs: Option<f32>,
    /// Evidence of a class for each frame of the segment, at least 0 each; asked only where it matters.
    pub evidence: &'a dyn Fn(ClassId) -> Vec<f32>,
}
