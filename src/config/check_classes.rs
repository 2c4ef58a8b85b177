//! What the settings of single classes must be, as far as that can be told without a model.

use super::check::{MAX_CLIP_SECS, MAX_SECS};
use super::names::PREFIXES;
use super::settings::{ClassConfig, Config, QuietConfig};
use crate::engine::detector::ANY_LOUD;
use crate::engine::quiet::Hours;
use crate::toml_text::BadValue;

impl Config {
    pub(super) fn class_problem(&self) -> Option<BadValue> {
        let groups = self.groups.iter().find_map(|(name, labels)| group_problem(name, labels));
        let classes = || self.class.iter().find_map(|(label, class)| table_problem(label, class));
        groups.or_else(classes).or_else(|| quiet_problem(&self.quiet))
    }
}

fn group_problem(name: &str, labels: &[String]) -> Option<BadValue> {
    let key = format!("groups.{name}");
    if name.trim().is_empty() || name == ANY_LOUD || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(BadValue::new(key, format!("{labels:?}"), "give the group another name"));
    }
    labels.is_empty().then(|| BadValue::new(key, "[]", "name the labels that belong to it, or remove it"))
}

fn table_problem(label: &str, class: &ClassConfig) -> Option<BadValue> {
    let key = |name: &str| format!("class.{label}.{name}");
    for (name, value) in [("threshold", class.threshold), ("off_threshold", class.off_threshold)] {
        let Some(value) = value else { continue };
        if label == ANY_LOUD {
            let remedy = "set its level with loud_dbfs in [detector] instead";
            return Some(BadValue::new(key(name), value, remedy));
        }
        if !(value > 0.0 && value < 1.0) {
            return Some(BadValue::new(key(name), value, "give a probability above 0 and below 1"));
        }
    }
    if let (Some(on), Some(off)) = (class.threshold, class.off_threshold)
        && off > on
    {
        return Some(BadValue::new(key("off_threshold"), off, format!("give at most the threshold, here {on}")));
    }
    let spans = [
        ("min_duration_secs", class.min_duration_secs, 0.0, MAX_CLIP_SECS),
        ("max_event_secs", class.max_event_secs, 1.0, MAX_CLIP_SECS),
        ("cooldown_secs", class.cooldown_secs, 0.0, MAX_SECS),
    ];
    spans.into_iter().find_map(|(name, secs, least, most)| {
        let secs = secs.filter(|secs| !(least..=most).contains(secs))?;
        Some(BadValue::new(key(name), secs, format!("give {least} to {most} seconds")))
    })
}

fn quiet_problem(quiet: &QuietConfig) -> Option<BadValue> {
    quiet.hours.iter().enumerate().find_map(|(i, hours)| {
        let remedy = hours.parse::<Hours>().err()?;
        Some(BadValue::new(format!("quiet.hours[{i}]"), format!("{hours:?}"), remedy))
    })
}
