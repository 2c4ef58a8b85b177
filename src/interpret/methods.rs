//! The methods by name: what can be asked for, and what a package has the weights for.

use super::Interpreter;
use super::baseline::{AllOnes, Random};
use super::gradients::{self, GradientMethod};
use super::guided::{self, GuidedMethod};
use super::l2i::L2i;
use super::lmac::LMac;
use super::lrp;
use super::relevance_mask::MaskForm;
use crate::model::device::ComputeDevice;
use crate::model::package::Package;
use crate::{Error, Result};

/// The methods that explain, as commands, events and tables name them.
pub const METHODS: &[&str] = &[
    "l2i",
    "lmac",
    "lrp",
    "saliency",
    "smoothgrad",
    "integrated-gradients",
    "input-x-gradient",
    "guided-backprop",
    "gradcam",
    "guided-gradcam",
    "gradient-shap",
];

/// Masks that know nothing of the sound: they show what each metric says about nothing.
pub const BASELINES: &[&str] = &["random", "all-ones"];

/// Loads a method of a package for a device. `seed` is for those that draw at random: the same seed gives the same
/// explanation of the same segment.
///
/// Methods that attribute relevance take options behind a colon, joined by `+`: how relevance becomes a mask (`gain`,
/// `thesis-audio`, `thesis-audio-nnls`), for `lrp` the rules ([`crate::model::backward::PRESETS`]), for Grad-CAM the block
/// that it looks at (`block4`); as in `lrp:thesis+thesis-audio`. They run on the CPU whatever the device.
///
/// # Errors
/// A usage error for a name or option that is none; a model error where the package has no weights for the method, or
/// weights that do not fit.
pub fn load(package: &Package, method: &str, device: &ComputeDevice, seed: u64) -> Result<Box<dyn Interpreter>> {
    let (name, options) = method.split_once(':').unwrap_or((method, ""));
    let gradient = |method| -> Result<Box<dyn Interpreter>> {
        let options = Options::parse(name, options)?;
        Ok(Box::new(gradients::load(package, method, options.form, seed)?))
    };
    let guided = |method| -> Result<Box<dyn Interpreter>> {
        let options = Options::parse(name, options)?;
        Ok(Box::new(guided::load(package, method, options.block, options.form)?))
    };
    match name {
        "lrp" => {
            let options = Options::parse(name, options)?;
            Ok(Box::new(lrp::load(package, options.preset.unwrap_or(lrp::DEFAULT_PRESET), options.form)?))
        }
        "saliency" => gradient(GradientMethod::Saliency),
        "smoothgrad" => gradient(GradientMethod::SmoothGrad),
        "integrated-gradients" => gradient(GradientMethod::IntegratedGradients),
        "input-x-gradient" => gradient(GradientMethod::InputXGradient),
        "gradient-shap" => gradient(GradientMethod::GradientShap),
        "guided-backprop" => guided(GuidedMethod::GuidedBackprop),
        "gradcam" => guided(GuidedMethod::GradCam),
        "guided-gradcam" => guided(GuidedMethod::GuidedGradCam),
        _ => match method {
            "l2i" => Ok(Box::new(L2i::load_on(package, device)?)),
            "lmac" => Ok(Box::new(LMac::load(package)?)),
            "random" => Ok(Box::new(Random::new(package, seed))),
            "all-ones" => Ok(Box::new(AllOnes::new(package))),
            _ => Err(Error::usage(format!("there is no method '{method}'; give one of {}", METHODS.join(", ")))),
        },
    }
}

/// What stands behind a method's colon.
#[derive(Default)]
struct Options<'a> {
    form: MaskForm,
    preset: Option<&'a str>,
    block: Option<usize>,
}

impl<'a> Options<'a> {
    fn parse(method: &str, text: &'a str) -> Result<Self> {
        let mut options = Self::default();
        for option in text.split('+').filter(|option| !option.is_empty()) {
            let block = option.strip_prefix("block").and_then(|n| n.parse().ok());
            match (MaskForm::named(option), block) {
                (Some(form), _) => options.form = form,
                (None, Some(block)) if matches!(method, "gradcam" | "guided-gradcam") => options.block = Some(block),
                (None, _) if method == "lrp" => options.preset = Some(option),
                (None, _) => {
                    return Err(Error::usage(format!(
                        "the method {method} has no option '{option}'; give gain, thesis-audio or thesis-audio-nnls"
                    )));
                }
            }
        }
        Ok(options)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let options = Options::parse("lrp", "thesis+thesis-audio").unwrap();
        assert_eq!((options.preset, options.form), (Some("thesis"), MaskForm::Thesis));
        assert_eq!(Options::parse("gradcam", "block4").unwrap().block, Some(4));
        assert_eq!(Options::parse("saliency", "").unwrap().form, MaskForm::Gain);
        for (method, option) in [("saliency", "thesis"), ("smoothgrad", "block2"), ("gradcam", "blocks")] {
            let message = Options::parse(method, option).err().unwrap().to_string();
            assert!(message.contains(method) && message.contains(option), "{message}");
        }
    }
}
