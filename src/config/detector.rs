//! From settings that speak of labels and groups to what a detector for a certain model goes by.

use super::settings::{ClassConfig, Config};
use super::values::{KeepMode, QuietMode, SpeechMode};
use crate::engine::detector::{ClassParams, DetectorParams};
use crate::engine::quiet::{Hush, Quiet};
use crate::engine::report::RecordWhat;
use crate::engine::speech::is_speech;
use crate::model::manifest::Label;
use crate::toml_text::BadValue;
use crate::units::ClassId;

impl Config {
    /// When scores become an event, for a model of these labels; or the setting that does not fit it.
    pub(crate) fn detector(&self, model: &str, labels: &[Label]) -> Result<DetectorParams, BadValue> {
        let d = &self.detector;
        let names = self.names(model, labels);
        names.check_groups()?;
        let mut params = self.of_every_class(labels);
        if !d.only.is_empty() {
            let only = names.all("detector.only", &d.only)?;
            each(&mut params, |index, class| {
                class.enabled = only.contains(&index);
                class.alarm |= class.enabled;
            });
        }
        // A group's table first, then a label's own.
        let is_group = |name: &str| names.is_group(name);
        let tables = self.class.iter().filter(|(name, _)| is_group(name));
        for (name, table) in tables.chain(self.class.iter().filter(|(name, _)| !is_group(name))) {
            let of = names.one(name).ok_or_else(|| names.unknown(&format!("class.{name}"), "{…}", name))?;
            each(&mut params, |index, class| {
                if of.contains(&index) {
                    put(class, table);
                }
            });
        }
        let thresholds = d.thresholds.iter().filter(|(name, _)| is_group(name));
        for (name, on) in thresholds.chain(d.thresholds.iter().filter(|(name, _)| !is_group(name))) {
            let key = format!("detector.thresholds.{name}");
            let of = names.one(name).ok_or_else(|| names.unknown(&key, on, name))?;
            if of == [labels.len()] {
                return Err(BadValue::new(key, on, "set its level with loud_dbfs in [detector] instead"));
            }
            each(&mut params, |index, class| {
                if of.contains(&index) && index < labels.len() {
                    class.on = *on as f32;
                }
            });
        }
        for (list, enabled) in [("enable", true), ("disable", false)] {
            let given = if enabled { &d.enable } else { &d.disable };
            let of = names.all(&format!("detector.{list}"), given)?;
            each(&mut params, |index, class| {
                if of.contains(&index) {
                    class.enabled = enabled;
                    class.alarm |= enabled;
                }
            });
        }
        let quiet = names.all("quiet.labels", &self.quiet.labels)?;
        each(&mut params, |index, class| {
            class.off = class.off.min(class.on);
            class.groups = names.groups_of(index);
            class.obeys_quiet = quiet.is_empty() || quiet.contains(&index);
        });
        params.quiet = self.quiet_hours();
        if self.record.speech == SpeechMode::Drop {
            let speech = labels.iter().enumerate().filter(|(_, label)| is_speech(&label.name));
            params.dropped_speech = speech.map(|(index, _)| ClassId(index)).collect();
        }
        Ok(params)
    }

    /// What holds for every class, before lists and tables change it.
    fn of_every_class(&self, labels: &[Label]) -> DetectorParams {
        let d = &self.detector;
        DetectorParams {
            min_strides: d.min_strides as usize,
            of_strides: d.of_strides as usize,
            sure: d.sure_threshold as f32,
            min_duration_secs: d.min_duration_secs,
            merge_gap_secs: d.merge_gap_secs,
            rival_margin: d.rival_margin as f32,
            cooldown_secs: d.cooldown_secs,
            max_event_secs: d.max_event_secs,
            gate_dbfs: (d.level_gate_dbfs > -120.0).then_some(d.level_gate_dbfs as f32),
            low_cut_hz: d.low_cut_hz,
            any_loud: (d.loud_dbfs < 0.0).then(|| ClassParams::any_loud(d.loud_dbfs as f32)),
            ..DetectorParams::from_labels(labels)
        }
    }

    fn quiet_hours(&self) -> Option<Quiet> {
        // Checked before: what is no hour is not here.
        let hours: Vec<_> = self.quiet.hours.iter().filter_map(|hours| hours.parse().ok()).collect();
        let hush = match self.quiet.what {
            QuietMode::Alarms => Hush::Alarms,
            QuietMode::Events => Hush::Events,
        };
        (!hours.is_empty()).then_some(Quiet { hours, hush, zone: None })
    }
}

/// Shows each class with its index; that of any loud sound has the one behind the last label.
fn each(params: &mut DetectorParams, mut f: impl FnMut(usize, &mut ClassParams)) {
    params.classes.iter_mut().chain(&mut params.any_loud).enumerate().for_each(|(index, class)| f(index, class));
}

/// Puts what a table gives onto a class.
fn put(class: &mut ClassParams, table: &ClassConfig) {
    class.enabled = table.enabled.unwrap_or(class.enabled);
    class.alarm = table.alarm.unwrap_or(class.alarm);
    class.on = table.threshold.map_or(class.on, |on| on as f32);
    class.off = table.off_threshold.map_or(class.off, |off| off as f32);
    class.min_duration_secs = table.min_duration_secs.or(class.min_duration_secs);
    class.max_event_secs = table.max_event_secs.or(class.max_event_secs);
    class.cooldown_secs = table.cooldown_secs.or(class.cooldown_secs);
    class.record = match table.record {
        Some(KeepMode::Full) => RecordWhat::Full,
        Some(KeepMode::Figures) => RecordWhat::Figures,
        None => class.record,
    };
}
