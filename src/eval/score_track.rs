//! A model's scores over a stream, placed in time.
//!
//! A segment's score says that a class sounds somewhere in the segment. It stands for the stretch of one stride around the
//! segment's middle: an event makes all segments score that hold it, and their middles lie around it, not behind it.

use super::events::Span;
use super::psds::ScoredRecording;

/// Of an event, a segment has to hold this share …
const HEARD_SHARE: f64 = 0.5;

/// … or so many seconds, whichever is less, for its score to be right if it is high.
const HEARD_SECS: f64 = 0.5;

/// The scores of a stream's segments.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreTrack {
    stream_s: f64,
    segment_s: f64,
    stride_s: f64,
    segments: Vec<ScoredSegment>,
}

/// What a model said of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSegment {
    /// Where it ends, in seconds.
    pub end_s: f64,
    /// Scores, 0…1, one a class.
    pub scores: Vec<f32>,
}

impl ScoreTrack {
    /// The scores of segments of `segment_s` seconds, `stride_s` apart and in order, of a stream of `stream_s` seconds.
    #[must_use]
    pub const fn new(stream_s: f64, segment_s: f64, stride_s: f64, segments: Vec<ScoredSegment>) -> Self {
        Self { stream_s, segment_s, stride_s, segments }
    }

    /// Length of the stream in seconds.
    #[must_use]
    pub const fn stream_s(&self) -> f64 {
        self.stream_s
    }

    /// The scores as a curve from 0 to the stream's end, with the events of each label of `labels`.
    #[must_use]
    pub fn recording(&self, labels: &[String], events: &[Span]) -> ScoredRecording {
        let begin = |segment: &ScoredSegment| segment.end_s - (self.segment_s + self.stride_s) / 2.0;
        let inside: Vec<&ScoredSegment> = self
            .segments
            .iter()
            .filter(|segment| begin(segment) < self.stream_s && begin(segment) + self.stride_s > 0.0)
            .collect();
        let mut edges_s: Vec<f64> = inside.iter().map(|segment| begin(segment).max(0.0)).collect();
        if !edges_s.is_empty() {
            edges_s.push(self.stream_s);
        }
        let score = |segment: &&ScoredSegment, class: usize| segment.scores.get(class).map_or(0.0, |s| f64::from(*s));
        let of_label = |label: &String| {
            let of_label = events.iter().filter(|span| span.label == *label);
            of_label.map(|span| (span.onset_s, span.offset_s)).collect()
        };
        ScoredRecording {
            edges_s,
            scores: (0..labels.len()).map(|class| inside.iter().map(|s| score(s, class)).collect()).collect(),
            events: labels.iter().map(of_label).collect(),
            secs: self.stream_s,
        }
    }

    /// Each segment's score of a class, and whether the segment holds one of the class's `events`: half of it, or half a
    /// second of it. Segments that hold less, but some, are left out: nobody could say what is right there.
    #[must_use]
    pub fn scores_and_truth(&self, class: usize, events: &[&Span]) -> Vec<(f64, bool)> {
        let truth = |segment: &ScoredSegment| {
            let (from, to) = (segment.end_s - self.segment_s, segment.end_s);
            let held = |span: &&Span| (to.min(span.offset_s) - from.max(span.onset_s)).max(0.0);
            let enough = |span: &&Span| HEARD_SECS.min(HEARD_SHARE * (span.offset_s - span.onset_s));
            if events.iter().any(|span| held(span) > 0.0 && held(span) >= enough(span)) {
                return Some(true);
            }
            (!events.iter().any(|span| held(span) > 0.0)).then_some(false)
        };
        let one = |segment: &ScoredSegment| Some((f64::from(*segment.scores.get(class)?), truth(segment)?));
        self.segments.iter().filter_map(one).collect()
    }
}
