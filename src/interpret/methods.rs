//! The methods by name: what can be asked for, and what a package has the weights for.

use std::borrow::Cow;

use super::Interpreter;
use super::apnet::Apnet;
use super::baseline::{AllOnes, Random};
use super::concepts;
use super::flint::Flint;
use super::gradients::{self, GradientMethod};
use super::guided::{self, GuidedMethod};
use super::iba;
use super::l2i::L2i;
use super::lime::method::{Ask, Cut, Lime, PASSES, PASSES_ALLOWED};
use super::lmac::LMac;
use super::lrp;
use super::relevance_mask::MaskForm;
use super::vibi::Vibi;
use crate::model::backward::PRESETS;
use crate::model::device::ComputeDevice;
use crate::model::manifest::{Architecture, CONCEPT_METHODS};
use crate::model::package::Package;
use crate::{Error, Result};

/// The methods that explain, as commands, events and tables name them.
pub const METHODS: &[&str] = &[
    "l2i",
    "lmac",
    "flint",
    "vibi",
    "apnet",
    "lrp",
    "saliency",
    "smoothgrad",
    "integrated-gradients",
    "input-x-gradient",
    "guided-backprop",
    "gradcam",
    "guided-gradcam",
    "gradient-shap",
    "iba",
    "audiolime",
    "slime",
    "occlusion",
    "drsa",
    "dsa",
    "prca",
    "random-subspaces",
];

/// What the components of a method are called, as in the names of their files.
#[must_use]
pub fn part_word(method: &str) -> &'static str {
    let name = method.split(':').next().unwrap_or(method);
    if CONCEPT_METHODS.contains(&name) { "concept" } else { "component" }
}

/// Stands for the best method that a model has.
pub const AUTO: &str = "auto";

/// Methods that are quick enough for every stride, the more faithful first (`docs/tables.md`).
const QUICK: [&str; 2] = ["lmac", "l2i"];

/// Methods that know nothing of a model but its scores, the cheapest first: those of an imported graph.
const OF_SCORES: [&str; 3] = [OCCLUSION, "audiolime", "slime"];

/// Takes out one part of the sound at a time.
const OCCLUSION: &str = "occlusion";

/// Methods that ask the model hundreds of times about each segment: too slow for a table of a whole fold, unless they are named.
pub const SLOW: &[&str] = &["audiolime", "slime"];

/// Methods with a decision of their own, which repeats the classifier's: [`super::Explanation::decision`].
pub const DECIDING: &[&str] = &["l2i", "flint", "vibi", "apnet"];

/// Masks that know nothing of the sound: they show what each metric says about nothing.
pub const BASELINES: &[&str] = &["random", "all-ones"];

/// Loads a method of a package for a device. `seed` is for those that draw at random: the same seed gives the same
/// explanation of the same segment.
///
/// Methods that attribute relevance take options behind a colon, joined by `+`: how relevance becomes a mask (`gain`,
/// `thesis-audio`, `thesis-audio-nnls`), for `lrp` the rules ([`crate::model::backward::PRESETS`]), for Grad-CAM the block
/// that it looks at (`block4`); as in `lrp:thesis+thesis-audio`. They run on the CPU whatever the device. `slime` and
/// `audiolime` take what a sound is cut into ([`Cut`]) and how often the model may be asked (`passes1000`).
///
/// # Errors
/// A usage error for a name or option that is none; a model error where the package has no weights for the method, or
/// weights that do not fit.
pub fn load(package: &Package, method: &str, device: &ComputeDevice, seed: u64) -> Result<Box<dyn Interpreter>> {
    let (name, options) = parse(method)?;
    let form = options.form.unwrap_or_default();
    let gradient =
        |method| -> Result<Box<dyn Interpreter>> { Ok(Box::new(gradients::load(package, method, form, seed)?)) };
    let guided =
        |method| -> Result<Box<dyn Interpreter>> { Ok(Box::new(guided::load(package, method, options.block, form)?)) };
    let lime = |cut, ask| -> Result<Box<dyn Interpreter>> {
        Ok(Box::new(Lime::load(package, device, options.cut.unwrap_or(cut), ask)?))
    };
    let sampled = Ask::Sampled { passes: options.passes.unwrap_or(PASSES), seed };
    let concepts = |method| -> Result<Box<dyn Interpreter>> { Ok(Box::new(concepts::load(package, method, form)?)) };
    match name {
        "l2i" => Ok(Box::new(L2i::load_on(package, device)?)),
        "lmac" => Ok(Box::new(LMac::load(package)?)),
        "flint" => Ok(Box::new(Flint::load(package)?)),
        "vibi" => Ok(Box::new(Vibi::load(package)?)),
        "apnet" => Ok(Box::new(Apnet::load(package)?)),
        "random" => Ok(Box::new(Random::new(package, seed))),
        "all-ones" => Ok(Box::new(AllOnes::new(package))),
        "lrp" => Ok(Box::new(lrp::load(package, options.preset.unwrap_or(lrp::DEFAULT_PRESET), form)?)),
        "saliency" => gradient(GradientMethod::Saliency),
        "smoothgrad" => gradient(GradientMethod::SmoothGrad),
        "integrated-gradients" => gradient(GradientMethod::IntegratedGradients),
        "input-x-gradient" => gradient(GradientMethod::InputXGradient),
        "gradient-shap" => gradient(GradientMethod::GradientShap),
        "iba" => Ok(Box::new(iba::load(package, form, seed)?)),
        "drsa" => concepts("drsa"),
        "dsa" => concepts("dsa"),
        "prca" => concepts("prca"),
        "random-subspaces" => concepts("random-subspaces"),
        "guided-backprop" => guided(GuidedMethod::GuidedBackprop),
        "gradcam" => guided(GuidedMethod::GradCam),
        "guided-gradcam" => guided(GuidedMethod::GuidedGradCam),
        "audiolime" if package.manifest().l2i.is_some() => lime(Cut::Dictionary, sampled),
        "audiolime" => lime(Cut::HarmonicPercussive, sampled),
        "slime" => lime(Cut::SLIME[0].1, sampled),
        OCCLUSION => lime(Cut::OCCLUSION[0].1, Ask::EachOnce),
        _ => Err(unknown(method)),
    }
}

/// Says whether `method` names a method of ours, or a baseline, with options that it takes; what a package has, and how many
/// blocks there are, is left to [`load`].
///
/// # Errors
/// A usage error for a name or option that is none.
pub fn check(method: &str) -> Result<()> {
    parse(method).map(|_| ())
}

/// As [`check`], of methods that a monitor can use, and [`AUTO`].
///
/// # Errors
/// As [`check`], and for baselines and for options that are for recordings only.
pub fn check_live(method: &str) -> Result<()> {
    if method == AUTO {
        return Ok(());
    }
    let (name, options) = parse(method)?;
    if BASELINES.contains(&name) {
        return Err(unknown(method));
    }
    if SLOW.contains(&name) {
        return Err(Error::usage(format!(
            "{name} asks the model hundreds of times about each sound, too slow for live sound; use it in 'explain', or \
             give auto, {}, occlusion or lrp for live sound",
            QUICK.join(", ")
        )));
    }
    if options.form == Some(MaskForm::ThesisInverted) {
        return Err(Error::usage(format!(
            "{method} is too slow for live sound; leave '-nnls' out, or use it in 'explain'"
        )));
    }
    Ok(())
}

/// The method's own name, and what is asked of it.
fn parse(method: &str) -> Result<(&str, Options<'_>)> {
    let (name, options) = method.split_once(':').unwrap_or((method, ""));
    if !METHODS.iter().chain(BASELINES).any(|known| *known == name) {
        return Err(unknown(name));
    }
    Ok((name, Options::parse(name, options)?))
}

fn unknown(method: &str) -> Error {
    Error::usage(format!("there is no method '{method}'; give one of {}", METHODS.join(", ")))
}

/// What stands behind a method's colon.
#[derive(Debug, Default, PartialEq)]
struct Options<'a> {
    form: Option<MaskForm>,
    preset: Option<&'a str>,
    block: Option<usize>,
    cut: Option<Cut>,
    passes: Option<usize>,
}

impl<'a> Options<'a> {
    /// Each kind of option once at most.
    fn parse(method: &str, text: &'a str) -> Result<Self> {
        let mut options = Self::default();
        for option in text.split('+').filter(|option| !option.is_empty()) {
            let again = options.take(method, option).ok_or_else(|| no_option(method, option))?;
            if again {
                return Err(Error::usage(format!(
                    "'{method}:{text}' says the same thing twice; leave '{option}' or the other out"
                )));
            }
        }
        Ok(options)
    }

    /// Takes one option: whether its kind was there already; `None` where the method does not have it.
    fn take(&mut self, method: &str, option: &'a str) -> Option<bool> {
        let number = |prefix: &str| option.strip_prefix(prefix).and_then(|n| n.parse().ok());
        if let Some(cuts) = cuts(method) {
            let cut = cuts.iter().find(|(name, _)| *name == option).map(|(_, cut)| *cut);
            let passes = number("passes").filter(|passes| method != OCCLUSION && PASSES_ALLOWED.contains(passes));
            return match (cut, passes) {
                (Some(cut), _) => Some(self.cut.replace(cut).is_some()),
                (None, Some(passes)) => Some(self.passes.replace(passes).is_some()),
                (None, None) => None,
            };
        }
        match (MaskForm::named(option), number("block")) {
            (Some(form), _) if attributes(method) => Some(self.form.replace(form).is_some()),
            (None, Some(block)) if looks_at_a_block(method) => Some(self.block.replace(block).is_some()),
            (None, None) if method == "lrp" && PRESETS.contains(&option) => Some(self.preset.replace(option).is_some()),
            _ => None,
        }
    }
}

/// What the methods that ask the model again and again may cut a sound into, the default first; `None` for other methods.
fn cuts(method: &str) -> Option<&'static [(&'static str, Cut)]> {
    match method {
        "slime" => Some(&Cut::SLIME),
        "audiolime" => Some(&Cut::AUDIOLIME),
        OCCLUSION => Some(&Cut::OCCLUSION),
        _ => None,
    }
}

/// Whether the method's mask is made of relevance.
fn attributes(method: &str) -> bool {
    !matches!(method, "l2i" | "lmac" | "flint" | "vibi" | "apnet")
        && cuts(method).is_none()
        && !BASELINES.contains(&method)
}

fn looks_at_a_block(method: &str) -> bool {
    matches!(method, "gradcam" | "guided-gradcam")
}

fn no_option(method: &str, option: &str) -> Error {
    if let Some(cuts) = cuts(method) {
        let names: Vec<&str> = cuts.iter().map(|(name, _)| *name).collect();
        let (fewest, most) = (PASSES_ALLOWED.start(), PASSES_ALLOWED.end());
        let passes = if method == OCCLUSION { String::new() } else { format!(", and passes{fewest} to passes{most}") };
        return Error::usage(format!(
            "the method {method} has no option '{option}'; give one of {}{passes}",
            names.join(", ")
        ));
    }
    if !attributes(method) {
        return Error::usage(format!("the method {method} takes no options; leave ':{option}' out"));
    }
    let forms = MaskForm::NAMES.map(|(name, _)| name);
    let (rules, block) = match method {
        "lrp" => (PRESETS, None),
        _ => (&[][..], looks_at_a_block(method).then_some("blockN")),
    };
    let all: Vec<&str> = rules.iter().copied().chain(block).chain(forms).collect();
    Error::usage(format!("the method {method} has no option '{option}'; give some of {}", all.join(", ")))
}

/// The method that `asked` stands for: with [`AUTO`] the most faithful one that `package` has weights for, and where it has
/// none, one that needs none: LRP, or occlusion where nothing is known of the network but its scores.
#[must_use]
pub fn chosen<'a>(package: &Package, asked: &'a str) -> &'a str {
    match asked {
        AUTO => quick(package).unwrap_or(if of_scores_alone(package) { OCCLUSION } else { "lrp" }),
        _ => asked,
    }
}

/// Whether nothing can be known of the package's network but its scores.
#[must_use]
pub fn of_scores_alone(package: &Package) -> bool {
    package.manifest().classifier.architecture == Architecture::Onnx
}

/// The method as it explains recordings: concepts are made heard as the thesis has it, unless it is said how.
#[must_use]
pub fn offline(method: &str) -> Cow<'_, str> {
    match parse(method) {
        Ok((name, Options { form: None, .. })) if CONCEPT_METHODS.contains(&name) => {
            Cow::Owned(format!("{name}:thesis-audio-90"))
        }
        _ => Cow::Borrowed(method),
    }
}

/// The most faithful method of `package` that is quick enough for every stride.
#[must_use]
pub fn quick(package: &Package) -> Option<&'static str> {
    let available = available(package);
    QUICK.into_iter().find(|method| available.contains(method))
}

/// The method that finds onsets where a monitor listens with [`AUTO`], for what only measures when events begin: "none" where
/// the network says so itself.
#[must_use]
pub fn for_onsets(package: &Package) -> &'static str {
    match package.manifest().classifier.architecture {
        Architecture::Causal => "none",
        _ => quick(package).unwrap_or("none"),
    }
}

/// The methods, without baselines, that `package` has all weights for and that suit its network, in the order of [`METHODS`].
#[must_use]
pub fn available(package: &Package) -> Vec<&'static str> {
    let has = |method: &&str| match *method {
        "l2i" => package.manifest().l2i.as_ref().is_some_and(|l2i| l2i.weights.is_some()),
        "lmac" => package.manifest().lmac.is_some(),
        "flint" => package.manifest().flint.is_some(),
        "vibi" => package.manifest().vibi.is_some(),
        "apnet" => package.manifest().apnet.is_some(),
        "iba" => package.manifest().iba.is_some(),
        method if CONCEPT_METHODS.contains(&method) => package.manifest().drsa.contains_key(method),
        method if of_scores_alone(package) => OF_SCORES.contains(&method),
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
        let options = |text| parse(text).unwrap().1;
        let both = options("lrp:thesis+thesis-audio");
        assert_eq!((both.preset, both.form), (Some("thesis"), Some(MaskForm::Thesis)));
        assert_eq!(options("gradcam:block4").block, Some(4));
        let both = options("slime:time+passes100");
        assert_eq!((both.cut, both.passes), (Some(Cut::Time), Some(100)));
        assert_eq!(options("audiolime:dictionary").cut, Some(Cut::Dictionary));
        assert_eq!(options("saliency"), Options::default());
        for (text, part) in [
            ("saliency:thesis", "no option 'thesis'; give some of gain"),
            ("smoothgrad:block2", "no option 'block2'"),
            ("gradcam:blocks", "give some of blockN, gain"),
            ("lrp:epsilom", "give some of"),
            ("lrp:block4", "no option 'block4'"),
            ("lrp:epsilon+thesis", "twice"),
            ("saliency:gain+thesis-audio", "twice"),
            ("lmac:gain", "lmac takes no options"),
            ("random:gain", "random takes no options"),
            ("slime:gain", "give one of time-frequency, time, frequency, and passes16 to passes100000"),
            ("audiolime:time", "no option 'time'"),
            ("slime:passes3", "no option 'passes3'"),
            ("slime:time+frequency", "twice"),
            ("occlusion:passes100", "give one of time-frequency, time, frequency"),
            ("drsa:block4", "no option 'block4'"),
            ("lcap", "there is no method 'lcap'"),
        ] {
            let message = check(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn not_all_methods_are_for_live_sound() {
        assert!(check_live("lrp:epsilon+thesis-audio").is_ok() && check_live("l2i").is_ok());
        for text in ["random", "lrp:thesis-audio-nnls", "lrp:nope"] {
            assert!(check_live(text).is_err(), "{text}");
        }
        let message = check_live("slime:time").unwrap_err().to_string();
        assert!(
            message.contains("hundreds of times") && message.contains("give auto, lmac, l2i, occlusion or lrp"),
            "{message}"
        );
        assert!(check_live("occlusion").is_ok() && check_live("occlusion:time").is_ok());
        assert!(check_live(AUTO).is_ok() && check(AUTO).is_err(), "tables name what they measure");
        assert_eq!((offline("drsa"), offline("drsa:gain")), ("drsa:thesis-audio-90".into(), "drsa:gain".into()));
        assert_eq!((offline("lrp"), offline("nonsense")), ("lrp".into(), "nonsense".into()));
        assert!(check("random").is_ok() && check("lrp:thesis-audio-nnls").is_ok());
    }
}
