//! What a broker keeps for whoever comes later: retained topics and what they should say. Written by the recorder's thread,
//! published by the sink's; a broker that was away gets the newest state and nothing older.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};

use super::home_assistant as ha;
use super::message::{Kind, Message};
use super::observe::Observe;
use super::options::MqttOptions;
use super::topics::Topics;
use crate::engine::report::Report;
use crate::record::relay::Aside;
use crate::record::report_json;

/// States as they are published.
const ONLINE: &str = "online";
const OFFLINE: &str = "offline";
const ON: &str = "ON";
const OFF: &str = "OFF";

/// Inputs that get topics and entities of their own; a folder of recordings may bring any number of them.
const MAX_INPUTS: usize = 64;

/// Names that stand in topics and ids, one for each thing.
#[derive(Debug, Default)]
pub(super) struct Slugs(BTreeMap<String, String>);

impl Slugs {
    /// The slug of `name`: the same every time, and no other name's.
    pub(super) fn of(&mut self, name: &str) -> String {
        if let Some(slug) = self.0.get(name) {
            return slug.clone();
        }
        let plain = ha::slug(name);
        let numbered = (2..).map(|n| format!("{plain}_{n}"));
        let free = |slug: &String| !self.0.values().any(|taken| taken == slug);
        let slug = std::iter::once(plain.clone()).chain(numbered).find(free).unwrap_or(plain);
        self.0.insert(name.to_owned(), slug.clone());
        slug
    }
}

/// A retained topic.
#[derive(Debug, Default)]
struct Retained {
    text: String,
    revision: u64,
    /// The revision that the broker has.
    published: u64,
}

/// A state that is ON: a label that sounds, somewhere or at one input.
#[derive(Debug, Default)]
struct On {
    /// Events that have begun and are not over, and until when they are waited for.
    open: BTreeMap<String, Instant>,
    /// It is ON until then in any case.
    until: Option<Instant>,
}

impl On {
    fn ends(&self) -> Option<Instant> {
        self.open.values().copied().chain(self.until).max()
    }
}

#[derive(Debug)]
struct Inner {
    topics: BTreeMap<String, Retained>,
    /// By the topic of the state.
    on: BTreeMap<String, On>,
    labels: Slugs,
    inputs: Slugs,
    announced: BTreeSet<String>,
}

/// The retained topics of one broker. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Board {
    inner: Arc<Mutex<Inner>>,
    options: Arc<MqttOptions>,
    topics: Arc<Topics>,
    wake: Sender<()>,
    woken: Receiver<()>,
}

/// A topic whose text the broker does not have.
pub(super) struct Due {
    pub(super) topic: String,
    pub(super) text: String,
    revision: u64,
}

impl Board {
    pub(super) fn new(options: &MqttOptions) -> Self {
        let (wake, woken) = channel::bounded(1);
        let inner = Inner {
            topics: BTreeMap::new(),
            on: BTreeMap::new(),
            labels: Slugs::default(),
            inputs: Slugs::default(),
            announced: BTreeSet::new(),
        };
        let board = Self {
            inner: Arc::new(Mutex::new(inner)),
            topics: Arc::new(Topics { base: options.base_topic.clone() }),
            options: Arc::new(options.clone()),
            wake,
            woken,
        };
        board.announce_labels();
        board
    }

    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The topics that the picture of an event of the input `source` belongs under.
    pub(super) fn picture_topics(&self, source: &str) -> Vec<String> {
        let mut inner = self.inner();
        let input = inner.announced.contains(source).then(|| inner.inputs.of(source));
        let of_input = input.map(|slug| self.topics.input_picture(&slug));
        std::iter::once(self.topics.picture()).chain(of_input).collect()
    }

    /// Something is due.
    pub(super) fn woken(&self) -> Receiver<()> {
        self.woken.clone()
    }

    /// For others who have something to be looked after.
    pub(super) fn waker(&self) -> Sender<()> {
        self.wake.clone()
    }

    /// Turns labels OFF whose time is over; when to look again.
    pub(super) fn turn_off(&self, now: Instant) -> Option<Instant> {
        let mut inner = self.inner();
        let over: Vec<String> =
            inner.on.iter().filter(|(_, on)| on.ends().is_none_or(|end| end <= now)).map(|(t, _)| t.clone()).collect();
        for topic in over {
            inner.on.remove(&topic);
            inner.set(topic, OFF.to_owned());
        }
        inner.on.values().filter_map(On::ends).min()
    }

    /// What the broker does not have yet.
    pub(super) fn due(&self) -> Vec<Due> {
        let due = |(topic, retained): (&String, &Retained)| {
            (retained.published != retained.revision).then(|| Due {
                topic: topic.clone(),
                text: retained.text.clone(),
                revision: retained.revision,
            })
        };
        self.inner().topics.iter().filter_map(due).collect()
    }

    /// The broker has it.
    pub(super) fn published(&self, due: &Due) {
        if let Some(retained) = self.inner().topics.get_mut(&due.topic) {
            retained.published = due.revision;
        }
    }

    /// The broker may have forgotten everything, or told that we are gone.
    pub(super) fn connected(&self) {
        let mut inner = self.inner();
        inner.topics.values_mut().for_each(|retained| retained.published = 0);
        inner.set(self.topics.availability(), ONLINE.to_owned());
    }

    /// The broker has published `text` under a topic of ours. Where another client said less than we know (its last will,
    /// while we are online; its OFF, while a label sounds here), our own text is due again. The other way round nothing is
    /// corrected: two monitors that share topics never answer each other without end.
    pub(super) fn overheard(&self, topic: &str, text: &str) {
        let mut inner = self.inner();
        let Some(retained) = inner.topics.get_mut(topic) else { return };
        if matches!(retained.text.as_str(), ONLINE | ON) && retained.text != text {
            retained.published = 0;
            drop(inner);
            self.changed();
        }
    }

    /// Nothing sounds any more.
    pub(super) fn silence(&self) {
        let mut inner = self.inner();
        for topic in std::mem::take(&mut inner.on).into_keys() {
            inner.set(topic, OFF.to_owned());
        }
    }

    /// Nobody is there any more.
    pub(super) fn leave(&self) {
        self.inner().set(self.topics.availability(), OFFLINE.to_owned());
    }

    fn announce_labels(&self) {
        let mut inner = self.inner();
        let wanted = &self.options.filter.labels;
        for label in self.options.all_labels.iter().filter(|label| wanted.is_empty() || wanted.contains(label)) {
            let slug = inner.labels.of(label);
            inner.set(self.topics.label_state(&slug), OFF.to_owned());
            self.announce(&mut inner, ha::label(&self.options, &self.topics, label, &slug));
            self.announce(&mut inner, ha::trigger(&self.options, &self.topics, label, &slug));
        }
        self.announce(&mut inner, ha::last_event(&self.options, &self.topics));
        if self.options.pictures {
            self.announce(&mut inner, ha::picture(&self.options, &self.topics, None));
        }
    }

    fn announce_input(&self, source: &str) {
        let mut inner = self.inner();
        if inner.announced.contains(source) || inner.announced.len() >= MAX_INPUTS {
            return;
        }
        inner.announced.insert(source.to_owned());
        let slug = inner.inputs.of(source);
        inner.set(self.topics.input_state(&slug), OFF.to_owned());
        for entity in ha::input(&self.options, &self.topics, source, &slug) {
            self.announce(&mut inner, entity);
        }
        if self.options.pictures {
            self.announce(&mut inner, ha::picture(&self.options, &self.topics, Some((source, &slug))));
        }
    }

    fn announce(&self, inner: &mut Inner, entity: ha::Entity) {
        if !self.options.discovery_topic.is_empty() {
            inner.set(entity.topic, entity.text);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        // One call that waits is enough.
        let _ = self.wake.try_send(());
    }
}

impl Inner {
    fn set(&mut self, topic: String, text: String) {
        let retained = self.topics.entry(topic).or_default();
        if retained.text != text || retained.revision == 0 {
            retained.text = text;
            retained.revision += 1;
        }
    }
}

impl Observe for Board {
    fn day(&self, json: &str) {
        let mut inner = self.inner();
        inner.set(self.topics.daily(), json.to_owned());
        self.announce(&mut inner, ha::daily(&self.options, &self.topics));
        drop(inner);
        self.changed();
    }

    fn report(&self, report: &Report) {
        match report {
            Report::Start(start) => self.announce_input(&start.source),
            Report::Status(status) => {
                let Ok(json) = report_json(report, &Aside::default()) else { return };
                let mut inner = self.inner();
                if !inner.announced.contains(&status.source) {
                    return;
                }
                let slug = inner.inputs.of(&status.source);
                inner.set(self.topics.input_status(&slug), json.to_string());
            }
            _ => return,
        }
        self.changed();
    }

    fn message(&self, message: &Message) {
        let now = Instant::now();
        let secs = |secs: f64| now + Duration::try_from_secs_f64(secs).unwrap_or_default();
        let mut inner = self.inner();
        let label = inner.labels.of(&message.label);
        let source = message.field("source");
        let input = inner.announced.contains(source).then(|| inner.inputs.of(source));
        let mut states = vec![self.topics.label_state(&label)];
        if let Some(input) = &input {
            states.extend([self.topics.input_state(input), self.topics.input_label_state(input, &label)]);
        }
        for topic in states {
            let on = inner.on.entry(topic.clone()).or_default();
            match message.kind {
                Kind::Onset => {
                    on.open.insert(message.id.clone(), secs(self.options.longest_on_secs));
                }
                Kind::Event => {
                    on.open.remove(&message.id);
                    on.until = on.until.max(Some(secs(self.options.off_delay_secs)));
                }
            }
            inner.set(topic, ON.to_owned());
        }
        if message.kind == Kind::Event {
            let text = message.text();
            let of_input = input.map(|input| self.topics.input_event(&input));
            let topics = [self.topics.label_event(&label), self.topics.last_event()].into_iter().chain(of_input);
            topics.for_each(|topic| inner.set(topic, text.clone()));
        }
        drop(inner);
        self.changed();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::super::message::tests::message;
    use super::super::options::{FilterOptions, Secret};
    use super::*;

    pub(in crate::sinks) fn options() -> MqttOptions {
        MqttOptions {
            filter: FilterOptions::default(),
            host: "localhost".into(),
            port: 1883,
            tls: false,
            ca_file: String::new(),
            user: String::new(),
            password: Secret::default(),
            base_topic: "house/ear".into(),
            discovery_topic: "homeassistant".into(),
            pictures: true,
            off_delay_secs: 5.0,
            longest_on_secs: 60.0,
            all_labels: vec!["dog".into(), "crying baby".into()],
            model: "default".into(),
        }
    }

    fn state(board: &Board, label: &str) -> String {
        board.inner().topics[&format!("house/ear/label/{label}/state")].text.clone()
    }

    #[test]
    fn a_label_is_on_from_its_onset_until_some_time_after_its_event() {
        let board = Board::new(&options());
        let begin = Instant::now();
        assert_eq!((state(&board, "dog"), board.turn_off(begin)), ("OFF".into(), None));
        board.message(&message(Kind::Onset, "A", "dog", 0.9));
        let wait = board.turn_off(begin).unwrap();
        assert!(wait >= begin + Duration::from_secs(60));
        assert_eq!(state(&board, "dog"), "ON");
        board.message(&message(Kind::Event, "A", "dog", 0.9));
        let wait = board.turn_off(begin).unwrap();
        assert!(wait < begin + Duration::from_secs(50), "the event is over");
        assert_eq!(board.turn_off(wait), None);
        assert_eq!((state(&board, "dog"), state(&board, "crying_baby")), ("OFF".into(), "OFF".into()));
    }

    #[test]
    fn an_onset_without_an_event_ends_by_itself_and_another_event_goes_on() {
        let board = Board::new(&options());
        let begin = Instant::now();
        board.message(&message(Kind::Onset, "A", "dog", 0.9));
        board.message(&message(Kind::Onset, "B", "dog", 0.9));
        board.message(&message(Kind::Event, "A", "dog", 0.9));
        assert!(board.turn_off(begin + Duration::from_secs(20)).is_some());
        assert_eq!(state(&board, "dog"), "ON", "B goes on");
        assert_eq!(board.turn_off(Instant::now() + Duration::from_secs(61)), None);
        assert_eq!(state(&board, "dog"), "OFF");
    }

    #[test]
    fn only_what_changed_is_due_and_all_of_it_after_a_new_connection() {
        let board = Board::new(&options());
        board.connected();
        let all = board.due();
        // Two labels with state, announcement and trigger, the announcements of the newest event and its picture, availability.
        assert_eq!(all.len(), 9, "{:?}", all.iter().map(|due| &due.topic).collect::<Vec<_>>());
        all.iter().for_each(|due| board.published(due));
        assert!(board.due().is_empty());
        board.message(&message(Kind::Event, "A", "dog", 0.9));
        let due = board.due();
        let topics: Vec<&str> = due.iter().map(|due| due.topic.as_str()).collect();
        assert_eq!(topics, ["house/ear/label/dog/event", "house/ear/label/dog/state", "house/ear/last_event"]);
        // What changes while it is published is due again.
        board.silence();
        board.leave();
        due.iter().for_each(|due| board.published(due));
        let topics: Vec<String> = board.due().into_iter().map(|due| due.topic).collect();
        assert_eq!(topics, ["house/ear/availability", "house/ear/label/dog/state"]);
        board.connected();
        assert_eq!(board.due().len(), 11);
    }

    /// The board as a broker has it, with one input announced.
    fn published_board() -> Board {
        let board = Board::new(&options());
        board.announce_input("demo");
        board.connected();
        board.due().iter().for_each(|due| board.published(due));
        board
    }

    fn due_topics(board: &Board) -> Vec<String> {
        board.due().into_iter().map(|due| due.topic).collect()
    }

    #[test]
    fn another_client_that_says_less_than_we_know_is_corrected() {
        let board = published_board();
        board.overheard("house/ear/availability", "offline");
        assert_eq!(due_topics(&board), ["house/ear/availability"]);
        board.due().iter().for_each(|due| board.published(due));
        board.message(&message(Kind::Onset, "A", "dog", 0.9));
        board.due().iter().for_each(|due| board.published(due));
        for topic in ["label/dog/state", "input/demo/state", "input/demo/label/dog/state"] {
            board.overheard(&format!("house/ear/{topic}"), "OFF");
        }
        assert_eq!(due_topics(&board).len(), 3);
    }

    #[test]
    fn what_others_know_more_and_our_own_echo_are_left_as_they_are() {
        let board = published_board();
        board.overheard("house/ear/availability", "online");
        board.overheard("house/ear/label/dog/state", "ON");
        board.overheard("house/ear/label/dog/state", "OFF");
        board.overheard("house/ear/label/cat/state", "OFF");
        assert!(board.due().is_empty());
        board.leave();
        board.due().iter().for_each(|due| board.published(due));
        board.overheard("house/ear/availability", "online");
        assert!(board.due().is_empty(), "another monitor is there, and we are not");
    }

    #[test]
    fn an_input_has_a_state_an_event_and_a_state_for_each_label_that_sounded_there() {
        let board = published_board();
        assert_eq!(board.inner().topics["house/ear/input/demo/state"].text, "OFF");
        board.message(&message(Kind::Onset, "A", "dog", 0.9));
        board.message(&message(Kind::Event, "A", "dog", 0.9));
        let states = ["input/demo/state", "input/demo/label/dog/state"].map(|t| format!("house/ear/{t}"));
        assert!(states.iter().all(|topic| board.inner().topics[topic].text == "ON"));
        assert!(board.inner().topics["house/ear/input/demo/event"].text.contains("\"id\":\"A\""));
        let wait = board.turn_off(Instant::now()).unwrap();
        assert_eq!(board.turn_off(wait), None);
        assert!(states.iter().all(|topic| board.inner().topics[topic].text == "OFF"));
    }

    #[test]
    fn a_folder_of_recordings_does_not_fill_the_broker() {
        let board = Board::new(&options());
        (0..200).for_each(|n| board.announce_input(&format!("file:{n}.wav")));
        let inputs = board.inner().topics.keys().filter(|topic| topic.starts_with("house/ear/input/")).count();
        assert_eq!(inputs, MAX_INPUTS);
    }

    #[test]
    fn no_two_names_share_a_topic() {
        let mut slugs = Slugs::default();
        assert_eq!(["a b", "a_b", "a/b", "a b"].map(|name| slugs.of(name)), ["a_b", "a_b_2", "a_b_3", "a_b"]);
    }
}
