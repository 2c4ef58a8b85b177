//! When each class was heard, whether or not it is reported: for screens.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::detector::Detector;
use crate::local_zone::local_zone;
use crate::units::{ClassId, SamplePos, StreamClock};

/// When one class was heard: from a stride at or above the threshold at which its events start, to one below that at which they
/// end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether it is heard now.
    pub now: bool,
    /// How often it was heard on the day of the newest stride, by the stream's clock and local time.
    pub today: u64,
    /// End of the last stride in which it was heard.
    pub last: Option<SamplePos>,
}

/// All classes, any loud sound last where that is asked for.
#[derive(Debug, Default)]
pub(super) struct AllHeard {
    classes: Vec<Heard>,
    /// The day that is counted.
    today: Option<Day>,
}

impl AllHeard {
    /// Takes the scores of a stride that ends at `end`.
    pub(super) fn stride(
        &mut self,
        scores: impl Iterator<Item = f32>,
        detector: &Detector,
        end: SamplePos,
        clock: &StreamClock,
    ) {
        self.turn(clock.wall(end), local_zone);
        let params = detector.params();
        self.classes.resize(params.n_classes(), Heard::default());
        for ((heard, params), score) in self.classes.iter_mut().zip(params.all_classes()).zip(scores) {
            let now = params.enabled && score >= if heard.now { params.off } else { params.on };
            heard.today += u64::from(now && !heard.now);
            heard.now = now;
            if now {
                heard.last = Some(end);
            }
        }
    }

    /// Begins to count anew where `wall` lies on another day. What sounds over midnight is heard on the new day, too.
    fn turn(&mut self, wall: SystemTime, zone: impl FnOnce() -> TimeZone) {
        if self.today.is_some_and(|day| day.contains(wall)) {
            return;
        }
        if self.today.is_some() {
            self.classes.iter_mut().for_each(|heard| heard.today = u64::from(heard.now));
        }
        self.today = Day::of(wall, zone());
    }

    /// After a gap nothing is heard, and what was heard stays.
    pub(super) fn restart(&mut self) {
        self.classes.iter_mut().for_each(|heard| heard.now = false);
    }

    pub(super) fn of(&self, class: ClassId) -> Heard {
        self.classes.get(class.0).copied().unwrap_or_default()
    }
}

/// A local day, from midnight to midnight: asked for at every stride, worked out once.
#[derive(Debug, Clone, Copy)]
struct Day {
    from: SystemTime,
    to: SystemTime,
}

impl Day {
    /// The day of `wall` in `zone`; `None` where the calendar ends.
    fn of(wall: SystemTime, zone: TimeZone) -> Option<Self> {
        let from = Timestamp::try_from(wall).ok()?.to_zoned(zone).start_of_day().ok()?;
        let to = from.checked_add(1.day()).ok()?;
        Some(Self { from: from.timestamp().into(), to: to.timestamp().into() })
    }

    fn contains(self, wall: SystemTime) -> bool {
        (self.from..self.to).contains(&wall)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::detector::{ClassParams, DetectorParams};
    use crate::units::SampleRate;

    #[test]
    fn a_class_is_heard_from_one_threshold_to_the_other_and_each_time_counts_once() {
        let mut params = DetectorParams::from_labels(&[]);
        params.classes = vec![ClassParams::new(0.6, 0.4), ClassParams { enabled: false, ..ClassParams::new(0.6, 0.4) }];
        let detector = Detector::new(&params, 0.01).unwrap();
        let mut all = AllHeard::default();
        let scores = [0.5, 0.6, 0.45, 0.39, 0.5, 0.9];
        let mut now = Vec::new();
        let clock = StreamClock { start: SystemTime::UNIX_EPOCH, sample_rate: SampleRate::new(22_050).unwrap() };
        for (end, score) in (1..).zip(scores) {
            all.stride([score, score].into_iter(), &detector, SamplePos(end), &clock);
            now.push(all.of(ClassId(0)).now);
        }
        assert_eq!(now, [false, true, true, false, false, true]);
        assert_eq!(all.of(ClassId(0)), Heard { now: true, today: 2, last: Some(SamplePos(6)) });
        assert_eq!(all.of(ClassId(1)), Heard::default(), "it is switched off");
        all.restart();
        assert_eq!(all.of(ClassId(0)), Heard { now: false, today: 2, last: Some(SamplePos(6)) });
    }

    #[test]
    fn a_day_goes_from_midnight_to_midnight_where_the_sound_is() {
        let at = |text: &str| -> SystemTime { text.parse::<Timestamp>().unwrap().into() };
        let berlin = || TimeZone::get("Europe/Berlin").unwrap();
        let mut all = AllHeard::default();
        let heard = |today, now| Heard { now, today, last: Some(SamplePos(1)) };
        let mut counts_on = |now: &str, before: Vec<Heard>| {
            all.classes = before;
            all.turn(at(now), berlin);
            all.classes.iter().map(|heard| heard.today).collect::<Vec<_>>()
        };
        // Midnight in winter is 23:00 in UTC.
        assert_eq!(counts_on("2026-11-20T22:59:59Z", vec![heard(3, false), heard(2, true)]), [3, 2]);
        assert_eq!(counts_on("2026-11-20T22:59:59.9Z", vec![heard(4, false), heard(2, true)]), [4, 2]);
        assert_eq!(counts_on("2026-11-20T23:00:00Z", vec![heard(4, false), heard(2, true)]), [0, 1]);
        assert_eq!(counts_on("2026-11-21T22:00:00Z", vec![heard(5, false)]), [5]);
        // A clock that is set back.
        assert_eq!(counts_on("2026-11-19T12:00:00Z", vec![heard(5, false)]), [0]);
        // The day on which summer time ends has 25 hours.
        let day = Day::of(at("2026-10-25T12:00:00Z"), berlin()).unwrap();
        assert_eq!(day.to.duration_since(day.from).unwrap().as_secs(), 25 * 3600);
    }
}
