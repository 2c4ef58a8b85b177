//! What the names of labels and groups in settings stand for, given a model.
//!
//! `label:NAME` is a label, `group:NAME` a group. A bare NAME is the label of that name, if there is one, and else the group.
//! One exception: where that label belongs to the group of its own name, the bare name is the whole group, which includes the
//! label (`alarm` in the group `alarm`).

use super::settings::{Config, Groups};
use crate::engine::detector::ANY_LOUD;
use crate::model::manifest::{Label, by_group};
use crate::toml_text::BadValue;

/// What a name begins with that stands for a label whatever groups there are, and the other way round.
pub(super) const PREFIXES: [&str; 2] = [LABEL, GROUP];
const LABEL: &str = "label:";
const GROUP: &str = "group:";

/// A model of more labels than this has its close matches named, not all labels.
const MAX_LISTED: usize = 20;

/// At most so many close matches are named.
const MAX_CLOSE: usize = 5;

/// Labels and groups: those of the model, and the groups of the settings, which take the place of a model's group of the same
/// name.
pub(crate) struct Names<'a> {
    groups: &'a Groups,
    model: &'a str,
    labels: &'a [Label],
}

impl Config {
    /// The names that these settings can use with a model of these labels.
    pub(crate) const fn names<'a>(&'a self, model: &'a str, labels: &'a [Label]) -> Names<'a> {
        Names { groups: &self.groups, model, labels }
    }
}

impl Names<'_> {
    /// The classes that a name stands for; any loud sound is the one behind the last label.
    pub(crate) fn one(&self, name: &str) -> Option<Vec<usize>> {
        match self.kind(name) {
            Kind::Label(name) => self.label(name).map(|index| vec![index]),
            Kind::Group(name) => self.group(name),
        }
    }

    /// The classes that a list of names under `key` stands for.
    pub(crate) fn all(&self, key: &str, names: &[String]) -> Result<Vec<usize>, BadValue> {
        let mut all = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let unknown = || self.unknown(&format!("{key}[{i}]"), format!("{name:?}"), name);
            all.extend(self.one(name).ok_or_else(unknown)?);
        }
        Ok(all)
    }

    /// Whether a name stands for a group.
    pub(crate) fn is_group(&self, name: &str) -> bool {
        matches!(self.kind(name), Kind::Group(_))
    }

    /// The label of a class.
    pub(crate) fn label_of(&self, class: usize) -> &str {
        self.labels.get(class).map_or(ANY_LOUD, |label| label.name.as_str())
    }

    /// How a class is named in settings without meaning a group.
    pub(crate) fn unmistakable(&self, label: &str) -> String {
        if self.is_group(label) { format!("{LABEL}{label}") } else { label.to_owned() }
    }

    /// The groups that a class belongs to, by name.
    pub(crate) fn groups_of(&self, class: usize) -> Vec<String> {
        let mut names: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let of_model = self.labels.get(class).and_then(|label| label.group.as_deref());
        names.extend(of_model.filter(|name| !self.groups.contains_key(*name)));
        names.sort_unstable();
        let has = |name: &&str| self.group(name).is_some_and(|members| members.contains(&class));
        names.into_iter().filter(has).map(str::to_owned).collect()
    }

    /// The first group of the settings that cannot be.
    pub(crate) fn check_groups(&self) -> Result<(), BadValue> {
        for (name, members) in self.groups {
            let key = format!("groups.{name}");
            if self.label(name).is_some() {
                let remedy = format!("the model {} has a label of this name; give the group another", self.model);
                return Err(BadValue::new(key, format!("{members:?}"), remedy));
            }
            if let Some(i) = members.iter().position(|member| self.member(member).is_none()) {
                let mut bad = self.unknown(&format!("{key}[{i}]"), format!("{:?}", members[i]), &members[i]);
                if self.groups.contains_key(members[i].strip_prefix(GROUP).unwrap_or(&members[i])) {
                    "name the labels of that group: groups hold no groups of the settings".clone_into(&mut bad.remedy);
                }
                return Err(bad);
            }
        }
        Ok(())
    }

    /// The sentence for a name that stands for nothing: what is close to it, and what there is.
    pub(crate) fn unknown(&self, key: &str, value: impl ToString, name: &str) -> BadValue {
        BadValue::new(key, value, self.nothing(name))
    }

    /// As [`Self::unknown`], without the place.
    pub(crate) fn nothing(&self, name: &str) -> String {
        let groups = self.group_names();
        let close = self.close(name.strip_prefix(LABEL).or(name.strip_prefix(GROUP)).unwrap_or(name), &groups);
        let close = if close.is_empty() { String::new() } else { format!("; close to it: {}", close.join(", ")) };
        let has = if self.labels.len() <= MAX_LISTED {
            let labels: Vec<&str> = self.labels.iter().map(|label| label.name.as_str()).collect();
            format!("the model {} has {}", self.model, labels.join(", "))
        } else {
            format!("`earwitness model show` lists the {} labels of the model {}", self.labels.len(), self.model)
        };
        let groups =
            if groups.is_empty() { String::new() } else { format!(", and there are the groups {}", groups.join(", ")) };
        format!("there is no label or group '{name}'{close}; {has}{groups}")
    }

    fn kind<'n>(&self, name: &'n str) -> Kind<'n> {
        if let Some(name) = name.strip_prefix(LABEL) {
            return Kind::Label(name);
        }
        if let Some(name) = name.strip_prefix(GROUP) {
            return Kind::Group(name);
        }
        match (self.label(name), self.group(name)) {
            (Some(label), Some(members)) if members.contains(&label) => Kind::Group(name),
            (None, Some(_)) => Kind::Group(name),
            _ => Kind::Label(name),
        }
    }

    fn label(&self, name: &str) -> Option<usize> {
        let loud = || (name == ANY_LOUD).then_some(self.labels.len());
        self.labels.iter().position(|label| label.name == name).or_else(loud)
    }

    fn group(&self, name: &str) -> Option<Vec<usize>> {
        match self.groups.get(name) {
            Some(members) => Some(members.iter().filter_map(|member| self.member(member)).flatten().collect()),
            None => self.model_group(name),
        }
    }

    /// The classes of the model's own group of this name.
    fn model_group(&self, name: &str) -> Option<Vec<usize>> {
        let labels = self.labels.iter().enumerate();
        let members = labels.filter(|(_, label)| label.group.as_deref() == Some(name)).map(|(index, _)| index);
        let members: Vec<usize> = members.collect();
        (!members.is_empty()).then_some(members)
    }

    /// What a group of the settings may hold: labels, and groups of the model.
    fn member(&self, name: &str) -> Option<Vec<usize>> {
        let label = |name: &str| self.label(name).map(|index| vec![index]);
        let group = |name: &str| self.model_group(name).filter(|_| !self.groups.contains_key(name));
        match (name.strip_prefix(LABEL), name.strip_prefix(GROUP)) {
            (Some(name), _) => label(name),
            (_, Some(name)) => group(name),
            _ => match (self.label(name), group(name)) {
                (Some(index), Some(members)) if members.contains(&index) => Some(members),
                (Some(index), _) => Some(vec![index]),
                (None, members) => members,
            },
        }
    }

    /// All groups, those of the model first.
    fn group_names(&self) -> Vec<&str> {
        let of_model = by_group(self.labels).into_iter().filter_map(|(group, _)| group);
        let mut names: Vec<&str> = of_model.collect();
        names.extend(self.groups.keys().map(String::as_str).filter(|name| self.model_group(name).is_none()));
        names
    }

    /// The names that are close to one that stands for nothing, the closest first.
    fn close<'n>(&'n self, wrong: &str, groups: &[&'n str]) -> Vec<&'n str> {
        let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
        let wrong = plain(wrong);
        let distance = |name: &str| {
            let name = plain(name);
            let most = 1 + wrong.chars().count() / 4;
            let edits = n_edits(&wrong, &name);
            // A part of a name is closer than one that is spelled alike.
            let part = wrong.len() > 2 && (name.contains(&wrong) || (name.len() > 2 && wrong.contains(&name)));
            if part { Some(1) } else { (edits <= most).then_some(edits) }
        };
        let names = self.labels.iter().map(|label| label.name.as_str()).chain(groups.iter().copied());
        let mut close: Vec<(usize, &str)> = names.filter_map(|name| Some((distance(name)?, name))).collect();
        close.sort_unstable();
        close.dedup();
        close.truncate(MAX_CLOSE);
        close.into_iter().map(|(_, name)| name).collect()
    }
}

/// What a name stands for, without its prefix; whether there is one is another question.
enum Kind<'n> {
    Label(&'n str),
    Group(&'n str),
}

/// Characters to put in, take out or replace to make `b` of `a` (Levenshtein).
fn n_edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let here = (diagonal + usize::from(x != *y)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Labels with their groups, as in `alarm/alarm`.
    fn labels(of: &[&str]) -> Vec<Label> {
        let label = |text: &&str| {
            let (group, name) = text.split_once('/').unwrap();
            let group = (!group.is_empty()).then(|| group.to_owned());
            Label { group, ..Label::new(name, 0.6, 0.4) }
        };
        of.iter().map(label).collect()
    }

    fn config(groups: &[(&str, &[&str])]) -> Config {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let groups = groups.iter().map(|(name, members)| ((*name).to_owned(), own(members))).collect();
        Config { groups, ..Config::default() }
    }

    #[test]
    fn a_bare_name_is_the_label_unless_the_group_of_its_name_includes_it() {
        let labels = labels(&["alarm/alarm", "alarm/siren", "people/music", "music/drum", "/dog", "people/speech"]);
        let config = config(&[]);
        let names = config.names("m", &labels);
        assert_eq!(names.one("alarm"), Some(vec![0, 1]), "the group includes the label");
        assert_eq!(names.one("label:alarm"), Some(vec![0]));
        assert_eq!(names.one("group:alarm"), Some(vec![0, 1]));
        assert_eq!(names.one("music"), Some(vec![2]), "the label is no member of the group of its name");
        assert_eq!(names.one("group:music"), Some(vec![3]));
        assert_eq!(names.one("people"), Some(vec![2, 5]));
        assert_eq!(names.one("dog"), Some(vec![4]));
        assert_eq!(names.one(ANY_LOUD), Some(vec![6]));
        for nothing in ["cat", "group:dog", "label:people", "label:", "group:", ""] {
            assert_eq!(names.one(nothing), None, "{nothing}");
        }
        assert_eq!(
            [names.is_group("alarm"), names.is_group("label:alarm"), names.is_group("music")],
            [true, false, false]
        );
        assert_eq!((names.unmistakable("alarm"), names.unmistakable("dog")), ("label:alarm".into(), "dog".into()));
        assert_eq!(names.groups_of(0), ["alarm"]);
        assert!(names.groups_of(4).is_empty() && names.groups_of(6).is_empty());
    }

    #[test]
    fn groups_of_the_settings_hold_groups_of_the_model_and_take_their_place() {
        let labels = labels(&["people/speech", "animals/dog", "animals/cat", "/rain"]);
        let config = config(&[("animals", &["dog"]), ("alive", &["people", "dog", "label:cat"])]);
        let names = config.names("m", &labels);
        assert!(names.check_groups().is_ok());
        assert_eq!(names.one("animals"), Some(vec![1]));
        assert_eq!(names.one("alive"), Some(vec![0, 1, 2]));
        assert_eq!(names.groups_of(1), ["alive", "animals"]);
        assert_eq!(names.groups_of(2), ["alive"], "the model's group is replaced");
        let nested = self::config(&[("a", &["dog"]), ("b", &["a"])]);
        assert!(nested.names("m", &labels).check_groups().unwrap_err().remedy.contains("groups hold no groups"));
    }

    #[test]
    fn a_name_that_is_nothing_is_answered_with_close_ones_and_groups() {
        let many: Vec<String> = (0..59).map(|i| format!("nature/sound_{i}")).collect();
        let mut of: Vec<&str> = many.iter().map(String::as_str).collect();
        of.extend(["alarm/smoke_alarm", "animals/dog", "people/crying_baby"]);
        let labels = labels(&of);
        let config = config(&[("mine", &["dog"])]);
        let names = config.names("wide", &labels);
        let told = names.nothing("dgo");
        assert!(told.starts_with("there is no label or group 'dgo'; `earwitness model show`"), "{told}");
        let told = names.nothing("dogs");
        assert!(told.starts_with("there is no label or group 'dogs'; close to it: dog; "), "{told}");
        assert!(names.nothing("crying baby").contains("close to it: crying_baby;"));
        assert!(names.nothing("smoke").contains("close to it: smoke_alarm;"));
        assert!(names.nothing("animal").contains("close to it: animals;"));
        assert!(
            told.ends_with(
                "lists the 62 labels of the model wide, and there are the groups alarm, people, animals, nature, mine"
            ),
            "{told}"
        );
        assert!(!told.contains("sound_7"), "{told}");
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, n) in [("", "", 0), ("", "abc", 3), ("dog", "dog", 0), ("dog", "dogs", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!((n_edits(a, b), n_edits(b, a)), (n, n), "{a} {b}");
        }
    }
}
