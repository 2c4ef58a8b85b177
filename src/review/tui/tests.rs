#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

use super::app::App;
use crate::archive::{Filter, Index, Marks, Verdict};
use crate::audio::listen_spec::ListenSpec;
use crate::review::page::tests::{EVIL, record, write_event};
use crate::review::sound::Sound;
use crate::ui::UiOptions;

/// A folder of five events: two dogs, a cat that was starred, one without sound, one with a name that is none.
fn recorded() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let events: &[(&str, &str, &str, f64)] = &[
        ("2026-11-20", "100000", "dog", 0.91),
        ("2026-11-20", "110000", "cat", 0.55),
        ("2026-11-21", "080000", "dog", 0.42),
        ("2026-11-21", "090000", "any loud sound", 0.77),
        ("2026-11-21", "091500", EVIL, 0.66),
    ];
    for (i, (day, time, label, score)) in events.iter().enumerate() {
        let folder = write_event(dir.path(), &format!("{day}/{time}Z-x-{i}"), &format!("01{i}"), label);
        let at = format!("{day}T{}:{}:{}", &time[..2], &time[2..4], &time[4..]);
        let mut record = record(&format!("01{i}"), label);
        (record["score"], record["onset"], record["offset"]) =
            (json!(score), json!(format!("{at}.000Z")), json!(format!("{at}.050Z")));
        if i == 3 {
            record["files"] = json!({});
            record["faithfulness"] = json!(null);
            record["components"] = json!([]);
            record.as_object_mut().unwrap().remove("clip");
        }
        fs::write(folder.join("event.json"), record.to_string()).unwrap();
    }
    let starred = Marks { starred: true, note: "next door".into(), ..Marks::default() };
    starred.write(&dir.path().join("2026-11-20/110000Z-x-1")).unwrap();
    dir
}

fn options() -> UiOptions {
    UiOptions { no_color: true, time_zone: TimeZone::UTC, ..UiOptions::default() }
}

fn app(dir: &Path) -> App {
    App::new(Index::open(dir).unwrap(), Filter::default(), Sound::new(ListenSpec::Off).unwrap(), options()).unwrap()
}

/// The screen, without the folder's name, which differs.
fn screen(app: &mut App, width: u16, height: u16) -> String {
    app.settle();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    let dir = app.index.dir().to_string_lossy().into_owned();
    (0..height).map(|y| format!("{}\n", line(y).replace(&dir, "DIR").trim_end())).collect()
}

fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '→' => KeyCode::Right,
            '↓' => KeyCode::Down,
            c => KeyCode::Char(c),
        };
        app.on_key(KeyEvent::new(code, KeyModifiers::NONE));
    }
}

fn selected(app: &App) -> &str {
    app.list.selected().unwrap().label.as_str()
}

#[test]
fn the_whole_screen() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "G");
    insta::assert_snapshot!(screen(&mut app, 120, 36));
}

#[test]
fn a_small_screen_and_one_that_is_too_small() {
    let dir = recorded();
    let mut app = app(dir.path());
    insta::assert_snapshot!(screen(&mut app, 60, 16));
    assert!(screen(&mut app, 40, 10).contains("terminal too small"));
    for (width, height) in [(1, 1), (0, 0), (60, 17), (200, 60), (61, 23)] {
        screen(&mut app, width, height);
    }
}

#[test]
fn what_lies_on_top() {
    let dir = recorded();
    let mut app = app(dir.path());
    let mut shows = |keys: &str, text: &str| {
        press(&mut app, keys);
        let screen = screen(&mut app, 100, 40);
        assert!(screen.contains(text), "{keys:?} does not show {text:?}:\n{screen}");
    };
    shows("?", "change to microphone / classifier");
    shows("", "play / stop what the microphone heard");
    shows("\u{1b}f", "label           ‹ any ›");
    shows("\u{1b}/", "in labels, sources and notes");
    shows("\u{1b}n", "Enter keeps it");
    shows("\u{1b}D", "y deletes the folder for good");
    shows("\u{1b}", "quit");
}

#[test]
fn text_from_events_cannot_write_on_the_terminal() {
    let dir = recorded();
    let folder = dir.path().join("2026-11-21/091500Z-x-4");
    let mut evil = record("014", "\u{1b}[2Jred\u{7}");
    evil["onset"] = json!("2026-11-21T09:15:00Z");
    evil["offset"] = json!("2026-11-21T09:15:01Z");
    evil["source"] = json!("file:\u{1b}]0;title\u{7}");
    fs::write(folder.join("event.json"), evil.to_string()).unwrap();
    let mut app = app(dir.path());
    let screen = screen(&mut app, 120, 36);
    assert!(!screen.contains('\u{1b}') && !screen.contains('\u{7}'), "{screen}");
    assert!(screen.contains("?[2Jred?"), "{screen}");
}

#[test]
fn marks_are_on_disk_at_once() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "GrsnA dog, surely\n");
    let marks = Marks::read(&dir.path().join("2026-11-20/100000Z-x-0")).unwrap();
    assert_eq!((marks.verdict, marks.starred, marks.note.as_str()), (Some(Verdict::Right), true, "A dog, surely"));
    assert!(marks.marked.is_some());
    press(&mut app, "xwolf\n");
    let marks = Marks::read(&dir.path().join("2026-11-20/100000Z-x-0")).unwrap();
    assert_eq!((marks.verdict, marks.label.as_deref()), (Some(Verdict::Wrong), Some("wolf")));
    assert!(screen(&mut app, 120, 36).contains("wrong, it was wolf · starred · A dog, surely"));
    // The index knows it as well.
    let wrong = Filter { judged: Some(crate::archive::Judged::Wrong), ..Filter::default() };
    assert_eq!(Index::open(dir.path()).unwrap().count(&wrong).unwrap(), 1);
    press(&mut app, "x");
    assert_eq!(Marks::read(&dir.path().join("2026-11-20/100000Z-x-0")).unwrap().label, None);
}

#[test]
fn marks_of_somebody_else_are_kept() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "G");
    let folder = dir.path().join("2026-11-20/100000Z-x-0");
    Marks { note: "from elsewhere".into(), ..Marks::default() }.write(&folder).unwrap();
    press(&mut app, "r");
    let marks = Marks::read(&folder).unwrap();
    assert_eq!((marks.verdict, marks.note.as_str()), (Some(Verdict::Right), "from elsewhere"));
}

#[test]
fn filters_and_search_narrow_the_list() {
    let dir = recorded();
    let mut app = app(dir.path());
    assert_eq!(app.list.n_rows(), 5);
    press(&mut app, "/DOG\n");
    assert_eq!((app.list.n_rows(), selected(&app)), (2, "dog"));
    assert!(screen(&mut app, 120, 36).contains("2 of 5 events · \"DOG\""));
    press(&mut app, "/");
    app.on_key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
    press(&mut app, "next door\n");
    assert_eq!((app.list.n_rows(), selected(&app)), (1, "cat"));
    press(&mut app, "F");
    assert_eq!(app.list.n_rows(), 5);
    assert_eq!(selected(&app), "cat", "the event stays selected");
    // The fourth line is the score: at least 0.1, 0.2 … 0.7.
    press(&mut app, "f↓↓↓→→→→→→→\n");
    assert_eq!(app.list.n_rows(), 2);
    press(&mut app, "/nothing like it\n");
    assert!(screen(&mut app, 120, 36).contains("no event is like that; F shows all"));
    press(&mut app, "r D s G j");
}

#[test]
fn a_starred_event_is_not_deleted_and_another_only_when_asked() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "/cat\nD");
    assert!(app.hint.as_ref().unwrap().contains("unstar it first"));
    assert!(dir.path().join("2026-11-20/110000Z-x-1").is_dir());
    press(&mut app, "sDn");
    assert!(dir.path().join("2026-11-20/110000Z-x-1").is_dir(), "another key keeps it");
    press(&mut app, "Dy");
    assert!(!dir.path().join("2026-11-20/110000Z-x-1").exists());
    assert_eq!(app.list.n_rows(), 0);
    press(&mut app, "F");
    assert_eq!(app.list.n_rows(), 4);
}

#[test]
fn what_cannot_be_played_is_said_and_the_review_goes_on() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "j ");
    assert_eq!((selected(&app), app.hint.as_deref()), ("any loud sound", Some("this event has no such sound")));
    press(&mut app, "jw");
    let deadline = Instant::now() + Duration::from_secs(60);
    while app.playing().trouble.is_none() {
        assert!(Instant::now() < deadline);
        app.on_tick();
    }
    assert!(screen(&mut app, 120, 36).contains("names no playback device"));
    press(&mut app, "ccc");
    assert!(!app.should_quit());
    press(&mut app, "q");
    assert!(app.should_quit());
}

#[test]
fn components_are_gone_through() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "Gc");
    assert!(screen(&mut app, 120, 36).contains("component · dog 3"));
    press(&mut app, "c");
    assert!(screen(&mut app, 120, 36).contains("component · #4"));
    press(&mut app, "c");
    assert!(screen(&mut app, 120, 36).contains("why · what decided for dog"));
}

#[test]
fn new_events_come_in_above_and_the_selection_stays() {
    let dir = recorded();
    let mut app = app(dir.path());
    press(&mut app, "jjj");
    assert_eq!(selected(&app), "cat");
    let folder = write_event(dir.path(), "2026-11-22/100000Z-x-9", "019", "clock");
    let mut newer = record("019", "clock");
    (newer["onset"], newer["offset"]) = (json!("2026-11-22T10:00:00Z"), json!("2026-11-22T10:00:01Z"));
    fs::write(folder.join("event.json"), newer.to_string()).unwrap();
    app.on_key(KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL));
    assert_eq!((app.list.n_rows(), app.list.selected_idx(), selected(&app)), (6, 4, "cat"));
}

#[test]
fn an_event_that_vanishes_is_said() {
    let dir = recorded();
    let mut app = app(dir.path());
    fs::remove_dir_all(dir.path().join("2026-11-21/091500Z-x-4")).unwrap();
    assert!(screen(&mut app, 160, 36).contains("cannot be read"));
    press(&mut app, "r");
    assert!(app.hint.as_ref().unwrap().contains("not there any more"));
}
