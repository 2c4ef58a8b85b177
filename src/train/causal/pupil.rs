//! What a pupil learns from a teacher that hears the same sound: its probabilities, and its embedding in time.

use std::ops::Range;

use rand::Rng;

use super::dense::{Dense, DenseGrad};
use crate::model::tensors::Arrays;
use crate::train::sigmoid::{cross_entropy, sigmoid};
use crate::{Error, Result};

/// Weight of the teacher's probabilities in the loss.
pub(super) const PROBS_WEIGHT: f32 = 6.0;
/// Weight of the teacher's embedding in the loss. The labels of a few hundred recordings are soon known by heart; what the
/// teacher hears in ever new mixtures of them is not, so this part leads.
pub(super) const EMBEDDING_WEIGHT: f32 = 0.5;
/// Share of the embedding's loss that compares means over the whole segment; the rest compares columns.
const WHOLE_SHARE: f32 = 0.5;
/// Values of the embedding that hardly vary are divided by at least this share of the mean deviation.
const LEAST_DEVIATION: f32 = 0.1;

/// What a teacher says of one segment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lesson {
    /// Probability of each of its classes.
    pub probs: Vec<f32>,
    /// `[n_columns, width]`, its embedding in time.
    pub columns: Vec<f32>,
}

/// The size of lessons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LessonShape {
    /// Classes of the teacher.
    pub n_probs: usize,
    /// Values of its embedding.
    pub width: usize,
    /// Seconds from the middle of one column to the middle of the next; the first one's is where the segment begins.
    pub column_secs: f64,
}

/// What reads the teacher from the network's embeddings.
pub(super) struct Pupil {
    lookahead: usize,
    /// The network's frames from one column to the next.
    column_frames: usize,
    probs: Dense,
    embedding: Dense,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Pupil {
    pub(super) fn new(width: usize, lookahead: usize, shape: LessonShape, frame_secs: f64, rng: &mut impl Rng) -> Self {
        Self {
            lookahead,
            column_frames: ((shape.column_secs / frame_secs).round() as usize).max(1),
            probs: Dense::new("teacher", width, shape.n_probs, -5.0, rng),
            embedding: Dense::new("embedding", width, shape.width, 0.0, rng),
            mean: vec![0.0; shape.width],
            deviation: vec![1.0; shape.width],
        }
    }

    pub(super) fn dense(&self) -> [&Dense; 2] {
        [&self.probs, &self.embedding]
    }

    pub(super) fn dense_mut(&mut self) -> [&mut Dense; 2] {
        [&mut self.probs, &mut self.embedding]
    }

    /// Takes the mean and the deviation of each value from some lessons, so that all values of an embedding count alike.
    pub(super) fn standardise<'a>(&mut self, lessons: impl Iterator<Item = &'a Lesson> + Clone) {
        let width = self.mean.len();
        let columns = || lessons.clone().flat_map(|l| l.columns.chunks_exact(width));
        let count = columns().count().max(1) as f32;
        let mut mean = vec![0.0_f32; width];
        columns().for_each(|c| mean.iter_mut().zip(c).for_each(|(m, x)| *m += x / count));
        let mut variance = vec![0.0_f32; width];
        columns().for_each(|c| {
            variance.iter_mut().zip(c).zip(&mean).for_each(|((v, x), m)| *v += (x - m) * (x - m) / count);
        });
        let deviations: Vec<f32> = variance.iter().map(|v| v.sqrt()).collect();
        let least = (LEAST_DEVIATION * deviations.iter().sum::<f32>() / width.max(1) as f32).max(1e-6);
        (self.mean, self.deviation) = (mean, deviations.iter().map(|d| d.max(least)).collect());
    }

    pub(super) fn to_arrays(&self, arrays: &mut Arrays) {
        self.dense().into_iter().for_each(|d| d.to_arrays(arrays));
        arrays.insert("embedding.mean", [self.mean.len()], self.mean.clone());
        arrays.insert("embedding.deviation", [self.mean.len()], self.deviation.clone());
    }

    pub(super) fn load(&mut self, arrays: &Arrays) -> Result<()> {
        self.dense_mut().into_iter().try_for_each(|d| d.load(arrays))?;
        self.mean = arrays.get("embedding.mean", &[self.mean.len()])?.to_vec();
        self.deviation = arrays.get("embedding.deviation", &[self.mean.len()])?.to_vec();
        if self.deviation.iter().all(|d| *d > 0.0) {
            Ok(())
        } else {
            Err(Error::model("embedding.deviation must be above 0"))
        }
    }

    /// Losses of probabilities and embedding against segments `[n_frames, width]`; adds to their gradient.
    pub(super) fn learn(
        &self,
        lessons: &[Option<&Lesson>],
        embeddings: &[f32],
        grad: &mut [f32],
    ) -> ([f64; 2], [DenseGrad; 2]) {
        let rows = Rows::new(self, lessons, embeddings);
        let mut grad_rows = vec![0.0; rows.values.len()];
        let whole = &rows.values[..lessons.len() * rows.width];
        let said = self.probs.forward(whole);
        let mut grad_said = vec![0.0; said.len()];
        let probs_loss = probabilities(lessons, &said, &mut grad_said);
        let probs_grad = self.probs.backward(whole, &grad_said, &mut grad_rows[..whole.len()]);
        let said = self.embedding.forward(&rows.values);
        let mut grad_said = vec![0.0; said.len()];
        let embedding_loss = self.distance(&rows, &said, &mut grad_said);
        let embedding_grad = self.embedding.backward(&rows.values, &grad_said, &mut grad_rows);
        rows.give_back(&grad_rows, grad);
        ([probs_loss, embedding_loss], [probs_grad, embedding_grad])
    }

    /// Mean squared error of standardised embeddings; 1 where the mean is always said.
    fn distance(&self, rows: &Rows, said: &[f32], grad: &mut [f32]) -> f64 {
        let width = self.mean.len();
        let mut total = 0.0;
        for ((row, said), grad) in rows.list.iter().zip(said.chunks_exact(width)).zip(grad.chunks_exact_mut(width)) {
            let scale = row.share / width as f32;
            for (i, (s, g)) in said.iter().zip(grad).enumerate() {
                let Some(target) = row.target.get(i) else { continue };
                let off = s - (target - self.mean[i]) / self.deviation[i];
                total += f64::from(scale * off * off);
                *g = EMBEDDING_WEIGHT * 2.0 * scale * off;
            }
        }
        total
    }
}

/// One mean of the network's embeddings that is compared with the teacher's.
struct Row {
    /// The frames of all segments that it is the mean of.
    frames: Range<usize>,
    /// What the teacher says; empty where it says nothing.
    target: Vec<f32>,
    /// How much it counts.
    share: f32,
}

/// All of them: first one a segment, then the columns.
struct Rows {
    width: usize,
    list: Vec<Row>,
    values: Vec<f32>,
}

impl Rows {
    fn new(pupil: &Pupil, lessons: &[Option<&Lesson>], embeddings: &[f32]) -> Self {
        let (width, n) = (pupil.probs.c_in, lessons.len().max(1));
        let n_frames = embeddings.len() / width / n;
        let teacher_width = pupil.mean.len();
        let whole = lessons.iter().enumerate().map(|(i, lesson)| {
            let columns = lesson.map_or(&[][..], |l| &l.columns);
            let n_columns = (columns.len() / teacher_width).max(1) as f32;
            let mut target = vec![0.0; if columns.is_empty() { 0 } else { teacher_width }];
            for column in columns.chunks_exact(teacher_width) {
                target.iter_mut().zip(column).for_each(|(t, x)| *t += x / n_columns);
            }
            Row { frames: i * n_frames..(i + 1) * n_frames, target, share: WHOLE_SHARE / n as f32 }
        });
        let mut list: Vec<Row> = whole.collect();
        for (i, lesson) in lessons.iter().enumerate() {
            let columns: Vec<_> = lesson
                .map_or(&[][..], |l| &l.columns)
                .chunks_exact(teacher_width)
                .enumerate()
                .map(|(k, target)| (pupil.frames_of(k, n_frames), target))
                .filter(|(frames, _)| !frames.is_empty())
                .collect();
            let share = (1.0 - WHOLE_SHARE) / (n * columns.len().max(1)) as f32;
            let row = |(frames, target): (Range<usize>, &[f32])| Row {
                frames: i * n_frames + frames.start..i * n_frames + frames.end,
                target: target.to_vec(),
                share,
            };
            list.extend(columns.into_iter().map(row));
        }
        let mut values = vec![0.0; list.len() * width];
        for (row, mean) in list.iter().zip(values.chunks_exact_mut(width)) {
            for frame in embeddings[row.frames.start * width..row.frames.end * width].chunks_exact(width) {
                mean.iter_mut().zip(frame).for_each(|(m, x)| *m += x / row.frames.len() as f32);
            }
        }
        Self { width, list, values }
    }

    /// Adds the gradient of the means to that of the frames.
    fn give_back(&self, grad_rows: &[f32], grad: &mut [f32]) {
        for (row, mean) in self.list.iter().zip(grad_rows.chunks_exact(self.width)) {
            for frame in grad[row.frames.start * self.width..row.frames.end * self.width].chunks_exact_mut(self.width) {
                frame.iter_mut().zip(mean).for_each(|(g, m)| *g += m / row.frames.len() as f32);
            }
        }
    }
}

impl Pupil {
    /// The frames of a segment that answer for column `k`: output frame t hears up to frame t − lookahead.
    fn frames_of(&self, k: usize, n_frames: usize) -> Range<usize> {
        let (middle, half) = (self.lookahead + k * self.column_frames, self.column_frames / 2);
        middle.saturating_sub(half).max(self.lookahead).min(n_frames)..(middle + half + 1).min(n_frames)
    }
}

/// Mean binary cross-entropy against the teacher's probabilities.
fn probabilities(lessons: &[Option<&Lesson>], logits: &[f32], grad: &mut [f32]) -> f64 {
    let n = logits.len() / lessons.len().max(1);
    let count = logits.len() as f32;
    let mut total = 0.0;
    for ((z, g), lesson) in logits.chunks_exact(n).zip(grad.chunks_exact_mut(n)).zip(lessons) {
        let Some(lesson) = lesson else { continue };
        for ((z, g), t) in z.iter().zip(g).zip(&lesson.probs) {
            total += f64::from(cross_entropy(*z, *t));
            *g = PROBS_WEIGHT * (sigmoid(*z) - t) / count;
        }
    }
    total / f64::from(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn pupil(width: usize) -> Pupil {
        let shape = LessonShape { n_probs: 2, width, column_secs: 0.32 };
        Pupil::new(4, 2, shape, 0.064, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn columns_meet_the_frames_that_answer_for_them() {
        let pupil = pupil(3);
        assert_eq!(pupil.frames_of(0, 32), 2..5);
        assert_eq!(pupil.frames_of(1, 32), 5..10);
        assert_eq!(pupil.frames_of(5, 32), 25..30);
        assert_eq!(pupil.frames_of(6, 32), 30..32);
        assert!(pupil.frames_of(7, 32).is_empty());
    }

    #[test]
    fn standardised_values_have_mean_0_and_deviation_1_and_dead_ones_stay_small() {
        let mut pupil = pupil(3);
        let lesson =
            |a: f32| Lesson { probs: vec![0.0; 2], columns: vec![10.0 + a, 100.0 * a, 4.0, 10.0 - a, 0.0, 4.0] };
        let lessons = [lesson(1.0), lesson(-1.0)];
        pupil.standardise(lessons.iter());
        assert_eq!(pupil.mean, [10.0, 0.0, 4.0]);
        let (small, large) = (pupil.deviation[0], pupil.deviation[1]);
        assert!((large - 5000.0_f32.sqrt()).abs() < 1e-3, "{large}");
        let least = 0.1 * (1.0 + large) / 3.0;
        assert!((small - least).abs() < 1e-4 && (pupil.deviation[2] - least).abs() < 1e-4);
    }
}
