//! Clips over threads, and interpreters for them.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::Result;
use crate::eval::faithfulness::{Heard, Listener};
use crate::interpret::{Interpreter, methods};
use crate::model::classifier::Classifier;
use crate::model::device::ComputeDevice;
use crate::model::package::Package;

/// Clips that each thread takes between two calls of the progress function.
const PER_THREAD: usize = 2;

/// Does `work` for each of `n` clips on all threads; results in order.
pub(super) fn for_each<T: Send>(
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

/// Interpreters of one method, loaded as threads need them: they cannot be shared, and loading takes longer than explaining.
pub(super) struct Pool<'a> {
    package: &'a Package,
    method: &'a str,
    seed: u64,
    idle: Mutex<Vec<Box<dyn Interpreter>>>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(package: &'a Package, method: &'a str, seed: u64) -> Self {
        Self { package, method, seed, idle: Mutex::new(Vec::new()) }
    }

    /// Lends an interpreter to `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut dyn Interpreter) -> Result<T>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lent = idle().pop();
        let mut interpreter = match lent {
            Some(interpreter) => interpreter,
            None => methods::load(self.package, self.method, &ComputeDevice::cpu(), self.seed)?,
        };
        let result = work(interpreter.as_mut());
        idle().push(interpreter);
        result
    }
}

/// What a classifier hears in each clip.
pub(super) fn hear(classifier: &Classifier, clips: &[&[f32]]) -> Result<Vec<Heard>> {
    for_each(clips.len(), |i| Listener::new(classifier)?.hear(clips[i]), &mut |_, _| {})
}
