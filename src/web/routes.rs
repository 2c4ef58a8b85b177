//! Which request is answered by what.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::answers::{Failure, json};
use super::served::Served;
use super::{assets, events, labels, levels, sound, viewer};
use crate::http::Bounds;

/// A page has three connections open at most; a further one ends the oldest, and its page comes back.
pub(super) const BOUNDS: Bounds = Bounds { connections: 96, patience: Some(Duration::from_secs(24 * 3600)) };

/// Longest request body, in bytes: a note has 64 KiB.
const MAX_BODY: usize = 256 << 10;

/// The page, and what it asks for.
pub(super) fn router(served: Served) -> Router {
    let api = Router::new()
        .route("/info", get(info))
        .route("/live", get(viewer::live))
        .route("/listen", get(sound::listen))
        .route("/levels", get(levels::today))
        .route("/events/{id}", get(events::event))
        .route("/events/{id}/files/{name}", get(events::file))
        .route("/events/{id}/marks", post(events::mark))
        .route("/labels/{index}", post(labels::edit))
        .fallback(|| async { Failure::gone("there is nothing here") })
        .layer(from_fn_with_state(served.clone(), admit))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(served);
    assets::routes().nest("/api", api)
}

/// Lets through who may look, and for changes who may change.
async fn admit(State(served): State<Served>, request: Request, next: Next) -> Response {
    let access = served.access();
    let admitted = match *request.method() {
        Method::GET | Method::HEAD => access.look(request.headers()),
        _ => access.change(request.headers()),
    };
    match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

#[derive(Serialize)]
struct Info<'a> {
    version: &'static str,
    model: &'a str,
    method: &'a str,
    inputs: &'a [String],
    can_change: bool,
    recording: bool,
    listening: bool,
    levels: bool,
}

async fn info(State(served): State<Served>) -> Response {
    let about = &served.monitored().about;
    json(&Info {
        version: env!("CARGO_PKG_VERSION"),
        model: &about.model,
        method: &about.method,
        inputs: &about.inputs,
        can_change: served.access().can_change(),
        recording: about.record_dir.is_some(),
        listening: about.in_real_time,
        levels: about.levels,
    })
}
