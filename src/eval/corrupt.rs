//! The corruption experiments of the L2I papers (white noise at 0 dB; overlap with another class), with figures in place of
//! spectrograms: both sources are known, so what an interpretation keeps of each can be measured.
//!
//! The class explained is the target's. The interpretation is heard as always: mask on the magnitudes, the mixture's phase,
//! inverse STFT. Its SI-SDR for the target is compared with the mixture's own. For the energies the mask is turned into the
//! gain |X'| ÷ |X| that it is on the mixture, and the same gain is laid on both sources.
//!
//! `ideal` is the bound for masks on this STFT: the gain |S|² ÷ (|S|² + |N|²), which nobody knows who has only the mixture.

use super::compare_result::{CorruptionResult, CorruptionRow, Mean};
use super::faithfulness::{Heard, Keep, Listener, energy};
use super::mask_metrics::si_sdr_db;
use super::metrics;
use super::mixtures::{Mixture, MixtureSet};
use super::workers::{Subject, Worker, each};
use crate::dsp::{MaskScale, Spectrogram};
use crate::units::ClassId;
use crate::{Error, Result};

/// The row of the ideal mask.
pub const IDEAL: &str = "ideal";

/// From this share of its loudest frame's energy on, 30 dB below, the target sounds in a frame.
const SOUNDS: f64 = 1e-3;

/// One interpretation of one mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kept {
    /// `None` where the interpretation is silent.
    improvement_db: Option<f64>,
    target_share: Option<f64>,
    target_kept: f64,
    corruption_kept: f64,
    time_auc: Option<f64>,
}

/// One mixture.
struct MixtureResult {
    mixture_db: Option<f64>,
    found: bool,
    /// The methods' in order, then the ideal mask's.
    kept: Vec<Kept>,
}

/// Measures what `methods` keep of the target in a set of corrupted clips. `done` is told how many mixtures are through. The
/// same seed gives the same figures, whatever the number of threads.
///
/// # Errors
/// What loading and running the methods fails with; a segment that does not fit.
pub fn corrupt(
    subject: &Subject<'_>,
    set: &MixtureSet<'_>,
    methods: &[String],
    seed: u64,
    done: &mut dyn FnMut(usize),
) -> Result<CorruptionResult> {
    let mut team = Worker::team(subject, methods)?;
    let work = |worker: &mut Worker<'_>, i: usize| {
        let target = set.targets(i).first().copied();
        let target = target.ok_or_else(|| Error::bug("a clip without a class was corrupted"))?;
        mixture_result(subject, worker, &set.mixture(i), target)
    };
    let results = each(&mut team, set.len(), work, done)?;
    let names = methods.iter().map(String::as_str).chain([IDEAL]);
    let rows = names.enumerate().map(|(m, name)| row(name, m, &results, seed));
    let mixtures: Vec<f64> = results.iter().filter_map(|r| r.mixture_db).collect();
    Ok(CorruptionResult {
        corruption: set.kind(),
        n: results.len(),
        n_found: results.iter().filter(|r| r.found).count(),
        mixture_si_sdr_db: metrics::mean(&mixtures),
        rows: rows.collect(),
    })
}

fn mixture_result(
    subject: &Subject<'_>,
    worker: &mut Worker<'_>,
    mixture: &Mixture,
    target: usize,
) -> Result<MixtureResult> {
    let Worker { listener, interpreters } = worker;
    let heard = listener.hear(&mixture.samples)?;
    let probs = subject.probabilities(&heard.classified.logits);
    let target_spectrogram = listener.spectrogram(&mixture.target)?;
    let sources = Sources {
        mixture,
        sounding: sounding(&target_spectrogram),
        target: target_spectrogram,
        corruption: listener.spectrogram(&mixture.other)?,
        mixture_db: si_sdr_db(&mixture.samples, &mixture.target),
    };
    let mut kept = Vec::with_capacity(interpreters.len() + 1);
    let mut mask = vec![0.0; heard.log_magnitude.len()];
    for interpreter in interpreters {
        let explanation = interpreter.explain(&heard.segment())?;
        explanation.mask(ClassId(target), 0..explanation.n_frames(), &mut mask);
        let laid = (&mask[..], explanation.mask_scale());
        kept.push(sources.kept(listener, &heard, laid, &explanation.evidence(ClassId(target)))?);
    }
    sources.ideal_mask(&mut mask);
    let n_bins = heard.spectrogram.n_bins;
    let frames = mask.chunks_exact(n_bins).zip(heard.log_magnitude.chunks_exact(n_bins));
    let evidence: Vec<f32> = frames.map(|(m, x)| m.iter().zip(x).map(|(m, x)| m * x).sum()).collect();
    kept.push(sources.kept(listener, &heard, (&mask, MaskScale::Gain), &evidence)?);
    let found = subject.active(&probs).contains(&target);
    Ok(MixtureResult { mixture_db: sources.mixture_db, found, kept })
}

/// What a mixture is made of.
struct Sources<'a> {
    mixture: &'a Mixture,
    target: Spectrogram,
    /// Whether it sounds, frame by frame.
    sounding: Vec<bool>,
    corruption: Spectrogram,
    mixture_db: Option<f64>,
}

impl Sources<'_> {
    /// What a mask keeps of both sources, and whether the relevance of each frame knows when the target sounds.
    fn kept(
        &self,
        listener: &Listener<'_>,
        heard: &Heard,
        (mask, scale): (&[f32], MaskScale),
        relevance: &[f32],
    ) -> Result<Kept> {
        let masked = heard.masked(mask, scale, Keep::Inside);
        let audio = listener.sound(heard, &masked)?;
        let interpretation_db = si_sdr_db(&audio, &self.mixture.target);
        let improvement_db = interpretation_db.zip(self.mixture_db).map(|(after, before)| after - before);
        let whole = |source: &Spectrogram| source.frames.iter().map(energy).sum::<f64>();
        let kept = |source: &Spectrogram| heard.kept_energy(&masked, source.frames.iter().copied());
        let (target, corruption) = (whole(&self.target), whole(&self.corruption));
        let (target_kept, corruption_kept) = (kept(&self.target), kept(&self.corruption));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let all_kept = target_kept + corruption_kept;
        Ok(Kept {
            improvement_db,
            target_share: (all_kept > 0.0).then(|| target_kept / all_kept),
            target_kept: share(target_kept, target),
            corruption_kept: share(corruption_kept, corruption),
            time_auc: metrics::roc_auc(relevance, &self.sounding),
        })
    }

    /// Writes the mask that is the gain |S|² ÷ (|S|² + |N|²) on the mixture.
    fn ideal_mask(&self, mask: &mut [f32]) {
        let sources = self.target.frames.iter().zip(&self.corruption.frames);
        for (mask, (s, n)) in mask.iter_mut().zip(sources) {
            let (s, n) = (energy(s), energy(n));
            *mask = if s + n > 0.0 { (s / (s + n)) as f32 } else { 0.0 };
        }
    }
}

/// Whether a source sounds, frame by frame.
fn sounding(source: &Spectrogram) -> Vec<bool> {
    let frames = source.frames.chunks_exact(source.n_bins.max(1));
    let energies: Vec<f64> = frames.map(|frame| frame.iter().map(energy).sum()).collect();
    let loudest = energies.iter().copied().fold(0.0, f64::max);
    energies.iter().map(|e| *e > 0.0 && *e >= SOUNDS * loudest).collect()
}

/// The averages of method number `m`.
fn row(method: &str, m: usize, results: &[MixtureResult], seed: u64) -> CorruptionRow {
    let mean = |chosen: &dyn Fn(&MixtureResult) -> Option<f64>| {
        Mean::of(&results.iter().filter_map(chosen).collect::<Vec<f64>>(), seed)
    };
    let plain =
        |figure: fn(&Kept) -> f64| metrics::mean(&results.iter().map(|r| figure(&r.kept[m])).collect::<Vec<_>>());
    CorruptionRow {
        method: method.to_owned(),
        si_sdr_improvement_db: mean(&|r| r.kept[m].improvement_db),
        si_sdr_improvement_found_db: mean(&|r| r.kept[m].improvement_db.filter(|_| r.found)),
        target_share: mean(&|r| r.kept[m].target_share),
        time_auc: mean(&|r| r.kept[m].time_auc),
        target_kept: plain(|k| k.target_kept),
        corruption_kept: plain(|k| k.corruption_kept),
        silent: results.iter().filter(|r| r.kept[m].target_share.is_none()).count(),
    }
}

#[cfg(test)]
#[path = "corrupt_tests.rs"]
mod tests;
