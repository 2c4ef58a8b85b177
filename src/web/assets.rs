//! The page itself: its text, its style and its program. It asks nothing of any other server, and a policy keeps it so.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::page_parts::{LOOK, program};

const PAGE: &str = include_str!("page/live.html");
const STYLE: &str = include_str!("page/live.css");
/// Behind those that all pages have, in this order: what a part does when it is read uses earlier ones.
const SCRIPTS: &[&str] = &[
    include_str!("page/base.js"),
    include_str!("page/token.js"),
    include_str!("page/status.js"),
    include_str!("page/waterfall.js"),
    include_str!("page/columns.js"),
    include_str!("page/labels.js"),
    include_str!("page/label.js"),
    include_str!("page/events.js"),
    include_str!("page/event.js"),
    include_str!("page/marks.js"),
    include_str!("page/listening.js"),
    include_str!("page/levels.js"),
    include_str!("page/stream.js"),
    include_str!("page/keys.js"),
    include_str!("page/live.js"),
];

/// What the page may do: run its own script, use its own style, show pictures that it has fetched, ask its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The routes of the page's own files.
pub(super) fn routes() -> Router {
    let (style, script) = ([LOOK, STYLE].concat(), program(SCRIPTS));
    Router::new()
        .route("/", get(|| async { of_type("text/html; charset=utf-8", PAGE) }))
        .route("/live.css", get(|| async move { of_type("text/css; charset=utf-8", style) }))
        .route("/live.js", get(|| async move { of_type("text/javascript; charset=utf-8", script) }))
        // Browsers ask for it.
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .layer(from_fn(guarded))
}

fn of_type(kind: &'static str, text: impl IntoResponse) -> Response {
    let mut answer = text.into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Adds what keeps a browser from doing more than the page needs.
async fn guarded(request: axum::extract::Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
