//! What keys and snapshots do.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use earwitness::ErrorKind;
use earwitness::engine::controls::Controls;
use earwitness::engine::detector::Edit;
use earwitness::engine::snapshot::{Phase, Snapshot};
use earwitness::engine::snapshot_slot::SnapshotSlot;
use earwitness::ui::keys::{Action, TABLE, action};
use earwitness::ui::{App, Command, LabelOrder, Overlay, UiOptions, View};
use earwitness::units::ClassId;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::sample::{self, app, in_phase, options, press, screen, snapshot, summary, text};

fn ended() -> Snapshot {
    in_phase(&Phase::Ended("end of input".into()))
}

/// The sample with events `1..=newest`.
fn with_events(newest: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot { events: (1..=newest).rev().map(summary).collect(), ..snapshot() })
}

/// The `n` of the event whose detail is shown, by its id.
fn shown_id(app: &App) -> String {
    let lines = text(&screen(app, 100, 40)).join("\n");
    let at = lines.find("│ id ").expect("no id on the screen");
    lines[at..].chars().skip(2).skip_while(|c| !c.is_ascii_digit()).take(26).collect()
}

#[test]
fn no_key_does_two_things() {
    let mut seen = Vec::new();
    for binding in TABLE {
        assert!(!binding.keys.is_empty() && !binding.help.is_empty(), "{:?}", binding.action);
        for key in binding.keys {
            assert!(!seen.contains(key), "{} is in the table twice", key.name());
            seen.push(*key);
        }
    }
    let mut actions: Vec<String> = TABLE.iter().map(|binding| format!("{:?}", binding.action)).collect();
    actions.sort();
    actions.dedup();
    assert_eq!(actions.len(), TABLE.len(), "an action has two lines in the table");
}

#[test]
fn keys_mean_what_the_table_says() {
    let plain = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
    assert_eq!(action(plain('q')), Some(Action::Quit));
    assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Action::Quit));
    assert_eq!(action(plain('c')), None);
    assert_eq!(action(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)), Some(Action::Last));
    assert_eq!(action(plain('g')), Some(Action::First));
    assert_eq!(action(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT)), None);
    assert_eq!(action(KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release)), None);
    assert!(!App::new(options()).on_key(plain('z')), "a key without a meaning draws nothing");
}

#[test]
fn quitting() {
    let mut app = app(options(), snapshot());
    assert!(!app.should_quit());
    press(&mut app, "?q");
    assert!(app.should_quit(), "also from the help");
}

#[test]
fn the_end_stays_on_the_screen_unless_told_otherwise() {
    assert!(!app(options(), ended()).should_quit());
    assert!(app(UiOptions { exit_on_end: true, ..options() }, ended()).should_quit());
    assert!(!app(UiOptions { exit_on_end: true, ..options() }, snapshot()).should_quit());
}

#[test]
fn freezing_keeps_the_newest_back_until_resumed() {
    let mut app = app(options(), snapshot());
    press(&mut app, " ");
    assert!(app.frozen());
    let later = Snapshot { source: "file:later.wav".into(), ..snapshot() };
    assert!(!app.on_snapshot(Arc::new(later)), "nothing to draw");
    assert!(text(&screen(&app, 80, 24))[0].contains("yard.wav"));
    press(&mut app, " ");
    assert!(!app.frozen());
    assert!(text(&screen(&app, 80, 24))[0].contains("later.wav"));
}

#[test]
fn the_end_is_announced_even_when_frozen() {
    let mut app = app(options(), snapshot());
    press(&mut app, " ");
    assert!(app.on_snapshot(Arc::new(ended())));
    assert!(text(&screen(&app, 80, 24))[2].contains("ENDED"));
}

#[test]
fn the_top_of_the_list_follows_the_newest_event() {
    let mut app = App::new(options());
    assert_eq!(app.selected_idx(), None);
    press(&mut app, "jkGg⏎");
    assert_eq!(app.overlay(), Overlay::None, "there is nothing to open");
    app.on_snapshot(with_events(3));
    assert_eq!(app.selected_idx(), Some(0));
    app.on_snapshot(with_events(4));
    assert_eq!(app.selected_idx(), Some(0));
    press(&mut app, "jk");
    app.on_snapshot(with_events(5));
    assert_eq!(app.selected_idx(), Some(0), "back at the top, it follows again");
}

#[test]
fn a_selected_event_stays_selected_when_others_arrive() {
    let mut app = App::new(options());
    app.on_snapshot(with_events(5));
    press(&mut app, "jj");
    assert_eq!(app.selected_idx(), Some(2));
    app.on_snapshot(with_events(7));
    assert_eq!(app.selected_idx(), Some(4));
    press(&mut app, "G");
    assert_eq!(app.selected_idx(), Some(6));
    press(&mut app, "j");
    assert_eq!(app.selected_idx(), Some(6), "there is nothing below the oldest");
    press(&mut app, "g");
    assert_eq!(app.selected_idx(), Some(0));
    app.on_key(KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE));
    assert_eq!(app.selected_idx(), Some(6));
    app.on_key(KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE));
    assert_eq!(app.selected_idx(), Some(0));
}

#[test]
fn an_open_event_stays_open_whatever_arrives() {
    let mut app = App::new(options());
    app.on_snapshot(with_events(3));
    press(&mut app, "⏎");
    assert_eq!(app.overlay(), Overlay::Detail);
    let id = summary(3).event.id.clone();
    assert_eq!(shown_id(&app), id);
    app.on_snapshot(with_events(4));
    assert_eq!(shown_id(&app), id, "the next event must not take its place");
    app.on_snapshot(Arc::new(Snapshot { events: vec![summary(9)], ..snapshot() }));
    assert_eq!(shown_id(&app), id, "not even when it has left the list");
    press(&mut app, "⎋");
    assert_eq!(app.overlay(), Overlay::None);
}

#[test]
fn an_open_event_learns_its_folder() {
    let mut unwritten = (*summary(3)).clone();
    unwritten.dir = None;
    let mut app = App::new(options());
    app.on_snapshot(Arc::new(Snapshot { events: vec![unwritten.into()], ..snapshot() }));
    press(&mut app, "⏎");
    assert!(text(&screen(&app, 100, 40)).join("\n").contains("not recorded"));
    app.on_snapshot(with_events(3));
    assert!(text(&screen(&app, 100, 40)).join("\n").contains("/srv/records/2026-11-20/"));
}

#[test]
fn the_selected_event_is_always_in_view() {
    let mut app = App::new(options());
    app.on_snapshot(with_events(40));
    for n in (1..=40).rev() {
        let minutes_secs = format!("16:{:02}:{:02}", n * 10 / 60, n * 10 % 60 + 2);
        assert!(text(&screen(&app, 80, 24)).join("\n").contains(&minutes_secs), "event {n} is out of view");
        press(&mut app, "j");
    }
}

#[test]
fn a_label_is_chosen_changed_and_left_alone_again() {
    let mut app = app(options(), snapshot());
    press(&mut app, "<");
    assert_eq!(app.take_commands(), [], "nothing is chosen");
    assert!(text(&screen(&app, 80, 24))[23].contains("choose a label first"));
    press(&mut app, "..,.");
    let chosen = app.chosen_label().unwrap();
    let name = snapshot().classes[chosen].label.clone();
    let last_line = |app: &App| text(&screen(app, 100, 24))[23].clone();
    assert!(
        last_line(&app).contains(&format!("{name} starts at 0.60   < lower  > raise  m mute")),
        "{}",
        last_line(&app)
    );
    press(&mut app, "<>m");
    let class = ClassId(chosen);
    let edits = [Edit::Lower(class), Edit::Raise(class), Edit::Mute(class)];
    assert_eq!(app.take_commands(), edits.map(Command::Edit));

    let mut changed = snapshot();
    (changed.classes[chosen].on_threshold, changed.classes[chosen].edited) = (0.65, true);
    app.on_snapshot(Arc::new(changed.clone()));
    let keep = format!("starts at 0.65, for this run; to keep it: [class.{name}] threshold = 0.65");
    assert!(last_line(&app).contains(&keep), "{}", last_line(&app));
    assert!(text(&screen(&app, 100, 24)).iter().any(|line| line.starts_with(&format!("* {}", &name[..5]))));
    changed.classes[chosen].enabled = false;
    app.on_snapshot(Arc::new(changed));
    assert!(last_line(&app).contains(&format!("to keep it: [class.{name}] enabled = false")), "{}", last_line(&app));
    press(&mut app, "⎋");
    assert_eq!(app.chosen_label(), None);
    assert!(last_line(&app).contains("quit"));
    app.on_snapshot(Arc::new(ended()));
    press(&mut app, ".<");
    assert_eq!(app.take_commands(), [], "nobody is left to change anything");
}

#[test]
fn the_chosen_label_is_always_in_view() {
    let classes =
        (0..60_u8).map(|i| sample::class(&format!("label{i:02}"), 0.5 - f32::from(i) * 0.005, false, "below 0.60"));
    let mut app = app(options(), Snapshot { classes: classes.collect(), ..snapshot() });
    for _ in 0..60 {
        press(&mut app, ".");
        let name = format!("label{:02}", app.chosen_label().unwrap());
        let rows = text(&screen(&app, 80, 24));
        assert!(rows[..23].iter().any(|row| row.contains(&name)), "{name} is out of view");
    }
    assert_eq!(app.chosen_label(), Some(59));
}

#[test]
fn views_and_orders_switch_back_and_forth() {
    let mut app = app(options(), snapshot());
    assert_eq!((app.view(), app.order()), (View::Heard, LabelOrder::Score));
    press(&mut app, "wt");
    assert_eq!((app.view(), app.order()), (View::Why, LabelOrder::Model));
    let second_label = &text(&screen(&app, 80, 24))[4];
    assert!(second_label.starts_with("  rain"), "the model's order: {second_label}");
    press(&mut app, "wt");
    let second_label = &text(&screen(&app, 80, 24))[4];
    assert!(second_label.starts_with("  glass"), "by score: {second_label}");
}

#[test]
fn the_waterfall_s_range_and_span_stop_at_their_limits() {
    let mut app = app(options(), snapshot());
    assert_eq!(app.range_db(), (-80.0, -20.0));
    press(&mut app, "++");
    assert_eq!(app.range_db(), (-90.0, -30.0));
    press(&mut app, &"-".repeat(50));
    assert_eq!(app.range_db(), (-50.0, 10.0));
    press(&mut app, &"]".repeat(50));
    assert!((app.span_secs() - 12.0).abs() < 1e-9);
    press(&mut app, &"[".repeat(50));
    assert!((app.span_secs() - 1.0).abs() < 1e-9);
}

#[test]
fn a_silent_engine_is_noticed_once_a_second() {
    let mut app = app(options(), snapshot());
    assert!(!app.on_quiet(Duration::from_millis(2_900)));
    assert!(app.on_quiet(Duration::from_millis(3_100)));
    assert!(!app.on_quiet(Duration::from_millis(3_900)), "nothing to draw within the second");
    assert!(app.on_quiet(Duration::from_millis(4_000)));
    assert!(text(&screen(&app, 80, 24))[22].contains("NO NEW SOUND FOR 4 s"));
    app.on_snapshot(Arc::new(snapshot()));
    assert!(!text(&screen(&app, 80, 24))[22].contains("NO NEW SOUND"));
    app.on_snapshot(Arc::new(ended()));
    assert!(!app.on_quiet(Duration::from_secs(99)), "an ended stream is rightly silent");
}

#[test]
fn without_a_terminal_the_screen_says_what_to_use() {
    if std::io::stdout().is_terminal() {
        eprintln!("skipped: standard output is a terminal");
        return;
    }
    let (slot, quit, controls) = (SnapshotSlot::default(), AtomicBool::new(false), Controls::default());
    let error = earwitness::ui::run(&slot, &quit, &controls, options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("--ui jsonl"), "{error}");
}
