//! Choosing a label, and changing how it is listened for: for this run, and the screen says how to keep it.

use super::app::App;
use super::choices::{LabelOrder, Overlay};
use super::command::Command;
use super::label_rows::{classes_in, is_grouped};
use super::over::is_over;
use crate::engine::detector::{ANY_LOUD, Edit};
use crate::engine::snapshot::{ClassState, Snapshot};
use crate::engine::stride_level::score_level;
use crate::units::ClassId;

/// Labels that a page key moves by.
const PAGE: isize = 10;

impl App {
    /// Index of the chosen label's class, if one is chosen and there.
    #[must_use]
    pub fn chosen_label(&self) -> Option<usize> {
        let classes = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.classes.len());
        self.label.filter(|class| *class < classes)
    }

    /// The chosen label.
    #[must_use]
    pub fn label_chosen(&self) -> Option<String> {
        Some(self.snapshot.as_ref()?.classes.get(self.chosen_label()?)?.label.clone())
    }

    /// Chooses the label so many rows further down; the first time the one on top.
    pub(super) fn choose_label(&mut self, by: isize) {
        let Some(snapshot) = &self.snapshot else { return };
        let shown = classes_in(self.order(), &snapshot.classes);
        let Some(last) = shown.len().checked_sub(1) else { return };
        let at = self.label.and_then(|class| shown.iter().position(|other| *other == class));
        let at = at.map_or(0, |at| at.saturating_add_signed(by).min(last));
        self.label = shown.get(at).copied();
    }

    /// Moves the choice by a page of labels: down for 1, up for -1.
    pub(super) fn page_labels(&mut self, pages: isize) {
        self.choose_label(pages * PAGE);
    }

    /// In which order labels stand: as it was chosen, else by group where they are many or belong to groups.
    #[must_use]
    pub fn order(&self) -> LabelOrder {
        self.order.unwrap_or(if self.is_grouped() { LabelOrder::Heard } else { LabelOrder::Score })
    }

    pub(super) fn next_order(&mut self) {
        self.order = Some(match self.order() {
            LabelOrder::Heard => LabelOrder::Score,
            LabelOrder::Model if self.is_grouped() => LabelOrder::Heard,
            LabelOrder::Model => LabelOrder::Score,
            LabelOrder::Score => LabelOrder::Model,
        });
    }

    fn is_grouped(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| is_grouped(&snapshot.classes))
    }

    /// Closes what lies on top; where nothing does, no label is chosen any more.
    pub(super) fn close(&mut self) {
        if self.overlay == Overlay::None {
            self.label = None;
        }
        self.overlay = Overlay::None;
    }

    /// Asks for a change of the chosen label.
    pub(super) fn edit_label(&mut self, edit: impl Fn(ClassId) -> Edit) {
        match self.chosen_label() {
            None => self.hint("choose a label first, with . and ,"),
            Some(_) if self.newest().is_some_and(is_over) => {
                self.hint("the inputs have ended; nothing is listened for any more");
            }
            Some(class) => self.commands.push(Command::Edit(edit(ClassId(class)))),
        }
    }

    /// What the last line says while a label is chosen.
    pub(super) fn label_line(&self) -> Option<String> {
        let snapshot: &Snapshot = self.snapshot.as_deref()?;
        let class = snapshot.classes.get(self.chosen_label()?)?;
        let ClassState { label, on_threshold, enabled, alarm, edited, .. } = class;
        let (what, keep) = match (*enabled, label == ANY_LOUD) {
            (false, _) => ("not listened for".to_owned(), format!("[class.{label}] enabled = false")),
            (true, true) => {
                let dbfs = score_level(*on_threshold).round();
                (format!("from {dbfs} dBFS on"), format!("[detector] loud_dbfs = {dbfs}"))
            }
            (true, false) => {
                (format!("starts at {on_threshold:.2}"), format!("[class.{label}] threshold = {on_threshold:.2}"))
            }
        };
        if *enabled && !alarm {
            return Some(format!("{label} is only shown; m reports it; to keep that: [class.{label}] alarm = true"));
        }
        Some(if *edited {
            format!("{label} {what}, for this run; to keep it: {keep}")
        } else {
            format!("{label} {what}   < lower  > raise  m mute  Esc leave")
        })
    }
}
