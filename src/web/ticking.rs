//! A body without an end, made as fast as its reader takes it and no faster than a clock ticks: whoever is slow gets fewer and
//! newer parts.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body as AnyBody, Bytes};
use hyper::body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Makes the parts.
pub(super) trait Parts: Send + Unpin + 'static {
    /// What has come since the last part; `None` where nothing has.
    fn next(&mut self) -> Option<Bytes>;
}

struct Ticking<P> {
    clock: Interval,
    parts: P,
}

/// A body of `parts`, looked for every `every`.
pub(super) fn body(parts: impl Parts, every: Duration) -> AnyBody {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    AnyBody::new(Ticking { clock, parts })
}

impl<P: Parts> Body for Ticking<P> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            ready!(this.clock.poll_tick(cx));
            if let Some(bytes) = this.parts.next() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }
}
