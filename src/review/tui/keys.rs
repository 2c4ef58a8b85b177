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
    bind(Action::PlayHeard, &[char_key(' ')], "play / stop what the microphone heard", Some("heard")),
    bind(Action::PlayWhy, &[char_key('w')], "play / stop what the classifier heard", Some("why")),
    bind(Action::Right, &[char_key('r')], "mark as right; again: unmark", Some("right")),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ui::keys::TABLE as MONITOR;

    /// Keys by name, with what help says of them.
    fn named<A: Copy>(table: &[Binding<A>]) -> BTreeMap<String, &'static str> {
        let keys = table.iter().flat_map(|binding| binding.keys.iter().map(|key| (key.name(), binding.help)));
        keys.collect()
    }

    /// The page's table: lines such as `[["x"], "mark as wrong; again: unmark", () => …],`.
    fn of_the_page() -> BTreeMap<String, String> {
        let source = include_str!("../page/keys.js");
        let table = source.split_once("const KEYS = [").unwrap().1.split_once("\n];").unwrap().0;
        let mut all = BTreeMap::new();
        for line in table.lines().filter(|line| !line.is_empty()) {
            let (keys, rest) = line.trim().strip_prefix("[[").unwrap().split_once("], \"").unwrap();
            let help = rest.split_once('"').unwrap().0;
            for key in keys.split(", ").map(|key| key.trim_matches('"')) {
                let name = match key {
                    " " => "Space",
                    "Escape" => "Esc",
                    "ArrowUp" => "↑",
                    "ArrowDown" => "↓",
                    key => key,
                };
                all.insert(name.to_owned(), help.to_owned());
            }
        }
        all
    }

    #[test]
    fn a_key_means_in_the_page_what_it_means_in_the_terminal() {
        let (page, review) = (of_the_page(), named(TABLE));
        let shared: Vec<&String> = page.keys().filter(|key| review.contains_key(*key)).collect();
        assert!(shared.len() >= 20, "{shared:?}");
        for key in shared {
            assert_eq!(page[key], review[key], "{key}");
        }
        // What the page has no use for, it gives no other meaning; what is its own, the terminal has no key for.
        let own: Vec<&String> = page.keys().filter(|key| !review.contains_key(*key)).collect();
        assert_eq!(own, ["ArrowLeft", "ArrowRight"]);
    }

    /// What one key does in the monitor and in the review is the same thing, or as near to it as they can come.
    #[test]
    fn a_key_means_in_the_review_what_it_means_in_the_monitor() {
        let same = [
            // What runs stands still, and goes on.
            ("Space", "freeze the screen; listening goes on", "play / stop what the microphone heard"),
            ("w", "why: what decided / heard: all sound", "play / stop what the classifier heard"),
            ("+", "waterfall bright/dark, less/more time", "pictures brighter / darker"),
            ("=", "waterfall bright/dark, less/more time", "pictures brighter / darker"),
            ("-", "waterfall bright/dark, less/more time", "pictures brighter / darker"),
            ("↑", "newer / older event", "next / previous event"),
            ("k", "newer / older event", "next / previous event"),
            ("↓", "newer / older event", "next / previous event"),
            ("j", "newer / older event", "next / previous event"),
            ("PgUp", "ten events up / down", "a page down / up"),
            ("PgDn", "ten events up / down", "a page down / up"),
            ("g", "follow the newest / go to the oldest", "newest / oldest event"),
            ("Home", "follow the newest / go to the oldest", "newest / oldest event"),
            ("G", "follow the newest / go to the oldest", "newest / oldest event"),
            ("End", "follow the newest / go to the oldest", "newest / oldest event"),
            ("Esc", "open an event / close what is on top", "close what is on top"),
            ("Ctrl-l", "draw the screen anew", "look for new events, draw anew"),
        ];
        let (monitor, review) = (named(MONITOR), named(TABLE));
        for (key, help) in &monitor {
            let Some(other) = review.get(key) else { continue };
            let is_known = same.contains(&(key.as_str(), *help, *other));
            assert!(help == other || is_known, "{key}: {help:?} in the monitor, {other:?} in the review");
        }
        assert!(!monitor.contains_key("x") && !monitor.contains_key("r"), "verdicts are the review's");
    }
}
