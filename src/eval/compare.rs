//! Methods under one measure: the L-MAC paper's Tables 1 and 2 for any method, classifier and set (section 3.1 there).
//!
//! The class explained is the one that the classifier finds likeliest in the mixture, as published; the multi-label forms
//! explain every class that it finds. Masks are laid on the spectrum, and the classifier hears what is left through the rest
//! of its front end.

use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::against::{Against, Standing};
pub use super::compare_result::{Comparison, Mean, MethodCost, MethodRow, MultiLabel, SetResult};
use super::domain::Domain;
use super::faithfulness::{Heard, Keep, Listener};
use super::mask_metrics::{complexity, drop, faithfulness, gain, in_top, increase, sparseness, top};
use super::metrics;
use super::mixtures::MixtureSet;
pub use super::workers::Subject;
use super::workers::{Worker, each};
use crate::interpret::Explanation;
use crate::interpret::methods::BASELINES;
use crate::units::ClassId;
use crate::{Error, Result};

/// Sounds that a method's time is measured on, after one that is not counted.
const TIMED_SOUNDS: usize = 3;

/// One mask on one sound, for one class.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    ai: f64,
    ad: f64,
    ag: f64,
    ff: f64,
    /// `ff` with the mask's values in random places.
    ff_random: f64,
    /// 1 where the class is the likeliest of the masked-in part.
    fid_in: f64,
    fid_in_top3: f64,
    /// 1 where the class is found in the masked-in part.
    found: f64,
    sps: Option<f64>,
    comp: Option<f64>,
    mask_mean: f64,
}

/// One sound, one method, one domain.
struct Judged {
    /// The likeliest class's.
    single: Figures,
    /// Of every class found.
    active: Vec<Figures>,
}

/// One sound.
struct SoundResult {
    top: usize,
    n_active: usize,
    /// For each method, for each domain.
    judged: Vec<Judged>,
}

/// Measures `methods` on a set, their masks laid in each of `domains`. `done` is told how many sounds are through. The same
/// seed gives the same figures, whatever the number of threads and whatever else is measured.
///
/// # Errors
/// What loading and running the methods fails with; a segment that does not fit.
pub fn compare(
    subject: &Subject<'_>,
    set: &MixtureSet<'_>,
    methods: &[String],
    domains: &[Domain],
    seed: u64,
    done: &mut dyn FnMut(usize),
) -> Result<SetResult> {
    let mut team = Worker::team(subject, methods)?;
    let work = |worker: &mut Worker<'_>, i: usize| {
        let heard = worker.listener.hear(&set.mixture(i).samples)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(i as u64);
        judge_sound(subject, worker, &heard, domains, rng)
    };
    let sounds = each(&mut team, set.len(), work, done)?;
    let hits: Vec<f64> = sounds
        .iter()
        .enumerate()
        .filter(|(i, _)| !set.targets(*i).is_empty())
        .map(|(i, sound)| f64::from(u8::from(set.targets(i).contains(&sound.top))))
        .collect();
    let active: Vec<f64> = sounds.iter().map(|sound| sound.n_active as f64).collect();
    let rows = methods.iter().enumerate().flat_map(|(m, method)| {
        let sounds = &sounds;
        domains.iter().enumerate().map(move |(d, domain)| {
            let of = |m: usize| sounds.iter().map(|s| &s.judged[m * domains.len() + d]).collect::<Vec<&Judged>>();
            let baselines =
                methods.iter().enumerate().filter(|(b, name)| *b != m && BASELINES.contains(&name.as_str()));
            let judged = of(m);
            let against = baselines.map(|(b, name)| against(name, &judged, &of(b), seed)).collect();
            MethodRow { against, ..row(method, *domain, &judged, seed) }
        })
    });
    Ok(SetResult {
        set: set.kind(),
        n: sounds.len(),
        accuracy: metrics::mean(&hits),
        active_classes: metrics::mean(&active),
        rows: rows.collect(),
    })
}

/// One sound and what the classifier makes of it.
struct Scene<'a> {
    subject: &'a Subject<'a>,
    heard: &'a Heard,
    probs: Vec<f64>,
    /// Of the random places; the same for every method, so that what differs is the masks.
    rng: ChaCha8Rng,
}

fn judge_sound(
    subject: &Subject<'_>,
    worker: &mut Worker<'_>,
    heard: &Heard,
    domains: &[Domain],
    rng: ChaCha8Rng,
) -> Result<SoundResult> {
    let probs = subject.probabilities(&heard.classified.logits);
    let top = top(&probs).ok_or_else(|| Error::bug("a classifier without classes was measured"))?;
    let active = subject.active(&probs);
    let scene = Scene { subject, heard, probs, rng };
    let Worker { listener, interpreters } = worker;
    let mut judged = Vec::with_capacity(interpreters.len() * domains.len());
    for interpreter in interpreters {
        let explanation = interpreter.explain(&heard.segment())?;
        for domain in domains {
            let mut one = |class: usize| scene.figures(listener, explanation.as_ref(), *domain, class);
            let single = one(top)?;
            let active = active.iter().map(|class| if *class == top { Ok(single) } else { one(*class) });
            judged.push(Judged { single, active: active.collect::<Result<_>>()? });
        }
    }
    Ok(SoundResult { top, n_active: active.len(), judged })
}

impl Scene<'_> {
    /// What the mask of one class does to its probability.
    fn figures(
        &self,
        listener: &mut Listener<'_>,
        explanation: &dyn Explanation,
        domain: Domain,
        class: usize,
    ) -> Result<Figures> {
        let mut mask = domain.mask(explanation, ClassId(class), listener.bank());
        let scale = explanation.mask_scale();
        let (sps, comp) = (sparseness(&mask), complexity(&mask));
        let mask_mean = mask.iter().map(|m| f64::from(*m)).sum::<f64>() / mask.len().max(1) as f64;
        let inside = listener.masked_features(self.heard, domain, &mask, scale, Keep::Inside)?;
        let outside = listener.masked_features(self.heard, domain, &mask, scale, Keep::Outside)?;
        mask.shuffle(&mut self.rng.clone());
        let random = listener.masked_features(self.heard, domain, &mask, scale, Keep::Outside)?;
        let classified = listener.classifier().classify_batch(&[&inside, &outside, &random])?;
        let [inside, outside, random] = classified.as_slice() else {
            return Err(Error::bug("three segments were classified and other than three came back"));
        };
        let [inside, outside, random] = [inside, outside, random].map(|c| self.subject.probabilities(&c.logits));
        let of = |probs: &[f64]| probs.get(class).copied().unwrap_or(0.0);
        let whole = of(&self.probs);
        let share = |holds: bool| f64::from(u8::from(holds));
        Ok(Figures {
            ai: increase(whole, of(&inside)),
            ad: drop(whole, of(&inside)),
            ag: gain(whole, of(&inside)),
            ff: faithfulness(whole, of(&outside)),
            ff_random: faithfulness(whole, of(&random)),
            fid_in: share(in_top(&inside, class, 1)),
            fid_in_top3: share(in_top(&inside, class, 3)),
            found: share(self.subject.active(&inside).contains(&class)),
            sps,
            comp,
            mask_mean,
        })
    }
}

/// A method's figures beside a baseline's on the same sounds.
fn against(baseline: &str, judged: &[&Judged], theirs: &[&Judged], seed: u64) -> Against {
    let standing = |figure: fn(&Figures) -> f64| {
        let pairs = judged.iter().zip(theirs);
        Standing::of(&pairs.map(|(a, b)| figure(&a.single) - figure(&b.single)).collect::<Vec<f64>>(), seed)
    };
    Against {
        baseline: baseline.to_owned(),
        ai: standing(|f| f.ai),
        ad: standing(|f| -f.ad),
        ag: standing(|f| f.ag),
        ff: standing(|f| f.ff),
        fid_in: standing(|f| f.fid_in),
    }
}

/// The averages over the sounds.
fn row(method: &str, domain: Domain, judged: &[&Judged], seed: u64) -> MethodRow {
    let singles = |figure: fn(&Figures) -> f64| -> Vec<f64> { judged.iter().map(|j| figure(&j.single)).collect() };
    let single = |figure: fn(&Figures) -> f64| Mean::of(&singles(figure), seed);
    let given = |figure: fn(&Figures) -> Option<f64>| {
        let values: Vec<f64> = judged.iter().filter_map(|j| figure(&j.single)).collect();
        Mean::of(&values, seed)
    };
    let multi = |figure: fn(&Figures) -> f64| {
        let mean = |j: &&Judged| metrics::mean(&j.active.iter().map(figure).collect::<Vec<_>>());
        let means: Vec<f64> = judged.iter().filter_map(mean).collect();
        Mean::of(&means, seed)
    };
    MethodRow {
        method: method.to_owned(),
        domain,
        ai: single(|f| f.ai),
        ad: single(|f| f.ad),
        ag: single(|f| f.ag),
        ff: single(|f| f.ff),
        fid_in: single(|f| f.fid_in),
        fid_in_top3: single(|f| f.fid_in_top3),
        sps: given(|f| f.sps),
        comp: given(|f| f.comp),
        empty_masks: judged.iter().filter(|j| j.single.sps.is_none()).count(),
        mask_mean: metrics::mean(&singles(|f| f.mask_mean)),
        ff_median: metrics::median(&singles(|f| f.ff)),
        ff_median_random: metrics::median(&singles(|f| f.ff_random)),
        multi_label: MultiLabel {
            ai: multi(|f| f.ai),
            ad: multi(|f| f.ad),
            ag: multi(|f| f.ag),
            ff: multi(|f| f.ff),
            fid_in: multi(|f| f.found),
        },
        against: Vec::new(),
    }
}

/// How long each method takes from a classified segment to the STFT mask of its likeliest class: the median over the first
/// sounds of a set, one after the other on one thread. `done` is told how many methods are through.
///
/// # Errors
/// As [`compare`]; also where no thread can be started.
pub fn costs(
    subject: &Subject<'_>,
    set: &MixtureSet<'_>,
    methods: &[String],
    done: &mut (dyn FnMut(usize) + Send),
) -> Result<Vec<MethodCost>> {
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|e| Error::bug(format!("no thread could be started to measure on ({e}); please report this")))?;
    one_thread.install(|| {
        let mut listener = Listener::new(subject.classifier)?;
        let sounds = (0..set.len().min(TIMED_SOUNDS)).map(|i| listener.hear(&set.mixture(i).samples));
        let sounds: Vec<Heard> = sounds.collect::<Result<_>>()?;
        let mut costs = Vec::with_capacity(methods.len());
        for method in methods {
            let mut interpreter = (subject.load)(method)?;
            let mut times = Vec::with_capacity(sounds.len());
            // The first one warms caches up.
            for heard in sounds.iter().take(1).chain(&sounds) {
                let class = ClassId(heard.classified.top());
                let mut mask = vec![0.0; heard.log_magnitude.len()];
                let began = Instant::now();
                let explanation = interpreter.explain(&heard.segment())?;
                explanation.mask(class, 0..explanation.n_frames(), &mut mask);
                times.push(began.elapsed().as_secs_f64());
            }
            let seconds_per_explanation = metrics::median(times.get(1..).unwrap_or_default());
            costs.push(MethodCost { method: method.clone(), seconds_per_explanation });
            done(costs.len());
        }
        Ok(costs)
    })
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
