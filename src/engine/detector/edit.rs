//! Changes that a person at the screen makes, for this run.

use super::{ClassParams, DetectorParams};
use crate::units::ClassId;

/// A threshold moves from one multiple of this to the next.
const STEP: f32 = 0.05;

/// Lowest and highest threshold that steps lead to.
const LIMITS: (f32, f32) = (0.05, 0.99);

/// What a person changes of a class while it is listened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The threshold goes up to the next multiple of 0.05, at most 0.99.
    Raise(ClassId),
    /// The threshold goes down to the next multiple of 0.05, at least 0.05.
    Lower(ClassId),
    /// The class is switched off, or on again; one that is only shown is reported from here on.
    Mute(ClassId),
    /// The threshold becomes so many hundredths, from 5 to 99.
    Threshold(ClassId, u8),
    /// The class is listened for, or not.
    Enabled(ClassId, bool),
    /// The class is reported, or only shown.
    Alarm(ClassId, bool),
}

impl DetectorParams {
    /// Makes the change; one of a class that is not there changes nothing.
    pub fn edit(&mut self, edit: Edit) {
        let (Edit::Raise(class)
        | Edit::Lower(class)
        | Edit::Mute(class)
        | Edit::Threshold(class, _)
        | Edit::Enabled(class, _)
        | Edit::Alarm(class, _)) = edit;
        let Some(params) = self.class_mut(class) else { return };
        params.edited = true;
        match edit {
            // Half a thousandth: what was read from a file is not exactly a multiple.
            Edit::Raise(_) => params.move_to(((params.on / STEP + 5e-4).floor() + 1.0) * STEP),
            Edit::Lower(_) => params.move_to(((params.on / STEP - 5e-4).ceil() - 1.0) * STEP),
            Edit::Mute(_) if params.is_reported() => params.enabled = false,
            Edit::Mute(_) => (params.enabled, params.alarm) = (true, true),
            Edit::Threshold(_, hundredths) => params.move_to(f32::from(hundredths) / 100.0),
            Edit::Enabled(_, enabled) => params.enabled = enabled,
            Edit::Alarm(_, alarm) => params.alarm = alarm,
        }
    }
}

impl ClassParams {
    /// Another threshold; the one at which an event ends keeps its share of it.
    fn move_to(&mut self, on: f32) {
        let share = self.off / self.on;
        // Two decimals, as the screen shows it and a person would write it down.
        self.on = ((on * 100.0).round() / 100.0).clamp(LIMITS.0, LIMITS.1);
        self.off = (share * self.on).clamp(f32::MIN_POSITIVE, self.on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(on: f32, off: f32) -> DetectorParams {
        DetectorParams { classes: vec![ClassParams::new(on, off)], ..DetectorParams::from_labels(&[]) }
    }

    fn after(on: f32, edits: &[Edit]) -> f32 {
        let mut params = one(on, 0.5 * on);
        edits.iter().for_each(|edit| params.edit(*edit));
        assert!((params.classes[0].off / params.classes[0].on - 0.5).abs() < 1e-5, "{:?}", params.classes[0]);
        assert!(params.validate().is_ok());
        params.classes[0].on
    }

    #[test]
    fn steps_lead_over_multiples_of_five_hundredths_and_stop_at_the_ends() {
        let (up, down) = (Edit::Raise(ClassId(0)), Edit::Lower(ClassId(0)));
        assert_eq!(after(0.62, &[up]), 0.65);
        assert_eq!(after(0.62, &[down]), 0.6);
        assert_eq!(after(0.6, &[up, up, down]), 0.65);
        assert_eq!(after(0.3, &[up]), 0.35);
        assert_eq!(after(0.3, &[down]), 0.25);
        assert_eq!(after(0.5, &[up; 30]), 0.99);
        assert_eq!(after(0.95, &[up, down]), 0.95);
        assert_eq!(after(0.5, &[down; 30]), 0.05);
    }

    #[test]
    fn mute_switches_off_and_on_and_what_is_not_there_is_left_alone() {
        let mut params = one(0.6, 0.4);
        params.edit(Edit::Mute(ClassId(0)));
        assert!(!params.classes[0].enabled && params.classes[0].edited);
        params.edit(Edit::Mute(ClassId(0)));
        assert!(params.classes[0].enabled);
        params.classes[0].alarm = false;
        params.edit(Edit::Mute(ClassId(0)));
        assert!(params.classes[0].is_reported(), "what was only shown is reported");
        let before = params.clone();
        params.edit(Edit::Raise(ClassId(7)));
        assert_eq!(params, before);
    }
}
