//! MQTT: events as messages, and what is retained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;

use super::board::Board;
use super::message::{Kind, Message};
use super::mqtt_link::{Link, Standing};
use super::mqtt_pictures::Pictures;
use super::options::MqttOptions;
use super::runner::{Deliver, Failure};
use super::stats::Stats;
use crate::error::Result;

/// The pause after a retained topic could not be published over a connection that stands.
const PAUSE: Duration = Duration::from_secs(2);

/// Publishes events and the board.
pub(super) struct Mqtt {
    link: Link,
    board: Board,
    stats: Arc<Stats>,
    /// The connection over which the board was published.
    connection: u64,
    /// Pictures that are waited for, where they are wanted.
    pictures: Option<Pictures>,
}

impl Mqtt {
    /// # Errors
    /// As [`Link::start`].
    pub(super) fn new(options: &MqttOptions, board: Board, stats: Arc<Stats>) -> Result<Self> {
        let overheard = {
            let board = board.clone();
            move |topic: &str, text: &str| board.overheard(topic, text)
        };
        let standing = Standing {
            will: (board.topics().availability(), "offline".to_owned()),
            subscriptions: board.topics().contested().to_vec(),
            overheard: Box::new(overheard),
        };
        let link = Link::start(options, standing, board.waker())?;
        Ok(Self { link, board, stats, connection: 0, pictures: options.pictures.then(Pictures::default) })
    }

    /// Publishes all that the broker does not have.
    fn publish_board(&mut self) -> Result<(), String> {
        let connection = self.link.connection()?;
        if connection != self.connection {
            self.board.connected();
            self.link.listen();
            self.connection = connection;
        }
        for due in self.board.due() {
            self.link.publish(&due.topic, due.text.as_bytes(), true)?;
            self.board.published(&due);
        }
        Ok(())
    }
}

impl Deliver for Mqtt {
    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        // The state first: who hears of the event finds it.
        self.publish_board().map_err(|why| {
            Failure::Later(if why.is_empty() { "the broker has not answered yet".to_owned() } else { why })
        })?;
        let topic = self.board.topics().message(message.kind);
        self.link.publish(&topic, message.text().as_bytes(), false).map_err(Failure::Later)?;
        if let Some(pictures) = self.pictures.as_mut().filter(|_| message.kind == Kind::Event) {
            pictures.expect(message, &self.board);
        }
        Ok(())
    }

    fn attend(&mut self) -> Option<Instant> {
        let next = self.board.turn_off(Instant::now());
        match self.publish_board() {
            Ok(()) => {
                self.stats.works();
                let link = &self.link;
                let pictures = self.pictures.as_mut();
                let due = pictures.and_then(|all| all.publish(|topic, picture| link.publish(topic, picture, true)));
                next.into_iter().chain(due).min()
            }
            Err(why) => {
                if !why.is_empty() {
                    self.stats.fails(&why);
                }
                // Without a connection the link wakes us.
                let again = self.link.connection().is_ok().then(|| Instant::now() + PAUSE);
                next.into_iter().chain(again).min()
            }
        }
    }

    fn woken_by(&self) -> Receiver<()> {
        self.board.woken()
    }

    fn close(&mut self) {
        self.board.silence();
        let told = self.publish_board().and_then(|()| {
            self.board.leave();
            self.publish_board()
        });
        if let Err(why) = told {
            tracing::debug!("the broker did not get the last messages: {why}");
        }
        self.link.disconnect();
    }
}
