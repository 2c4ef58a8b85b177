//! The model that listens.

use serde::Serialize;

use crate::engine::report::ModelRef;

#[derive(Debug, Serialize)]
pub(crate) struct ModelJson<'a> {
    name: &'a str,
    sha256: &'a str,
}

impl<'a> From<&'a ModelRef> for ModelJson<'a> {
    fn from(model: &'a ModelRef) -> Self {
        Self { name: &model.name, sha256: &model.sha256 }
    }
}
