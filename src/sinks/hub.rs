//! All sinks of a run: hands every report to those who want it, changes them while it runs, and ends them in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::exec::Exec;
use super::filter::Filter;
use super::message::{Kind, Message};
use super::observe::Observe;
use super::options::{ExecOptions, MqttOptions, SinksOptions, WebhookOptions};
use super::runner::Runner;
use super::stats::Stats;
use crate::engine::report::Report;
use crate::error::Result;
use crate::record::relay::Aside;
use crate::record::{Relay, SinkState};

/// How long sinks that are taken away may go on with what waits.
const RETIRING: Duration = Duration::from_secs(5);

/// What a sink was made of: to see whether it must be made anew.
#[derive(Debug, Clone, PartialEq)]
enum Spec {
    Mqtt(MqttOptions),
    Webhook(WebhookOptions),
    Exec(ExecOptions),
}

/// One sink.
struct Sink {
    spec: Spec,
    filter: Filter,
    stats: Arc<Stats>,
    runner: Runner,
    observer: Option<Box<dyn Observe>>,
}

/// All sinks of a run. Shared by the recorder, which hands reports over, and by whoever starts and ends them.
#[derive(Clone, Default)]
pub struct Sinks(Arc<Mutex<Vec<Sink>>>);

/// Looks at the sinks' states, for figures.
#[derive(Clone)]
pub struct SinkWatch(Sinks);

impl std::fmt::Debug for SinkWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SinkWatch").field(&self.states()).finish()
    }
}

impl SinkWatch {
    /// Every sink's state.
    #[must_use]
    pub fn states(&self) -> Vec<SinkState> {
        self.0.states()
    }
}

impl Sinks {
    /// Starts all sinks. A broker or server that is down is no error: it is tried again.
    ///
    /// # Errors
    /// `Usage` for what cannot be used, `Output` when the system gives no thread.
    pub fn start(options: &SinksOptions) -> Result<Self> {
        let sinks = specs(options).into_iter().map(Sink::start).collect::<Result<_>>()?;
        Ok(Self(Arc::new(Mutex::new(sinks))))
    }

    /// Where the recorder hands its reports over; never blocks.
    #[must_use]
    pub fn relay(&self) -> Box<dyn Relay> {
        Box::new(self.clone())
    }

    /// Whether any sink keeps what a day was like.
    #[must_use]
    pub fn keep_days(&self) -> bool {
        self.all().iter().any(|sink| sink.observer.is_some())
    }

    /// What a day was like, as JSON, for sinks that keep it. Never blocks.
    pub fn day(&self, json: &str) {
        self.all().iter().filter_map(|sink| sink.observer.as_ref()).for_each(|observer| observer.day(json));
    }

    /// For figures.
    #[must_use]
    pub fn watch(&self) -> SinkWatch {
        SinkWatch(self.clone())
    }

    /// Takes other settings. Sinks whose settings are the same go on; others end within seconds, in the background, and
    /// new ones start. Where one cannot be used, nothing changes.
    ///
    /// # Errors
    /// As [`Sinks::start`].
    pub fn reconfigure(&self, options: &SinksOptions) -> Result<()> {
        let wanted = specs(options);
        let running: Vec<Spec> = self.all().iter().map(|sink| sink.spec.clone()).collect();
        let fresh = wanted
            .iter()
            .filter(|spec| !running.contains(spec))
            .map(|spec| Sink::start(spec.clone()))
            .collect::<Result<Vec<_>>>()?;
        let mut sinks = self.all();
        let (kept, retired): (Vec<Sink>, Vec<Sink>) =
            std::mem::take(&mut *sinks).into_iter().partition(|sink| wanted.contains(&sink.spec));
        *sinks = kept.into_iter().chain(fresh).collect();
        drop(sinks);
        if !retired.is_empty() {
            // Their threads end by themselves, too, should this one not start.
            let _ = std::thread::Builder::new()
                .name("sink-retiring".to_owned())
                .spawn(move || end(retired, Instant::now() + RETIRING));
        }
        Ok(())
    }

    /// Tells what waits and ends all sinks; returns about when `patience` is over at the latest.
    pub fn finish(&self, patience: Duration) {
        let sinks = std::mem::take(&mut *self.all());
        end(sinks, Instant::now() + patience);
    }

    fn states(&self) -> Vec<SinkState> {
        self.all().iter().map(|sink| sink.stats.state(sink.runner.waiting())).collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Sink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks all to end, then waits for all.
fn end(sinks: Vec<Sink>, deadline: Instant) {
    let ending: Vec<_> = sinks.into_iter().map(|sink| sink.runner.end()).collect();
    ending.into_iter().for_each(|sink| sink.wait(deadline));
}

impl Relay for Sinks {
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        let mut sinks = self.all();
        for sink in sinks.iter() {
            if let Some(observer) = &sink.observer {
                observer.report(report);
            }
        }
        let message = match Message::of(report, aside) {
            Ok(Some(message)) if !sinks.is_empty() => message,
            Ok(_) => return,
            Err(e) => return tracing::error!("{e}"),
        };
        let now = Instant::now();
        for sink in sinks.iter_mut() {
            sink.take(&message, now);
        }
    }

    fn states(&self) -> Vec<SinkState> {
        Self::states(self)
    }
}

fn specs(options: &SinksOptions) -> Vec<Spec> {
    let mqtt = options.mqtt.iter().cloned().map(Spec::Mqtt);
    let webhooks = options.webhooks.iter().cloned().map(Spec::Webhook);
    mqtt.chain(webhooks).chain(options.execs.iter().cloned().map(Spec::Exec)).collect()
}

impl Sink {
    fn start(spec: Spec) -> Result<Self> {
        match &spec {
            Spec::Exec(options) => {
                Exec::check(options)?;
                let stats = Arc::new(Stats::new(options.name.clone()));
                let runner = Runner::spawn(Arc::clone(&stats), options.at_once, age(&options.filter), |end| {
                    Ok(Box::new(Exec::new(options.clone(), end.clone())))
                })?;
                Ok(Self { filter: Filter::new(options.filter.clone()), spec, stats, runner, observer: None })
            }
            #[cfg(feature = "net")]
            Spec::Webhook(options) => {
                let stats = Arc::new(Stats::new(options.name.clone()));
                let runner = Runner::spawn(Arc::clone(&stats), 1, age(&options.filter), |_| {
                    Ok(Box::new(super::webhook::Webhook::new(options)?))
                })?;
                Ok(Self { filter: Filter::new(options.filter.clone()), spec, stats, runner, observer: None })
            }
            #[cfg(feature = "net")]
            Spec::Mqtt(options) => {
                let stats = Arc::new(Stats::new(format!("mqtt {}:{}", options.host, options.port)));
                let board = super::board::Board::new(options);
                let observer = Box::new(board.clone());
                let runner = Runner::spawn(Arc::clone(&stats), 1, age(&options.filter), |_| {
                    Ok(Box::new(super::mqtt::Mqtt::new(options, board.clone(), Arc::clone(&stats))?))
                })?;
                Ok(Self { filter: Filter::new(options.filter.clone()), spec, stats, runner, observer: Some(observer) })
            }
            #[cfg(not(feature = "net"))]
            Spec::Webhook(_) | Spec::Mqtt(_) => Err(crate::error::Error::usage(
                "this build has no network; build it with the feature net, or take away [mqtt] and [[webhook]]",
            )),
        }
    }

    fn take(&mut self, message: &Message, now: Instant) {
        if !self.filter.wants(message) {
            return;
        }
        if let Some(observer) = &self.observer {
            observer.message(message);
        }
        if !self.filter.tells(message.kind) {
            return;
        }
        match self.filter.limit(message, now) {
            Some(suppressed) => self.runner.put(Message { suppressed, ..message.clone() }),
            None if message.kind == Kind::Event || !self.filter.tells(Kind::Event) => self.stats.suppressed(),
            // The event of this onset will be counted.
            None => {}
        }
    }
}

fn age(filter: &super::options::FilterOptions) -> Duration {
    Duration::try_from_secs_f64(filter.max_age_secs).unwrap_or(Duration::MAX)
}
