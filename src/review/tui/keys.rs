//! The review's key table: what each key does, and how help and footer call it.

use ratatui::crossterm::event::KeyCode;

use crate::ui::keys::{Binding, bind, char_key, ctrl_key, special};

/// What a key makes the review do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Help,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    PlayHeard,
    PlayWhy,
    HearHeard,
    HearWhy,
    NextComponent,
    Stop,
    Right,
    Wrong,
    Star,
    Note,
    Delete,
    Search,
    Filters,
    ShowAll,
    Brighter,
    Darker,
    Refresh,
    Close,
}

const MOVE: &str = "next / previous event";
const PAGE: &str = "a page down / up";
const ENDS: &str = "newest / oldest event";
const SWITCH: &str = "change to microphone / classifier";
const BRIGHT: &str = "pictures brighter / darker";

/// Every key there is, in the order of help and footer.
pub(super) const TABLE: &[Binding<Action>] = &[
    bind(Action::Quit, &[char_key('q'), ctrl_key('c')], "quit", Some("quit")),
    bind(Action::Help, &[char_key('?')], "show or hide this help", Some("help")),
    bind(Action::PlayHeard, &[char_key(' ')], "play what the microphone heard", Some("heard")),
    bind(Action::PlayWhy, &[char_key('w')], "play what the classifier heard", Some("why")),
    bind(Action::Right, &[char_key('m')], "mark as right; again: unmark", Some("right")),
    bind(Action::Wrong, &[char_key('x')], "mark as wrong; again: unmark", Some("wrong")),
    bind(Action::Star, &[char_key('s')], "star: keep for ever; again: unstar", Some("star")),
    bind(Action::Note, &[char_key('n')], "write a note", Some("note")),
    bind(Action::Search, &[char_key('/')], "search label, source and note", Some("search")),
    bind(Action::Filters, &[char_key('f')], "choose by label, day, score, marks", Some("filters")),
    bind(Action::ShowAll, &[char_key('F')], "take all filters away", None),
    bind(Action::NextComponent, &[char_key('c')], "next component, then all again", Some("component")),
    bind(Action::HearHeard, &[char_key('a')], SWITCH, None),
    bind(Action::HearWhy, &[char_key('b')], SWITCH, None),
    bind(Action::Stop, &[char_key('z')], "stop the sound", None),
    bind(Action::Delete, &[char_key('D'), special(KeyCode::Delete)], "delete the event and its folder", Some("delete")),
    bind(Action::Down, &[special(KeyCode::Down), char_key('j')], MOVE, None),
    bind(Action::Up, &[special(KeyCode::Up), char_key('k')], MOVE, None),
    bind(Action::PageDown, &[special(KeyCode::PageDown), ctrl_key('d')], PAGE, None),
    bind(Action::PageUp, &[special(KeyCode::PageUp), ctrl_key('u')], PAGE, None),
    bind(Action::First, &[char_key('g'), special(KeyCode::Home)], ENDS, None),
    bind(Action::Last, &[char_key('G'), special(KeyCode::End)], ENDS, None),
    bind(Action::Brighter, &[char_key('+'), char_key('=')], BRIGHT, None),
    bind(Action::Darker, &[char_key('-')], BRIGHT, None),
    bind(Action::Refresh, &[ctrl_key('l')], "look for new events, draw anew", None),
    bind(Action::Close, &[special(KeyCode::Esc)], "close what is on top", None),
];

/// What the signs mean.
pub(super) const LEGEND: &[&str] = &[
    "✓ you marked it right, ✗ wrong, * starred",
    "evidence: ✓ enough alone, and needed; ≈ enough only; ✗ not enough",
    "in→out: probability of the label on the interpretation alone,",
    "        and on what is left without it",
];
