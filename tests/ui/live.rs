//! Lost and deaf inputs, several inputs, and live listening.

use std::sync::Arc;
use std::time::Duration;

use earwitness::engine::controls::Controls;
use earwitness::engine::health::Health;
use earwitness::engine::snapshot::{EventSummary, Phase, Snapshot};
use earwitness::ui::{App, Command, UiOptions};
use insta::assert_snapshot;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use crate::sample::{app, heard_live, in_phase, options, press, screen, several, snapshot, summary, text};

fn no_color() -> UiOptions {
    UiOptions { no_color: true, ..options() }
}

fn ascii() -> UiOptions {
    UiOptions { ascii: true, ..no_color() }
}

fn lost() -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.source = "device:alsa:hw:CARD=USB".into();
    snapshot.health = Health::Lost;
    snapshot.trouble = Some("device:alsa:hw:CARD=USB is lost (unplugged); trying again in 4 s".into());
    snapshot.inputs[0].health = Health::Lost;
    snapshot
}

/// Three inputs of which the second is shown and the third is deaf.
fn third_is_deaf() -> Snapshot {
    let mut snapshot = several(3, 1);
    snapshot.inputs[2].health = Health::Stalled;
    snapshot.inputs[2].totals.dropped_samples = 4_711;
    snapshot
}

fn all(app: &App, width: u16, height: u16) -> String {
    text(&screen(app, width, height)).join("\n")
}

fn is_loud_line(screen: &TestBackend, y: u16, is_loud: impl Fn(&ratatui::buffer::Cell) -> bool) -> bool {
    (0..screen.buffer().area.width).all(|x| is_loud(&screen.buffer()[(x, y)]))
}

#[test]
fn a_lost_input_is_said_over_the_whole_width_for_as_long_as_it_lasts() {
    let mut app = app(options(), lost());
    let shown = screen(&app, 80, 24);
    assert!(is_loud_line(&shown, 2, |cell| cell.bg == Color::Red));
    assert_snapshot!(shown);
    app.on_snapshot(Arc::new(snapshot()));
    assert!(!all(&app, 80, 24).contains("LOST"), "it is over");
}

#[test]
fn without_colour_a_lost_input_is_as_loud() {
    let shown = screen(&app(no_color(), lost()), 60, 16);
    assert!(text(&shown)[2].contains("LOST: device:alsa:hw:CARD=USB is lost"));
    assert!(is_loud_line(&shown, 2, |cell| cell.modifier.contains(Modifier::REVERSED | Modifier::BOLD)));
}

#[test]
fn a_deaf_input_is_told_even_where_there_is_no_room_for_anything_else() {
    for (health, word) in [
        (Health::Lost, "LOST"),
        (Health::DigitalSilence, "DEAF"),
        (Health::Stalled, "DEAF"),
        (Health::Repeating, "DEAF"),
    ] {
        // The sentence may lag behind the health.
        let app = app(no_color(), Snapshot { trouble: None, ..Snapshot { health, ..lost() } });
        for (width, height) in [(6, 1), (10, 1), (10, 3), (30, 5), (59, 30), (60, 16), (80, 24), (200, 60)] {
            let shown = screen(&app, width, height);
            let lines = text(&shown);
            let y = lines.iter().position(|line| line.trim_start().starts_with(word));
            let y = y.unwrap_or_else(|| panic!("no {word} at {width}x{height}:\n{}", lines.join("\n")));
            assert!(is_loud_line(&shown, y as u16, |cell| cell.modifier.contains(Modifier::REVERSED)));
        }
    }
    assert_snapshot!(screen(&app(ascii(), lost()), 10, 3));
    assert_snapshot!(screen(&app(no_color(), lost()), 30, 6));
}

#[test]
fn a_frozen_screen_and_an_open_window_do_not_hide_a_lost_input() {
    for keys in [" ", "?", "⏎"] {
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let mut app = app(options(), snapshot());
            press(&mut app, keys);
            assert!(app.on_snapshot(Arc::new(lost())), "there is something to draw");
            assert!(text(&screen(&app, width, height))[2].contains("LOST: "), "{keys} at {width}x{height}");
            assert!(app.on_snapshot(Arc::new(snapshot())));
            assert!(!all(&app, width, height).contains("LOST: "));
        }
    }
}

#[test]
fn another_input_in_trouble_is_named() {
    let shown = app(options(), third_is_deaf());
    assert_snapshot!(screen(&shown, 80, 24));
    let mut two = third_is_deaf();
    two.inputs[0].phase = Phase::Failed("file:yard.wav cannot be read (broken); try another".into());
    let lines = text(&screen(&app(options(), two.clone()), 100, 30));
    assert!(
        lines[2].contains("2 OTHER INPUTS: 1 file:yard.wav (has failed), 3 device:alsa:hw:CARD=USB#2 (stalled)"),
        "{}",
        lines[2]
    );
    // One of them is the one shown.
    two.focus = 2;
    two.health = Health::Stalled;
    let lines = all(&app(options(), two), 60, 16);
    assert!(lines.contains("DEAF: ") && lines.contains("INPUT 1: file:yard.wav cannot be read"), "{lines}");
}

#[test]
fn shed_work_is_named_and_its_meaning_told() {
    let mut snapshot = snapshot();
    for (shed, meaning) in [
        (&["jobs"][..], "SHEDDING jobs: work on demand waits"),
        (&["jobs", "interpretation"], "SHEDDING jobs, interpretation: only events are explained"),
        (&["jobs", "interpretation", "every second stride"], "every second stride: labels come half as often"),
        (&["jobs", "interpretation", "three of four strides"], "three of four strides: labels come a quarter as often"),
    ] {
        snapshot.shed = shed;
        let shown = screen(&app(options(), snapshot.clone()), 90, 24);
        assert!(text(&shown)[2].contains(meaning), "{}", text(&shown)[2]);
        assert!(is_loud_line(&shown, 2, |cell| cell.bg == Color::Yellow));
        let plain = screen(&app(no_color(), snapshot.clone()), 90, 24);
        assert!(is_loud_line(&plain, 2, |cell| cell.modifier.contains(Modifier::REVERSED)));
    }
}

/// The words of the governor are those that the banner explains.
#[test]
fn whatever_is_shed_has_a_meaning() {
    use earwitness::engine::shedding::ShedLevel::{Interpretation, Jobs, Stride2, Stride4};
    for level in [Jobs, Interpretation, Stride2, Stride4] {
        let lines = text(&screen(&app(options(), Snapshot { shed: level.words(), ..snapshot() }), 90, 24));
        assert!(lines[2].contains("SHEDDING jobs") && lines[2].contains(": "), "{level:?}: {}", lines[2]);
    }
}

#[test]
fn everything_at_once_on_the_least_terminal() {
    let mut snapshot = Snapshot { listen: heard_live("interpretation").listen, ..third_is_deaf() };
    snapshot.trouble = Some("device:alsa:hw:CARD=USB#1 ".repeat(9));
    snapshot.shed = &["jobs", "interpretation"];
    snapshot.recording_fails = Some("cannot record into /r (No space left on device); free some space".into());
    snapshot.totals.dropped_samples = 123_456_789;
    if let Some(listen) = &mut snapshot.listen {
        listen.trouble = Some("the output device is gone; connect it again".into());
        listen.underruns = 3;
    }
    assert_snapshot!(screen(&app(no_color(), snapshot), 60, 16));
}

#[test]
fn three_inputs() {
    let mut snapshot = several(3, 1);
    let mut events: Vec<EventSummary> = snapshot.events.iter().map(|event| (**event).clone()).collect();
    events[1].event.source = snapshot.inputs[2].source.clone();
    events[2].event.source = "gone".into();
    snapshot.events = events.into_iter().map(Arc::new).collect();
    assert_snapshot!(screen(&app(options(), snapshot.clone()), 100, 30));
    assert_snapshot!(screen(&app(ascii(), snapshot), 60, 16));
}

#[test]
fn inputs_that_are_over_are_marked() {
    let mut snapshot = several(3, 0);
    snapshot.inputs[1].phase = Phase::Ended("end of input".into());
    snapshot.inputs[2].phase = Phase::Failed("it broke".into());
    let lines = all(&app(options(), snapshot), 100, 30);
    assert!(lines.contains(" ended ") && lines.contains(" FAILED "), "{lines}");
    assert!(lines.contains("INPUT 3 FAILED: device:alsa:hw:CARD=USB#2: it broke"), "{lines}");
}

#[test]
fn many_inputs_scroll_in_a_list_of_bounded_height() {
    for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        for focus in [0, 1, 31, 62, 63] {
            let lines = text(&screen(&app(options(), several(64, focus)), width, height));
            let rows: Vec<&String> = lines.iter().filter(|line| line.contains(" hears ")).collect();
            assert!(!rows.is_empty() && rows.len() <= usize::from(height) / 5, "{} rows of {height}", rows.len());
            let marked: Vec<_> = rows.iter().filter(|row| row.starts_with('>')).collect();
            assert_eq!(marked.len(), 1, "{width}x{height}, {focus}:\n{}", lines.join("\n"));
            assert!(marked[0].starts_with(&format!("> {:>2} ", focus + 1)), "{}", marked[0]);
            assert!(lines.iter().any(|line| line.contains("events ·")), "the other panes keep their room");
        }
    }
    assert_snapshot!(screen(&app(options(), several(64, 40)), 120, 40));
}

#[test]
fn keys_go_from_input_to_input() {
    let mut app = app(options(), several(12, 0));
    let controls = Controls::default();
    press(&mut app, "⇥⇥");
    let commands = app.take_commands();
    assert_eq!(commands, [Command::Focus(1), Command::Focus(2)], "before any snapshot shows the first of them");
    commands.into_iter().for_each(|command| command.apply(&controls));
    assert_eq!(controls.focus(), 2);
    assert_eq!(app.take_commands(), []);
    app.on_snapshot(Arc::new(several(12, 2)));
    press(&mut app, "⇤9⇥2");
    let want = [1, 8, 9, 1].map(Command::Focus);
    assert_eq!(app.take_commands(), want);
    app.on_snapshot(Arc::new(several(12, 1)));
    app.on_snapshot(Arc::new(several(12, 0)));
    press(&mut app, "⇤⇥");
    assert_eq!(app.take_commands(), [Command::Focus(11), Command::Focus(0)], "round the corner");
}

#[test]
fn a_key_that_can_do_nothing_says_why_for_a_moment() {
    let ended = in_phase(&Phase::Ended("end of input".into()));
    let mut all_ended = several(2, 0);
    all_ended.phase = ended.phase;
    all_ended.inputs.iter_mut().for_each(|input| input.phase = all_ended.phase.clone());
    for (snapshot, keys, why) in [
        (snapshot(), "⇥", "this is the only input"),
        (several(3, 0), "4", "there is no input of this number"),
        (several(3, 0), " 2", "the screen is frozen"),
        (all_ended, "2", "the inputs have ended"),
        (snapshot(), "l", "start with --listen device to hear it live"),
    ] {
        let mut app = app(options(), snapshot);
        press(&mut app, keys);
        assert_eq!(app.take_commands(), []);
        let footer = |app: &App| text(&screen(app, 80, 24))[23].clone();
        assert!(footer(&app).contains(why), "{}", footer(&app));
        assert!(!app.on_elapsed(Duration::from_millis(3_900)), "nothing to draw yet");
        assert!(footer(&app).contains(why));
        assert!(app.on_elapsed(Duration::from_millis(200)));
        assert!(footer(&app).contains("q quit"), "{}", footer(&app));
        press(&mut app, keys);
        press(&mut app, "w");
        assert!(footer(&app).contains("q quit"), "any other key takes the hint away");
    }
    let mut empty = App::new(options());
    press(&mut empty, "⇥⇤1l");
    assert_eq!(empty.take_commands(), []);
}

#[test]
fn keys_that_can_do_nothing_are_not_in_the_footer() {
    let footer = |snapshot| text(&screen(&app(options(), snapshot), 80, 24))[23].clone();
    let (one, two, live) = (footer(snapshot()), footer(several(2, 0)), footer(heard_live("input")));
    assert!(!one.contains("next input") && !one.contains("listen"), "{one}");
    assert!(two.contains("Tab next input") && !two.contains("listen"), "{two}");
    assert!(live.contains("l listen") && !live.contains("next input"), "{live}");
}

#[test]
fn what_is_played_live_and_how_much_later() {
    let line = |options: UiOptions, mode| text(&screen(&app(options, heard_live(mode)), 80, 24))[2].clone();
    assert_eq!(line(options(), "interpretation").trim_end(), " ♪ interpretation → device, 1.7 s later");
    assert_eq!(line(options(), "input").trim_end(), " ♪ input → device, 1.7 s later");
    assert_eq!(line(options(), "silence").trim_end(), " ♪ silence → device");
    assert_eq!(line(ascii(), "interpretation").trim_end(), " * interpretation > device, 1.7 s later");
    let mut troubled = Snapshot { listen: heard_live("interpretation").listen, ..several(2, 1) };
    if let Some(listen) = &mut troubled.listen {
        listen.underruns = 1_234;
        listen.trouble = Some("the output device is gone; connect it again".into());
    }
    assert_snapshot!(screen(&app(options(), troubled), 80, 24));
}

#[test]
fn a_key_switches_what_is_played() {
    let mut app = app(options(), heard_live("interpretation"));
    let controls = Controls::default();
    press(&mut app, "ll");
    app.take_commands().into_iter().for_each(|command| command.apply(&controls));
    assert_eq!(controls.take_listen_steps(), 2);
}

#[test]
fn one_input_that_ends_does_not_end_the_others() {
    let mut first = several(2, 0);
    first.phase = Phase::Ended("end of input".into());
    first.inputs[0].phase = first.phase.clone();
    let shown = app(UiOptions { exit_on_end: true, ..options() }, first.clone());
    assert!(!shown.should_quit(), "the other one goes on");
    assert!(text(&screen(&shown, 80, 24))[2].contains("ENDED: end of input. The other inputs go on."));
    first.inputs[1].phase = Phase::Failed("it broke".into());
    let shown = app(UiOptions { exit_on_end: true, ..options() }, first);
    assert!(shown.should_quit());
    let lines = all(&shown, 80, 24);
    assert!(lines.contains("ENDED: end of input. Press q to quit.") && lines.contains("INPUT 2 FAILED"), "{lines}");
}

#[test]
fn the_health_line_says_where_it_runs_how_late_and_how_far_behind() {
    let line = |snapshot: Snapshot, width| text(&screen(&app(options(), snapshot), width, 24))[22].clone();
    let gpu = Snapshot { device: "cuda:0".into(), ..snapshot() };
    assert!(line(gpu.clone(), 80).contains("load 0.07 (cuda:0)  latency 0.61/1.20 s  "), "{}", line(gpu, 80));
    assert!(line(snapshot(), 120).contains("load 0.07 (cpu)  latency p50 0.61 s, p99 1.20 s"));
    assert!(!line(Snapshot { lag_secs: 0.5, ..snapshot() }, 120).contains("lag"), "not worth saying");
    let mut late = Snapshot { lag_secs: 2.34, ..snapshot() };
    late.totals.waiting_samples = 987;
    assert!(line(late.clone(), 120).contains("lag 2.3 s"));
    assert!(!all(&app(options(), late), 120, 40).contains("987"), "what waits is no figure for people");
}

#[test]
fn a_failing_recorder_is_told_at_any_width() {
    for width in [60, 80, 120] {
        let mut snapshot = snapshot();
        snapshot.recording_fails = Some("cannot record into /r (No space left on device); free some space".into());
        snapshot.totals.dropped_samples = 123_456_789;
        snapshot.totals.xruns = 12;
        snapshot.totals.invalid_samples = 999;
        let line = &text(&screen(&app(options(), snapshot), width, 24))[22];
        assert!(line.contains(" RECORDING FAILS "), "{line}");
    }
}

#[test]
fn an_event_that_is_being_written_is_said_to_be() {
    // The newest event of the sample ends 9.4 s before the snapshot.
    let shown = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = snapshot();
        snapshot.events = vec![Arc::new(EventSummary { dir: None, ..(*summary(7)).clone() })];
        change(&mut snapshot);
        let mut app = app(options(), snapshot);
        press(&mut app, "⏎");
        let screen = all(&app, 100, 40);
        let line = screen.lines().find(|line| line.contains("folder")).unwrap();
        line.split("folder").nth(1).unwrap().split('│').next().unwrap().trim().to_owned()
    };
    let later = |secs: u64| move |s: &mut Snapshot| s.position.0 += secs * 1000;
    assert_eq!(shown(&|_| ()), "recording…");
    assert_eq!(shown(&later(60)), "not recorded yet");
    assert_eq!(shown(&|s| s.record_dir = None), "not recorded");
    assert_eq!(shown(&|s| s.recording_fails = Some("full".into())), "not recorded: recording fails");
    assert_eq!(
        shown(&|s| {
            s.recording_fails = Some("full".into());
            s.position.0 -= 5_000;
        }),
        "recording…",
        "it may still succeed"
    );
    // An input whose stream began a minute later.
    assert_eq!(shown(&|s| s.clock.start += Duration::from_secs(60)), "not recorded yet");
}
