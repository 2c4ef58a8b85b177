//! An input or its interpretation as raw samples, while they happen.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::Response;

use super::answers::{Failure, with_type};
use super::query;
use super::served::Served;
use super::ticking::{Parts, body};
use crate::engine::broadcast::Listening;

/// How often new sound is looked for.
const EVERY: Duration = Duration::from_millis(40);

/// Says how many samples a second has.
const RATE: HeaderName = HeaderName::from_static("x-sample-rate");

pub(super) async fn listen(State(served): State<Served>, uri: Uri) -> Result<Response, Failure> {
    let monitored = served.monitored();
    if !monitored.about.in_real_time {
        return Err(Failure::wrong("recordings are read as quickly as possible; leave out --fast to hear them"));
    }
    let (input, channel) = (query::input(&uri)?, query::channel(&uri)?);
    let listening = Listening::new(Arc::clone(&monitored.broadcasts), input, channel);
    let mut answer = with_type("application/octet-stream", body(Sound { listening, taken: Vec::new() }, EVERY));
    answer.headers_mut().insert(RATE, HeaderValue::from(monitored.about.sample_rate.hz()));
    Ok(answer)
}

struct Sound {
    listening: Listening,
    taken: Vec<f32>,
}

impl Parts for Sound {
    fn next(&mut self) -> Option<Bytes> {
        self.taken.clear();
        self.listening.take(&mut self.taken);
        let sample = |sample: &f32| ((sample.clamp(-1.0, 1.0) * 32767.0).round() as i16).to_le_bytes();
        (!self.taken.is_empty()).then(|| self.taken.iter().flat_map(sample).collect())
    }
}
