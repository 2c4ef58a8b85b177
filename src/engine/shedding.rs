//! What is left out under overload, and when it is taken up again.
//!
//! In this order: jobs on demand, the interpretation of every stride, strides. Where even that does not suffice the ring
//! runs full, and samples are lost and counted.

/// What is left out; each level leaves out what the one before does, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ShedLevel {
    /// All is done.
    #[default]
    Nothing,
    /// Jobs on demand wait.
    Jobs,
    /// Only segments that an event rests on are explained.
    Interpretation,
    /// Every second stride is classified.
    Stride2,
    /// Every fourth stride is classified.
    Stride4,
}

impl ShedLevel {
    const ALL: [Self; 5] = [Self::Nothing, Self::Jobs, Self::Interpretation, Self::Stride2, Self::Stride4];

    /// What is left out, in plain words for people; empty for [`ShedLevel::Nothing`].
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Jobs => &["jobs"],
            Self::Interpretation => &["jobs", "interpretation"],
            Self::Stride2 => &["jobs", "interpretation", "every second stride"],
            Self::Stride4 => &["jobs", "interpretation", "three of four strides"],
        }
    }

    /// One in so many strides is classified: 1, 2 or 4.
    #[must_use]
    pub const fn stride_factor(self) -> usize {
        match self {
            Self::Nothing | Self::Jobs | Self::Interpretation => 1,
            Self::Stride2 => 2,
            Self::Stride4 => 4,
        }
    }

    /// Whether every stride that is classified is explained, too.
    #[must_use]
    pub const fn explains(self) -> bool {
        matches!(self, Self::Nothing | Self::Jobs)
    }

    /// Whether jobs on demand are begun.
    #[must_use]
    pub const fn runs_jobs(self) -> bool {
        matches!(self, Self::Nothing)
    }

    fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }

    fn previous(self) -> Self {
        Self::ALL.get((self as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }
}

/// The backlog at which each level is taken, as shares of the ring. A ring of 10 s or more gives just these.
const SHARES: [f64; 4] = [0.10, 0.20, 0.35, 0.55];

/// With so much of the ring full the next burst of work may cost samples: then it does not matter whether the backlog grows.
const ALARM_SHARE: f64 = 0.75;

/// A shorter backlog than this, in seconds, is what a burst of work makes of a healthy worker; in a short ring, a quarter.
const LEAST_SECS: f64 = 1.0;

/// A backlog below this share of the ring, or below so many seconds, is none.
const CALM_SHARE: f64 = 0.05;
const CALM_SECS: f64 = 0.3;

/// The work of a stride is done at once: the backlog is calm as long as it comes back to calm within so many seconds.
const BREATH_SECS: f64 = 1.0;

/// How many seconds of calm end a level; as many more each time that it has to be taken again soon, up to a limit.
const HOLD_SECS: f64 = 5.0;
const MAX_HOLD_SECS: f64 = 60.0;

/// Taken again within so many seconds, a level was given up too early.
const SOON_SECS: f64 = 60.0;

/// The backlog grows where it is larger than at any moment of about the last two seconds, kept in slots of a quarter second.
const SLOT_SECS: f64 = 0.25;
const N_SLOTS: usize = 8;

/// Decides what is left out. All seconds are those of the sound, so that the same course gives the same levels.
#[derive(Debug, Clone)]
pub struct Governor {
    level: ShedLevel,
    /// Backlog at which each level above [`ShedLevel::Nothing`] is taken.
    take_at: [f64; 4],
    alarm: f64,
    calm_below: f64,
    /// Largest backlog in each slot, and the slot's number.
    peaks: [(u64, f64); N_SLOTS],
    /// Where the backlog was last calm.
    calm_at: f64,
    /// Since when it has been, at this level.
    calm_since: f64,
    /// Of each level above nothing: how much calm ends it, and where it last ended.
    holds: [Hold; 4],
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    secs: f64,
    ended: f64,
}

impl Governor {
    /// A governor for a ring of `ring_secs` seconds (more than 0), at [`ShedLevel::Nothing`].
    #[must_use]
    pub fn new(ring_secs: f64) -> Self {
        let (first, last) = ((SHARES[0] * ring_secs).max(LEAST_SECS.min(ring_secs / 4.0)), SHARES[3] * ring_secs);
        let place = |share: f64| (share - SHARES[0]) / (SHARES[3] - SHARES[0]);
        Self {
            level: ShedLevel::Nothing,
            take_at: SHARES.map(|share| first + place(share) * (last - first)),
            alarm: ALARM_SHARE * ring_secs,
            calm_below: (CALM_SHARE * ring_secs).max(CALM_SECS.min(first / 2.0)),
            peaks: [(0, 0.0); N_SLOTS],
            calm_at: 0.0,
            calm_since: 0.0,
            holds: [Hold { secs: HOLD_SECS, ended: f64::NEG_INFINITY }; 4],
        }
    }

    /// Looks at the backlog: `waiting_secs` of sound wait to be analysed, and `position_secs` of the stream have been.
    /// Returns the level from here on, which is at most one away from the one before.
    pub fn update(&mut self, waiting_secs: f64, position_secs: f64) -> ShedLevel {
        let grows = self.grows(waiting_secs, position_secs);
        if waiting_secs < self.calm_below {
            if position_secs - self.calm_at > BREATH_SECS {
                self.calm_since = position_secs;
            }
            self.calm_at = position_secs;
        }
        if let Some(next) = self.level.next()
            && let Some(take_at) = self.take_at.get(self.level as usize)
            && waiting_secs >= *take_at
            && (grows || waiting_secs >= self.alarm)
        {
            self.level = next;
            self.calm_since = f64::INFINITY;
            // It may have been calm a moment ago; what counts from now on begins with the next calm.
            self.calm_at = f64::NEG_INFINITY;
            if let Some(hold) = self.hold() {
                let soon = position_secs - hold.ended < SOON_SECS;
                hold.secs = if soon { (2.0 * hold.secs).min(MAX_HOLD_SECS) } else { HOLD_SECS };
            }
        } else if self.is_calm(position_secs)
            && let Some(hold) = self.hold()
        {
            hold.ended = position_secs;
            self.level = self.level.previous();
            self.calm_since = position_secs;
        }
        self.level
    }

    /// The level that [`update`](Self::update) gave last.
    #[must_use]
    pub const fn level(&self) -> ShedLevel {
        self.level
    }

    /// Of the present level; none at [`ShedLevel::Nothing`].
    fn hold(&mut self) -> Option<&mut Hold> {
        self.holds.get_mut((self.level as usize).wrapping_sub(1))
    }

    /// Whether it has been calm for as long as the present level wants.
    fn is_calm(&mut self, position_secs: f64) -> bool {
        let (since, at) = (self.calm_since, self.calm_at);
        self.hold().is_some_and(|hold| position_secs - at <= BREATH_SECS && position_secs - since >= hold.secs)
    }

    /// Notes the backlog, and says whether it is the largest of the last moments.
    fn grows(&mut self, waiting_secs: f64, position_secs: f64) -> bool {
        let now = (position_secs.max(0.0) / SLOT_SECS) as u64;
        let recent = self.peaks.iter().filter(|(slot, _)| slot + (N_SLOTS as u64) > now);
        let grows = recent.fold(true, |grows, (_, peak)| grows && waiting_secs >= *peak);
        if let Some(slot) = self.peaks.get_mut((now % N_SLOTS as u64) as usize) {
            let peak = if slot.0 == now { slot.1 } else { 0.0 };
            *slot = (now, peak.max(waiting_secs));
        }
        grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING_SECS: f64 = 10.0;

    /// Seconds that a second of sound costs: always; for its strides; for their interpretation; for jobs.
    #[derive(Clone, Copy)]
    struct Costs {
        always: f64,
        strides: f64,
        interpretation: f64,
        jobs: f64,
    }

    const COSTS: Costs = Costs { always: 0.05, strides: 0.2, interpretation: 0.2, jobs: 0.15 };

    /// A worker behind a ring, without threads or clocks.
    struct Simulated {
        governor: Governor,
        ring_secs: f64,
        wall: f64,
        /// How much was captured, analysed, and lost, in seconds.
        captured: f64,
        position: f64,
        lost: f64,
        strides: u64,
        /// Each change of level, with the position.
        changes: Vec<(f64, ShedLevel)>,
        /// The level when the first sample was lost.
        lost_at: Option<ShedLevel>,
    }

    impl Simulated {
        fn new(ring_secs: f64) -> Self {
            Self {
                governor: Governor::new(ring_secs),
                ring_secs,
                wall: 0.0,
                captured: 0.0,
                position: 0.0,
                lost: 0.0,
                strides: 0,
                changes: Vec::new(),
                lost_at: None,
            }
        }

        /// Works until `secs` more have passed, at `speed` times the costs' own.
        fn run(&mut self, secs: f64, speed: f64, costs: Costs) {
            const STRIDE_SECS: f64 = 0.5;
            let end = self.wall + secs;
            while self.wall < end {
                // What was captured meanwhile; what finds no room is lost, and counts as a position that was passed.
                let waiting = self.captured - self.position + (self.wall - self.captured - self.lost).max(0.0);
                let lost = (waiting - self.ring_secs).max(0.0);
                self.captured = self.wall - self.lost - lost;
                self.lost += lost;
                if lost > 0.0 {
                    self.lost_at.get_or_insert(self.governor.level());
                }
                let read = (self.captured - self.position).min(0.1);
                if read < 0.003 {
                    self.wall += 0.003;
                    continue;
                }
                self.position += read;
                let level = self.governor.level();
                let mut work = read * costs.always;
                let stride = (self.position / STRIDE_SECS) as u64;
                if stride > self.strides {
                    self.strides = stride;
                    if stride.is_multiple_of(level.stride_factor() as u64) {
                        work += STRIDE_SECS * costs.strides;
                        work += if level.explains() { STRIDE_SECS * costs.interpretation } else { 0.0 };
                    }
                    work += if level.runs_jobs() { STRIDE_SECS * costs.jobs } else { 0.0 };
                }
                self.wall += work / speed;
                let waiting = (self.wall - self.lost - self.position).min(self.ring_secs);
                let next = self.governor.update(waiting, self.position);
                if next != level {
                    assert_eq!((next as i32 - level as i32).abs(), 1, "one by one");
                    self.changes.push((self.position, next));
                }
            }
        }

        fn highest(&self) -> ShedLevel {
            self.changes.iter().map(|(_, level)| *level).max().unwrap_or_default()
        }

        /// The shortest time between two takings of the same level after `from`.
        fn shortest_cycle(&self, from: f64) -> f64 {
            let mut shortest = f64::INFINITY;
            for level in ShedLevel::ALL {
                let taken: Vec<f64> = self
                    .changes
                    .iter()
                    .enumerate()
                    .filter(|(i, (_, l))| *l == level && (*i == 0 || self.changes[i - 1].1 < level))
                    .map(|(_, (position, _))| *position)
                    .filter(|position| *position >= from)
                    .collect();
                shortest = taken.windows(2).map(|pair| pair[1] - pair[0]).fold(shortest, f64::min);
            }
            shortest
        }
    }

    #[test]
    fn a_worker_that_is_quick_enough_sheds_nothing() {
        for speed in [0.65, 1.0, 10.0] {
            let mut worker = Simulated::new(RING_SECS);
            worker.run(600.0, speed, COSTS);
            assert_eq!((worker.changes.len(), worker.lost), (0, 0.0), "speed {speed}");
        }
    }

    #[test]
    fn as_much_is_shed_as_is_needed_and_no_sample_is_lost_while_anything_can_be() {
        // A second costs 0.6 s with everything, 0.45 without jobs, 0.25 without interpretation, 0.15 and 0.1 with fewer
        // strides.
        let cases = [
            (0.55, ShedLevel::Jobs),
            (0.40, ShedLevel::Interpretation),
            (0.22, ShedLevel::Stride2),
            (0.13, ShedLevel::Stride4),
        ];
        for (speed, level) in cases {
            let mut worker = Simulated::new(RING_SECS);
            worker.run(1800.0, speed, COSTS);
            assert_eq!((worker.highest(), worker.lost), (level, 0.0), "speed {speed}: {:?}", worker.changes);
            // On the way up, every level in its order.
            let up: Vec<ShedLevel> = worker.changes.iter().take(level as usize).map(|(_, level)| *level).collect();
            assert_eq!(up, ShedLevel::ALL[1..=level as usize], "speed {speed}");
        }
    }

    #[test]
    fn samples_are_lost_last() {
        let mut worker = Simulated::new(RING_SECS);
        worker.run(300.0, 0.05, COSTS);
        assert!(worker.lost > 100.0);
        assert_eq!(worker.lost_at, Some(ShedLevel::Stride4));
        assert_eq!(worker.changes.len(), 4, "and the level stays: {:?}", worker.changes);
    }

    #[test]
    fn it_settles_and_does_not_flap() {
        for speed in [0.13, 0.18, 0.22, 0.3, 0.4, 0.44, 0.5, 0.55, 0.59] {
            let mut worker = Simulated::new(RING_SECS);
            worker.run(3600.0, speed, COSTS);
            let cycle = worker.shortest_cycle(worker.position / 4.0);
            assert!(cycle >= MAX_HOLD_SECS, "speed {speed}: a level came again after {cycle} s");
            assert!(worker.shortest_cycle(0.0) >= HOLD_SECS, "speed {speed}");
            // Two minutes for the most frequent cycle, up and down.
            assert!(worker.changes.len() < 3600 / 60 * 8, "speed {speed}: {} changes", worker.changes.len());
            assert_eq!(worker.lost, 0.0, "speed {speed}");
        }
    }

    #[test]
    fn all_is_taken_up_again_after_the_overload() {
        for speed in [0.05, 0.13, 0.4] {
            let mut worker = Simulated::new(RING_SECS);
            worker.run(120.0, speed, COSTS);
            assert!(worker.governor.level() > ShedLevel::Nothing);
            let over = worker.position;
            worker.run(240.0, 2.0, COSTS);
            assert_eq!(worker.governor.level(), ShedLevel::Nothing, "speed {speed}: {:?}", worker.changes);
            let steps: Vec<&(f64, ShedLevel)> = worker.changes.iter().filter(|(at, _)| *at > over).collect();
            assert!(steps.windows(2).all(|pair| pair[1].1 < pair[0].1), "down, step by step: {steps:?}");
            assert!(steps.windows(2).all(|pair| pair[1].0 - pair[0].0 >= HOLD_SECS), "{steps:?}");
        }
    }

    #[test]
    fn a_backlog_that_shrinks_by_itself_costs_one_level() {
        let mut worker = Simulated::new(RING_SECS);
        worker.run(60.0, 1.0, COSTS);
        // The worker was stopped for 6 s.
        worker.wall += 6.0;
        worker.run(120.0, 1.0, COSTS);
        let levels: Vec<ShedLevel> = worker.changes.iter().map(|(_, level)| *level).collect();
        assert_eq!(levels, [ShedLevel::Jobs, ShedLevel::Nothing]);
    }

    #[test]
    fn a_ring_that_is_almost_full_waits_for_no_proof() {
        // One piece of work that takes 8 s, and soon another one that the ring has no room for.
        let mut worker = Simulated::new(RING_SECS);
        worker.run(10.0, 1.0, COSTS);
        worker.wall += 8.0;
        worker.run(0.5, 1.0, COSTS);
        worker.wall += 8.0;
        worker.run(0.1, 1.0, COSTS);
        assert_eq!((worker.lost_at, worker.changes.len()), (Some(ShedLevel::Stride4), 4), "{:?}", worker.changes);
    }

    #[test]
    fn a_burst_of_work_is_no_overload() {
        // Every event takes 0.7 s at once.
        let mut worker = Simulated::new(RING_SECS);
        for _ in 0..50 {
            worker.run(5.0, 1.0, COSTS);
            worker.wall += 0.7;
        }
        assert_eq!(worker.changes, []);
    }

    #[test]
    fn any_ring_has_four_places_in_order() {
        for ring_secs in [0.1, 0.5, 2.0, 5.0, 10.0, 60.0] {
            let governor = Governor::new(ring_secs);
            assert!(governor.take_at.is_sorted_by(|a, b| a < b), "{governor:?}");
            assert!(governor.calm_below < governor.take_at[0] && governor.take_at[3] < 0.6 * ring_secs);
            let mut worker = Simulated::new(ring_secs);
            worker.run(60.0, 0.02, COSTS);
            assert_eq!(worker.highest(), ShedLevel::Stride4, "{ring_secs} s");
        }
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(Governor::new(20.0).take_at.iter().zip([2.0, 4.0, 7.0, 11.0]).all(|(a, b)| close(*a, b)));
    }

    #[test]
    fn levels_say_what_they_leave_out() {
        let all = ShedLevel::ALL;
        assert_eq!(all.map(ShedLevel::stride_factor), [1, 1, 1, 2, 4]);
        assert_eq!(all.map(ShedLevel::runs_jobs), [true, false, false, false, false]);
        assert_eq!(all.map(ShedLevel::explains), [true, true, false, false, false]);
        assert_eq!(all.map(|level| level.words().len()), [0, 1, 2, 3, 3]);
        assert_eq!(ShedLevel::Stride2.words(), ["jobs", "interpretation", "every second stride"]);
        assert!(all.is_sorted());
    }
}
