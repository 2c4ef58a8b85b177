//! AudioSet's labels in earwitness's words: short names, the eight groups, and which are reported.
//!
//! AudioSet lists its labels along its ontology, so a table of where each part begins is nearly all there is to know; what
//! belongs elsewhere is named.

use super::manifest::Label;

/// Where a part of the list begins, its group, and whether its labels are reported or only shown.
const PARTS: [(&str, &str, bool); 48] = [
    ("Speech", "people", true),
    ("Animal", "animals", true),
    ("Music", "music", false),
    ("Wind", "nature", true),
    ("Vehicle", "vehicles", true),
    ("Engine", "machines", true),
    ("Door", "home", true),
    ("Alarm", "alarm", true),
    ("Telephone", "home", true),
    ("Siren", "alarm", true),
    ("Mechanisms", "machines", true),
    ("Clock", "home", true),
    ("Gears", "machines", true),
    ("Sewing machine", "home", true),
    ("Mechanical fan", "machines", true),
    ("Camera", "home", true),
    ("Tools", "machines", true),
    ("Explosion", "alarm", true),
    ("Wood", "nature", false),
    ("Chop", "home", true),
    ("Glass", "alarm", true),
    ("Chink, clink", "home", true),
    ("Shatter", "alarm", true),
    ("Liquid", "home", true),
    ("Sonar", "machines", true),
    ("Arrow", "home", false),
    ("Electronic tuner", "music", false),
    ("Basketball bounce", "people", true),
    ("Bang", "alarm", true),
    ("Slap, smack", "people", true),
    ("Smash, crash", "alarm", true),
    ("Bouncing", "home", false),
    ("Beep, bleep", "machines", true),
    ("Squeal", "machines", false),
    ("Rustle", "nature", false),
    ("Whir", "machines", false),
    ("Rumble", "nature", false),
    ("Plop", "home", false),
    ("Hum", "machines", false),
    ("Crunch", "home", false),
    ("Silence", "nature", false),
    ("Sine wave", "machines", false),
    ("Inside, small room", "home", false),
    ("Outside, urban or manmade", "vehicles", false),
    ("Outside, rural or natural", "nature", false),
    ("Reverberation", "home", false),
    ("Noise", "machines", false),
    ("Television", "home", false),
];

/// Labels whose group is another than that of their part.
const ELSEWHERE: [(&str, &str); 22] = [
    ("Screaming", "alarm"),
    ("Battle cry", "alarm"),
    ("Car alarm", "alarm"),
    ("Emergency vehicle", "alarm"),
    ("Police car (siren)", "alarm"),
    ("Ambulance (siren)", "alarm"),
    ("Fire engine, fire truck (siren)", "alarm"),
    ("Fire", "alarm"),
    ("Singing", "people"),
    ("Wind chime", "home"),
    ("Bicycle bell", "vehicles"),
    ("Church bell", "home"),
    ("Alarm clock", "home"),
    ("Cap gun", "home"),
    ("Fireworks", "people"),
    ("Firecracker", "people"),
    ("Doorbell", "home"),
    ("Whistle", "people"),
    ("Steam whistle", "vehicles"),
    ("Foghorn", "vehicles"),
    ("Cash register", "home"),
    ("Field recording", "nature"),
];

/// Labels that name whatever is nearby: others say it better.
const ONLY_SHOWN: [&str; 20] = [
    "Animal",
    "Domestic animals, pets",
    "Livestock, farm animals, working animals",
    "Wild animals",
    "Canidae, dogs, wolves",
    "Hands",
    "Heart sounds, heartbeat",
    "Heart murmur",
    "Breathing",
    "Wind noise (microphone)",
    "Vehicle",
    "Motor vehicle (road)",
    "Engine",
    "Light engine (high frequency)",
    "Medium engine (mid frequency)",
    "Heavy engine (low frequency)",
    "Mechanisms",
    "Tools",
    "Liquid",
    "Pulleys",
];

/// Labels of the music part that are sounds of their own, and so reported.
const REPORTED: [&str; 4] = ["Music", "Church bell", "Bicycle bell", "Wind chime"];

/// The labels of a network that was trained on AudioSet, from the names of its outputs in their order. Names become lower
/// case with `_`; of several alternatives the first stays where no other label begins alike. Names that are not AudioSet's
/// get no group and are reported.
#[must_use]
pub fn labels(names: &[String], on_threshold: f32, off_threshold: f32) -> Vec<Label> {
    let shorts: Vec<String> = names.iter().map(|name| plain(short(name))).collect();
    let mut part: Option<(&str, bool)> = None;
    let mut labels: Vec<Label> = Vec::with_capacity(names.len());
    for (name, short) in names.iter().zip(&shorts) {
        if let Some((_, group, reported)) = PARTS.iter().find(|(first, ..)| first == name) {
            part = Some((group, *reported));
        }
        let alone = shorts.iter().filter(|other| *other == short).count() == 1;
        let elsewhere = ELSEWHERE.iter().find(|(label, _)| label == name).map(|(_, group)| *group);
        let group = elsewhere.or(part.map(|(group, _)| group));
        let reported = REPORTED.contains(&name.as_str())
            || (part.is_none_or(|(_, reported)| reported) && !ONLY_SHOWN.contains(&name.as_str()));
        labels.push(Label {
            group: group.map(str::to_owned),
            alarm: reported,
            ..Label::new(if alone { short.clone() } else { plain(name) }, on_threshold, off_threshold)
        });
    }
    labels
}

/// The first of several alternatives.
fn short(name: &str) -> &str {
    name.split(',').next().unwrap_or(name)
}

/// Lower-case words joined by `_`.
fn plain(name: &str) -> String {
    let name = name.replace('\'', "").to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::GROUPS;

    fn named(names: &[&str]) -> Vec<Label> {
        labels(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), 0.2, 0.1)
    }

    #[test]
    fn labels_get_short_names_of_their_own() {
        let names = [
            "Walk, footsteps",
            "Inside, small room",
            "Inside, public space",
            "Dental drill, dentist's drill",
            "Bow-wow",
        ];
        let got: Vec<String> = named(&names).into_iter().map(|label| label.name).collect();
        assert_eq!(got, ["walk", "inside_small_room", "inside_public_space", "dental_drill", "bow_wow"]);
    }

    #[test]
    fn groups_follow_the_list_but_for_what_is_named() {
        let got = named(&["Speech", "Screaming", "Cough", "Animal", "Dog", "Music", "Rock music", "Silence", "Static"]);
        let got: Vec<(&str, bool)> = got.iter().map(|l| (l.group.as_deref().unwrap_or(""), l.alarm)).collect();
        let want = [
            ("people", true),
            ("alarm", true),
            ("people", true),
            ("animals", false),
            ("animals", true),
            ("music", true),
            ("music", false),
            ("nature", false),
            ("nature", false),
        ];
        assert_eq!(got, want);
        let foreign = named(&["klaxon of ours"]);
        assert_eq!((foreign[0].group.as_deref(), foreign[0].alarm), (None, true));
    }

    #[test]
    fn the_tables_name_no_group_that_there_is_not() {
        let groups = PARTS.iter().map(|part| part.1).chain(ELSEWHERE.iter().map(|(_, group)| *group));
        assert!(groups.into_iter().all(|group| GROUPS.contains(&group)));
    }
}
