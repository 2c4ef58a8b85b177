//! Changes of what is listened for, for this run.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::answers::Failure;
use super::served::Served;
use crate::engine::controls::Change;
use crate::engine::detector::Edit;
use crate::units::ClassId;

/// One of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Wish {
    Threshold(f32),
    Enabled(bool),
    Alarm(bool),
}

pub(super) async fn edit(
    State(served): State<Served>,
    Path(index): Path<usize>,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let monitored = served.monitored();
    if index >= monitored.about.n_classes {
        return Err(Failure::gone("there is no label of this number"));
    }
    let wish = serde_json::from_slice(&body)
        .map_err(|_| Failure::wrong("give one of threshold, enabled and alarm, as in {\"threshold\": 0.7}"))?;
    let class = ClassId(index);
    let edit = match wish {
        Wish::Threshold(p) if (0.05..=0.99).contains(&p) => Edit::Threshold(class, (p * 100.0).round() as u8),
        Wish::Threshold(_) => return Err(Failure::wrong("a threshold is a number from 0.05 to 0.99")),
        Wish::Enabled(enabled) => Edit::Enabled(class, enabled),
        Wish::Alarm(alarm) => Edit::Alarm(class, alarm),
    };
    monitored.controls.change(Change::Edit(edit));
    Ok(StatusCode::NO_CONTENT)
}
