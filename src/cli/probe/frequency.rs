//! What `--scale-frequency` changes.

use std::str::FromStr;

use super::bar::Bar;
use super::subject::Subject;
use crate::error::{Error, Result};
use crate::eval::probe::frequency_scale::{FrequencyScaled, scale_frequencies};
use crate::model::classifier::Classifier;

/// Factors that make sense: two octaves either way.
const FACTORS: std::ops::RangeInclusive<f32> = 0.25..=4.0;

/// A factor, for one label or for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    label: Option<String>,
    factor: f32,
}

impl FromStr for Scaling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (label, factor) = match text.rsplit_once('=') {
            Some((label, factor)) if !label.is_empty() => (Some(label.to_owned()), factor),
            _ => (None, text),
        };
        let factor = factor.parse().ok().filter(|factor| FACTORS.contains(factor));
        let factor = factor.ok_or_else(|| "give a factor from 0.25 to 4, as in 1.5 or male=1.5".to_owned())?;
        Ok(Self { label, factor })
    }
}

/// Classifies the subject's clips with their frequencies scaled.
///
/// # Errors
/// A usage error for a label that the model does not have; where the classifier fails.
pub(super) fn run(subject: &Subject, chosen: &[usize], scalings: &[Scaling]) -> Result<Vec<FrequencyScaled>> {
    let labels = &subject.labels;
    let mut factors = Vec::new();
    for Scaling { label, factor } in scalings {
        match label {
            None => factors.extend((0..labels.len()).map(|class| (class, *factor))),
            Some(name) => {
                let class = labels.iter().position(|label| label == name).ok_or_else(|| {
                    Error::usage(format!(
                        "the model {} has no label '{name}' to scale; 'earwitness model show' lists its labels",
                        subject.package.manifest().name
                    ))
                })?;
                factors.push((class, *factor));
            }
        }
    }
    // A clip of several labels belongs to none alone.
    let single: Vec<(usize, usize)> = chosen
        .iter()
        .filter_map(|i| match subject.targets[*i].as_slice() {
            [class] if factors.iter().any(|(scaled, _)| scaled == class) => Some((*i, *class)),
            _ => None,
        })
        .collect();
    let clips: Vec<&[f32]> = single.iter().map(|(i, _)| subject.clips[*i].as_slice()).collect();
    let targets: Vec<usize> = single.iter().map(|(_, class)| *class).collect();
    factors.retain(|(class, _)| targets.contains(class));
    let bar = Bar::new("scaling frequencies");
    let classifier = Classifier::load(&subject.package)?;
    scale_frequencies(&classifier, &clips, &targets, labels, &factors, &mut |done, all| bar.at(done, all))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_for_all_labels_or_for_one() {
        assert_eq!("1.5".parse::<Scaling>().unwrap(), Scaling { label: None, factor: 1.5 });
        let male = "male=0.66".parse::<Scaling>().unwrap();
        assert_eq!(male, Scaling { label: Some("male".into()), factor: 0.66 });
        for text in ["", "0", "male=", "=x", "5", "nan"] {
            assert!(text.parse::<Scaling>().unwrap_err().contains("0.25 to 4"), "{text}");
        }
    }
}
