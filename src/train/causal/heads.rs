//! What reads the frames' embeddings during training, and the losses: labels by frame and by segment, and what the teacher
//! says of the same sound.

use rand::{Rng, RngExt};

use crate::model::kernels::gemm::{View, matmul};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// Weight of the segment's pooled probabilities beside the frames'.
const POOLED_WEIGHT: f32 = 0.5;
/// Weight of the teacher's probabilities.
const TEACHER_WEIGHT: f32 = 6.0;
/// Weight of the teacher's embedding.
const EMBEDDING_WEIGHT: f32 = 0.1;
/// Fewer frames of a class than this say neither that a segment holds it nor that it does not.
const LEAST_FRAMES: usize = 3;
/// Probabilities are kept this far from 0 and 1 in logarithms.
const MARGIN: f32 = 1e-6;

/// What a teacher says of one segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lesson {
    /// Probability of each of its classes.
    pub probs: Vec<f32>,
    /// Its embedding.
    pub embedding: Vec<f32>,
}

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
    /// 1 − cosine of the teacher's embedding.
    pub embedding: f64,
}

impl Losses {
    /// What is minimised.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.frames
            + f64::from(POOLED_WEIGHT) * self.pooled
            + f64::from(TEACHER_WEIGHT) * self.teacher
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

/// A dense layer `[c_in, c_out]` with a bias.
struct Dense {
    name: &'static str,
    c_in: usize,
    c_out: usize,
    weight: Param,
    bias: Param,
}

/// Gradients of one dense layer.
struct DenseGrad {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Dense {
    fn new(name: &'static str, c_in: usize, c_out: usize, bias: f32, rng: &mut impl Rng) -> Self {
        let bound = 1.0 / (c_in as f32).sqrt();
        let weight = (0..c_in * c_out).map(|_| rng.random_range(-bound..bound)).collect();
        Self {
            name,
            c_in,
            c_out,
            weight: Param::new(format!("{name}.weight"), weight, true),
            bias: Param::new(format!("{name}.bias"), vec![bias; c_out], false),
        }
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.c_in;
        let mut out: Vec<f32> = self.bias.values.iter().copied().cycle().take(rows * self.c_out).collect();
        let (xv, wv) = (View::dense(rows, self.c_in), View::dense(self.c_in, self.c_out));
        matmul(&mut out, View::dense(rows, self.c_out), x, xv, &self.weight.values, wv, true);
        out
    }

    /// Adds to the gradient of `x`.
    fn backward(&self, x: &[f32], grad: &[f32], grad_x: &mut [f32]) -> DenseGrad {
        let rows = x.len() / self.c_in;
        let (xv, gv) = (View::dense(rows, self.c_in), View::dense(rows, self.c_out));
        let wv = View::dense(self.c_in, self.c_out);
        let mut weight = vec![0.0; self.weight.values.len()];
        matmul(&mut weight, wv, x, xv.t(), grad, gv, false);
        let mut bias = vec![0.0; self.c_out];
        grad.chunks_exact(self.c_out).for_each(|g| bias.iter_mut().zip(g).for_each(|(b, g)| *b += g));
        matmul(grad_x, xv, grad, gv, &self.weight.values, wv.t(), true);
        DenseGrad { weight, bias }
    }

    /// PyTorch's layout, `[c_out, c_in]`.
    fn to_arrays(&self, arrays: &mut Arrays) {
        let (n, m) = (self.c_in, self.c_out);
        let transposed = (0..n * m).map(|i| self.weight.values[i % n * m + i / n]).collect();
        arrays.insert(self.weight.name.clone(), [m, n], transposed);
        arrays.insert(self.bias.name.clone(), [m], self.bias.values.clone());
    }

    fn load(&mut self, arrays: &Arrays) -> Result<()> {
        let (n, m) = (self.c_in, self.c_out);
        let weight = arrays.get(&format!("{}.weight", self.name), &[m, n])?;
        self.weight.values = (0..n * m).map(|i| weight[i % m * n + i / m]).collect();
        self.bias.values = arrays.get(&format!("{}.bias", self.name), &[m])?.to_vec();
        Ok(())
    }
}

/// The readers of embeddings.
pub struct Heads {
    n_frames: usize,
    lookahead: usize,
    label: Dense,
    teacher: Option<[Dense; 2]>,
}

/// What one part of a batch says.
pub struct PartLoss {
    losses: Losses,
    grads: Vec<DenseGrad>,
}

impl Heads {
    /// Fresh heads for segments of `n_frames` frames of embeddings of `width` values. `teacher` is how many probabilities and
    /// embedding values a teacher has.
    #[must_use]
    pub fn new(
        width: usize,
        n_classes: usize,
        n_frames: usize,
        lookahead: usize,
        teacher: Option<[usize; 2]>,
        rng: &mut impl Rng,
    ) -> Self {
        // Sounds are rare: logits begin where the probabilities are about 2 %.
        let label = Dense::new("label", width, n_classes, -4.0, rng);
        let teacher = teacher.map(|[probs, embedding]| {
            [Dense::new("teacher", width, probs, -5.0, rng), Dense::new("embedding", width, embedding, 0.0, rng)]
        });
        Self { n_frames, lookahead, label, teacher }
    }

    /// The trained arrays with their newest gradients.
    pub fn params(&mut self) -> Vec<&mut Param> {
        self.dense_mut().flat_map(|d| [&mut d.weight, &mut d.bias]).collect()
    }

    fn dense_mut(&mut self) -> impl Iterator<Item = &mut Dense> {
        std::iter::once(&mut self.label).chain(self.teacher.iter_mut().flatten())
    }

    /// The arrays by their names, of the label's dense layer `label.weight` and `label.bias`.
    #[must_use]
    pub fn arrays(&self) -> Arrays {
        let mut arrays = Arrays::default();
        std::iter::once(&self.label).chain(self.teacher.iter().flatten()).for_each(|d| d.to_arrays(&mut arrays));
        arrays
    }

    /// Goes on from arrays.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(&mut self, arrays: &Arrays) -> Result<()> {
        self.dense_mut().try_for_each(|d| d.load(arrays))
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
        if let Some([probs, embedding]) = &self.teacher {
            let width = self.label.c_in;
            let means = means(embeddings, self.n_frames, width);
            let mut grad_means = vec![0.0; means.len()];
            let said = probs.forward(&means);
            let mut grad_said = vec![0.0; said.len()];
            losses.teacher = teacher(answers, &said, &mut grad_said);
            grads.push(probs.backward(&means, &grad_said, &mut grad_means));
            let said = embedding.forward(&means);
            let mut grad_said = vec![0.0; said.len()];
            losses.embedding = cosine(answers, &said, &mut grad_said);
            grads.push(embedding.backward(&means, &grad_said, &mut grad_means));
            let share = 1.0 / self.n_frames as f32;
            for (grad, mean) in grad.chunks_exact_mut(self.n_frames * width).zip(grad_means.chunks_exact(width)) {
                for frame in grad.chunks_exact_mut(width) {
                    frame.iter_mut().zip(mean).for_each(|(g, m)| *g += share * m);
                }
            }
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

/// Mean embedding of each segment.
fn means(embeddings: &[f32], n_frames: usize, width: usize) -> Vec<f32> {
    let mut means = vec![0.0; embeddings.len() / n_frames];
    for (mean, segment) in means.chunks_exact_mut(width).zip(embeddings.chunks_exact(n_frames * width)) {
        for frame in segment.chunks_exact(width) {
            mean.iter_mut().zip(frame).for_each(|(m, x)| *m += x / n_frames as f32);
        }
    }
    means
}

/// Mean binary cross-entropy against the teacher's probabilities.
fn teacher(answers: &[Answers], logits: &[f32], grad: &mut [f32]) -> f64 {
    let n = logits.len() / answers.len().max(1);
    let count = logits.len() as f32;
    let mut total = 0.0;
    for ((z, g), answer) in logits.chunks_exact(n).zip(grad.chunks_exact_mut(n)).zip(answers) {
        let Some(lesson) = &answer.lesson else { continue };
        for ((z, g), t) in z.iter().zip(g).zip(&lesson.probs) {
            total += f64::from(cross_entropy(*z, *t));
            *g = TEACHER_WEIGHT * (sigmoid(*z) - t) / count;
        }
    }
    total / f64::from(count)
}

/// Mean of 1 − cosine of the teacher's embedding.
fn cosine(answers: &[Answers], said: &[f32], grad: &mut [f32]) -> f64 {
    let n = said.len() / answers.len().max(1);
    let share = 1.0 / answers.len() as f32;
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    let mut total = 0.0;
    for ((s, g), answer) in said.chunks_exact(n).zip(grad.chunks_exact_mut(n)).zip(answers) {
        let Some(lesson) = &answer.lesson else { continue };
        let (a, b) = (norm(s), norm(&lesson.embedding));
        let cos = s.iter().zip(&lesson.embedding).map(|(s, t)| s * t).sum::<f32>() / (a * b);
        total += f64::from(share * (1.0 - cos));
        for ((g, s), t) in g.iter_mut().zip(s).zip(&lesson.embedding) {
            *g = -EMBEDDING_WEIGHT * share * (t / b - cos * s / a) / a;
        }
    }
    total
}

/// −t·ln σ(z) − (1−t)·ln(1−σ(z)), in the form that does not overflow.
fn cross_entropy(z: f32, t: f32) -> f32 {
    z.max(0.0) - z * t + (-z.abs()).exp().ln_1p()
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const SHAPE: (usize, usize, usize, usize) = (2, 6, 5, 3);

    fn setting() -> (Heads, Vec<Answers>, Vec<f32>) {
        let (segments, frames, width, classes) = SHAPE;
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let heads = Heads::new(width, classes, frames, 1, Some([4, 7]), &mut rng);
        let mut answer = || Answers {
            targets: (0..frames * classes).map(|_| f32::from(u8::from(rng.random_bool(0.6)))).collect(),
            weights: (0..frames * classes).map(|_| f32::from(u8::from(rng.random_bool(0.9)))).collect(),
            lesson: Some(Lesson {
                probs: (0..4).map(|_| rng.random()).collect(),
                embedding: (0..7).map(|_| rng.random()).collect(),
            }),
        };
        let answers = (0..segments).map(|_| answer()).collect();
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
        let mut other = Heads::new(5, 3, 6, 1, Some([4, 7]), &mut ChaCha8Rng::seed_from_u64(9));
        assert!((loss(&other, &answers, &embeddings) - loss(&heads, &answers, &embeddings)).abs() > 1e-3);
        other.load(&heads.arrays()).unwrap();
        assert_eq!(loss(&other, &answers, &embeddings), loss(&heads, &answers, &embeddings));
    }
}
