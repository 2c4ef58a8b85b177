//! A screen that is not the monitor's: what it has to do, and the loop that shows it.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyEvent};

use super::terminal::{FRAME, PANICKED, Screen, broken, watch_keys, with_terminal};
use crate::error::{Error, Result};

/// Something that fills the terminal and takes its keys.
pub(crate) trait Show {
    /// Takes a key; tells whether the screen must be drawn again.
    fn on_key(&mut self, key: KeyEvent) -> bool;
    /// Does what does not wait for keys, at most 30 times a second; tells whether the screen must be drawn again.
    fn on_tick(&mut self) -> bool;
    /// Whether to leave.
    fn should_quit(&self) -> bool;
    /// Whether everything must be drawn anew, whatever the terminal is believed to show; asked for once.
    fn take_clear(&mut self) -> bool;
    /// Draws the whole frame.
    fn draw(&mut self, frame: &mut Frame<'_>);
}

/// Shows `screen` until it wants to leave or `quit` is set. Nothing is drawn while nothing changes. The terminal is given
/// back on return, on error and on a panic of any thread.
///
/// # Errors
/// `Usage`, with `otherwise` as the remedy, when standard output is no terminal; `Output` when the terminal cannot be read or
/// written; `Bug` when another thread of the program has panicked.
pub(crate) fn show(screen: &mut impl Show, quit: &AtomicBool, otherwise: &str) -> Result<()> {
    if !io::stdout().is_terminal() {
        return Err(Error::usage(format!("the screen needs a terminal, and standard output is none; {otherwise}")));
    }
    with_terminal(|terminal| run(terminal, screen, quit))
}

fn run(terminal: &mut Screen, screen: &mut impl Show, quit: &AtomicBool) -> Result<()> {
    let keys = watch_keys()?;
    let mut drawn_at: Option<Instant> = None;
    let mut changed = true;
    while !quit.load(Ordering::Relaxed) && !PANICKED.load(Ordering::SeqCst) && !screen.should_quit() {
        changed |= screen.on_tick();
        let wait = drawn_at.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()));
        if changed && wait.is_zero() {
            if screen.take_clear() {
                terminal.clear().map_err(|error| broken(&error))?;
            }
            terminal.draw(|frame| screen.draw(frame)).map_err(|error| broken(&error))?;
            drawn_at = Some(Instant::now());
            changed = false;
        }
        let wait = if changed { wait } else { FRAME };
        changed |= read_keys(&keys, screen, wait).map_err(|error| broken(&error))?;
    }
    Ok(())
}

/// Waits at most `wait` for keys and takes all that are there; tells whether the screen must be drawn again.
fn read_keys(keys: &Receiver<io::Result<Event>>, screen: &mut impl Show, wait: Duration) -> io::Result<bool> {
    let mut changed = false;
    let mut next = keys.recv_timeout(wait).ok();
    while let Some(event) = next {
        changed |= match event? {
            Event::Key(key) => screen.on_key(key),
            Event::Resize(..) => true,
            _ => false,
        };
        next = if screen.should_quit() { None } else { keys.try_recv().ok() };
    }
    Ok(changed)
}
