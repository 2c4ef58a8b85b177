//! A new label from a few examples, on top of a streaming network that stays as it is: one more row of the dense layer, learned
//! from scenes of the examples against a bank of other sounds.

mod bank;
mod head;
mod hearing;
mod scenes;
mod tail;

pub use bank::{BANK, Bank, MAKE, MAX_BYTES};
pub use head::{Examples, Row};
pub use hearing::Hearing;
pub use scenes::{Example, Heard};
pub use tail::Tail;

use crate::train::scene::{Background, Sound};
use crate::train::sigmoid::{linear_softmax, sigmoid};
use crate::{Error, Result};

/// False alarms an hour that the threshold allows, by what the bank says of them.
pub const FALSE_ALARMS_PER_HOUR: f64 = 0.2;
/// Seconds that sounds of a bank's kind stay alike: so often can a false alarm begin.
const CHANCE_SECS: f64 = 0.5;
/// Penalty on the weights, as a share of the mean square of an embedding.
const PENALTY: f32 = 1e-4;
/// What scenes without the sound count, where the bank and the sound count 1 each.
const QUIET_SHARE: f32 = 0.2;
/// Probability at which an event begins: the logit that the bank asks for becomes this.
const ON: f32 = 0.5;
/// An event goes on at less evidence than it took to begin.
const OFF: f32 = 0.2;
/// Sound over noise at which examples are tried: clear and faint, in dB.
const CLEAR_DB: f32 = 20.0;
const FAINT_DB: f32 = 5.0;
/// Most heads that leave examples out.
const MOST_LEFT_OUT: usize = 5;
/// Embeddings of the bank nearest to the label that are named.
const NEAREST: usize = 20;

/// A label as it was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// Weights and bias.
    pub row: Row,
    /// An event starts at this probability.
    pub on_threshold: f32,
    /// An event ends below this probability.
    pub off_threshold: f32,
    /// How far it can be trusted.
    pub trust: Trust,
}

/// Parts of the bank, each of which is judged by a row that was learned without it.
const PARTS: usize = 2;

/// How far a label can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// Recordings that it was learned from.
    pub n_examples: usize,
    /// Examples that were found clear of noise by a label learned without them; of a single example, by one that was learned from
    /// half of its scenes.
    pub clear: usize,
    /// As [`Self::clear`], with the sound little above the noise.
    pub faint: usize,
    /// Embeddings in the bank.
    pub n_bank: usize,
    /// Those of them that exceed the threshold.
    pub bank_above: usize,
    /// The model's own label that most of the nearest embeddings in the bank sound like, and the share that do.
    pub nearest: Option<(usize, f64)>,
}

/// Learns a label from examples. The same seed gives the same label.
///
/// # Errors
/// Of kind `Input`, where an example is silent; a usage error where there is none, or the bank is too small.
pub fn enroll(
    hearing: &Hearing,
    bank: &Bank,
    examples: &[Example],
    backgrounds: &[Background],
    seed: u64,
) -> Result<Learned> {
    if examples.is_empty() {
        return Err(Error::usage("there is nothing to learn from; name at least one recording of the sound"));
    }
    let rate = hearing.front_end().sample_rate;
    let sounds: Vec<Sound> = examples.iter().map(|example| scenes::sound(example, rate)).collect::<Result<_>>()?;
    let heard = scenes::hear(hearing, &sounds, backgrounds, seed)?;
    let learner = Learner { hearing, bank, penalty: PENALTY * bank.mean_square() };
    let all: Vec<&Heard> = heard.iter().collect();
    let mut row = learner.learn(&all, None, Row::zero(bank.width))?;
    // The rows that a label was learned against are no proof of how seldom others are mistaken for it.
    let mut logits = learner.unseen(&all, &row)?;
    let tail = Tail::of(&logits).ok_or_else(too_small)?;
    let shift = ON_LOGIT - tail.exceeded_by(FALSE_ALARMS_PER_HOUR * CHANCE_SECS / 3600.0) as f32;
    let [clear, faint] = learner.without(&sounds, &heard, &row, shift, seed)?;
    row.bias += shift;
    logits.iter_mut().for_each(|z| *z += shift);
    let trust = Trust {
        n_examples: examples.len(),
        clear,
        faint,
        n_bank: bank.len(),
        bank_above: logits.iter().filter(|z| **z > ON_LOGIT).count(),
        nearest: learner.nearest(&logits),
    };
    Ok(Learned { row, on_threshold: ON, off_threshold: OFF, trust })
}

/// The logit of [`ON`].
const ON_LOGIT: f32 = 0.0;

struct Learner<'a> {
    hearing: &'a Hearing,
    bank: &'a Bank,
    penalty: f32,
}

impl Learner<'_> {
    /// The row of some examples against the bank, without one of its parts where `left_out` names one, found from `start` on.
    fn learn(&self, heard: &[&Heard], left_out: Option<usize>, start: Row) -> Result<Row> {
        let width = self.bank.width;
        let share = 1.0 / heard.len().max(1) as f32;
        let kept = self.parts().filter(|(part, _)| left_out != Some(*part));
        let others: Vec<f32> = kept.flat_map(|(_, row)| row.iter().copied()).collect();
        let mut examples = Examples::default();
        examples.add(&others, width, 0.0, 1.0);
        for heard in heard {
            examples.add(&heard.sounding, width, 1.0, share);
            examples.add(&heard.quiet, width, 0.0, QUIET_SHARE * share);
        }
        start.fit(&examples, self.penalty)
    }

    /// The bank's embeddings with their parts; those of one scene are in one part.
    fn parts(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.bank.rows.chunks_exact(self.bank.width).enumerate().map(|(i, row)| (i / bank::ROWS_OF_SCENE % PARTS, row))
    }

    /// The logits of the bank's embeddings, each by a row that was learned without its part.
    fn unseen(&self, heard: &[&Heard], start: &Row) -> Result<Vec<f32>> {
        let rows: Vec<Row> =
            (0..PARTS).map(|part| self.learn(heard, Some(part), start.clone())).collect::<Result<_>>()?;
        Ok(self.parts().map(|(part, x)| rows[part].logit(x)).collect())
    }

    /// How many sounds are found, clear and faint, by rows that were learned without them and moved by `shift`.
    fn without(&self, sounds: &[Sound], heard: &[Heard], start: &Row, shift: f32, seed: u64) -> Result<[usize; 2]> {
        let learn = |rest: &[&Heard]| -> Result<Row> {
            let row = self.learn(rest, None, start.clone())?;
            Ok(Row { bias: row.bias + shift, ..row })
        };
        if let ([sound], [heard]) = (sounds, heard) {
            return self.found(&learn(&[&heard.half(self.bank.width)])?, sound, seed);
        }
        let mut found = [0, 0];
        let n_groups = sounds.len().min(MOST_LEFT_OUT);
        for group in 0..n_groups {
            let rest = heard.iter().enumerate().filter(|(i, _)| i % n_groups != group);
            let row = learn(&rest.map(|(_, heard)| heard).collect::<Vec<_>>())?;
            for sound in sounds.iter().skip(group).step_by(n_groups) {
                let one = self.found(&row, sound, seed)?;
                found = [found[0] + one[0], found[1] + one[1]];
            }
        }
        Ok(found)
    }

    /// Whether a sound is found clear and faint: 1 or 0 each.
    fn found(&self, row: &Row, sound: &Sound, seed: u64) -> Result<[usize; 2]> {
        let one = |snr_db| -> Result<usize> {
            let embeddings = scenes::tried(self.hearing, sound, snr_db, seed)?;
            let probs = embeddings.chunks_exact(self.bank.width).map(|x| sigmoid(row.logit(x)));
            Ok(usize::from(self.highest_score(&probs.collect::<Vec<f32>>()) >= ON))
        };
        Ok([one(CLEAR_DB)?, one(FAINT_DB)?])
    }

    /// The highest score that a monitor's segments of frames with these probabilities have: linear softmax, Σp²/Σp.
    fn highest_score(&self, probs: &[f32]) -> f32 {
        let [rows, stride] = self.hearing.segment_rows();
        let score = |end: usize| {
            let heard = &probs[(end.saturating_sub(rows) + self.hearing.lookahead()).min(end)..end];
            linear_softmax(heard.iter().copied())
        };
        (1..=probs.len() / stride.max(1)).map(|k| score(k * stride)).fold(0.0, f32::max)
    }

    /// The label of the model that most of the bank's embeddings nearest to the new label sound like.
    fn nearest(&self, logits: &[f32]) -> Option<(usize, f64)> {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        let width = self.bank.width;
        let mut counts = std::collections::BTreeMap::new();
        for at in order.iter().take(NEAREST) {
            let labels = self.hearing.own_labels(&self.bank.rows[at * width..(at + 1) * width]);
            let top = labels.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, z)| **z > 0.0);
            if let Some((label, _)) = top {
                *counts.entry(label).or_insert(0_usize) += 1;
            }
        }
        let (label, n) = counts.into_iter().max_by_key(|(_, n)| *n)?;
        Some((label, n as f64 / NEAREST.min(logits.len()) as f64))
    }
}

impl Heard {
    /// The first half of the scenes.
    fn half(&self, width: usize) -> Self {
        let half = |x: &[f32]| x[..x.len() / width / 2 * width].to_vec();
        Self { sounding: half(&self.sounding), quiet: half(&self.quiet) }
    }
}

fn too_small() -> Error {
    Error::model(format!("the bank is too small to say how often it would be a false alarm; make it again with {MAKE}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
