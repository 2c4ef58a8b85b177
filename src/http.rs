//! A small server on a thread of its own, with bounds: for Prometheus and for the live page.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::thread::Builder;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::task::AbortHandle;

/// How long a client may take to send the header of a request.
const HEADER_PATIENCE: Duration = Duration::from_secs(5);

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// What a server allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// How long a connection may last; for ever where there is none.
    pub(crate) patience: Option<Duration>,
}

/// Serves `app` at `listener`, on a thread called `name`, for as long as the program runs. `what` is served, for the log.
///
/// # Errors
/// The system's, where it gives no thread or no polling.
pub(crate) fn serve(
    name: &str,
    what: &'static str,
    listener: TcpListener,
    app: Router,
    bounds: Bounds,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = move || {
        let served = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            answer_all(&listener, app, bounds).await;
            Ok::<(), std::io::Error>(())
        });
        if let Err(e) = served {
            tracing::error!("{what} no longer served ({e}); restart the monitor");
        }
    };
    Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// Answers whoever connects. There are never more than the bounds allow: a further one ends the oldest, so that clients that
/// say nothing keep neither the descriptors that recording needs nor the answers from whoever asks properly.
async fn answer_all(listener: &tokio::net::TcpListener, app: Router, bounds: Bounds) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor is free, perhaps.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= bounds.connections
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let service = TowerToHyperService::new(app.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        let task = tokio::spawn(async move {
            match bounds.patience {
                Some(patience) => drop(tokio::time::timeout(patience, connection).await),
                None => drop(connection.await),
            }
        });
        open.push_back(task.abort_handle());
    }
}
