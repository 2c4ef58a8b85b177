//! Whose audio is kept: the settings, for a model of certain labels.

use std::collections::BTreeSet;

use crate::config::{Config, SpeechMode};
use crate::engine::speech::is_speech;
use crate::model::manifest::Label;

/// The labels of which no audio is kept. What the model does not have stays as it is written: it harms nothing.
pub(super) fn no_audio(config: &Config, model: &str, labels: &[Label]) -> BTreeSet<String> {
    let names = config.names(model, labels);
    let of = |name: &String| match names.one(name) {
        Some(classes) => classes.into_iter().map(|class| names.label_of(class).to_owned()).collect(),
        None => vec![name.clone()],
    };
    config.record.no_audio.iter().flat_map(of).collect()
}

/// What these settings ask for and this model cannot give, in sentences. A model of other labels must not stop a service, so none
/// of it is an error.
pub(super) fn trouble(config: &Config, model: &str, labels: &[Label]) -> Vec<String> {
    let names = config.names(model, labels);
    let unknown = config.record.no_audio.iter().filter(|name| names.one(name).is_none());
    let mut trouble: Vec<String> =
        unknown.map(|name| format!("record.no_audio has no effect on '{name}': {}", names.nothing(name))).collect();
    if config.record.speech == SpeechMode::Drop && !labels.iter().any(|label| is_speech(&label.name)) {
        trouble.push(format!(
            "record.speech = \"drop\" has no effect: the model {model} has no label of speech, so audio that holds speech is \
             kept; use a model that hears speech, or keep no audio at all (record.clips = false)"
        ));
    }
    trouble
}

/// Tells the log of it.
pub(super) fn warn(config: &Config, model: &str, labels: &[Label]) {
    if !config.record.dir.is_empty() {
        trouble(config, model, labels).iter().for_each(|sentence| tracing::warn!("{sentence}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_what_the_model_lacks_is_told() {
        let label = |name: &str, group: &str| Label { group: Some(group.into()), ..Label::new(name, 0.6, 0.4) };
        let labels = [label("speech", "people"), label("cough", "people"), label("dog", "animals")];
        let mut config = Config::default();
        config.record.no_audio = ["people", "conversation"].map(str::to_owned).into();
        config.record.speech = SpeechMode::Drop;
        let got: Vec<String> = no_audio(&config, "m", &labels).into_iter().collect();
        assert_eq!(got, ["conversation", "cough", "speech"]);
        let told = trouble(&config, "m", &labels);
        assert!(told.len() == 1 && told[0].starts_with("record.no_audio has no effect on 'conversation': there is no"));
        let told = trouble(&config, "m", &labels[1..]);
        assert!(told.len() == 2 && told[1].contains("the model m has no label of speech"), "{told:?}");
        config.record = crate::config::RecordConfig::default();
        assert!(trouble(&config, "m", &labels).is_empty());
    }
}
