//! The lowest threshold of a label that keeps its false alarms within what is wanted.

use serde::Serialize;

/// With fewer events that were right, a recall says too little.
pub const LEAST_RIGHT: usize = 5;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// False alarms of a label in an hour, at most.
    pub false_alarms_per_hour: f64,
    /// No threshold below this one. A stream of an hour or two cannot tell a low threshold that is harmless from one that waits
    /// for another place.
    pub min_threshold: f64,
}

/// Where evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Recorded events that people marked.
    Marks,
    /// A stream of which it is known what sounds when.
    Stream,
}

/// What a threshold leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The threshold.
    pub threshold: f64,
    /// Events that were right.
    pub right: usize,
    /// False alarms.
    pub wrong: usize,
}

/// What is known of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The label.
    pub label: String,
    /// Its threshold now.
    pub now: f64,
    /// Where the evidence comes from.
    pub source: Source,
    /// Events that there were to find: in recorded events, those that were reported and are marked right.
    pub n_true: usize,
    /// How many events each event that was looked at stands for, at least 1.
    pub weight: f64,
    /// Hours that were listened to.
    pub hours: f64,
    /// What thresholds lead to, from the lowest on.
    pub steps: Vec<Step>,
}

/// What to do with a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// The label.
    pub label: String,
    /// Where the evidence comes from; none where there is none.
    pub source: Option<Source>,
    /// Events that there were to find.
    pub n_true: usize,
    /// False alarms at the lowest threshold that was looked at.
    pub n_wrong: usize,
    /// The threshold now.
    pub threshold_before: f64,
    /// The threshold to use; none where the label is left alone.
    pub threshold: Option<f64>,
    /// Share of the events that are found with it.
    pub recall: Option<f64>,
    /// False alarms in an hour with it.
    pub false_alarms_per_hour: Option<f64>,
    /// Why the label is left alone; empty otherwise.
    pub why_not: String,
}

/// Chooses a threshold for a label, or says why none can be chosen.
#[must_use]
pub fn choose(evidence: &Evidence, wanted: Wanted) -> Advice {
    let Evidence { label, now, source, n_true, weight, hours, steps } = evidence;
    let mut advice = Advice {
        label: label.clone(),
        source: Some(*source),
        n_true: *n_true,
        n_wrong: steps.first().map_or(0, |step| step.wrong),
        threshold_before: *now,
        threshold: None,
        recall: None,
        false_alarms_per_hour: None,
        why_not: String::new(),
    };
    let rate = |step: &Step| step.wrong as f64 * weight / hours;
    let fits = |step: &Step| step.threshold >= wanted.min_threshold && rate(step) <= wanted.false_alarms_per_hour;
    // Hours that are no number are not enough.
    let long_enough = hours * wanted.false_alarms_per_hour >= 1.0;
    if *n_true < LEAST_RIGHT {
        advice.why_not = format!("too little evidence: {n_true} events that are right, {LEAST_RIGHT} are needed");
    } else if !long_enough {
        // One false alarm more or less would decide.
        let needed = 1.0 / wanted.false_alarms_per_hour;
        advice.why_not =
            format!("too little evidence: {hours:.2} h are too short for this rate, {needed:.1} h are needed");
    } else if let Some(step) = steps.iter().find(|step| fits(step)) {
        advice.recall = Some(step.right as f64 / *n_true as f64);
        advice.false_alarms_per_hour = Some(rate(step));
        if step.right == 0 {
            advice.why_not = "with so few false alarms none of its events would be left".to_owned();
        } else {
            advice.threshold = Some(step.threshold);
        }
    } else {
        let least = steps.last().map_or(f64::NAN, rate);
        advice.why_not = format!("no threshold gives so few false alarms: {least:.2} an hour at the highest");
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(steps: &[(f64, usize, usize)]) -> Evidence {
        let steps = steps.iter().map(|&(threshold, right, wrong)| Step { threshold, right, wrong }).collect();
        Evidence { label: "dog".into(), now: 0.5, source: Source::Marks, n_true: 10, weight: 1.0, hours: 10.0, steps }
    }

    const HALF: Wanted = Wanted { false_alarms_per_hour: 0.5, min_threshold: 0.0 };

    #[test]
    fn the_lowest_threshold_within_the_rate_is_chosen_with_its_recall() {
        let steps = [(0.5, 10, 9), (0.6, 9, 6), (0.7, 8, 5), (0.8, 4, 0)];
        let advice = choose(&evidence(&steps), HALF);
        assert_eq!((advice.threshold, advice.recall, advice.false_alarms_per_hour), (Some(0.7), Some(0.8), Some(0.5)));
        // Where each marked event stands for two, half as many may be wrong.
        let advice = choose(&Evidence { weight: 2.0, ..evidence(&steps) }, HALF);
        assert_eq!((advice.threshold, advice.recall), (Some(0.8), Some(0.4)));
        // More false alarms than now may be wanted.
        assert_eq!(choose(&evidence(&steps), Wanted { false_alarms_per_hour: 2.0, ..HALF }).threshold, Some(0.5));
        let careful = Wanted { false_alarms_per_hour: 2.0, min_threshold: 0.65 };
        assert_eq!(choose(&evidence(&steps), careful).threshold, Some(0.7));
    }

    #[test]
    fn a_label_is_left_alone_where_there_is_too_little_to_tell() {
        let steps = [(0.5, 10, 9), (0.9, 0, 0)];
        let why = |evidence: Evidence, wanted| {
            let advice = choose(&evidence, wanted);
            assert_eq!(advice.threshold, None);
            advice.why_not
        };
        assert!(
            why(Evidence { n_true: 4, ..evidence(&steps) }, HALF).contains("4 events that are right, 5 are needed")
        );
        assert!(why(Evidence { hours: 1.0, ..evidence(&steps) }, HALF).contains("1.00 h are too short"));
        assert!(why(Evidence { hours: f64::NAN, ..evidence(&steps) }, HALF).contains("too short"));
        assert!(why(evidence(&steps), HALF).contains("none of its events would be left"));
        assert!(why(evidence(&[(0.5, 10, 9), (0.9, 9, 8)]), HALF).contains("0.80 an hour at the highest"));
        assert!(why(evidence(&[]), HALF).contains("no threshold"));
    }
}
