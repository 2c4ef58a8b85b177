//! Interpreters for clips that are worked on side by side.

use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::eval::faithfulness::{Heard, Listener};
use crate::eval::workers::for_each;
use crate::interpret::{Interpreter, methods};
use crate::model::classifier::Classifier;
use crate::model::device::ComputeDevice;
use crate::model::package::Package;

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
