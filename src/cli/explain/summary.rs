//! What `explain` says of what it has done: a line each, and a list.

use std::path::Path;

use serde::{Serialize, Serializer};

use crate::cli::output;
use crate::error::{Error, Result};
use crate::units::EvidenceVerdict;

/// What the folder of explanations holds, beside them.
const SUMMARY: &str = "summary.json";

/// One line of the summary.
#[derive(Serialize)]
pub(super) struct Explained {
    pub(super) file: String,
    pub(super) label: String,
    pub(super) score: f32,
    /// Whether the score is one that starts an event; otherwise the label is only the likeliest.
    #[serde(skip)]
    pub(super) heard: bool,
    pub(super) method: String,
    /// Time that the explanation took, the recording's decoding left out.
    pub(super) seconds: f64,
    #[serde(serialize_with = "word")]
    pub(super) verdict: Option<EvidenceVerdict>,
    pub(super) agrees: Option<bool>,
    pub(super) prob: Option<f32>,
    pub(super) prob_in: Option<f32>,
    pub(super) prob_out: Option<f32>,
    pub(super) folder: String,
}

/// Writes the list beside the explanations.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where it cannot be written.
pub(super) fn write(dir: &Path, summary: &[Explained]) -> Result<()> {
    let path = dir.join(SUMMARY);
    std::fs::write(&path, output::json("the summary", &summary)?).map_err(|e| {
        Error::output(format!("cannot write {} ({e}); choose another --out", path.display())).with_source(e)
    })
}

/// A verdict by its name.
// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option)]
fn word<S: Serializer>(verdict: &Option<EvidenceVerdict>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    verdict.map(EvidenceVerdict::word).serialize(serializer)
}

impl Explained {
    /// One line a person can read, and the folder.
    pub(super) fn sentence(&self) -> String {
        let Self { file, label, score, method, folder, .. } = self;
        let mut line = format!("{file}: {label} {score:.2} by {method}");
        if !self.heard {
            line += " (below its threshold: no such event would be reported)";
        }
        if let (Some(verdict), Some(prob_in), Some(prob_out)) = (self.verdict, self.prob_in, self.prob_out) {
            line += &format!(", evidence {} (alone {prob_in:.2}, without it {prob_out:.2})", verdict.words());
        }
        format!("{line}\n  {folder}\n")
    }
}
