//! Whether speech is heard in what would be kept of an event.

use std::ops::Range;

use super::pipeline::Pipeline;
use super::report::RecordWhat;

/// A label that has one of these words is speech; among them those of AudioSet's ontology below "Speech" and "Shout".
const WORDS: [&str; 11] = [
    "speech",
    "speaking",
    "conversation",
    "narration",
    "monologue",
    "whisper",
    "whispering",
    "talking",
    "voice",
    "shout",
    "shouting",
];

/// Whether a label means that somebody speaks, as `speech`, `Child speech, kid speaking` and `conversation` do.
#[must_use]
pub fn is_speech(label: &str) -> bool {
    let mut words = label.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS.iter().any(|speech| word.eq_ignore_ascii_case(speech)))
}

impl Pipeline {
    /// What is kept of an event whose clip would hold these samples, where `record` was wanted: no audio if speech is to be
    /// dropped, and one of its classes reached its off threshold in a segment that overlaps the clip.
    pub(super) fn without_speech(&self, record: RecordWhat, clip: &Range<u64>) -> RecordWhat {
        let params = self.detector.params();
        if record != RecordWhat::Full || params.dropped_speech.is_empty() {
            return record;
        }
        let history = &self.ears.history;
        let geometry = history.geometry();
        let overlaps = |end: u64| {
            let segment = geometry.span(&geometry.segment(end));
            segment.start < clip.end as i64 && segment.end > clip.start as i64
        };
        let speaks = |probs: &[f32]| {
            params.dropped_speech.iter().any(|class| {
                let off = params.class(*class).map(|params| params.off);
                probs.get(class.0).zip(off).is_some_and(|(prob, off)| *prob >= off)
            })
        };
        let heard = history.strides().iter().any(|stride| overlaps(stride.end) && speaks(&stride.probs));
        if heard { RecordWhat::NoSpeech } else { record }
    }
}

#[cfg(test)]
mod tests {
    use super::is_speech;

    #[test]
    fn labels_of_speech_are_known_by_their_words() {
        for label in [
            "speech",
            "Speech",
            "Male speech, man speaking",
            "child_speech",
            "Conversation",
            "Narration, monologue",
            "whispering",
            "Human voice",
            "Hubbub, speech noise, speech babble",
        ] {
            assert!(is_speech(label), "{label}");
        }
        for label in ["dog", "laughter", "crying_baby", "Singing", "speechless", "music", "", "footsteps"] {
            assert!(!is_speech(label), "{label}");
        }
    }
}
