//! Which class a mask is asked for.

use rand::{Rng, RngExt};

use super::settings::LmacTraining;
use crate::eval::metrics::top_class;
use crate::model::classifier::probabilities;
use crate::model::manifest::Activation;

/// From this probability on a class of a multi-label model is active.
const ACTIVE: f32 = 0.5;

/// From this probability on a class that the sound was made from may be asked for, so that hearing one sound behind another
/// is learned: of two sounds at once the classifier is sure of both in one pair of six.
const PRESENT: f32 = 0.1;

/// Below this probability a class counts as absent, also where its clip is in the sound: it was not heard.
const ABSENT: f32 = 0.01;

/// The class that a mask of one segment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its index.
    pub class: usize,
    /// Whether it is to be heard in what the mask keeps. Of an absent one, what is kept is not judged: the mask is to be small,
    /// and the class not to appear in the rest.
    pub present: bool,
}

/// What to ask of a segment that sounds of the classes `made_of` are in.
///
/// The published objective explains the likeliest class. A model of several labels is asked for any that it is sure of, or
/// finds possible and is in the sound; and, so often as [`LmacTraining::absent`] says, for one that it rules out: how masks of classes differ is then to be learned from every sound, and not only from the few in which two are
/// active.
pub fn ask(how: &LmacTraining, logits: &[f32], made_of: &[usize], rng: &mut impl Rng) -> Asked {
    let likeliest = Asked { class: top_class(logits).unwrap_or(0), present: true };
    if how.activation == Activation::Softmax || !how.net.conditioned {
        return likeliest;
    }
    let probs = probabilities(logits, how.activation);
    let mut any = |fits: &dyn Fn(usize) -> bool, present: bool| {
        let classes: Vec<usize> = (0..probs.len()).filter(|class| fits(*class)).collect();
        (!classes.is_empty()).then(|| Asked { class: classes[rng.random_range(0..classes.len())], present })
    };
    let absent = any(&|class| probs[class] < ABSENT, false);
    let present = any(&|class| probs[class] >= ACTIVE || made_of.contains(&class) && probs[class] >= PRESENT, true);
    if rng.random_bool(how.absent) { absent } else { present }.unwrap_or(likeliest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Logits of 4 classes: sure, possible, unlikely, ruled out.
    const LOGITS: [f32; 4] = [3.0, -1.0, -3.0, -9.0];

    /// Everything that is asked for in 300 draws.
    fn drawn(activation: Activation, conditioned: bool, absent: f64, logits: &[f32], made_of: &[usize]) -> Vec<Asked> {
        let mut how = super::super::tests::settings();
        (how.activation, how.net.conditioned, how.absent) = (activation, conditioned, absent);
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        let all: BTreeSet<(usize, bool)> =
            (0..300).map(|_| ask(&how, logits, made_of, rng)).map(|asked| (asked.class, asked.present)).collect();
        all.into_iter().map(|(class, present)| Asked { class, present }).collect()
    }

    const fn heard(class: usize) -> Asked {
        Asked { class, present: true }
    }

    #[test]
    fn what_sounds_is_asked_for_and_what_is_ruled_out() {
        let sigmoid = |absent, made_of: &[usize]| drawn(Activation::Sigmoid, true, absent, &LOGITS, made_of);
        assert_eq!(sigmoid(0.0, &[]), [heard(0)], "what the classifier is sure of");
        assert_eq!(sigmoid(0.0, &[1, 2]), [heard(0), heard(1)], "and what is there and possible");
        assert_eq!(sigmoid(1.0, &[1, 3]), [Asked { class: 3, present: false }], "not heard, though its clip is there");
        assert_eq!(sigmoid(0.5, &[]), [heard(0), Asked { class: 3, present: false }]);
    }

    #[test]
    fn otherwise_the_likeliest_class_is_explained_as_published() {
        assert_eq!(drawn(Activation::Softmax, true, 1.0, &LOGITS, &[1]), [heard(0)]);
        assert_eq!(drawn(Activation::Sigmoid, false, 1.0, &LOGITS, &[1]), [heard(0)]);
        let unsure = [-2.0, -3.0, -4.0, -4.5];
        assert_eq!(drawn(Activation::Sigmoid, true, 0.0, &unsure, &[]), [heard(0)], "nothing is sure");
        assert_eq!(drawn(Activation::Sigmoid, true, 1.0, &unsure, &[]), [heard(0)], "nothing is ruled out");
    }
}
