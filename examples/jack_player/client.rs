//! A JACK client that plays a recording and, as another client, records a port, both placed on the server's own frame count.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jack::contrib::ClosureProcessHandler;
use jack::{AudioIn, AudioOut, Client, ClientOptions, Control, PortFlags, ProcessScope};

/// How long a port is waited for, and a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was played and recorded.
#[derive(Debug)]
pub(crate) struct Session {
    /// The server's rate in Hz.
    pub(crate) rate: u32,
    /// The server's frame count at the first sample played.
    pub(crate) play_start: u64,
    /// The server's frame count at the first sample of `recorded`.
    pub(crate) record_start: u64,
    /// What came out of the recorded port; empty where nothing was to be recorded.
    pub(crate) recorded: Vec<f32>,
    /// Gaps that the server reported while playing.
    pub(crate) xruns: u64,
}

fn client(name: &str) -> Result<Client, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match Client::new(name, ClientOptions::NO_START_SERVER) {
            Ok((client, _)) => return Ok(client),
            Err(e) if Instant::now() > until => return Err(format!("no JACK server answers ({e})")),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Waits until a port called `name` is there.
fn wait_for_port(client: &Client, name: &str, flags: PortFlags) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let pattern = format!("^{}$", name.replace('.', "\\."));
    while client.ports(Some(&pattern), None, flags).is_empty() {
        if Instant::now() > until {
            return Err(format!("the port {name} did not appear"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The server's frame count at the first sample of this period, without its wrapping at 2^32.
#[derive(Default)]
struct FrameCount {
    last: u32,
    total: u64,
}

impl FrameCount {
    fn at(&mut self, scope: &ProcessScope) -> u64 {
        let now = scope.last_frame_time();
        if self.total == 0 {
            self.total = u64::from(now);
        } else {
            self.total += u64::from(now.wrapping_sub(self.last));
        }
        self.last = now;
        self.total
    }
}

struct Xruns(Arc<AtomicU64>);

impl jack::NotificationHandler for Xruns {
    fn xrun(&mut self, _: &Client) -> Control {
        self.0.fetch_add(1, Ordering::Relaxed);
        Control::Continue
    }
}

/// Plays `samples` (mono, at the server's rate) from `player:out` into the port `to` (`None`: whoever connects), and records the
/// port `from` with the client `listener` until `tail_secs` after the last sample.
///
/// # Errors
/// A sentence where there is no server, or a port does not appear.
pub(crate) fn play(samples: Vec<f32>, to: Option<&str>, from: Option<&str>, tail_secs: f64) -> Result<Session, String> {
    let failed = |e: jack::Error| e.to_string();
    let player = client("player")?;
    let rate = player.sample_rate();
    let total = samples.len();
    let tail = (tail_secs * f64::from(rate)) as usize;

    // The recorder runs before anything is played.
    let recorded = Arc::new(Mutex::new((None, Vec::with_capacity(total + tail + 20 * rate as usize))));
    let recorder = match from {
        None => None,
        Some(from) => {
            let listener = client("listener")?;
            let port = listener.register_port("in", AudioIn::default()).map_err(failed)?;
            let name = port.name().map_err(failed)?;
            let (sink, mut count) = (Arc::clone(&recorded), FrameCount::default());
            let process = move |_: &Client, scope: &ProcessScope| {
                let at = count.at(scope);
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                let start = *sink.0.get_or_insert(at);
                // A period that was skipped is silence, so that places stay true.
                let place = (at - start) as usize;
                sink.1.resize(place, 0.0);
                sink.1.extend_from_slice(port.as_slice(scope));
                Control::Continue
            };
            let listener = listener.activate_async((), ClosureProcessHandler::new(process)).map_err(failed)?;
            wait_for_port(listener.as_client(), from, PortFlags::IS_OUTPUT)?;
            listener.as_client().connect_ports_by_name(from, &name).map_err(failed)?;
            Some(listener)
        }
    };

    let mut out = player.register_port("out", AudioOut::default()).map_err(failed)?;
    let name = out.name().map_err(failed)?;
    let (go, started, xruns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::default());
    let (may_go, first, mut count) = (Arc::clone(&go), Arc::clone(&started), FrameCount::default());
    let process = move |_: &Client, scope: &ProcessScope| {
        let at = count.at(scope);
        let out = out.as_mut_slice(scope);
        out.fill(0.0);
        if may_go.load(Ordering::Acquire) {
            if first.load(Ordering::Relaxed) == 0 {
                first.store(at, Ordering::Release);
            }
            // What belongs to a period that was skipped stays unplayed.
            let played = (at - first.load(Ordering::Relaxed)) as usize;
            for (out, sample) in out.iter_mut().zip(samples.iter().skip(played)) {
                *out = *sample;
            }
        }
        Control::Continue
    };
    let player =
        player.activate_async(Xruns(Arc::clone(&xruns)), ClosureProcessHandler::new(process)).map_err(failed)?;
    if let Some(to) = to {
        wait_for_port(player.as_client(), to, PortFlags::IS_INPUT)?;
        player.as_client().connect_ports_by_name(&name, to).map_err(failed)?;
    } else {
        let until = Instant::now() + PATIENCE;
        let connected =
            |client: &Client| client.port_by_name(&name).is_some_and(|p| p.connected_count().is_ok_and(|n| n > 0));
        while !connected(player.as_client()) {
            if Instant::now() > until {
                return Err("nobody connected to player:out".to_owned());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    go.store(true, Ordering::Release);
    thread::sleep(Duration::from_secs_f64((total + tail) as f64 / f64::from(rate) + 0.2));
    let _ = player.deactivate();
    if let Some(listener) = recorder {
        let _ = listener.deactivate();
    }
    let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Session {
        rate,
        play_start: started.load(Ordering::Acquire),
        record_start: recorded.0.unwrap_or(0),
        recorded: std::mem::take(&mut recorded.1),
        xruns: xruns.load(Ordering::Relaxed),
    })
}
