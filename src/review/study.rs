//! The study of the AudioMNIST paper summed up: can people tell what the model said from a recording or from its explanation,
//! heard or seen?

use std::collections::{BTreeMap, BTreeSet};

use super::ratings::Rating;

/// What answers to one label in one format are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// The label; none for the means over all labels.
    pub label: Option<String>,
    /// Signal or explanation, heard or seen, with the method where it matters.
    pub format: String,
    /// Answers to samples of the label.
    pub n: usize,
    /// People.
    pub n_raters: usize,
    /// Share of these answers that are what the model said, 0…1.
    pub right: f64,
    /// TP ÷ P − FP ÷ N: how well people are informed of whether the model said this label, −1…1. None where every sample
    /// has the label.
    pub informedness: Option<f64>,
    /// TP ÷ (TP + FP) − FN ÷ (TN + FN): how far their answers can be trusted, −1…1. None where nobody, or everybody, gave the
    /// label as an answer.
    pub markedness: Option<f64>,
}

/// Sums up the answers among `ratings` for each format: first over all labels, then label by label.
#[must_use]
pub fn understood(ratings: &[Rating]) -> Vec<Understood> {
    let mut formats: BTreeMap<String, Vec<(&Rating, &str)>> = BTreeMap::new();
    for rating in ratings {
        if let Some(answer) = &rating.answer {
            formats.entry(rating.name()).or_default().push((rating, answer));
        }
    }
    let mut all = Vec::new();
    for (format, answers) in &formats {
        let labels: BTreeSet<&str> = answers.iter().map(|(rating, _)| rating.label.as_str()).collect();
        let by_label: Vec<Understood> = labels.iter().map(|label| of_label(format, label, answers)).collect();
        all.push(over_labels(format, &by_label, answers));
        all.extend(by_label);
    }
    all
}

fn of_label(format: &str, label: &str, answers: &[(&Rating, &str)]) -> Understood {
    let count = |said: bool, answered: bool| {
        answers
            .iter()
            .filter(|(rating, answer)| (rating.label == label) == said && (*answer == label) == answered)
            .count() as f64
    };
    let (tp, missed) = (count(true, true), count(true, false));
    let (fp, tn) = (count(false, true), count(false, false));
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let difference = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a - b);
    let own: Vec<_> = answers.iter().filter(|(rating, _)| rating.label == label).collect();
    Understood {
        label: Some(label.to_owned()),
        format: format.to_owned(),
        n: own.len(),
        n_raters: own.iter().map(|(rating, _)| rating.rater.as_str()).collect::<BTreeSet<_>>().len(),
        right: tp / (tp + missed).max(1.0),
        informedness: difference(share(tp, tp + missed), share(fp, fp + tn)),
        markedness: difference(share(tp, tp + fp), share(missed, tn + missed)),
    }
}

fn over_labels(format: &str, by_label: &[Understood], answers: &[(&Rating, &str)]) -> Understood {
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let right = answers.iter().filter(|(rating, answer)| rating.label == *answer).count();
    Understood {
        label: None,
        format: format.to_owned(),
        n: answers.len(),
        n_raters: answers.iter().map(|(rating, _)| rating.rater.as_str()).collect::<BTreeSet<_>>().len(),
        right: right as f64 / answers.len().max(1) as f64,
        informedness: mean(by_label.iter().filter_map(|u| u.informedness).collect()),
        markedness: mean(by_label.iter().filter_map(|u| u.markedness).collect()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::ratings::tests::rating;
    use super::*;

    fn answered(label: &str, format: &str, answer: &str, rater: &str) -> Rating {
        Rating { label: label.into(), answer: Some(answer.into()), ..rating(rater, format, 0.0) }
    }

    /// By hand: of two dogs one is known, of three others one is taken for a dog. scikit-learn's recall of both classes gives the
    /// same informedness: 0.5 + 2/3 − 1.
    #[test]
    fn informedness_and_markedness_are_those_of_the_confusion_table() {
        let answers = [
            answered("dog", "signal heard", "dog", "a"),
            answered("dog", "signal heard", "cat", "b"),
            answered("cat", "signal heard", "dog", "a"),
            answered("cat", "signal heard", "cat", "b"),
            answered("rain", "signal heard", "rain", "b"),
            rating("a", "interpretation", 80.0),
        ];
        let all = understood(&answers);
        assert_eq!(all.len(), 4, "the mean, cat, dog, rain; a rating is no answer");
        let dog = all.iter().find(|u| u.label.as_deref() == Some("dog")).unwrap();
        assert_eq!((dog.n, dog.n_raters, dog.right), (2, 2, 0.5));
        assert!((dog.informedness.unwrap() - (0.5 - 1.0 / 3.0)).abs() < 1e-12);
        assert!((dog.markedness.unwrap() - (0.5 - 1.0 / 3.0)).abs() < 1e-12);
        assert_eq!((all[0].label.as_deref(), all[0].n, all[0].right), (None, 5, 0.6));
    }

    #[test]
    fn formats_are_apart_and_what_cannot_be_said_is_not() {
        let answers = [answered("dog", "signal heard", "dog", "a"), answered("dog", "signal seen", "cat", "a")];
        let all = understood(&answers);
        assert_eq!(all.iter().filter(|u| u.format == "signal heard").count(), 2);
        assert!(all.iter().all(|u| u.informedness.is_none()), "there is nothing but dogs");
        assert_eq!(all[1].markedness, None);
    }
}
