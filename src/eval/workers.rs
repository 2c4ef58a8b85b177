//! Work on many sounds, one worker a thread: interpreters are not shared between threads.

use rayon::prelude::*;

use super::faithfulness::Listener;
use super::mask_metrics;
use crate::Result;
use crate::interpret::Interpreter;
use crate::model::classifier::Classifier;
use crate::model::manifest::Activation;

/// Clips that each thread takes between two calls of the progress function.
const PER_THREAD: usize = 2;

/// Does `work` for each of `n` clips on all threads; results in order. `progress` is told how many are done and how many there
/// are.
///
/// # Errors
/// The first, by order, that `work` fails with.
pub fn for_each<T: Send>(
    n: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<T>> {
    let piece = PER_THREAD * rayon::current_num_threads().max(1);
    let mut results = Vec::with_capacity(n);
    for first in (0..n).step_by(piece) {
        let done: Vec<Result<T>> = (first..n.min(first + piece)).into_par_iter().map(&work).collect();
        for one in done {
            results.push(one?);
        }
        progress(results.len(), n);
    }
    Ok(results)
}

/// What is measured: a classifier, and methods by name.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The classifier.
    pub classifier: &'a Classifier,
    /// How its logits become probabilities.
    pub activation: Activation,
    /// Loads a method for one thread.
    pub load: &'a (dyn Fn(&str) -> Result<Box<dyn Interpreter>> + Sync),
}

impl Subject<'_> {
    /// Probabilities in double precision.
    pub(super) fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        mask_metrics::probabilities(logits, self.activation)
    }

    /// The classes found: [`mask_metrics::active_classes`].
    pub(super) fn active(&self, probs: &[f64]) -> Vec<usize> {
        mask_metrics::active_classes(probs, self.classifier.labels())
    }
}

/// One thread's own.
pub(super) struct Worker<'a> {
    pub(super) listener: Listener<'a>,
    /// In the order of the methods asked for.
    pub(super) interpreters: Vec<Box<dyn Interpreter>>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(subject: &Subject<'a>, methods: &[String]) -> Result<Self> {
        let interpreters = methods.iter().map(|method| (subject.load)(method)).collect::<Result<_>>()?;
        Ok(Self { listener: Listener::new(subject.classifier)?, interpreters })
    }

    /// One for each thread.
    pub(super) fn team(subject: &Subject<'a>, methods: &[String]) -> Result<Vec<Self>> {
        (0..rayon::current_num_threads().max(1)).map(|_| Self::new(subject, methods)).collect()
    }
}

/// Does `work` for each of `n` sounds; results in order. `done` is told after every few sounds.
pub(super) fn each<'a, T: Send>(
    team: &mut [Worker<'a>],
    n: usize,
    work: impl Fn(&mut Worker<'a>, usize) -> Result<T> + Sync,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<T>> {
    let mut results = Vec::with_capacity(n);
    while results.len() < n {
        let first = results.len();
        let some: Vec<Result<T>> = team
            .par_iter_mut()
            .enumerate()
            .filter(|(i, _)| first + i < n)
            .map(|(i, worker)| work(worker, first + i))
            .collect();
        for one in some {
            results.push(one?);
        }
        done(results.len());
    }
    Ok(results)
}
