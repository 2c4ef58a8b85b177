//! Pixel and patch flipping (Samek et al., 2017; Eq. 4.4 of the thesis on heatmaps as audio): the classifier's input is
//! replaced by silence, most relevant places first, and the class's score is followed on its way down. The sooner it
//! falls, the better the explanation found what the classifier needs.
//!
//! Of a network that hears samples, samples are set to 0, and the order of their magnitudes is compared, too (AudioMNIST,
//! "relevance-guided sample manipulation"): a patch is one hop of samples there.

use rayon::prelude::*;
use serde::Serialize;

use super::input_map::{AMPLITUDE, RANDOM, input_maps};
use super::order::most_relevant_first;
use super::{Clips, Progress};
use crate::Result;
use crate::dsp::MelScale;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::model::classifier::Classifier;
use crate::model::package::Package;

/// Side of a patch, in frames and bands.
pub const PATCH: usize = 16;
/// Steps of pixel flipping from nothing to everything.
pub const PIXEL_STEPS: usize = 24;
/// Of the intervals.
const BOOTSTRAP_DRAWS: usize = 2000;
const BOOTSTRAP_LEVEL: f64 = 0.95;

/// One method's curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flipping {
    /// The method's name.
    pub method: String,
    /// Clips.
    pub n: usize,
    /// Squares of [`PATCH`] frames and bands, i² of them at step i; of samples, a hop of them.
    pub patches: MeanCurve,
    /// Single values of the input, a share of (i / [`PIXEL_STEPS`])² of them at step i.
    pub pixels: MeanCurve,
}

/// Curves averaged over clips, and areas of each clip's curve averaged over clips with 95 % bootstrap intervals. Lower areas
/// are better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanCurve {
    /// Share of the input that is replaced at each step, 0…1, rising.
    pub flipped: Vec<f64>,
    /// Mean probability of the explained class at each step.
    pub probability: Vec<f64>,
    /// Mean of max(logit, 0) at each step.
    pub positive_logit: Vec<f64>,
    /// Share of the clips at each step whose likeliest class is still the explained one.
    pub kept: Vec<f64>,
    /// Area under the probability's curve, by trapezia.
    pub area: Option<f64>,
    /// Its interval.
    pub area_interval: Option<(f64, f64)>,
    /// Eq. 4.4: Σ ωᵢ·(sᵢ₋₁ − sᵢ)/2 with ωᵢ the share that is replaced at step i and s = max(logit, 0).
    pub aupc: Option<f64>,
    /// Its interval.
    pub aupc_interval: Option<(f64, f64)>,
}

/// Places that are flipped as one, and when.
#[derive(Clone)]
pub(super) struct Schedule {
    /// The values of each place, as indices into the input.
    places: Vec<Vec<usize>>,
    /// Places flipped at each step, from 0 to all.
    counts: Vec<usize>,
}

impl Schedule {
    /// Rectangles of so many frames and bands (less at the edges); i² of them at step i, and all in the last.
    pub(super) fn patches(n_frames: usize, n_mels: usize, [height, width]: [usize; 2]) -> Self {
        let mut places = Vec::new();
        for frame in (0..n_frames).step_by(height) {
            for band in (0..n_mels).step_by(width) {
                let rows = frame..n_frames.min(frame + height);
                let columns = band..n_mels.min(band + width);
                places.push(rows.flat_map(|t| columns.clone().map(move |m| t * n_mels + m)).collect());
            }
        }
        let n: usize = places.len();
        let counts = (0..).map(|i| i * i).take_while(|c| *c < n).chain([n]).collect();
        Self { places, counts }
    }

    /// Single values; n·(i/steps)² of them at step i.
    fn pixels(n: usize, steps: usize) -> Self {
        let count = |i: usize| (n as f64 * (i as f64 / steps as f64).powi(2)).round() as usize;
        let mut counts: Vec<usize> = (0..=steps).map(count).collect();
        counts.dedup();
        Self { places: (0..n).map(|i| vec![i]).collect(), counts }
    }

    /// Share of the places that each step takes.
    pub(super) fn step_shares(&self) -> Vec<f64> {
        self.counts.iter().map(|&n| n as f64 / self.places.len().max(1) as f64).collect()
    }

    /// Share of the input's values that are replaced at each step, if places are taken in `order`.
    fn shares(&self, order: &[usize]) -> Vec<f64> {
        let size = |places: &[usize]| places.iter().map(|p| self.places[*p].len()).sum::<usize>() as f64;
        self.counts.iter().map(|&n| size(&order[..n]) / size(order).max(1.0)).collect()
    }

    /// The order of the places, by the sum of their relevance without what is negative.
    pub(super) fn order(&self, relevance: &[f32], seed: u64, item: usize) -> Vec<usize> {
        let positive = |place: &Vec<usize>| place.iter().map(|&i| relevance[i].max(0.0)).sum();
        most_relevant_first(&self.places.iter().map(positive).collect::<Vec<f32>>(), seed, item)
    }

    /// The schedule in which each step takes, of every one of `orders`, as many places as this one does, and takes them once; with
    /// the order in which they come.
    pub(super) fn united(&self, orders: &[Vec<usize>]) -> (Self, Vec<usize>) {
        let mut taken = vec![false; self.places.len()];
        let (mut order, mut counts) = (Vec::with_capacity(taken.len()), Vec::with_capacity(self.counts.len()));
        for &n in &self.counts {
            for place in orders.iter().flat_map(|order| &order[..n]) {
                if !std::mem::replace(&mut taken[*place], true) {
                    order.push(*place);
                }
            }
            counts.push(order.len());
        }
        (Self { counts, ..self.clone() }, order)
    }

    /// The input after each step.
    fn inputs(&self, features: &[f32], order: &[usize], silence: f32) -> Vec<Vec<f32>> {
        let mut now = features.to_vec();
        let mut done = 0;
        let step = |&n: &usize| {
            order[done..n].iter().flat_map(|p| &self.places[*p]).for_each(|&i| now[i] = silence);
            done = n;
            now.clone()
        };
        self.counts.iter().map(step).collect()
    }
}

/// One clip's curve.
pub(super) struct Curve {
    flipped: Vec<f64>,
    probability: Vec<f64>,
    positive_logit: Vec<f64>,
    /// 1 where the class is still the likeliest, else 0.
    kept: Vec<f64>,
}

/// Flips the input of `package`'s classifier in the order of each of `methods` (as [`crate::interpret::methods`] names them;
/// [`super::input_map`] says how a mask becomes an order), of samples in that of their magnitudes, and in random order, which
/// comes last.
///
/// # Errors
/// Where a method cannot be loaded or fails.
pub fn flip(
    package: &Package,
    methods: &[String],
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<Flipping>> {
    let classifier = Classifier::load(package)?;
    let silence = classifier.front_end().compression.silence();
    let n_mels = classifier.front_end().mel.n_mels;
    let hears_samples = classifier.front_end().mel.scale == MelScale::Samples;
    let patch = if hears_samples { [1, n_mels] } else { [PATCH; 2] };
    let schedules = [
        Schedule::patches(classifier.n_frames(), n_mels, patch),
        Schedule::pixels(classifier.n_frames() * n_mels, PIXEL_STEPS),
    ];
    let mut names: Vec<&str> = methods.iter().map(String::as_str).filter(|m| *m != RANDOM).collect();
    names.extend(hears_samples.then_some(AMPLITUDE));
    names.push(RANDOM);
    let all = 2 * names.len() * clips.len();
    let mut results = Vec::with_capacity(names.len());
    for (i, &method) in names.iter().enumerate() {
        let before = 2 * i * clips.len();
        let maps = input_maps(package, method, clips, seed, &mut |done, _| progress(before + done, all))?;
        let one = |clip: usize| -> Result<[Curve; 2]> {
            let (features, relevance) = &maps[clip];
            let class = classifier.classify(features)?.top();
            let curve = |schedule: &Schedule| {
                let order = schedule.order(relevance, seed, clip);
                curve(&classifier, features, class, schedule, &order, silence)
            };
            Ok([curve(&schedules[0])?, curve(&schedules[1])?])
        };
        let curves = for_each(clips.len(), one, &mut |done, _| progress(before + clips.len() + done, all))?;
        let mean = |k: usize| mean_curve(&curves.iter().map(|c| &c[k]).collect::<Vec<_>>(), seed);
        results.push(Flipping { method: method.to_owned(), n: clips.len(), patches: mean(0), pixels: mean(1) });
    }
    Ok(results)
}

impl Curve {
    /// Eq. 4.4.
    pub(super) fn aupc(&self) -> f64 {
        aupc(&self.flipped, &self.positive_logit)
    }
}

/// Follows the score of `class` through a schedule.
///
/// # Errors
/// If the features do not fit the classifier.
pub(super) fn curve(
    classifier: &Classifier,
    features: &[f32],
    class: usize,
    schedule: &Schedule,
    order: &[usize],
    silence: f32,
) -> Result<Curve> {
    let inputs = schedule.inputs(features, order, silence);
    let classified: Result<Vec<_>> = inputs.par_iter().map(|input| classifier.classify(input)).collect();
    let of = |values: &[f32]| f64::from(values.get(class).copied().unwrap_or(0.0));
    let classified = classified?;
    Ok(Curve {
        flipped: schedule.shares(order),
        probability: classified.iter().map(|c| of(&c.probs)).collect(),
        positive_logit: classified.iter().map(|c| of(&c.logits).max(0.0)).collect(),
        kept: classified.iter().map(|c| f64::from(u8::from(c.top() == class))).collect(),
    })
}

/// Area under a curve by trapezia.
fn area(x: &[f64], y: &[f64]) -> f64 {
    x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum()
}

/// Eq. 4.4 of one curve.
pub(super) fn aupc(flipped: &[f64], score: &[f64]) -> f64 {
    flipped.iter().skip(1).zip(score.windows(2)).map(|(share, s)| share * (s[0] - s[1]) / 2.0).sum()
}

pub(super) fn mean_curve(curves: &[&Curve], seed: u64) -> MeanCurve {
    let mean = |of: fn(&Curve) -> &Vec<f64>| -> Vec<f64> {
        let n_steps = curves.first().map_or(0, |c| of(c).len());
        (0..n_steps).map(|i| curves.iter().map(|c| of(c)[i]).sum::<f64>() / curves.len() as f64).collect()
    };
    let interval =
        |values: &[f64]| metrics::bootstrap_interval(values, metrics::mean, BOOTSTRAP_LEVEL, BOOTSTRAP_DRAWS, seed);
    let areas: Vec<f64> = curves.iter().map(|c| area(&c.flipped, &c.probability)).collect();
    let aupcs: Vec<f64> = curves.iter().map(|c| c.aupc()).collect();
    MeanCurve {
        flipped: mean(|c| &c.flipped),
        probability: mean(|c| &c.probability),
        positive_logit: mean(|c| &c.positive_logit),
        kept: mean(|c| &c.kept),
        area: metrics::mean(&areas),
        area_interval: interval(&areas),
        aupc: metrics::mean(&aupcs),
        aupc_interval: interval(&aupcs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// i = np.arange(20)
    /// x = ((i*7%11)/5-1).reshape(5,4); r = ((i*5+i*i)%23/6-1).reshape(5,4); w = (i*3%7/7).reshape(5,4)
    /// P = [(t,m) for t in range(0,5,2) for m in range(0,4,2)]
    /// order = np.argsort([-np.maximum(r,0)[t:t+2,m:m+2].sum() for t,m in P])
    /// y = x.copy(); shares = [0.]; s = [10+(w*y).sum()]; done = 0
    /// for c in [1,4,6]:
    ///     for p in order[done:c]: t,m = P[p]; y[t:t+2,m:m+2] = -1.5
    ///     done = c; s.append(10+(w*y).sum())
    ///     shares.append(sum(x[t:t+2,m:m+2].size for t,m in [P[p] for p in order[:c]])/20)
    /// sp = np.maximum(s,0)
    /// print(order, shares, s, np.trapezoid(s,shares), sum(shares[i]*(sp[i-1]-sp[i])/2 for i in range(1,4)))
    /// ```
    #[test]
    fn a_curve_and_its_areas_equal_numpy() {
        let formula = |f: fn(usize) -> f32| -> Vec<f32> { (0..20).map(f).collect() };
        let features = formula(|i| (i * 7 % 11) as f32 / 5.0 - 1.0);
        let relevance = formula(|i| ((i * 5 + i * i) % 23) as f32 / 6.0 - 1.0);
        let weights = formula(|i| (i * 3 % 7) as f32 / 7.0);
        let schedule = Schedule::patches(5, 4, [2, 2]);
        let order = schedule.order(&relevance, 1, 0);
        assert_eq!(order, [1, 2, 3, 5, 4, 0]);
        let score = |x: &Vec<f32>| 10.0 + x.iter().zip(&weights).map(|(x, w)| f64::from(x * w)).sum::<f64>();
        let scores: Vec<f64> = schedule.inputs(&features, &order, -1.5).iter().map(score).collect();
        let shares = schedule.shares(&order);
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-5, "{got}, not {want}");
        shares.iter().zip([0.0, 0.2, 0.7, 1.0]).for_each(|(got, want)| near(*got, want));
        scores
            .iter()
            .zip([9.542_857_1, 6.571_428_6, 0.942_857_1, -2.642_857_1])
            .for_each(|(got, want)| near(*got, want));
        assert_eq!((shares.len(), scores.len()), (4, 4));
        near(area(&shares, &scores), 3.235);
        near(aupc(&shares, &scores.iter().map(|s| s.max(0.0)).collect::<Vec<_>>()), 2.738_571_4);
    }

    #[test]
    fn united_orders_take_each_place_once_and_more_where_they_differ() {
        let patches = Schedule::patches(4, 4, [1, 1]);
        let (forward, backward): (Vec<usize>, Vec<usize>) = ((0..16).collect(), (0..16).rev().collect());
        let (same, order) = patches.united(&[forward.clone(), forward.clone()]);
        assert_eq!((same.counts, order), (patches.counts.clone(), forward.clone()));
        let (both, order) = patches.united(&[forward, backward]);
        assert_eq!(patches.step_shares(), [0.0, 1.0 / 16.0, 0.25, 9.0 / 16.0, 1.0]);
        assert_eq!((patches.counts, both.counts), (vec![0, 1, 4, 9, 16], vec![0, 2, 8, 16, 16]));
        assert_eq!(order[..8], [0, 15, 1, 2, 3, 14, 13, 12]);
    }

    #[test]
    fn every_schedule_goes_from_nothing_to_everything() {
        for (schedule, n) in [
            (Schedule::patches(320, 64, [16, 16]), 80),
            (Schedule::patches(1, 1, [16, 16]), 1),
            (Schedule::patches(33, 17, [16, 16]), 6),
            (Schedule::patches(100, 80, [1, 80]), 100),
            (Schedule::pixels(20_480, PIXEL_STEPS), 20_480),
            (Schedule::pixels(3, PIXEL_STEPS), 3),
        ] {
            assert_eq!(schedule.places.len(), n);
            assert_eq!((schedule.counts[0], schedule.counts[schedule.counts.len() - 1]), (0, n));
            assert!(schedule.counts.windows(2).all(|w| w[0] < w[1]), "{:?}", schedule.counts);
            let mut values: Vec<usize> = schedule.places.iter().flatten().copied().collect();
            values.sort_unstable();
            assert!(values.iter().copied().eq(0..values.len()), "each value belongs to one place");
        }
        assert_eq!(Schedule::patches(320, 64, [16, 16]).counts, [0, 1, 4, 9, 16, 25, 36, 49, 64, 80]);
    }
}
