//! One vector of relevance for each clip, and whether those of a class resemble each other (Figure 5 of the extended L2I
//! paper).

use serde::Serialize;

use super::batch::{Pool, hear};
use super::input_map::input_map;
use super::{Clips, Progress};
use crate::Result;
use crate::dsp::FrontEnd;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::interpret::l2i::L2i;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::units::ClassId;

/// Neighbours that are looked at for [`Coherence`].
pub const NEIGHBOURS: usize = 5;

/// One method's vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The method's name.
    pub method: String,
    /// Relevance of each clip's predicted class, the largest magnitude being 1 (all 0 where nothing is relevant): of each
    /// component for L2I, summed over time in each mel band for others.
    pub vectors: Vec<Vec<f32>>,
    /// The predicted classes.
    pub classes: Vec<usize>,
}

/// How much the explanations of one class resemble each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coherence {
    /// Clips.
    pub n: usize,
    /// Mean share of the [`NEIGHBOURS`] nearest other clips (by the vectors' Euclidean distance) that have the same predicted
    /// class. `None` with fewer than two clips.
    pub same_class: Option<f64>,
    /// The same if neighbours were drawn at random.
    pub by_chance: Option<f64>,
}

/// The vectors of one of [`crate::interpret::methods`].
///
/// # Errors
/// Where the method cannot be loaded or fails.
pub fn relevance_vectors(
    package: &Package,
    method: &str,
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vectors> {
    let classifier = Classifier::load(package)?;
    let front_end = FrontEnd::new(classifier.front_end())?;
    let n_mels = front_end.n_mels();
    let pool = Pool::new(package, method, seed);
    // Its trait shows only the components that are played; all of them make the vector.
    let l2i = if method == "l2i" { Some(L2i::load(package)?) } else { None };
    let one = |i: usize| -> Result<(Vec<f32>, usize)> {
        let heard = hear(&classifier, &clips[i..=i])?.remove(0);
        let class = ClassId(heard.classified.top());
        let mut vector = match &l2i {
            Some(l2i) => l2i.explain_fully(&heard.segment())?.relevance(class),
            None => {
                let explanation = pool.with(|interpreter| interpreter.explain(&heard.segment()))?;
                let map = input_map(explanation.as_ref(), class, front_end.bank());
                (0..n_mels).map(|band| map.iter().skip(band).step_by(n_mels).sum()).collect()
            }
        };
        let max = vector.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        if max > 0.0 {
            vector.iter_mut().for_each(|v| *v /= max);
        }
        Ok((vector, class.0))
    };
    let (vectors, classes) = for_each(clips.len(), one, progress)?.into_iter().unzip();
    Ok(Vectors { method: method.to_owned(), vectors, classes })
}

impl Vectors {
    /// Whether neighbours have the same class.
    #[must_use]
    pub fn coherence(&self) -> Coherence {
        let n = self.vectors.len();
        let far = |i: usize, j: usize| -> f32 {
            self.vectors[i].iter().zip(&self.vectors[j]).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let same = |i: usize, j: usize| f64::from(u8::from(self.classes[i] == self.classes[j]));
        let mut shares = Vec::with_capacity(n);
        let mut chances = Vec::with_capacity(n);
        for i in 0..if n < 2 { 0 } else { n } {
            let mut others: Vec<usize> = (0..n).filter(|j| *j != i).collect();
            chances.extend(metrics::mean(&others.iter().map(|&j| same(i, j)).collect::<Vec<_>>()));
            others.sort_by(|&a, &b| far(i, a).total_cmp(&far(i, b)));
            others.truncate(NEIGHBOURS);
            shares.extend(metrics::mean(&others.iter().map(|&j| same(i, j)).collect::<Vec<_>>()));
        }
        Coherence { n, same_class: metrics::mean(&shares), by_chance: metrics::mean(&chances) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coherence_is_the_share_of_neighbours_of_the_same_class() {
        // Two groups of six far apart; one clip of the first lies with the second.
        let mut vectors: Vec<Vec<f32>> =
            (0..12).map(|i| vec![if i < 6 { 0.0 } else { 1.0 }, i as f32 * 0.01]).collect();
        vectors[0] = vec![1.0, 0.055];
        let classes: Vec<usize> = (0..12).map(|i| usize::from(i >= 6)).collect();
        let coherence = Vectors { method: "m".into(), vectors, classes }.coherence();
        // Clip 0: none of 5. Clips 1 to 5: the four others there, and clip 0 as the nearest elsewhere. Clips 6 to 8 have it among
        // their 5 nearest, clips 9 to 11 do not.
        let shares = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.8, 0.8, 1.0, 1.0, 1.0];
        let expected = shares.iter().sum::<f64>() / 12.0;
        assert!((coherence.same_class.unwrap_or_default() - expected).abs() < 1e-9, "{coherence:?}");
        assert!((coherence.by_chance.unwrap_or_default() - 5.0 / 11.0).abs() < 1e-9);
        let one = Vectors { method: "m".into(), vectors: vec![vec![1.0]], classes: vec![0] }.coherence();
        assert_eq!((one.same_class, one.by_chance), (None, None));
    }
}
