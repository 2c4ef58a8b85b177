//! Value parsers: from what a person wrote to a checked value.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::audio::source::StartTime;

/// A parser for settings that are one of `words`.
pub(super) fn word<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|w| T::from_str(&w))
}

/// Seconds, 0 or more.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if secs >= 0.0 && secs.is_finite() => Ok(secs),
        _ => Err("give 0 or more seconds, as in 1.5".into()),
    }
}

/// A start time, as it was written.
pub(super) fn start_time(text: &str) -> Result<String, String> {
    text.parse::<StartTime>().map(|_| text.to_owned()).map_err(|e| e.to_string())
}

/// A level in dB full scale, -120 to 0.
pub(super) fn dbfs(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(level) if (-120.0..=0.0).contains(&level) => Ok(level),
        _ => Err("give -120 to 0 dB full scale, as in -45".into()),
    }
}

/// A number greater than 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x > 0.0 && x.is_finite() => Ok(x),
        _ => Err("give a number greater than 0".into()),
    }
}

/// A number that is 0 or more.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x >= 0.0 && x.is_finite() => Ok(x),
        _ => Err("give a number that is 0 or more".into()),
    }
}

/// A share, 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if (0.0..=1.0).contains(&x) => Ok(x),
        _ => Err("give a share from 0 to 1".into()),
    }
}

/// A share, at least 0 and below 1.
pub(super) fn share_below_one(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if (0.0..1.0).contains(&x) => Ok(x),
        _ => Err("give a share of at least 0 and below 1".into()),
    }
}

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("give a whole number of at least 1".into()),
    }
}

/// `LABEL=PROBABILITY`; the label may hold `=` itself.
pub(super) fn threshold(text: &str) -> Result<(String, f64), String> {
    let remedy = "give LABEL=PROBABILITY with a probability above 0 and below 1, as in dog=0.6";
    let (label, on) = text.rsplit_once('=').ok_or(remedy)?;
    match on.trim().parse::<f64>() {
        Ok(on) if on > 0.0 && on < 1.0 && !label.trim().is_empty() => Ok((label.trim().to_string(), on)),
        _ => Err(remedy.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(seconds("0"), Ok(0.0));
        assert!(seconds("-1").is_err() && seconds("nan").is_err() && seconds("inf").is_err() && seconds("x").is_err());
        assert!(positive("0").is_err() && positive("1e-3").is_ok());
        assert!(not_negative("0").is_ok() && not_negative("-0.1").is_err());
        assert!(share("0").is_ok() && share("1").is_ok() && share("1.1").is_err() && share("nan").is_err());
        assert!(share_below_one("0").is_ok() && share_below_one("1").is_err() && share_below_one("nan").is_err());
        assert!(count("0").is_err() && count("3") == Ok(3));
    }

    #[test]
    fn a_threshold_is_a_label_and_a_probability() {
        assert_eq!(threshold("dog=0.6"), Ok(("dog".into(), 0.6)));
        assert_eq!(threshold("a=b=0.5"), Ok(("a=b".into(), 0.5)));
        for wrong in ["dog", "=0.5", "dog=", "dog=1", "dog=0", "dog=x"] {
            assert!(threshold(wrong).is_err(), "{wrong}");
        }
    }
}
