//! `earwitness train l2i`, in its two ways.

use super::by_design;
use super::l2i::{Args, post_hoc};
use crate::error::{Error, Result};

/// Trains Ψ and Θ and adds them to the package, or makes another package with --by-design.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub(super) fn run(args: &Args) -> Result<()> {
    match (&args.out, args.by_design) {
        (Some(out), true) => by_design::run(args, out),
        (None, true) => Err(Error::usage(
            "--by-design makes another model; say with --out in which folder, as in --out models/joint",
        )),
        (Some(_), false) => Err(Error::usage(
            "--out is for --by-design; without it the interpreter comes into the package of --model, so leave --out out",
        )),
        (None, false) => post_hoc(args),
    }
}
