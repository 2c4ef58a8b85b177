//! Takes the terminal, runs the screen, and gives the terminal back on every way out.

use std::io::{self, IsTerminal, Write};
use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, DisableMouseCapture, EnableMouseCapture, Event};
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::Rect;

use super::app::App;
use super::draw::draw;
use super::options::UiOptions;
use crate::engine::controls::Controls;
use crate::engine::snapshot::Snapshot;
use crate::engine::snapshot_slot::SnapshotSlot;
use crate::error::{Error, Result};

/// Shortest time between two redraws, and how long a key can wait unseen.
pub(super) const FRAME: Duration = Duration::from_millis(33);
/// How long a panic on another thread waits for the screen to give the terminal back, and the screen for its message.
const PANIC_WAIT: Duration = Duration::from_millis(500);

/// Keys that may wait for the screen.
const KEYS: usize = 64;

/// Whether the terminal is ours. Whoever swaps it to false gives the terminal back: nobody does so twice, which could
/// wipe away what was printed in between.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// A thread other than the screen's has panicked and waits for the terminal.
pub(super) static PANICKED: AtomicBool = AtomicBool::new(false);
/// Such threads that have not yet printed their message.
static UNPRINTED: AtomicUsize = AtomicUsize::new(0);
/// The thread that draws.
static SCREEN_THREAD: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Shows the newest snapshot of `slot` until the user quits or `quit` is set.
///
/// What keys ask of the engine goes to `controls`.
///
/// When all inputs have ended or failed, the screen stays with a banner until the user quits, unless
/// [`UiOptions::exit_on_end`] is set. Nothing is drawn while nothing changes, and never more than 30 times a second.
/// The terminal is given back on return, on error and on a panic of any thread.
///
/// # Errors
/// `Usage` when standard output is no terminal; `Output` when the terminal cannot be read or written; `Bug` when
/// another thread of the program has panicked.
pub fn run(slot: &SnapshotSlot, quit: &AtomicBool, controls: &Controls, options: UiOptions) -> Result<()> {
    if !io::stdout().is_terminal() {
        return Err(Error::usage(
            "the screen needs a terminal, and standard output is none; use --ui jsonl or --ui silent instead",
        ));
    }
    with_terminal(|terminal| show(terminal, slot, quit, controls, &mut App::new(options)))
}

/// Takes the terminal for as long as `work` lasts.
pub(super) fn with_terminal(work: impl FnOnce(&mut Screen) -> Result<()>) -> Result<()> {
    // Whether there is colour is the options' decision, taken once; without this, crossterm takes it again.
    force_color_output(true);
    let guard = TerminalGuard::take()?;
    let mut terminal = Terminal::new(CrosstermBackend::new(Output::default())).map_err(|error| broken(&error))?;
    let result = work(&mut terminal);
    drop(guard);
    if PANICKED.swap(false, Ordering::SeqCst) {
        // Returning may end the program: the message comes first.
        wait_until(|| UNPRINTED.load(Ordering::SeqCst) == 0);
        return Err(Error::bug("a part of the program broke down (its message stands above); please report this"));
    }
    result
}

pub(super) type Screen = Terminal<CrosstermBackend<Output>>;

/// Standard output, a whole redraw at a time: terminals that know synchronised updates show it at once. Writes
/// nothing once the terminal has been given back, not even on drop.
#[derive(Debug, Default)]
pub(super) struct Output(Vec<u8>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() || !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        queue!(stdout, BeginSynchronizedUpdate)?;
        stdout.write_all(&bytes)?;
        queue!(stdout, EndSynchronizedUpdate)?;
        stdout.flush()
    }
}

fn show(
    terminal: &mut Screen,
    slot: &SnapshotSlot,
    quit: &AtomicBool,
    controls: &Controls,
    app: &mut App,
) -> Result<()> {
    let keys = watch_keys()?;
    let mut newest: Option<Arc<Snapshot>> = None;
    let mut newest_at = Instant::now();
    let mut drawn_at: Option<Instant> = None;
    let mut changed = true;
    let mut turn_at = Instant::now();
    let mut mouse = false;
    while !quit.load(Ordering::Relaxed) && !PANICKED.load(Ordering::SeqCst) {
        if let Some(snapshot) = slot.latest()
            && newest.as_ref().is_none_or(|newest| !Arc::ptr_eq(newest, &snapshot))
        {
            newest = Some(snapshot.clone());
            newest_at = Instant::now();
            changed |= app.on_snapshot(snapshot);
        }
        changed |= app.on_quiet(newest_at.elapsed());
        changed |= app.on_elapsed(turn_at.elapsed());
        turn_at = Instant::now();
        if app.should_quit() {
            break;
        }
        if mouse != app.takes_mouse() {
            mouse = app.takes_mouse();
            take_mouse(mouse).map_err(|error| broken(&error))?;
        }
        let wait = drawn_at.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()));
        if changed && wait.is_zero() {
            redraw(terminal, app).map_err(|error| broken(&error))?;
            drawn_at = Some(Instant::now());
            changed = false;
        }
        let wait = if changed { wait } else { FRAME };
        let area = terminal.get_frame().area();
        changed |= read_keys(&keys, app, area, wait).map_err(|error| broken(&error))?;
        app.take_commands().into_iter().for_each(|command| command.apply(controls));
        if let Some(sound) = controls.taken() {
            app.on_taken(&sound);
            changed = true;
        }
    }
    Ok(())
}

/// Reads keys on a thread of its own: where the terminal goes away, crossterm's reading never returns, and the screen must
/// still see that it is time to go. The thread ends with the program.
pub(super) fn watch_keys() -> Result<Receiver<io::Result<Event>>> {
    let (keys, incoming) = sync_channel(KEYS);
    let read = move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if keys.send(event).is_err() || is_last {
                break;
            }
        }
    };
    match thread::Builder::new().name("keys".to_owned()).spawn(read) {
        Ok(_) => Ok(incoming),
        Err(e) => Err(Error::bug(format!("a thread could not start ({e}); end other programs")).with_source(e)),
    }
}

/// Waits at most `wait` for keys and takes all that are there; tells whether the screen must be drawn again.
fn read_keys(keys: &Receiver<io::Result<Event>>, app: &mut App, area: Rect, wait: Duration) -> io::Result<bool> {
    let mut changed = false;
    let mut next = keys.recv_timeout(wait).ok();
    while let Some(event) = next {
        changed |= match event? {
            Event::Key(key) => app.on_key(key),
            Event::Mouse(mouse) => app.on_mouse(mouse, area),
            Event::Resize(..) => true,
            _ => false,
        };
        next = if app.should_quit() { None } else { keys.try_recv().ok() };
    }
    Ok(changed)
}

/// Takes the mouse, or gives it back to the terminal.
fn take_mouse(take: bool) -> io::Result<()> {
    if take { execute!(io::stdout(), EnableMouseCapture) } else { execute!(io::stdout(), DisableMouseCapture) }
}

fn redraw(terminal: &mut Screen, app: &mut App) -> io::Result<()> {
    if app.take_clear() {
        terminal.clear()?;
    }
    terminal.draw(|frame| draw(frame, app)).map(|_| ())
}

pub(super) fn broken(error: &io::Error) -> Error {
    Error::output(format!("the terminal cannot be used for the screen ({error}); use --ui jsonl instead"))
}

/// Holds the terminal in raw mode on its alternate screen; gives it back when dropped.
struct TerminalGuard(());

impl TerminalGuard {
    fn take() -> Result<Self> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Err(Error::bug("the screen was started twice; please report this"));
        }
        let guard = Self(());
        PANICKED.store(false, Ordering::SeqCst);
        *SCREEN_THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        chain_panic_hook();
        enable_raw_mode().map_err(|error| broken(&error))?;
        // Should this fail half-way, the guard's drop undoes the half.
        execute!(io::stdout(), EnterAlternateScreen, Hide).map_err(|error| broken(&error))?;
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back if it is ours. Errors are ignored: there is nobody left to show them to.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), EndSynchronizedUpdate, DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Puts a hook before the one that prints panics, once in the life of the program: it gives the terminal back first,
/// so that the message lands where it can be read.
fn chain_panic_hook() {
    static CHAINED: Once = Once::new();
    CHAINED.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            let screen = *SCREEN_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
            let elsewhere = TAKEN.load(Ordering::SeqCst) && screen != Some(thread::current().id());
            if elsewhere {
                // The screen may be in the middle of a redraw: let it finish and give the terminal back itself.
                UNPRINTED.fetch_add(1, Ordering::SeqCst);
                PANICKED.store(true, Ordering::SeqCst);
                wait_until(|| !TAKEN.load(Ordering::SeqCst));
            }
            give_back();
            print(panic);
            if elsewhere {
                UNPRINTED.fetch_sub(1, Ordering::SeqCst);
            }
        }));
    });
}

/// Waits until `done`, but not for ever.
fn wait_until(done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() && since.elapsed() < PANIC_WAIT {
        thread::sleep(Duration::from_millis(5));
    }
}
