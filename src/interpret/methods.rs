//! The methods by name: what can be asked for, and what a package has the weights for.

use super::Interpreter;
use super::baseline::{AllOnes, Random};
use super::l2i::L2i;
use super::lmac::LMac;
use crate::model::device::ComputeDevice;
use crate::model::package::Package;
use crate::{Error, Result};

/// The methods that explain, as commands, events and tables name them.
pub const METHODS: &[&str] = &["l2i", "lmac"];

/// Masks that know nothing of the sound: they show what each metric says about nothing.
pub const BASELINES: &[&str] = &["random", "all-ones"];

/// Loads a method of a package for a device. `seed` is for those that draw at random: the same seed gives the same
/// explanation of the same segment.
///
/// # Errors
/// A usage error for a name that is none; a model error where the package has no weights for the method, or weights that do
/// not fit.
pub fn load(package: &Package, method: &str, device: &ComputeDevice, seed: u64) -> Result<Box<dyn Interpreter>> {
    match method {
        "l2i" => Ok(Box::new(L2i::load_on(package, device)?)),
        "lmac" => Ok(Box::new(LMac::load(package)?)),
        "random" => Ok(Box::new(Random::new(package, seed))),
        "all-ones" => Ok(Box::new(AllOnes::new(package))),
        _ => Err(Error::usage(format!("there is no method '{method}'; give one of {}", METHODS.join(", ")))),
    }
}

/// The methods, without baselines, that `package` has all weights for, in the order of [`METHODS`].
#[must_use]
pub fn available(package: &Package) -> Vec<&'static str> {
    let has = |method: &&str| match *method {
        "l2i" => package.manifest().l2i.as_ref().is_some_and(|l2i| l2i.weights.is_some()),
        "lmac" => package.manifest().lmac.is_some(),
        _ => true,
    };
    METHODS.iter().copied().filter(has).collect()
}
