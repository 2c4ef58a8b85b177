//! What the review remembers between redraws, and what keys do to it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::editor::{Edit, Editor};
use super::evidence::Evidence;
use super::filters::Form;
use super::keys::{Action, LEGEND, TABLE};
use super::list::List;
use super::overlay::{Overlay, Purpose};
use crate::archive::{Filter, Index, Marks, Removal, Row, Verdict};
use crate::error::Result;
use crate::review::sound::{Playing, Sound};
use crate::ui::UiOptions;
use crate::ui::keys::action_in;

/// An event is read once it has been selected for this long: who scrolls past it does not wait for it.
const REST: Duration = Duration::from_millis(80);
/// How often the folders are looked at for new events.
const LOOK: Duration = Duration::from_secs(5);

/// Width of the pictures' dB range, and its lowest level at first.
const RANGE_DB: f32 = 60.0;
const DEFAULT_FLOOR_DB: f32 = -80.0;
const FLOOR_STEP_DB: f32 = 5.0;
const FLOOR_LIMITS_DB: (f32, f32) = (-120.0, -40.0);

/// State of the review.
#[derive(Debug)]
pub struct App {
    pub(super) index: Index,
    pub(super) list: List,
    pub(super) n_all: u64,
    pub(super) options: UiOptions,
    pub(super) evidence: Option<Evidence>,
    pub(super) overlay: Overlay,
    /// What a key could not do, and why.
    pub(super) hint: Option<String>,
    /// Rows of the list as they were drawn last: what a page is.
    pub(super) page_rows: u64,
    sound: Sound,
    floor_db: f32,
    selected_at: Instant,
    looked_at: Instant,
    seen: Playing,
    clear: bool,
    quit: bool,
}

impl App {
    /// A review of the events of `index`, at first of those that `filter` wants.
    ///
    /// # Errors
    /// `Output` where the index cannot be read.
    pub fn new(index: Index, filter: Filter, sound: Sound, options: UiOptions) -> Result<Self> {
        let mut list = List::default();
        list.set_filter(&index, filter)?;
        Ok(Self {
            n_all: index.totals()?.events,
            index,
            list,
            options,
            evidence: None,
            overlay: Overlay::None,
            hint: None,
            page_rows: 10,
            sound,
            floor_db: DEFAULT_FLOOR_DB,
            selected_at: Instant::now(),
            looked_at: Instant::now(),
            seen: Playing::default(),
            clear: false,
            quit: false,
        })
    }

    /// Takes a key; tells whether the screen must be drawn again.
    pub fn on_key(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let hinted = self.hint.take().is_some();
        let outcome = match self.on_overlay_key(key) {
            Some(outcome) => outcome,
            None => match action_in(TABLE, key) {
                Some(action) => self.act(action),
                None => return hinted,
            },
        };
        // A disk that cannot be written must not end the review.
        if let Err(e) = outcome {
            self.hint = Some(e.to_string());
        }
        true
    }

    /// Does what does not wait for keys; tells whether the screen must be drawn again.
    pub(super) fn on_tick(&mut self) -> bool {
        let playing = self.sound.playing();
        let mut changed = playing != self.seen;
        self.seen = playing;
        if self.selected_at.elapsed() >= REST {
            changed |= self.settle();
        }
        if self.looked_at.elapsed() >= LOOK {
            let before = self.n_all;
            if let Err(e) = self.look() {
                self.hint = Some(e.to_string());
            }
            changed |= self.n_all != before || self.hint.is_some();
        }
        changed
    }

    /// Whether the user asked to leave.
    pub(super) fn should_quit(&self) -> bool {
        self.quit
    }

    /// Whether everything must be drawn anew; asked for once.
    pub(super) fn take_clear(&mut self) -> bool {
        std::mem::take(&mut self.clear)
    }

    /// What plays now.
    pub(super) fn playing(&self) -> &Playing {
        &self.seen
    }

    /// Lowest and highest level of the pictures' colours, in dB.
    pub(super) fn range_db(&self) -> (f32, f32) {
        (self.floor_db, self.floor_db + RANGE_DB)
    }

    /// Reads the selected event now, if that has not been done.
    pub(super) fn settle(&mut self) -> bool {
        let Some(row) = self.list.selected() else { return self.evidence.take().is_some() };
        if self.evidence.as_ref().is_some_and(|evidence| evidence.dir == row.dir) {
            return false;
        }
        self.evidence = Some(Evidence::read(self.index.dir(), row));
        true
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Quit => self.quit = true,
            Action::Help => {
                self.overlay = if matches!(self.overlay, Overlay::Help(_)) { Overlay::None } else { Overlay::Help(0) };
            }
            Action::Close => self.overlay = Overlay::None,
            Action::Up => self.select(self.list.selected_idx().saturating_sub(1))?,
            Action::Down => self.select(self.list.selected_idx() + 1)?,
            Action::PageUp => self.select(self.list.selected_idx().saturating_sub(self.page_rows))?,
            Action::PageDown => self.select(self.list.selected_idx() + self.page_rows)?,
            Action::First => self.select(0)?,
            Action::Last => self.select(u64::MAX)?,
            Action::PlayHeard => self.play(false),
            Action::PlayWhy => self.play(true),
            Action::HearHeard => self.sound.hear(false),
            Action::HearWhy => self.sound.hear(true),
            Action::Stop => self.sound.stop(),
            Action::NextComponent => self.next_component(),
            Action::Right => self.judge(Verdict::Right)?,
            Action::Wrong => self.judge(Verdict::Wrong)?,
            Action::Star => self.mark(|marks| marks.starred = !marks.starred)?,
            Action::Note => self.write(Purpose::Note, |row| row.marks.note.clone()),
            Action::Search => {
                let text = self.list.filter().text.clone().unwrap_or_default();
                self.overlay = Overlay::Write(Purpose::Search, Editor::new(&text));
            }
            Action::Filters => self.overlay = Overlay::Filters(Form::new(&self.index)?),
            Action::ShowAll => self.filter(Filter::default())?,
            Action::Delete => self.ask_to_delete(),
            Action::Brighter => self.floor_db = (self.floor_db - FLOOR_STEP_DB).max(FLOOR_LIMITS_DB.0),
            Action::Darker => self.floor_db = (self.floor_db + FLOOR_STEP_DB).min(FLOOR_LIMITS_DB.1),
            Action::Refresh => {
                self.look()?;
                self.clear = true;
            }
        }
        Ok(())
    }

    fn select(&mut self, idx: u64) -> Result<()> {
        let before = self.list.selected_idx();
        self.list.select(&self.index, idx)?;
        if self.list.selected_idx() != before {
            self.selected_at = Instant::now();
            self.sound.stop();
        }
        Ok(())
    }

    fn filter(&mut self, filter: Filter) -> Result<()> {
        self.sound.stop();
        self.list.set_filter(&self.index, filter)
    }

    /// Looks for events that came or went.
    fn look(&mut self) -> Result<()> {
        self.looked_at = Instant::now();
        self.index.refresh()?;
        self.n_all = self.index.totals()?.events;
        self.list.refresh(&self.index)
    }

    fn play(&mut self, why: bool) {
        let playing = self.sound.playing();
        if playing.position_secs.is_some() && playing.why == why {
            return self.sound.stop();
        }
        self.settle();
        match self.evidence.as_ref().and_then(|evidence| evidence.pair(why)) {
            Some(pair) => self.sound.play(pair, why),
            None => self.hint = Some("this event has no such sound".to_owned()),
        }
    }

    fn next_component(&mut self) {
        self.settle();
        self.sound.stop();
        if !self.evidence.as_mut().is_some_and(Evidence::next_component) {
            self.hint = Some("no component of this event has a sound".to_owned());
        }
    }

    /// Changes the marks of the selected event, on disk at once.
    fn mark(&mut self, change: impl FnOnce(&mut Marks)) -> Result<()> {
        let Some(row) = self.list.selected() else { return Ok(()) };
        // The folder is the truth: somebody else may have marked it meanwhile.
        let mut marks = Marks::read(&self.index.folder(&row.dir)).unwrap_or_else(|_| row.marks.clone());
        change(&mut marks);
        if marks.verdict != Some(Verdict::Wrong) {
            marks.label = None;
        }
        marks.marked = Some(Timestamp::now());
        let dir = row.dir.clone();
        self.index.set_marks(&dir, &marks)?;
        if let Some(Evidence { dir: read, entry: Ok(entry), .. }) = &mut self.evidence
            && *read == dir
        {
            entry.marks = marks.clone();
        }
        self.list.change(|row| row.marks = marks);
        Ok(())
    }

    fn judge(&mut self, verdict: Verdict) -> Result<()> {
        let now = self.list.selected().and_then(|row| row.marks.verdict);
        let next = (now != Some(verdict)).then_some(verdict);
        self.mark(|marks| marks.verdict = next)?;
        if next == Some(Verdict::Wrong) {
            self.write(Purpose::TrueLabel, |row| row.marks.label.clone().unwrap_or_default());
        }
        Ok(())
    }

    fn write(&mut self, purpose: Purpose, text: impl Fn(&Row) -> String) {
        if let Some(row) = self.list.selected() {
            self.overlay = Overlay::Write(purpose, Editor::new(&text(row)));
        }
    }

    fn ask_to_delete(&mut self) {
        match self.list.selected() {
            Some(row) if row.marks.starred => {
                self.hint = Some("a starred event is not deleted: unstar it first".to_owned());
            }
            Some(_) => self.overlay = Overlay::Delete,
            None => {}
        }
    }

    fn delete(&mut self) -> Result<()> {
        let Some(dir) = self.list.selected().map(|row| row.dir.clone()) else { return Ok(()) };
        self.sound.stop();
        self.hint = match self.index.remove_unless_starred(&dir)? {
            Removal::Gone => None,
            Removal::Absent => Some("it was gone already".to_owned()),
            Removal::Starred => Some("it was not deleted: it is starred by now".to_owned()),
            Removal::Doubtful(why) => Some(format!("it was not deleted, because it may be starred: {why}")),
        };
        self.n_all = self.index.totals()?.events;
        self.list.refresh(&self.index)
    }

    /// Keys while something lies on top that takes them itself.
    fn on_overlay_key(&mut self, key: KeyEvent) -> Option<Result<()>> {
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::Delete => Some(match key.code {
                KeyCode::Char('y') => self.delete(),
                _ => Ok(()),
            }),
            Overlay::Write(purpose, mut editor) => Some(match editor.on_key(key) {
                Edit::Done => self.written(purpose, editor.text()),
                Edit::Given => Ok(()),
                Edit::Changed | Edit::Nothing => {
                    self.overlay = Overlay::Write(purpose, editor);
                    Ok(())
                }
            }),
            Overlay::Filters(form) => self.on_form_key(key, form),
            Overlay::Help(from) => {
                let from = match key.code {
                    KeyCode::Down | KeyCode::Char('j') => Some((from + 1).min(last_help_line())),
                    KeyCode::Up | KeyCode::Char('k') => Some(from.saturating_sub(1)),
                    _ => None,
                };
                self.overlay = Overlay::Help(from.unwrap_or_default());
                from.map(|_| Ok(()))
            }
            other => {
                self.overlay = other;
                None
            }
        }
    }

    fn on_form_key(&mut self, key: KeyEvent, mut form: Form) -> Option<Result<()>> {
        let mut filter = self.list.filter().clone();
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => form.up(),
            KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => form.down(),
            KeyCode::Right | KeyCode::Char('l' | ' ') => form.step(&mut filter, true),
            KeyCode::Left | KeyCode::Char('h') => form.step(&mut filter, false),
            KeyCode::Char('F') => filter = Filter::default(),
            KeyCode::Enter | KeyCode::Esc | KeyCode::Char('f') => return Some(Ok(())),
            KeyCode::Char('q') => return None,
            _ => {}
        }
        self.overlay = Overlay::Filters(form);
        Some(if filter == *self.list.filter() { Ok(()) } else { self.filter(filter) })
    }

    fn written(&mut self, purpose: Purpose, text: &str) -> Result<()> {
        let text = text.trim().to_owned();
        match purpose {
            Purpose::Search => {
                let filter = Filter { text: (!text.is_empty()).then_some(text), ..self.list.filter().clone() };
                self.filter(filter)
            }
            Purpose::Note => self.mark(|marks| marks.note = text),
            Purpose::TrueLabel => self.mark(|marks| marks.label = (!text.is_empty()).then_some(text)),
        }
    }
}

/// The furthest that the help can be scrolled.
fn last_help_line() -> usize {
    TABLE.len() + LEGEND.len()
}
