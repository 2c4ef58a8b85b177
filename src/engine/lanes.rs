//! How a worker goes on to what comes next on its lanes.
//!
//! Every source of a lane begins anew, with a memory, a stream time and reports of its own; when its last input ends, the lane
//! opens what comes next, and nothing is kept of what was. However many recordings a folder holds, one of them is in memory.

use super::input::{Before, Ended, Input};
use super::lane::LaneState;
use super::pipeline::{Pipeline, PipelineParams};
use super::snapshot::InputSummary;
use super::worker::Worker;
use crate::Result;
use crate::audio::source::Capture;
use crate::units::StreamClock;

impl Worker {
    /// An input of the lane with this number, as the settings are now.
    pub(super) fn input(&self, capture: Capture, lane: usize) -> Result<Input> {
        let info = capture.info();
        let options = &self.options;
        let params = PipelineParams {
            source: info.name.clone(),
            model: options.model.clone(),
            clock: StreamClock {
                start: info.started,
                sample_rate: self.inference.classifier().front_end().sample_rate,
            },
            detector: options.detector.clone(),
            pre_roll_secs: options.pre_roll_secs,
            post_roll_secs: options.post_roll_secs,
            max_components: options.max_components,
        };
        // A file may be silent for as long as it likes.
        let watched = !options.fast && capture.is_live();
        let mut pipeline = Pipeline::new(params, &self.inference)?;
        if let Some(method) = &self.explained_by {
            pipeline.set_method(method);
        }
        let level = self.shedding();
        pipeline.shed(level.explains(), level.stride_factor());
        let before = self.lanes.get(lane).map_or(0.0, |lane| lane.secs_before);
        let left = options.duration_secs.map(|secs| (secs - before).max(0.0));
        let before = Before { busy_secs: self.gauge.busy_secs(), wall_secs: self.gauge.wall_secs() };
        Input::new(capture, pipeline, left, watched, lane, before)
    }

    /// Opens nothing more.
    pub(super) fn close_lanes(&mut self) {
        self.lanes.iter_mut().for_each(LaneState::close);
    }

    /// An input has ended: if it was the last one of its source, what follows on its lane is opened.
    pub(super) fn look_ahead(&mut self, lane: usize, ended: &Ended) {
        let runs = self.inputs.iter().any(|input| input.lane == lane && input.ended.is_none());
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        if matches!(ended, Ended::Well(reason) if *reason != Ended::OF_INPUT) {
            lane.close();
        } else if !runs {
            lane.look_ahead();
        }
    }

    /// Whether nothing is heard any more, and nothing will be.
    pub(super) fn is_over(&self) -> bool {
        self.inputs.iter().all(|input| input.ended.is_some()) && !self.lanes.iter().any(LaneState::goes_on)
    }

    /// On each lane whose source is over, what comes next takes its place.
    pub(super) fn go_on(&mut self) -> Result<()> {
        for lane in 0..self.lanes.len() {
            let runs = |input: &Input| input.lane == lane && input.ended.is_none();
            if !self.lanes[lane].goes_on() || self.inputs.iter().any(runs) {
                continue;
            }
            self.lanes[lane].look_ahead();
            let captures = std::mem::take(&mut self.lanes[lane].ready);
            if captures.is_empty() {
                // What does not come has no sound whose seconds could be counted.
                let most = self.options.duration_secs;
                if most.is_some_and(|secs| self.gauge.wall_secs() >= secs) {
                    self.lanes[lane].close();
                }
            } else {
                self.replace(lane, captures)?;
            }
        }
        Ok(())
    }

    /// Puts new inputs in the place of those that a lane has.
    fn replace(&mut self, lane: usize, captures: Vec<Capture>) -> Result<()> {
        let of_lane = |input: &Input| input.lane == lane;
        let past = self.inputs.iter().filter(|input| of_lane(input));
        let (secs, events) = past.fold((0.0, 0), |(secs, n), input| (f64::max(secs, input.secs()), n + input.events));
        self.lanes[lane].secs_before += secs;
        self.lanes[lane].events_before += events;
        self.inputs.retain(|input| !of_lane(input));
        let at = self.inputs.iter().take_while(|input| input.lane < lane).count();
        for (i, capture) in captures.into_iter().enumerate() {
            let input = self.input(capture, lane)?;
            self.inputs.insert(at + i, input);
        }
        Ok(())
    }

    /// Where an input is on its lane, in seconds since the lane's first source began.
    pub(super) fn lane_secs(&self, input: &Input) -> f64 {
        self.lanes.get(input.lane).map_or(0.0, |lane| lane.secs_before) + input.secs()
    }

    /// The inputs for screens: those that are open, and behind them those that are waited for.
    pub(super) fn summaries(&self) -> Vec<InputSummary> {
        let open = self.inputs.iter().map(|input| {
            let mut summary = input.summary();
            // A screen counts from the beginning of the run.
            summary.totals.events += self.lanes.get(input.lane).map_or(0, |lane| lane.events_before);
            summary
        });
        let empty = |lane: &usize| !self.inputs.iter().any(|input| input.lane == *lane);
        let waiting = (0..self.lanes.len()).filter(empty).filter_map(|lane| self.lanes[lane].waiting());
        open.chain(waiting).collect()
    }
}
