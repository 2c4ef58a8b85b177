//! Pictures of recorded events for a broker: each follows its event once the event's folder is there.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::board::Board;
use super::evidence::{Evidence, Look, PATIENCE, folder};
use super::message::Message;
use super::mqtt_link::MAX_PICTURE;

/// Pictures that are waited for; with more, the oldest is given up.
const MOST: usize = 8;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A picture that is waited for.
#[derive(Debug)]
struct Expected {
    folder: PathBuf,
    topics: Vec<String>,
    until: Instant,
}

/// Those of one broker.
#[derive(Debug, Default)]
pub(super) struct Pictures(VecDeque<Expected>);

impl Pictures {
    /// Queues the picture of the message's event, if the event is recorded.
    pub(super) fn expect(&mut self, message: &Message, board: &Board) {
        let Some(folder) = folder(message) else { return };
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        let topics = board.picture_topics(message.field("source"));
        self.0.push_back(Expected { folder, topics, until: Instant::now() + PATIENCE });
    }

    /// Publishes those that are there; when to look again. What is not kept, is too large or does not come in time is given up.
    pub(super) fn publish(&mut self, mut publish: impl FnMut(&str, &[u8]) -> Result<(), String>) -> Option<Instant> {
        let now = Instant::now();
        self.0.retain(|expected| match Evidence::Picture.look(&expected.folder) {
            Look::There(picture) if picture.len() <= MAX_PICTURE => {
                let published = expected.topics.iter().all(|topic| publish(topic, &picture).is_ok());
                !published && now < expected.until
            }
            Look::There(_) | Look::NotKept => false,
            Look::NotYet => now < expected.until,
        });
        (!self.0.is_empty()).then(|| now + PAUSE)
    }
}
