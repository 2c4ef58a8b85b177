//! Capture through JACK: a client `earwitness` with the ports `in_1`, `in_2`, … What runs on JACK's real-time thread stands
//! in [`Process`] and, as a plain function, in [`super::jack_cycle`]; the rest of this file may wait.
//!
//! A thread of its own opens the client, connects its ports for as long as it lives, and closes it: calls into libjack from its
//! callbacks are forbidden, and any call hangs while the server does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use jack::{AsyncClient, AudioIn, Client, ClientOptions, ClientStatus, Control, Port, PortId, ProcessScope, Unowned};

use super::capture_clock::CaptureClock;
use super::fan::{CaptureFan, XrunCounter};
use super::jack_cycle::{Cycle, CycleCapture, MAX_PORTS};
use super::jack_log;
use super::jack_ports::{OurName, Patch, Sources, ports_for};
use super::jack_thread::{JackThread, no_answer, server_name};
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The client's name; the server puts a number behind it where there is one already.
pub(super) const CLIENT: &str = "earwitness";

/// How long the server may take to let the client in.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// How long closing may take before the client is left to itself.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// After ports have come, others of the same client may follow: they are connected together, in their order.
const SETTLE: Duration = Duration::from_millis(50);

/// The pause before a port that could not be connected is tried again; it doubles …
const RETRY: Duration = Duration::from_millis(200);

/// … up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How to open the client.
#[derive(Debug, Clone, Default)]
pub(super) struct JackOptions {
    /// A regular expression, found anywhere in the full names of other clients' audio output ports; `None`: what the sound card
    /// captures.
    pub(super) pattern: Option<String>,
    /// How many input ports the client has, 1 to 8; `None`: as many as match now.
    pub(super) n_ports: Option<u16>,
}

/// A running client. Dropping it closes it, and does not wait for longer than [`CLOSE_PATIENCE`].
pub(super) struct JackStream {
    /// The server's.
    pub(super) rate: SampleRate,
    /// The client's input ports.
    pub(super) channels: u16,
    pub(super) clock: Arc<CaptureClock>,
    owner: Owner,
}

/// Ends the client's thread when it is dropped.
struct Owner {
    thread: JackThread,
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.thread.wake();
        self.thread.wait(CLOSE_PATIENCE);
    }
}

impl JackStream {
    /// Whether the callback has real-time priority: the server decides that. `None` while it is not known yet.
    pub(super) fn realtime(&self) -> Option<bool> {
        let thread_id = self.owner.shared.process_thread.load(Ordering::Relaxed);
        // The priority is set before the first cycle.
        if thread_id == 0 || self.clock.first_sample().is_none() {
            return None;
        }
        scheduling_is_realtime(&std::fs::read_to_string(format!("/proc/self/task/{thread_id}/stat")).ok()?)
    }
}

/// Whether a thread's `/proc/…/stat` names the policy SCHED_FIFO or SCHED_RR.
fn scheduling_is_realtime(stat: &str) -> Option<bool> {
    // The thread's name stands in brackets and may hold anything; the policy is field 41, and field 3 follows the bracket.
    let policy: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(41 - 3)?.parse().ok()?;
    Some(matches!(policy, 1 | 2))
}

/// What the client's threads and its owner share.
#[derive(Default)]
struct Shared {
    /// The owner is done with it.
    stop: AtomicBool,
    /// The server is gone, or is no longer what it was.
    dead: AtomicBool,
    /// What the system calls the thread of the callback; 0 while it has not begun.
    process_thread: AtomicU32,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.dead.load(Ordering::Acquire)
    }
}

/// Opens the client and starts it; `make_fan` gets the server's rate and how many ports the client has. May be tried as often
/// as one likes while there is no server.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for a pattern that is no regular expression, [`crate::ErrorKind::Input`] where there is no server,
/// or none that answers, and what `make_fan` says.
pub(super) fn open(
    options: JackOptions,
    state: Arc<EndState>,
    make_fan: impl FnOnce(SampleRate, u16) -> Result<CaptureFan>,
) -> Result<JackStream> {
    let sources = Sources::new(options.pattern.as_deref())?;
    if let Some(n) = options.n_ports.filter(|&n| n == 0 || usize::from(n) > MAX_PORTS) {
        return Err(Error::usage(format!("a JACK input has 1 to {MAX_PORTS} ports, not {n}")));
    }
    jack_log::catch();
    let (shared, clock) = (Arc::new(Shared::default()), Arc::new(CaptureClock::new()));
    let (tell, told) = channel();
    let (give_fan, take_fan) = channel();
    let run = Run {
        sources,
        n_ports: options.n_ports,
        shared: Arc::clone(&shared),
        clock: Arc::clone(&clock),
        state,
        tell,
        take_fan,
    };
    // Where anything fails below, dropping this ends the thread.
    let owner = Owner { thread: JackThread::spawn(move || run.all())?, shared };
    // Dropped before the owner: the thread may be waiting for the fan.
    let give_fan: Sender<CaptureFan> = give_fan;
    let (rate, channels) = answer(&told)?;
    let _ = give_fan.send(make_fan(rate, channels)?);
    answer(&told)?;
    Ok(JackStream { rate, channels, clock, owner })
}

fn answer(told: &Receiver<Result<(SampleRate, u16)>>) -> Result<(SampleRate, u16)> {
    match told.recv_timeout(OPEN_PATIENCE) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(no_answer()),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Error::bug("the thread of the JACK client ended; please report this"))
        }
    }
}

/// A client that is let in, not started, and what is to be said where it is not.
pub(super) fn new_client() -> Result<Client> {
    let (client, _) = Client::new(CLIENT, ClientOptions::NO_START_SERVER).map_err(|e| {
        let sentence = match &e {
            jack::Error::LibraryError(_) => {
                "this machine has no JACK library; install libjack (or PipeWire's), or choose another input".to_owned()
            }
            jack::Error::ClientError(status) if status.contains(ClientStatus::SERVER_FAILED) => {
                format!("{} is not running; start it, or choose another input", server_name())
            }
            jack::Error::ClientError(status) if status.contains(ClientStatus::VERSION_ERROR) => {
                format!("{} has another version than the JACK library; install both from one place", server_name())
            }
            _ => format!("{} does not let this program in ({e}); restart it", server_name()),
        };
        Error::input(sentence).with_source(e)
    })?;
    Ok(client)
}

/// The client's own thread.
struct Run {
    sources: Sources,
    n_ports: Option<u16>,
    shared: Arc<Shared>,
    clock: Arc<CaptureClock>,
    state: Arc<EndState>,
    tell: Sender<Result<(SampleRate, u16)>>,
    take_fan: Receiver<CaptureFan>,
}

/// A client that runs.
struct Running {
    // Dropped in this order.
    client: AsyncClient<Notify, Process>,
    _name: OurName,
    inputs: Vec<Port<Unowned>>,
    n_ports: u16,
}

impl Run {
    fn all(self) {
        match self.start() {
            Ok(Some(running)) => {
                self.keep_connected(&running);
                drop(running);
            }
            // No one waits any more.
            Ok(None) => {}
            Err(e) => {
                let _ = self.tell.send(Err(e));
            }
        }
    }

    fn start(&self) -> Result<Option<Running>> {
        let client = new_client()?;
        let name = OurName::new(&client);
        let hz = client.sample_rate();
        let rate = SampleRate::new(hz)
            .ok_or_else(|| Error::input(format!("{} says that it runs at 0 Hz; restart it", server_name())))?;
        let n_ports = self.n_ports.unwrap_or_else(|| ports_for(self.sources.present(&client).len()));
        if self.tell.send(Ok((rate, n_ports))).is_err() {
            return Ok(None);
        }
        let Ok(fan) = self.take_fan.recv() else { return Ok(None) };
        let failed = |e: jack::Error| {
            Error::input(format!("{} does not give this program its ports ({e}); restart it", server_name()))
                .with_source(e)
        };
        let mut ports = Vec::new();
        for n in 1..=n_ports {
            ports.push(client.register_port(&format!("in_{n}"), AudioIn::default()).map_err(failed)?);
        }
        let inputs = ports.iter().map(Port::clone_unowned).collect();
        let notify = Notify {
            shared: Arc::clone(&self.shared),
            state: Arc::clone(&self.state),
            xruns: fan.xrun_counter(),
            hz,
            thread: thread::current(),
        };
        let process = Process { ports, capture: CycleCapture::new(fan, rate), clock: Arc::clone(&self.clock), hz };
        let client = client.activate_async(notify, process).map_err(failed)?;
        if self.tell.send(Ok((rate, n_ports))).is_err() {
            return Ok(None);
        }
        Ok(Some(Running { client, _name: name, inputs, n_ports }))
    }

    /// Connects what matches, whenever ports come, until the client is over. What a person disconnects is connected again
    /// when ports come or go: a pattern that does not match it leaves it alone.
    fn keep_connected(&self, running: &Running) {
        let mut patch = Patch::new(running.n_ports);
        let mut pause = RETRY;
        let mut retry = None;
        while !self.shared.is_over() {
            let refused = patch.connect(running.client.as_client(), &self.sources, &running.inputs);
            match (refused, retry) {
                (0, _) => (pause, retry) = (RETRY, None),
                (_, None) => retry = Some(Instant::now() + pause),
                (_, Some(due)) if Instant::now() >= due => {
                    pause = (pause * 2).min(LONGEST_RETRY);
                    retry = Some(Instant::now() + pause);
                }
                _ => {}
            }
            match retry {
                None => thread::park(),
                Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
            }
            if !self.shared.is_over() {
                thread::sleep(SETTLE);
            }
        }
    }
}

// ---- on the audio thread: the real-time rule holds from here …

/// Called by libjack on its real-time thread.
struct Process {
    /// At most [`MAX_PORTS`].
    ports: Vec<Port<AudioIn>>,
    capture: CycleCapture,
    clock: Arc<CaptureClock>,
    hz: u32,
}

impl jack::ProcessHandler for Process {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let mut chunks: [&[f32]; MAX_PORTS] = [&[]; MAX_PORTS];
        for (chunk, port) in chunks.iter_mut().zip(&self.ports) {
            *chunk = port.as_slice(scope);
        }
        // What a cycle brings was captured in the period before it began.
        let len = self.duration(scope.n_frames());
        self.clock.mark(self.duration(scope.frames_since_cycle_start()) + len, len);
        let began_usecs = scope.cycle_times().ok().map(|times| times.current_usecs);
        let cycle = Cycle { first_frame: scope.last_frame_time(), began_usecs };
        self.capture.process(cycle, chunks.get(..self.ports.len()).unwrap_or_default());
        Control::Continue
    }
}

impl Process {
    fn duration(&self, n_frames: u32) -> Duration {
        Duration::from_nanos(u64::from(n_frames) * 1_000_000_000 / u64::from(self.hz))
    }
}

// ---- … to here.

/// Called by libjack on a thread that is not real-time, but that other clients may wait for: nothing here waits.
struct Notify {
    shared: Arc<Shared>,
    state: Arc<EndState>,
    xruns: XrunCounter,
    hz: u32,
    /// The client's own thread.
    thread: Thread,
}

impl Notify {
    fn fail(&self, what: &'static str) {
        // Only once: the server's end may be noticed in two places.
        if !self.shared.dead.swap(true, Ordering::AcqRel) {
            self.state.fail_device(what);
        }
        self.thread.unpark();
    }
}

impl jack::NotificationHandler for Notify {
    // The trait wants it so, because a signal handler might call it. Nothing in it is unsafe.
    #[allow(unsafe_code)]
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        self.fail("has lost its JACK server");
    }

    fn sample_rate(&mut self, _: &Client, hz: jack::Frames) -> Control {
        if hz != self.hz {
            self.fail("has lost its JACK server, which changed its sample rate");
        }
        Control::Continue
    }

    fn port_registration(&mut self, _: &Client, _: PortId, is_registered: bool) {
        if is_registered {
            self.thread.unpark();
        }
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.xruns.count();
        Control::Continue
    }

    /// Called on the real-time thread before it becomes one.
    fn thread_init(&self, _: &Client) {
        let own = std::fs::read_link("/proc/thread-self").ok();
        let id = own.and_then(|path| path.file_name()?.to_str()?.parse().ok());
        self.shared.process_thread.store(id.unwrap_or(0), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_found_behind_any_thread_name() {
        let stat = |name: &str, policy: u32| {
            let fields: String =
                (4..=52).map(|i| if i == 41 { format!(" {policy}") } else { format!(" {i}") }).collect();
            format!("17 ({name}) S{fields}\n")
        };
        assert_eq!(scheduling_is_realtime(&stat("jack-client", 1)), Some(true));
        assert_eq!(scheduling_is_realtime(&stat("a ) b (", 2)), Some(true));
        assert_eq!(scheduling_is_realtime(&stat("jack", 0)), Some(false));
        assert_eq!(scheduling_is_realtime(""), None);
        assert_eq!(scheduling_is_realtime("17 (x) S 1 2"), None);
    }

    #[test]
    fn a_port_count_out_of_range_is_refused_before_any_server_is_asked() {
        for n in [0, 9] {
            let options = JackOptions { pattern: None, n_ports: Some(n) };
            let state = Arc::new(EndState::default());
            let error = open(options, state, |_, _| Err(Error::bug("asked"))).map(|_| ());
            assert!(error.is_err_and(|e| e.to_string().contains("1 to 8 ports")), "{n}");
        }
    }
}
