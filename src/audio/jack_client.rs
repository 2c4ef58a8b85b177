//! Capture through JACK: a client `earwitness` with the ports `in_1`, `in_2`, … What runs on JACK's real-time thread stands
//! in [`Process`] and, as a plain function, in [`super::jack_cycle`]; the rest of this file may wait.
//!
//! A thread of its own opens the client, connects its ports for as long as it lives, and closes it: calls into libjack from its
//! callbacks are forbidden, and any call hangs while the server does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, ClientStatus, Control, Port, PortId, ProcessScope, Unowned,
};

use super::capture_clock::CaptureClock;
use super::fan::{CaptureFan, ChannelChoice, Lane, XrunCounter};
use super::jack_cycle::{Cycle, CycleCapture, MAX_PORTS};
use super::jack_log;
use super::jack_out::{JackOut, OutFeed};
use super::jack_ports::{OurName, Patch, Sources, ports_for};
use super::jack_shared::{CLOSE_PATIENCE, Inside, SETTLE, Shared};
use super::jack_thread::{JackThread, no_answer, server_name};
use super::live::{Attached, Held, LiveStream, Refusal, StreamGuard};
use super::ring::CapturePull;
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The client's name; the server puts a number behind it where there is one already.
pub(super) const CLIENT: &str = "earwitness";

/// The port that plays.
const OUT_PORT: &str = "interpretation";

/// How long the server may take to let the client in.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// The pause before a port that could not be connected is tried again; it doubles …
const RETRY: Duration = Duration::from_millis(200);

/// … up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// What to open, each time.
#[derive(Clone)]
pub(super) struct JackChoice {
    /// A regular expression, found anywhere in the full names of other clients' audio output ports; `None`: what the sound card
    /// captures.
    pub(super) pattern: Option<String>,
    /// Which ports of ours become inputs.
    pub(super) channels: ChannelChoice,
    /// What is played, if anything.
    pub(super) out: Option<Arc<JackOut>>,
}

/// A running client. Dropping it closes it, and does not wait for longer than [`CLOSE_PATIENCE`].
struct JackStream {
    clock: Arc<CaptureClock>,
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

impl LiveStream for JackStream {
    /// The server decides that.
    fn realtime(&self) -> Option<bool> {
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

impl JackChoice {
    /// Opens the client and starts it, with as many ports as it had before where it was open before, and else as many as match
    /// or are chosen; `make_rings` gets the server's rate and these. May be tried as often as one likes while there is no server.
    pub(super) fn open(
        &self,
        held: Option<Held>,
        make_rings: impl FnOnce(Held) -> Result<Rings>,
    ) -> Result<Attached, Refusal> {
        let sources = Sources::new(self.pattern.as_deref()).map_err(Refusal::Refused)?;
        jack_log::catch();
        let state = Arc::new(EndState::default());
        let (shared, clock) = (Arc::new(Shared::default()), Arc::new(CaptureClock::new()));
        let (tell, told) = channel();
        let (give_fan, take_fan) = channel();
        let run = Run {
            sources,
            held,
            chosen: self.chosen(),
            out: self.out.clone(),
            shared: Arc::clone(&shared),
            clock: Arc::clone(&clock),
            state: Arc::clone(&state),
            tell,
            take_fan,
        };
        // Where anything fails below, dropping this ends the thread.
        let owner =
            Owner { thread: JackThread::spawn(OPEN_PATIENCE, move || run.all()).map_err(Refusal::Refused)?, shared };
        // Dropped before the owner: the thread may be waiting for the fan.
        let give_fan: Sender<CaptureFan> = give_fan;
        let held = answer(&told)?;
        let (fan, lanes) = make_rings(held).map_err(Refusal::Refused)?;
        let _ = give_fan.send(fan);
        answer(&told)?;
        let stream = StreamGuard::new(JackStream { clock: Arc::clone(&clock), owner });
        Ok(Attached { held, lanes, clock, state, stream })
    }

    /// How many ports the choice of channels asks for at least.
    fn chosen(&self) -> usize {
        match &self.channels {
            ChannelChoice::Mix | ChannelChoice::Each => 1,
            ChannelChoice::Only(channels) => channels.iter().copied().max().unwrap_or(1).into(),
        }
    }
}

/// The writing and the reading ends of the client's rings.
type Rings = (CaptureFan, Vec<(Lane, CapturePull)>);

type Answer = Result<Held, Refusal>;

fn answer(told: &Receiver<Answer>) -> Answer {
    match told.recv_timeout(OPEN_PATIENCE) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(Refusal::Refused(no_answer())),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Refusal::Refused(Error::bug("the thread of the JACK client ended; please report this")))
        }
    }
}

/// A client that is let in, and not started.
pub(super) fn new_client() -> Result<Client, Refusal> {
    let (client, _) = Client::new(CLIENT, ClientOptions::NO_START_SERVER).map_err(|e| {
        let (is_missing, sentence) = match &e {
            jack::Error::LibraryError(_) => (
                false,
                "this machine has no JACK library; install libjack (or PipeWire's), or choose another input".to_owned(),
            ),
            jack::Error::ClientError(status) if status.contains(ClientStatus::SERVER_FAILED) => {
                (true, format!("{} is not running; start it, or choose another input", server_name()))
            }
            jack::Error::ClientError(status) if status.contains(ClientStatus::VERSION_ERROR) => (
                false,
                format!("{} has another version than the JACK library; install both from one place", server_name()),
            ),
            _ => (false, format!("{} does not let this program in ({e}); restart it", server_name())),
        };
        let error = Error::input(sentence).with_source(e);
        if is_missing { Refusal::Missing(error) } else { Refusal::Refused(error) }
    })?;
    Ok(client)
}

/// The client's own thread.
struct Run {
    sources: Sources,
    /// What it was when it was open before.
    held: Option<Held>,
    /// How many ports are wanted at least.
    chosen: usize,
    out: Option<Arc<JackOut>>,
    shared: Arc<Shared>,
    clock: Arc<CaptureClock>,
    state: Arc<EndState>,
    tell: Sender<Answer>,
    take_fan: Receiver<CaptureFan>,
}

/// A client that runs.
struct Running {
    // Dropped in this order.
    client: AsyncClient<Notify, Process>,
    _name: OurName,
    inputs: Vec<Port<Unowned>>,
}

impl Run {
    fn all(self) {
        match self.start() {
            Ok(Some(running)) => {
                self.keep_connected(&running);
                self.shared.leave_callbacks();
                drop(running);
            }
            // No one waits any more.
            Ok(None) => {}
            Err(e) => {
                let _ = self.tell.send(Err(e));
            }
        }
    }

    fn start(&self) -> Result<Option<Running>, Refusal> {
        let client = new_client()?;
        let name = OurName::new(&client);
        let hz = client.sample_rate();
        let rate = SampleRate::new(hz).ok_or_else(|| {
            Refusal::Refused(Error::input(format!("{} says that it runs at 0 Hz; restart it", server_name())))
        })?;
        // With another rate than before it is for the keeper to say so.
        let channels = self
            .held
            .map_or_else(|| ports_for(self.sources.present(&client).len().max(self.chosen)), |held| held.channels);
        let held = Held { rate, channels };
        if self.tell.send(Ok(held)).is_err() {
            return Ok(None);
        }
        let Ok(fan) = self.take_fan.recv() else { return Ok(None) };
        let failed = |e: jack::Error| {
            let sentence = format!("{} does not give this program its ports ({e}); restart it", server_name());
            Refusal::Refused(Error::input(sentence).with_source(e))
        };
        let mut ports = Vec::new();
        for n in 1..=channels {
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
        let out = match &self.out {
            None => None,
            Some(out) => Some((client.register_port(OUT_PORT, AudioOut::default()).map_err(failed)?, out.feed(rate))),
        };
        let capture = CycleCapture::new(fan, rate);
        let (shared, clock) = (Arc::clone(&self.shared), Arc::clone(&self.clock));
        let process = Process { ports, capture, out, n_frames: 0, shared, clock, hz };
        let client = client.activate_async(notify, process).map_err(failed)?;
        if self.tell.send(Ok(held)).is_err() {
            return Ok(None);
        }
        Ok(Some(Running { client, _name: name, inputs }))
    }

    /// Connects what matches, whenever ports come, until the client is over. What a person disconnects is connected again
    /// when ports come or go: a pattern that does not match it leaves it alone.
    fn keep_connected(&self, running: &Running) {
        let mut patch = Patch::new(running.inputs.len());
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

/// Called by libjack on its real-time thread.
struct Process {
    /// At most [`MAX_PORTS`].
    ports: Vec<Port<AudioIn>>,
    capture: CycleCapture,
    /// The port that plays, and what it plays from.
    out: Option<(Port<AudioOut>, OutFeed)>,
    /// Channel frames so far, and those that the server skipped.
    n_frames: u64,
    shared: Arc<Shared>,
    clock: Arc<CaptureClock>,
    hz: u32,
}

// ---- on the audio thread: the real-time rule holds from here …

impl jack::ProcessHandler for Process {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let _inside = Inside::new(&self.shared);
        if self.shared.quit.load(Ordering::Acquire) {
            self.shared.has_quit.store(true, Ordering::Release);
            return Control::Quit;
        }
        let mut chunks: [&[f32]; MAX_PORTS] = [&[]; MAX_PORTS];
        for (chunk, port) in chunks.iter_mut().zip(&self.ports) {
            *chunk = port.as_slice(scope);
        }
        // What a cycle brings was captured in the period before it began.
        let len = self.duration(scope.n_frames());
        self.clock.mark(self.duration(scope.frames_since_cycle_start()) + len, len);
        let began_usecs = scope.cycle_times().ok().map(|times| times.current_usecs);
        let cycle = Cycle { first_frame: scope.last_frame_time(), began_usecs };
        self.n_frames += self.capture.process(cycle, chunks.get(..self.ports.len()).unwrap_or_default());
        if let Some((port, feed)) = &mut self.out {
            feed.fill(port.as_mut_slice(scope), self.n_frames);
        }
        self.n_frames += u64::from(scope.n_frames());
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
        let shared = Arc::clone(&self.shared);
        let _inside = Inside::new(&shared);
        self.fail("has lost its JACK server");
    }

    fn sample_rate(&mut self, _: &Client, hz: jack::Frames) -> Control {
        let shared = Arc::clone(&self.shared);
        let _inside = Inside::new(&shared);
        if hz != self.hz {
            self.fail("has lost its JACK server, which changed its sample rate");
        }
        Control::Continue
    }

    fn port_registration(&mut self, _: &Client, _: PortId, is_registered: bool) {
        let _inside = Inside::new(&self.shared);
        if is_registered {
            self.thread.unpark();
        }
    }

    fn xrun(&mut self, _: &Client) -> Control {
        let _inside = Inside::new(&self.shared);
        self.xruns.count();
        Control::Continue
    }

    /// Called on the real-time thread before it becomes one.
    fn thread_init(&self, _: &Client) {
        let _inside = Inside::new(&self.shared);
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
    fn a_wrong_pattern_is_refused_before_any_server_is_asked() {
        let choice = JackChoice { pattern: Some("(".to_owned()), channels: ChannelChoice::Mix, out: None };
        let refusal = choice.open(None, |_| Err(Error::bug("asked"))).map(|_| ());
        assert!(refusal.is_err_and(|refusal| refusal.into_error().to_string().contains("no regular expression")));
    }

    #[test]
    fn channels_that_are_asked_for_by_number_get_their_ports() {
        let chosen = |channels| JackChoice { pattern: None, channels, out: None }.chosen();
        assert_eq!([chosen(ChannelChoice::Mix), chosen(ChannelChoice::Only(vec![3, 1]))], [1, 3]);
    }
}
