//! Which events a sink is told of, and how often.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::message::{Kind, Message};
use super::options::{FilterOptions, TellOf};

/// What a sink wants to hear of, and the memory of its rate limit.
#[derive(Debug)]
pub(super) struct Filter {
    options: FilterOptions,
    labels: BTreeMap<String, Gate>,
}

/// The rate limit of one label.
#[derive(Debug, Default)]
struct Gate {
    passed: Option<(Instant, String)>,
    kept_back: u64,
    /// The newest event that was kept back: its onset and itself count once.
    newest_kept_back: String,
}

impl Filter {
    pub(super) fn new(options: FilterOptions) -> Self {
        Self { options, labels: BTreeMap::new() }
    }

    /// Whether the sink wants to know of such an event at all, however often.
    pub(super) fn wants(&self, message: &Message) -> bool {
        let labels = &self.options.labels;
        !message.is_quiet()
            && (labels.is_empty() || labels.contains(&message.label))
            && message.score >= self.options.min_score
    }

    /// Whether messages of this kind are told.
    pub(super) fn tells(&self, kind: Kind) -> bool {
        match self.options.tell {
            TellOf::Event => kind == Kind::Event,
            TellOf::Onset => kind == Kind::Onset,
            TellOf::Both => true,
        }
    }

    /// Lets a message pass at `now`, with the number of events that were kept back before it; `None` keeps it back. An
    /// event whose onset passed passes too.
    pub(super) fn limit(&mut self, message: &Message, now: Instant) -> Option<u64> {
        let every = Duration::from_secs_f64(self.options.per_label_secs);
        if every.is_zero() {
            return Some(0);
        }
        let gate = self.labels.entry(message.label.clone()).or_default();
        match &gate.passed {
            Some((_, id)) if *id == message.id => Some(0),
            Some((at, _)) if now.saturating_duration_since(*at) < every => {
                if gate.newest_kept_back != message.id {
                    gate.kept_back += 1;
                    gate.newest_kept_back.clone_from(&message.id);
                }
                None
            }
            _ => {
                gate.passed = Some((now, message.id.clone()));
                Some(std::mem::take(&mut gate.kept_back))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    fn filter(change: impl FnOnce(&mut FilterOptions)) -> Filter {
        let mut options = FilterOptions::default();
        change(&mut options);
        Filter::new(options)
    }

    #[test]
    fn labels_scores_and_quiet_events_are_told_apart() {
        let all = filter(|_| {});
        assert!(all.wants(&message(Kind::Event, "A", "dog", 0.1)));
        let mut quiet = message(Kind::Event, "A", "dog", 0.9);
        std::sync::Arc::make_mut(&mut quiet.json).insert("quiet".into(), true.into());
        assert!(!all.wants(&quiet));
        let some = filter(|o| {
            o.labels = vec!["dog".into()];
            o.min_score = 0.5;
        });
        assert!(some.wants(&message(Kind::Event, "A", "dog", 0.5)));
        assert!(!some.wants(&message(Kind::Event, "A", "dog", 0.49)));
        assert!(!some.wants(&message(Kind::Event, "A", "cat", 0.9)));
    }

    #[test]
    fn the_limit_is_one_a_label_and_counts_what_it_keeps_back() {
        let mut filter = filter(|o| o.per_label_secs = 10.0);
        let begin = Instant::now();
        let at = |secs: u64| begin + Duration::from_secs(secs);
        let event = |id: &str, label: &str| message(Kind::Event, id, label, 0.9);
        assert_eq!(filter.limit(&event("A", "dog"), at(0)), Some(0));
        assert_eq!(filter.limit(&event("B", "cat"), at(1)), Some(0), "another label");
        assert_eq!(filter.limit(&event("C", "dog"), at(2)), None);
        assert_eq!(filter.limit(&event("D", "dog"), at(9)), None);
        assert_eq!(filter.limit(&event("E", "dog"), at(10)), Some(2));
        assert_eq!(filter.limit(&event("F", "dog"), at(25)), Some(0), "told once");
    }

    #[test]
    fn an_event_follows_its_onset_and_counts_once() {
        let mut filter = filter(|o| {
            o.per_label_secs = 10.0;
            o.tell = TellOf::Both;
        });
        let begin = Instant::now();
        let at = |secs: u64| begin + Duration::from_secs(secs);
        let both = |id: &str| [message(Kind::Onset, id, "dog", 0.9), message(Kind::Event, id, "dog", 0.9)];
        assert_eq!(both("A").map(|m| filter.limit(&m, at(0))), [Some(0), Some(0)]);
        assert_eq!(both("B").map(|m| filter.limit(&m, at(5))), [None, None]);
        assert_eq!(both("C").map(|m| filter.limit(&m, at(12))), [Some(1), Some(0)]);
    }

    #[test]
    fn each_kind_is_told_to_who_asks_for_it() {
        let tells = |tell| {
            let filter = filter(|o| o.tell = tell);
            (filter.tells(Kind::Onset), filter.tells(Kind::Event))
        };
        assert_eq!(tells(TellOf::Event), (false, true));
        assert_eq!(tells(TellOf::Onset), (true, false));
        assert_eq!(tells(TellOf::Both), (true, true));
    }
}
