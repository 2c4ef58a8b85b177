//! What the screen remembers between redraws. Keys and snapshots change it; drawing only reads it.

use std::sync::Arc;
use std::time::Duration;

use ratatui::crossterm::event::KeyEvent;

use super::banner::banners;
use super::choices::{LabelOrder, Overlay, View};
use super::command::{Command, Hint};
use super::help;
use super::keys::{self, Action};
use super::options::UiOptions;
use super::over::is_over;
use crate::engine::detector::Edit;
use crate::engine::snapshot::{EventSummary, Snapshot};

/// Events that a page key moves by.
const PAGE: usize = 10;
/// Width of the waterfall's dB range.
const RANGE_DB: f32 = 60.0;
/// Lowest level the waterfall shows before the user moves it.
const DEFAULT_FLOOR_DB: f32 = -80.0;
const FLOOR_STEP_DB: f32 = 5.0;
const FLOOR_LIMITS_DB: (f32, f32) = (-120.0, -50.0);
/// Seconds of the waterfall that can be chosen; the engine remembers 12 of them.
const SPANS_SECS: [f64; 5] = [1.0, 2.0, 5.0, 10.0, 12.0];
const DEFAULT_SPAN_IDX: usize = 3;
/// Silence from the engine is worth a warning after this long.
const STALL: Duration = Duration::from_secs(3);

/// State of the terminal UI.
#[derive(Debug)]
pub struct App {
    pub(super) options: UiOptions,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// Newest snapshot that came in while frozen: shown on resuming, and watched for the end of the stream.
    held: Option<Arc<Snapshot>>,
    pub(super) frozen: bool,
    pub(super) view: View,
    /// In which order labels stand, where that was chosen.
    pub(super) order: Option<LabelOrder>,
    pub(super) overlay: Overlay,
    /// First line of the help that is shown.
    pub(super) help_from: usize,
    /// `None` follows the newest event.
    selected: Option<Arc<EventSummary>>,
    /// Class of the label that is chosen, to be changed.
    pub(super) label: Option<usize>,
    floor_db: f32,
    span_idx: usize,
    /// Whole seconds since the engine last said something, once that is too long.
    pub(super) stalled_secs: Option<u64>,
    /// What was asked of the engine and is not yet on its way.
    pub(super) commands: Vec<Command>,
    /// The input that was asked for, until a snapshot shows it.
    pub(super) wanted_input: Option<usize>,
    /// Shown in place of the keys for a moment.
    pub(super) hint: Option<Hint>,
    mouse: bool,
    clear: bool,
    quit: bool,
}

impl App {
    /// A screen that has seen nothing yet.
    #[must_use]
    pub fn new(options: UiOptions) -> Self {
        Self {
            mouse: options.mouse,
            options,
            snapshot: None,
            held: None,
            frozen: false,
            view: View::Heard,
            order: None,
            overlay: Overlay::None,
            help_from: 0,
            selected: None,
            label: None,
            floor_db: DEFAULT_FLOOR_DB,
            span_idx: DEFAULT_SPAN_IDX,
            stalled_secs: None,
            commands: Vec::new(),
            wanted_input: None,
            hint: None,
            clear: false,
            quit: false,
        }
    }

    /// Takes a key; tells whether the screen must be drawn again.
    pub fn on_key(&mut self, event: KeyEvent) -> bool {
        let Some(action) = keys::action(event) else { return false };
        self.hint = None;
        if self.overlay == Overlay::Help && self.scroll_help(action) {
            return true;
        }
        match action {
            Action::Quit => self.quit = true,
            Action::Help => {
                self.help_from = 0;
                self.overlay = if self.overlay == Overlay::Help { Overlay::None } else { Overlay::Help };
            }
            Action::NextInput => self.next_input(),
            Action::PreviousInput => self.previous_input(),
            Action::Input(index) => self.go_to_input(index),
            Action::Listen => self.next_listen_mode(),
            Action::CallOff => self.call_off(),
            Action::TakeSound => self.take_sound(),
            Action::Freeze => self.toggle_freeze(),
            Action::SwitchView => {
                self.view = if self.view == View::Heard { View::Why } else { View::Heard };
            }
            Action::SwitchOrder => self.next_order(),
            Action::NextLabel => self.choose_label(1),
            Action::PreviousLabel => self.choose_label(-1),
            Action::NextLabels => self.page_labels(1),
            Action::PreviousLabels => self.page_labels(-1),
            Action::Lower => self.edit_label(Edit::Lower),
            Action::Raise => self.edit_label(Edit::Raise),
            Action::Mute => self.edit_label(Edit::Mute),
            Action::Up => self.move_up(1),
            Action::Down => self.move_down(1),
            Action::PageUp => self.move_up(PAGE),
            Action::PageDown => self.move_down(PAGE),
            Action::First => self.select_first(),
            Action::Last => self.selected = self.events().last().cloned(),
            Action::Detail => self.toggle_detail(),
            Action::Close => self.close(),
            Action::Brighter => self.floor_db = (self.floor_db - FLOOR_STEP_DB).max(FLOOR_LIMITS_DB.0),
            Action::Darker => self.floor_db = (self.floor_db + FLOOR_STEP_DB).min(FLOOR_LIMITS_DB.1),
            Action::Shorter => self.span_idx = self.span_idx.saturating_sub(1),
            Action::Longer => self.span_idx = (self.span_idx + 1).min(SPANS_SECS.len() - 1),
            Action::Mouse => self.toggle_mouse(),
            Action::Redraw => self.clear = true,
        }
        true
    }

    /// Takes the engine's newest snapshot; tells whether the screen must be drawn again. While frozen it is kept
    /// back, but whatever a banner says is still told.
    pub fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) -> bool {
        let was_stalled = self.stalled_secs.take().is_some();
        if self.wanted_input == Some(snapshot.focus) {
            self.wanted_input = None;
        }
        if self.frozen {
            let news = self.newest().is_none_or(|newest| banners(newest) != banners(&snapshot));
            self.held = Some(snapshot);
            return news || was_stalled;
        }
        self.snapshot = Some(snapshot);
        true
    }

    /// Tells the screen how long ago the last snapshot came; tells whether it must be drawn again.
    pub fn on_quiet(&mut self, since_snapshot: Duration) -> bool {
        let running = self.newest().is_some_and(|newest| !is_over(newest));
        let stalled = (running && since_snapshot >= STALL).then_some(since_snapshot.as_secs());
        std::mem::replace(&mut self.stalled_secs, stalled) != stalled
    }

    /// Whether the user asked to leave, or all inputs are over and the options say to leave then.
    #[must_use]
    pub fn should_quit(&self) -> bool {
        let over = self.newest().is_some_and(is_over);
        self.quit || (over && self.options.exit_on_end)
    }

    /// What the waterfall shows.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// What lies on top.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        self.overlay
    }

    /// Whether new snapshots are kept back.
    #[must_use]
    pub fn frozen(&self) -> bool {
        self.frozen
    }

    /// Lowest and highest level of the waterfall's colours, in dB.
    #[must_use]
    pub fn range_db(&self) -> (f32, f32) {
        (self.floor_db, self.floor_db + RANGE_DB)
    }

    /// Seconds that the waterfall should show.
    #[must_use]
    pub fn span_secs(&self) -> f64 {
        SPANS_SECS[self.span_idx]
    }

    /// Place of the selected event in the list; `None` when there is none.
    #[must_use]
    pub fn selected_idx(&self) -> Option<usize> {
        let events = self.events();
        let last = events.len().checked_sub(1)?;
        let Some(selected) = &self.selected else { return Some(0) };
        // An event that has left the bounded list was older than everything in it.
        Some(events.iter().position(|event| event.event.id == selected.event.id).unwrap_or(last))
    }

    /// The selected event. One that has left the list stays open in the detail view.
    pub(super) fn selected_event(&self) -> Option<&Arc<EventSummary>> {
        let events = self.events();
        match &self.selected {
            None => events.first(),
            Some(selected) => {
                // The list's own entry is newer: it knows the folder once the recorder has written it.
                Some(events.iter().find(|event| event.event.id == selected.event.id).unwrap_or(selected))
            }
        }
    }

    /// The newest snapshot, whether it is shown or kept back.
    pub(super) fn newest(&self) -> Option<&Snapshot> {
        self.held.as_deref().or(self.snapshot.as_deref())
    }

    /// Whether everything must be drawn anew, whatever the terminal is believed to show; asked for once.
    pub(super) fn take_clear(&mut self) -> bool {
        std::mem::take(&mut self.clear)
    }

    /// Selects the event at `idx` of the list; the one that was selected already opens.
    pub(super) fn click_event(&mut self, idx: usize) {
        if self.selected_idx() == Some(idx) {
            self.toggle_detail();
        } else {
            self.selected = self.events().get(idx).cloned();
        }
    }

    fn events(&self) -> &[Arc<EventSummary>] {
        self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.events)
    }

    /// Whether the mouse is taken from the terminal.
    #[must_use]
    pub fn takes_mouse(&self) -> bool {
        self.mouse
    }

    fn toggle_mouse(&mut self) {
        self.mouse = !self.mouse;
        self.hint(if self.mouse {
            "the mouse selects events and inputs, the wheel scrolls"
        } else {
            "the mouse is the terminal's again"
        });
    }

    fn toggle_freeze(&mut self) {
        self.frozen = !self.frozen;
        if !self.frozen
            && let Some(held) = self.held.take()
        {
            self.snapshot = Some(held);
        }
    }

    fn toggle_detail(&mut self) {
        if self.overlay == Overlay::Detail {
            self.overlay = Overlay::None;
        } else if let Some(event) = self.selected_event().cloned() {
            // Opening pins the event: the next one to arrive must not take its place under the reader's eyes.
            self.selected = Some(event);
            self.overlay = Overlay::Detail;
        }
    }

    /// While the help is open, what moves in lists moves in it.
    pub(super) fn scroll_help(&mut self, action: Action) -> bool {
        let last = help::last_line();
        let to = match action {
            Action::Up => self.help_from.saturating_sub(1),
            Action::Down => self.help_from + 1,
            Action::PageUp => self.help_from.saturating_sub(PAGE),
            Action::PageDown => self.help_from + PAGE,
            Action::First => 0,
            Action::Last => last,
            _ => return false,
        };
        self.help_from = to.min(last);
        true
    }

    pub(super) fn move_up(&mut self, by: usize) {
        match self.selected_idx() {
            Some(idx) if idx > by => self.selected = self.events().get(idx - by).cloned(),
            _ => self.select_first(),
        }
    }

    pub(super) fn move_down(&mut self, by: usize) {
        if let Some(idx) = self.selected_idx() {
            let last = self.events().len() - 1;
            self.selected = self.events().get((idx + by).min(last)).cloned();
        }
    }

    fn select_first(&mut self) {
        // The top of the list follows the newest event, except under the detail view: what is being read stays.
        self.selected = if self.overlay == Overlay::Detail { self.events().first().cloned() } else { None };
    }
}
