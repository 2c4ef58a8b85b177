//! Methods on the command line: what may be named, and what a list of names stands for.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use super::output;
use crate::error::Result;
use crate::interpret::methods::{self, AUTO, BASELINES, METHODS, SLOW};
use crate::model::package::Package;

/// Stands for every method that the model has weights for.
const ALL: &str = "all";

/// One method's name with its options; help and completions list the names.
#[derive(Clone)]
pub(super) struct MethodParser {
    check: fn(&str) -> Result<()>,
    /// What may be said besides the methods.
    besides: &'static [&'static str],
}

impl MethodParser {
    /// What a monitor can use.
    pub(super) const LIVE: Self = Self { check: methods::check_live, besides: &[AUTO] };
    /// All there are, [`ALL`] and [`AUTO`].
    pub(super) const OFFLINE: Self = Self {
        check: |text| if matches!(text, ALL | AUTO) { Ok(()) } else { methods::check(text) },
        besides: &["random", "all-ones", ALL, AUTO],
    };
    /// All there are, and [`ALL`].
    pub(super) const ANY: Self = Self {
        check: |text| if text == ALL { Ok(()) } else { methods::check(text) },
        besides: &["random", "all-ones", ALL],
    };
}

impl TypedValueParser for MethodParser {
    type Value = String;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> std::result::Result<String, clap::Error> {
        let check = self.check;
        let parse = move |text: &str| check(text).map(|()| text.to_owned()).map_err(|e| e.to_string());
        TypedValueParser::parse_ref(&parse, cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let methods = METHODS.iter().filter(|name| (self.check)(name).is_ok());
        Some(Box::new(methods.chain(self.besides).map(|name| PossibleValue::new(*name))))
    }
}

/// The methods that are asked for, each once; all, where none is. All are those that the model has weights for; for a `table`,
/// without those that would take days, and with the baselines. If `all` is asked for, a note names the methods that were left out.
pub(super) fn asked_for(asked: &[String], package: &Package, table: bool) -> Vec<String> {
    let available = methods::available(package);
    let quick = available.iter().filter(|method| !table || !SLOW.contains(method));
    let all = || quick.clone().chain(BASELINES.iter().filter(|_| table)).copied();
    let mut named: Vec<&str> = if asked.is_empty() { all().collect() } else { Vec::new() };
    for method in asked {
        if method == ALL {
            named.extend(all());
            let missing: Vec<&str> = METHODS.iter().copied().filter(|m| !available.contains(m)).collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                output::note(&if methods::of_scores_alone(package) {
                    format!("the model is an imported graph, which does not run backward for {missing}: left out")
                } else {
                    format!("the model has no weights for {missing}: left out")
                });
            }
            if table {
                output::note(&format!(
                    "left out because they take long: {}; name them to measure them",
                    SLOW.join(", ")
                ));
            }
        } else {
            named.push(method);
        }
    }
    let mut each_once: Vec<String> = Vec::new();
    for method in named {
        if !each_once.iter().any(|known| known == method) {
            each_once.push(method.to_owned());
        }
    }
    each_once
}
