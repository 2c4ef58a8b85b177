//! What reads the frames' embeddings during training, and the losses: labels by frame and by segment, and what the teacher
//! says of the same sound.

use rand::Rng;

use super::dense::{Dense, DenseGrad};
use super::pupil::{EMBEDDING_WEIGHT, Lesson, LessonShape, PROBS_WEIGHT, Pupil};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::train::sigmoid::{cross_entropy, sigmoid};
use crate::{Error, Result};

/// Weight of the segment's pooled probabilities beside the frames'.
const POOLED_WEIGHT: f32 = 0.5;
/// Fewer frames of a class than this say neither that a segment holds it nor that it does not.
const LEAST_FRAMES: usize = 3;
/// Probabilities are kept this far from 0 and 1 in logarithms.
const MARGIN: f32 = 1e-6;

/// One segment's answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// `[n_frames, n_classes]`, 0 or 1.
    pub targets: Vec<f32>,
    /// `[n_frames, n_classes]`, how much each answer counts.
    pub weights: Vec<f32>,
    /// The teacher's, where there is one.
    pub lesson: Option<Lesson>,
}

/// Mean losses of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Losses {
    /// Binary cross-entropy by frame.
    pub frames: f64,
    /// Binary cross-entropy of the pooled probabilities.
    pub pooled: f64,
    /// Binary cross-entropy against the teacher's probabilities.
    pub teacher: f64,
    /// Mean squared error of the teacher's standardised embedding.
    pub embedding: f64,
}

impl Losses {
    /// What is minimised.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.frames
            + f64::from(POOLED_WEIGHT) * self.pooled
            + f64::from(PROBS_WEIGHT) * self.teacher
            + f64::from(EMBEDDING_WEIGHT) * self.embedding
    }

    /// Adds `share` of other losses.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.frames += share * other.frames;
        self.pooled += share * other.pooled;
        self.teacher += share * other.teacher;
        self.embedding += share * other.embedding;
    }
}

/// What the readers read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadShape {
    /// Values of the network's embedding.
    pub width: usize,
    /// Labels.
    pub n_classes: usize,
    /// Frames of a segment.
    pub n_frames: usize,
    /// Frames that an answer comes late.
    pub lookahead: usize,
    /// Seconds of a frame.
    pub frame_secs: f64,
}

/// The readers of embeddings.
pub struct Heads {
    n_frames: usize,
    lookahead: usize,
    label: Dense,
    pupil: Option<Pupil>,
}

/// What one part of a batch says.
pub struct PartLoss {
    losses: Losses,
    grads: Vec<DenseGrad>,
}

impl Heads {
    /// Fresh heads. `lessons` is the size of a teacher's lessons, if there is a teacher.
    #[must_use]
    pub fn new(shape: HeadShape, lessons: Option<LessonShape>, rng: &mut impl Rng) -> Self {
        // Sounds are rare: logits begin where the probabilities are about 2 %.
        let label = Dense::new("label", shape.width, shape.n_classes, -4.0, rng);
        let pupil = lessons.map(|l| Pupil::new(shape.width, shape.lookahead, l, shape.frame_secs, rng));
        Self { n_frames: shape.n_frames, lookahead: shape.lookahead, label, pupil }
    }

    /// Learns from some answers how much the values of the teacher's embedding vary.
    pub fn standardise<'a>(&mut self, answers: impl Iterator<Item = &'a Answers> + Clone) {
        if let Some(pupil) = &mut self.pupil {
            pupil.standardise(answers.filter_map(|a| a.lesson.as_ref()));
        }
    }

    /// The trained arrays with their newest gradients.
    pub fn params(&mut self) -> Vec<&mut Param> {
        self.dense_mut().flat_map(|d| [&mut d.weight, &mut d.bias]).collect()
    }

    fn dense_mut(&mut self) -> impl Iterator<Item = &mut Dense> {
        std::iter::once(&mut self.label).chain(self.pupil.iter_mut().flat_map(Pupil::dense_mut))
    }

    /// The arrays by their names, of the label's dense layer `label.weight` and `label.bias`.
    #[must_use]
    pub fn arrays(&self) -> Arrays {
        let mut arrays = Arrays::default();
        self.label.to_arrays(&mut arrays);
        self.pupil.iter().for_each(|p| p.to_arrays(&mut arrays));
        arrays
    }

    /// Goes on from arrays.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(&mut self, arrays: &Arrays) -> Result<()> {
        self.label.load(arrays)?;
        self.pupil.iter_mut().try_for_each(|p| p.load(arrays))
    }

    /// Begins with the label's dense layer of a network that was trained before; what reads a teacher stays as it is.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load_label(&mut self, arrays: &Arrays) -> Result<()> {
        self.label.load(arrays)
    }

    /// The loss of one part: embeddings `[segments, frames, width]` against one answer a segment. Writes the gradient of the
    /// part's mean loss.
    #[must_use]
    pub fn part(&self, answers: &[Answers], embeddings: &[f32], grad: &mut [f32]) -> PartLoss {
        let mut losses = Losses::default();
        let logits = self.label.forward(embeddings);
        let mut grad_logits = vec![0.0; logits.len()];
        losses.frames = self.frames(answers, &logits, &mut grad_logits);
        losses.pooled = self.pooled(answers, &logits, &mut grad_logits);
        let mut grads = vec![self.label.backward(embeddings, &grad_logits, grad)];
        if let Some(pupil) = &self.pupil {
            let lessons: Vec<Option<&Lesson>> = answers.iter().map(|a| a.lesson.as_ref()).collect();
            let (found, learned) = pupil.learn(&lessons, embeddings, grad);
            [losses.teacher, losses.embedding] = found;
            grads.extend(learned);
        }
        PartLoss { losses, grads }
    }

    /// Weighted mean of the frames' binary cross-entropy. Output frame t answers for frame t − lookahead.
    fn frames(&self, answers: &[Answers], logits: &[f32], grad: &mut [f32]) -> f64 {
        let n_classes = self.label.c_out;
        let behind = self.lookahead * n_classes;
        let len = self.n_frames * n_classes - behind;
        let count: f32 = answers.iter().map(|a| a.weights[..len].iter().sum::<f32>()).sum::<f32>().max(1.0);
        let mut total = 0.0;
        for (i, answer) in answers.iter().enumerate() {
            let at = i * self.n_frames * n_classes + behind;
            for k in 0..len {
                let (z, t, w) = (logits[at + k], answer.targets[k], answer.weights[k]);
                total += f64::from(w * cross_entropy(z, t));
                grad[at + k] += w * (sigmoid(z) - t) / count;
            }
        }
        total / f64::from(count)
    }

    /// Mean binary cross-entropy of the probabilities pooled by linear softmax, Σp²/Σp (Wang et al. 2019).
    fn pooled(&self, answers: &[Answers], logits: &[f32], grad: &mut [f32]) -> f64 {
        let n_classes = self.label.c_out;
        let scale = POOLED_WEIGHT / (answers.len() * n_classes) as f32;
        let mut total = 0.0;
        for (i, answer) in answers.iter().enumerate() {
            for class in 0..n_classes {
                let Some(target) = self.holds(answer, class) else { continue };
                let places = (self.lookahead..self.n_frames).map(|f| (i * self.n_frames + f) * n_classes + class);
                let (mut sum, mut squares) = (0.0_f32, 0.0_f32);
                for p in places.clone().map(|k| sigmoid(logits[k])) {
                    sum += p;
                    squares += p * p;
                }
                let sum = sum.max(MARGIN);
                let pooled = (squares / sum).clamp(MARGIN, 1.0 - MARGIN);
                total -= f64::from(target * pooled.ln() + (1.0 - target) * (1.0 - pooled).ln());
                let slope = scale * (pooled - target) / (pooled * (1.0 - pooled));
                for k in places {
                    let p = sigmoid(logits[k]);
                    grad[k] += slope * (2.0 * p - pooled) / sum * p * (1.0 - p);
                }
            }
        }
        total / (answers.len() * n_classes) as f64
    }

    /// Whether a segment holds a class, where that can be said.
    fn holds(&self, answer: &Answers, class: usize) -> Option<f32> {
        let n_classes = self.label.c_out;
        let places = (0..self.n_frames - self.lookahead).map(|f| f * n_classes + class);
        let (mut heard, mut doubtful) = (0, false);
        for k in places {
            doubtful |= answer.weights[k] == 0.0;
            heard += usize::from(answer.targets[k] > 0.0 && answer.weights[k] > 0.0);
        }
        match heard {
            0 if !doubtful => Some(0.0),
            n if n >= LEAST_FRAMES => Some(1.0),
            _ => None,
        }
    }

    /// Makes the mean of the parts' gradients those of the parameters; the mean losses.
    ///
    /// # Errors
    /// A bug where there are no parts.
    pub fn gather(&mut self, parts: &[PartLoss]) -> Result<Losses> {
        if parts.is_empty() {
            return Err(Error::bug("a batch without parts has no gradient"));
        }
        let share = 1.0 / parts.len() as f32;
        for (i, dense) in self.dense_mut().enumerate() {
            dense.weight.grad.fill(0.0);
            dense.bias.grad.fill(0.0);
            for grads in parts.iter().filter_map(|p| p.grads.get(i)) {
                dense.weight.grad.iter_mut().zip(&grads.weight).for_each(|(t, g)| *t += share * g);
                dense.bias.grad.iter_mut().zip(&grads.bias).for_each(|(t, g)| *t += share * g);
            }
        }
        let mut losses = Losses::default();
        parts.iter().for_each(|p| losses.add(&p.losses, f64::from(share)));
        Ok(losses)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const SHAPE: (usize, usize, usize, usize) = (2, 6, 5, 3);

    fn shape() -> HeadShape {
        let (_, n_frames, width, n_classes) = SHAPE;
        HeadShape { width, n_classes, n_frames, lookahead: 1, frame_secs: 0.1 }
    }

    fn lessons() -> LessonShape {
        LessonShape { n_probs: 4, width: 7, column_secs: 0.2 }
    }

    fn setting() -> (Heads, Vec<Answers>, Vec<f32>) {
        let (segments, frames, width, classes) = SHAPE;
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut heads = Heads::new(shape(), Some(lessons()), &mut rng);
        let mut answer = || Answers {
            targets: (0..frames * classes).map(|_| f32::from(u8::from(rng.random_bool(0.6)))).collect(),
            weights: (0..frames * classes).map(|_| f32::from(u8::from(rng.random_bool(0.9)))).collect(),
            lesson: Some(Lesson {
                probs: (0..4).map(|_| rng.random()).collect(),
                columns: (0..3 * 7).map(|_| rng.random()).collect(),
            }),
        };
        let answers: Vec<Answers> = (0..segments).map(|_| answer()).collect();
        heads.standardise(answers.iter());
        let embeddings = (0..segments * frames * width).map(|_| rng.random_range(-1.0..1.0)).collect();
        (heads, answers, embeddings)
    }

    fn loss(heads: &Heads, answers: &[Answers], embeddings: &[f32]) -> f64 {
        heads.part(answers, embeddings, &mut vec![0.0; embeddings.len()]).losses.total()
    }

    #[test]
    fn gradients_equal_differences() {
        let (mut heads, answers, mut embeddings) = setting();
        let mut grad = vec![0.0; embeddings.len()];
        let part = heads.part(&answers, &embeddings, &mut grad);
        heads.gather(&[part]).unwrap();
        let step = 1e-2_f32;
        for i in 0..embeddings.len() {
            let old = embeddings[i];
            let mut at = |by: f32| {
                embeddings[i] = old + by;
                loss(&heads, &answers, &embeddings)
            };
            let want = (at(step) - at(-step)) / f64::from(2.0 * step);
            embeddings[i] = old;
            assert!((f64::from(grad[i]) - want).abs() < 5e-3 * want.abs().max(0.2), "{} is not {want}", grad[i]);
        }
        let grads: Vec<Vec<f32>> = heads.params().iter().map(|p| p.grad.clone()).collect();
        for (k, grads) in grads.iter().enumerate() {
            for i in (0..grads.len()).step_by(3) {
                let old = heads.params()[k].values[i];
                let mut at = |by: f32| {
                    heads.params()[k].values[i] = old + by;
                    loss(&heads, &answers, &embeddings)
                };
                let want = (at(step) - at(-step)) / f64::from(2.0 * step);
                heads.params()[k].values[i] = old;
                assert!((f64::from(grads[i]) - want).abs() < 5e-3 * want.abs().max(0.2), "{} is not {want}", grads[i]);
            }
        }
    }

    #[test]
    fn arrays_come_back() {
        let (heads, answers, embeddings) = setting();
        let mut other = Heads::new(shape(), Some(lessons()), &mut ChaCha8Rng::seed_from_u64(9));
        assert!((loss(&other, &answers, &embeddings) - loss(&heads, &answers, &embeddings)).abs() > 1e-3);
        other.load(&heads.arrays()).unwrap();
        assert_eq!(loss(&other, &answers, &embeddings), loss(&heads, &answers, &embeddings));
    }
}
