//! What of many could not be used, for the sentence and the exit code at the end.

use crate::error::{Error, Result};

/// Names that the last sentence has room for.
const MAX_NAMES: usize = 3;

/// What was left out. Why has been told each time.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOut {
    n: usize,
    names: Vec<String>,
}

impl LeftOut {
    /// One more.
    pub(super) fn add(&mut self, name: &str) {
        self.n += 1;
        if self.names.len() < MAX_NAMES {
            self.names.push(name.to_owned());
        }
    }

    /// The program's outcome, where there were `n_all` such things in all.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where something was left out.
    pub(super) fn outcome(&self, n_all: usize, things: &str) -> Result<()> {
        if self.n == 0 {
            return Ok(());
        }
        let names = self.names.join(", ");
        let more = if self.n > self.names.len() { ", …" } else { "" };
        Err(Error::input(if self.n >= n_all {
            format!("none of the {n_all} {things} could be used: {names}{more}; the lines above say why")
        } else {
            format!(
                "{} of {n_all} {things} could not be used: {names}{more}; the lines above say why, so mend or remove them",
                self.n
            )
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sentence_counts_and_names_the_first_few() {
        let mut left_out = LeftOut::default();
        left_out.outcome(4, "inputs").unwrap();
        left_out.add("a.wav");
        let sentence = left_out.outcome(4, "inputs").unwrap_err().to_string();
        assert!(sentence.starts_with("1 of 4 inputs could not be used: a.wav; "), "{sentence}");
        ["b.wav", "c.wav", "d.wav"].into_iter().for_each(|name| left_out.add(name));
        let error = left_out.outcome(4, "inputs").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Input);
        let sentence = error.to_string();
        assert!(sentence.starts_with("none of the 4 inputs could be used: a.wav, b.wav, c.wav, …; "), "{sentence}");
    }
}
