//! The zone that local times are in: the one place that decides it, so that quiet hours, folders, screens and the times in
//! files' names agree.

use std::ffi::OsStr;
use std::path::Path;

use jiff::tz::TimeZone;

/// Where a system says which zone it is in.
const LOCAL_TIME: &str = "/etc/localtime";

/// When summer time begins and ends where `TZ` names it without a rule, as in `CET-1CEST`: what the C library takes then.
const RULE_OF_THE_C_LIBRARY: &str = ",M3.2.0,M11.1.0";

/// The zone that `TZ` names, else the system's; UTC where that is not known, which [`trouble`] tells.
#[must_use]
pub fn local_zone() -> TimeZone {
    find(std::env::var_os("TZ").as_deref()).unwrap_or(TimeZone::UTC)
}

/// What is wrong with the time zone, as one sentence with the remedy; `quiet_hours` says whether there are any. A system that
/// says nothing of its zone is in UTC; that is worth a warning only where hours of the day matter.
#[must_use]
pub fn trouble(quiet_hours: bool) -> Option<String> {
    let tz = std::env::var_os("TZ");
    match find(tz.as_deref()) {
        Some(_) => None,
        None => sentence(tz.as_deref(), Path::new(LOCAL_TIME).symlink_metadata().is_ok(), quiet_hours),
    }
}

fn find(tz: Option<&OsStr>) -> Option<TimeZone> {
    // Not `system()`: that hides the failure.
    let system = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    system.or_else(|| without_rule(tz?.to_str()?))
}

/// A zone whose name, offset and summer time are given, but not when that is.
fn without_rule(tz: &str) -> Option<TimeZone> {
    TimeZone::posix(&format!("{tz}{RULE_OF_THE_C_LIBRARY}")).ok()
}

/// The sentence for a zone that is not known.
fn sentence(tz: Option<&OsStr>, says_something: bool, quiet_hours: bool) -> Option<String> {
    const REMEDY: &str = "set TZ to a name such as Europe/Berlin, or install tzdata";
    match tz {
        Some(tz) => {
            let tz = tz.to_string_lossy();
            Some(format!("the time zone TZ={tz} is not known here; times and quiet hours are in UTC; {REMEDY}"))
        }
        None if says_something => Some(format!(
            "the time zone of this system ({LOCAL_TIME}) cannot be read; times and quiet hours are in UTC; {REMEDY}"
        )),
        None if quiet_hours => {
            Some(format!("this system does not say in which time zone it is; quiet hours are in UTC; {REMEDY}"))
        }
        None => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_not_known_is_said_with_its_name_and_the_remedy() {
        for (tz, says_something, quiet_hours, want) in [
            (Some("Europe/Berlinn"), true, false, Some("TZ=Europe/Berlinn is not known")),
            (Some("Europe/Berlin"), false, false, Some("TZ=Europe/Berlin is not known")),
            (None, true, false, Some("(/etc/localtime) cannot be read")),
            (None, false, true, Some("quiet hours are in UTC")),
            (None, false, false, None),
        ] {
            let sentence = sentence(tz.map(OsStr::new), says_something, quiet_hours);
            assert_eq!(sentence.is_some(), want.is_some(), "{tz:?}");
            if let (Some(sentence), Some(want)) = (sentence, want) {
                assert!(sentence.contains(want) && sentence.contains("Europe/Berlin, or install tzdata"), "{sentence}");
            }
        }
    }

    #[test]
    fn summer_time_without_a_rule_is_known() {
        let offset = |text: &str| without_rule("CET-1CEST").unwrap().to_offset(text.parse().unwrap()).seconds();
        assert_eq!((offset("2026-01-15T12:00:00Z"), offset("2026-07-15T12:00:00Z")), (3600, 7200));
        for wrong in ["Europe/Berlinn", "Berlin", "", "CET-1CEST,M3.5.0"] {
            assert!(without_rule(wrong).is_none(), "{wrong}");
        }
    }
}
