//! The one key table: what each key does and how help and footer call it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key makes the screen do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Show or hide the help.
    Help,
    /// Show the next input.
    NextInput,
    /// Show the input before.
    PreviousInput,
    /// Show the input of this index.
    Input(usize),
    /// Play what comes next of interpretation, input and silence.
    Listen,
    /// Give up the explanations that are pending.
    CallOff,
    /// Keep the last seconds, to learn a label from.
    TakeSound,
    /// Stop or resume taking new snapshots.
    Freeze,
    /// Switch the waterfall between all sound and what the classifier used of it.
    SwitchView,
    /// Sort labels by group and when they were heard, by score, or in the model's order.
    SwitchOrder,
    /// Choose the label below.
    NextLabel,
    /// Choose the label above.
    PreviousLabel,
    /// Choose the label ten below.
    NextLabels,
    /// Choose the label ten above.
    PreviousLabels,
    /// Start events of the chosen label at a lower score.
    Lower,
    /// Start events of the chosen label at a higher score.
    Raise,
    /// Stop or begin to listen for the chosen label.
    Mute,
    /// Select the event above (newer).
    Up,
    /// Select the event below (older).
    Down,
    /// Move up by a page.
    PageUp,
    /// Move down by a page.
    PageDown,
    /// Select the newest event and stay with it.
    First,
    /// Select the oldest event listed.
    Last,
    /// Open the selected event.
    Detail,
    /// Close what lies on top.
    Close,
    /// Show quieter sound in the waterfall.
    Brighter,
    /// Show only louder sound in the waterfall.
    Darker,
    /// Show fewer seconds in the waterfall.
    Shorter,
    /// Show more seconds in the waterfall.
    Longer,
    /// Take the mouse, or leave it to the terminal.
    Mouse,
    /// Draw everything anew.
    Redraw,
}

/// A key, with or without Ctrl. Shift is part of the character itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub ctrl: bool,
}

pub(crate) const fn char_key(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: false }
}

pub(crate) const fn ctrl_key(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: true }
}

pub(crate) const fn special(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

impl Key {
    /// The key as a person reads it, as in `Ctrl-c` or `Space`.
    #[must_use]
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "S-Tab".to_owned(),
            other => format!("{other:?}"),
        };
        if self.ctrl { format!("Ctrl-{name}") } else { name }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding<A: 'static = Action> {
    /// What it does.
    pub action: A,
    /// The keys that do it; the footer names the first.
    pub keys: &'static [Key],
    /// What help says of it.
    pub help: &'static str,
    /// What the footer calls it, if it has room for it.
    pub footer: Option<&'static str>,
}

pub(crate) const fn bind<A: Copy + 'static>(
    action: A,
    keys: &'static [Key],
    help: &'static str,
    footer: Option<&'static str>,
) -> Binding<A> {
    Binding { action, keys, help, footer }
}

const INPUTS: &str = "next / previous input, or by number";
const WATERFALL: &str = "waterfall bright/dark, less/more time";
const LABEL: &str = "label: choose, lower, raise, mute";
const ENTER_ESC: &str = "open an event / close what is on top";

/// Every key there is. Help shows it in this order, with actions that share a help text on one line; so does the
/// footer, as far as there is room.
pub const TABLE: &[Binding] = &[
    bind(Action::Quit, &[char_key('q'), ctrl_key('c')], "quit", Some("quit")),
    bind(Action::Help, &[char_key('?')], "show or hide this help", Some("help")),
    bind(Action::SwitchView, &[char_key('w')], "why: what decided / heard: all sound", Some("why/heard")),
    bind(Action::NextInput, &[special(KeyCode::Tab)], INPUTS, Some("next input")),
    bind(Action::PreviousInput, &[special(KeyCode::BackTab)], INPUTS, None),
    bind(Action::Input(0), &[char_key('1')], INPUTS, None),
    bind(Action::Input(1), &[char_key('2')], INPUTS, None),
    bind(Action::Input(2), &[char_key('3')], INPUTS, None),
    bind(Action::Input(3), &[char_key('4')], INPUTS, None),
    bind(Action::Input(4), &[char_key('5')], INPUTS, None),
    bind(Action::Input(5), &[char_key('6')], INPUTS, None),
    bind(Action::Input(6), &[char_key('7')], INPUTS, None),
    bind(Action::Input(7), &[char_key('8')], INPUTS, None),
    bind(Action::Input(8), &[char_key('9')], INPUTS, None),
    bind(Action::Listen, &[char_key('l')], "play interpretation / input / silence", Some("listen")),
    bind(Action::TakeSound, &[char_key('e')], "take the last 5 s, to enroll a label", None),
    bind(Action::CallOff, &[char_key('X')], "call off pending explanations", None),
    bind(Action::Freeze, &[char_key(' ')], "freeze the screen; listening goes on", Some("freeze")),
    bind(Action::Detail, &[special(KeyCode::Enter)], ENTER_ESC, Some("event")),
    bind(Action::Close, &[special(KeyCode::Esc)], ENTER_ESC, None),
    bind(Action::SwitchOrder, &[char_key('t')], "labels by group / score / model", Some("sort")),
    bind(Action::NextLabel, &[char_key('.')], LABEL, None),
    bind(Action::PreviousLabel, &[char_key(',')], LABEL, None),
    bind(Action::Lower, &[char_key('<')], LABEL, None),
    bind(Action::Raise, &[char_key('>')], LABEL, None),
    bind(Action::Mute, &[char_key('m')], LABEL, None),
    bind(Action::NextLabels, &[char_key(')')], "ten labels down / up", None),
    bind(Action::PreviousLabels, &[char_key('(')], "ten labels down / up", None),
    bind(Action::Up, &[special(KeyCode::Up), char_key('k')], "newer / older event", None),
    bind(Action::Down, &[special(KeyCode::Down), char_key('j')], "newer / older event", None),
    bind(Action::PageUp, &[special(KeyCode::PageUp)], "ten events up / down", None),
    bind(Action::PageDown, &[special(KeyCode::PageDown)], "ten events up / down", None),
    bind(Action::First, &[char_key('g'), special(KeyCode::Home)], "follow the newest / go to the oldest", None),
    bind(Action::Last, &[char_key('G'), special(KeyCode::End)], "follow the newest / go to the oldest", None),
    bind(Action::Brighter, &[char_key('+'), char_key('=')], WATERFALL, Some("brighter")),
    bind(Action::Darker, &[char_key('-')], WATERFALL, Some("darker")),
    bind(Action::Shorter, &[char_key('[')], WATERFALL, Some("less time")),
    bind(Action::Longer, &[char_key(']')], WATERFALL, Some("more time")),
    bind(Action::Mouse, &[char_key('M')], "mouse on / off", None),
    bind(Action::Redraw, &[ctrl_key('l')], "draw the screen anew", None),
];

/// What `event` asks for; `None` for keys that mean nothing, and for the release of any key.
#[must_use]
pub fn action(event: KeyEvent) -> Option<Action> {
    action_in(TABLE, event)
}

/// As [`action`], for a table of another screen's.
pub(crate) fn action_in<A: Copy + 'static>(table: &[Binding<A>], event: KeyEvent) -> Option<A> {
    if event.kind == KeyEventKind::Release || event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER) {
        return None;
    }
    let key = Key { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) };
    table.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

/// The first key of `action`, as a person reads it; empty for an action without a key.
#[must_use]
pub fn first_key(action: Action) -> String {
    let key = TABLE.iter().find(|binding| binding.action == action).and_then(|binding| binding.keys.first());
    key.map(|key| key.name()).unwrap_or_default()
}
