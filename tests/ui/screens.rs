//! What people see.

use std::sync::Arc;
use std::time::Duration;

use earwitness::engine::controls::TakenSound;
use earwitness::engine::report::Explained;
use earwitness::engine::snapshot::{EventSummary, Phase, Snapshot};
use earwitness::ui::{App, Command, SoundKeeper, ThemeName, UiOptions};
use earwitness::units::SamplePos;
use insta::assert_snapshot;
use ratatui::style::{Color, Modifier};

use crate::sample::{
    self, app, class, component, in_phase, nonsense, options, press, screen, snapshot, summary, text, wide,
};

fn no_color() -> UiOptions {
    UiOptions { no_color: true, ..options() }
}

#[test]
fn the_smallest_usual_terminal() {
    assert_snapshot!(screen(&app(options(), snapshot()), 80, 24));
}

#[test]
fn a_large_terminal() {
    assert_snapshot!(screen(&app(options(), snapshot()), 120, 40));
}

#[test]
fn the_least_that_works() {
    assert_snapshot!(screen(&app(no_color(), snapshot()), 60, 16));
}

#[test]
fn too_small() {
    assert_snapshot!(screen(&app(options(), snapshot()), 59, 16));
}

#[test]
fn before_the_first_snapshot() {
    assert_snapshot!(screen(&App::new(options()), 80, 24));
}

#[test]
fn without_colour() {
    let screen = screen(&app(no_color(), snapshot()), 80, 24);
    assert!(screen.buffer().content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert_snapshot!(screen);
}

#[test]
fn without_colour_and_unicode_showing_why() {
    let mut app = app(UiOptions { ascii: true, ..no_color() }, snapshot());
    press(&mut app, "w");
    let screen = screen(&app, 80, 24);
    assert!(screen.buffer().content.iter().all(|cell| cell.symbol().is_ascii()));
    assert_snapshot!(screen);
}

#[test]
fn frozen() {
    let mut app = app(options(), snapshot());
    press(&mut app, " ");
    assert_snapshot!(screen(&app, 80, 24));
}

#[test]
fn help() {
    let mut app = app(options(), snapshot());
    press(&mut app, "?");
    assert_snapshot!(screen(&app, 80, 24));
}

#[test]
fn every_key_of_the_help_can_be_read_on_the_least_terminal() {
    let mut app = app(options(), snapshot());
    press(&mut app, "?");
    let mut lines = text(&screen(&app, 60, 16)).join("\n");
    for _ in 0..40 {
        press(&mut app, "j");
        lines.push_str(&text(&screen(&app, 60, 16)).join("\n"));
    }
    for binding in earwitness::ui::keys::TABLE {
        assert!(lines.contains(binding.help), "no {:?} in\n{lines}", binding.help);
    }
}

#[test]
fn event_detail() {
    let mut app = app(options(), snapshot());
    press(&mut app, "jj⏎");
    assert_snapshot!(screen(&app, 80, 24));
}

#[test]
fn an_explanation_that_is_pending_is_seen_and_can_be_called_off() {
    let mut snapshot = snapshot();
    let mut newest = EventSummary::clone(&snapshot.events[0]);
    newest.event.method = "lrp".to_owned();
    newest.event.faithfulness = None;
    newest.event.explanation = Explained::Pending;
    let label = newest.event.label.clone();
    snapshot.events[0] = Arc::new(newest.clone());
    let mut pending = app(options(), snapshot.clone());
    let row =
        |app: &App| text(&screen(app, 120, 40)).into_iter().find(|line| line.contains(&label) && line.contains(" … "));
    assert!(row(&pending).is_some(), "{}", text(&screen(&pending, 120, 40)).join("\n"));
    press(&mut pending, "X");
    assert_eq!(pending.take_commands(), [Command::CallOff]);
    press(&mut pending, "⏎");
    assert!(text(&screen(&pending, 120, 40)).iter().any(|line| line.contains("lrp is still at work")));

    newest.event.explanation = Explained::Missed;
    snapshot.events[0] = Arc::new(newest);
    let mut missed = app(options(), snapshot);
    assert!(row(&missed).is_none());
    press(&mut missed, "X");
    assert!(missed.take_commands().is_empty(), "nothing is pending any more");
}

#[test]
fn the_last_seconds_can_be_taken_and_the_next_step_is_shown() {
    let mut nowhere = app(options(), snapshot());
    press(&mut nowhere, "e");
    assert!(nowhere.take_commands().is_empty());
    let footer = |app: &App| text(&screen(app, 80, 24)).pop().unwrap();
    assert!(footer(&nowhere).contains("start with --labels DIR"), "{}", footer(&nowhere));

    let keep_sound = SoundKeeper::new(|sound| Ok(format!("{} samples kept", sound.samples.len())));
    let mut app = app(UiOptions { keep_sound: Some(keep_sound), ..options() }, snapshot());
    press(&mut app, "e");
    assert_eq!(app.take_commands(), [Command::TakeSound]);
    let clock = sample::clock();
    let sound = TakenSound { samples: vec![0.5; 7], from: SamplePos(3), clock };
    app.on_taken(&sound);
    assert!(footer(&app).contains("7 samples kept"), "{}", footer(&app));
}

#[test]
fn components_that_read_as_nothing_are_left_out() {
    let mut snapshot = snapshot();
    snapshot.components = vec![component(1, "dog 1", 1.0), component(2, "dog 2", 0.004), component(3, "dog 3", -0.3)];
    let lines = text(&screen(&app(options(), snapshot), 80, 24)).join("\n");
    assert!(lines.contains("dog 1") && lines.contains("-0.30") && !lines.contains("+0.00"), "{lines}");
}

#[test]
fn event_detail_on_the_least_terminal_without_folder_and_figures() {
    let mut snapshot = snapshot();
    let mut bare = (*summary(4)).clone();
    bare.dir = None;
    bare.event.components.clear();
    snapshot.events.insert(0, bare.into());
    let mut app = app(options(), snapshot);
    press(&mut app, "⏎");
    assert_snapshot!(screen(&app, 60, 16));
}

#[test]
fn failed() {
    let phase = Phase::Failed("the device \"hw:1\" has gone away; plug it in again and restart the monitor".into());
    assert_snapshot!(screen(&app(options(), in_phase(&phase)), 80, 24));
}

#[test]
fn ended() {
    let snapshot = in_phase(&Phase::Ended("end of input".into()));
    let lines = text(&screen(&app(options(), snapshot), 80, 24));
    assert!(lines[2].contains("ENDED: end of input. Press q to quit."), "{}", lines[2]);
}

#[test]
fn in_trouble() {
    let mut snapshot = snapshot();
    snapshot.totals.dropped_samples = 12_345;
    snapshot.totals.xruns = 2;
    snapshot.totals.shed_strides = 7;
    snapshot.shed = &["interpretation"];
    snapshot.load = 1.31;
    snapshot.peak_dbfs = 0.0;
    snapshot.record_dir = None;
    let mut app = app(no_color(), snapshot);
    app.on_quiet(Duration::from_millis(5_200));
    let screen = screen(&app, 120, 24);
    let health = &text(&screen)[22];
    let at = health.find("DROPPED").unwrap() as u16;
    assert!(screen.buffer()[(at, 22)].modifier.contains(Modifier::REVERSED | Modifier::BOLD), "a loss is loud");
    assert_snapshot!(screen);
}

#[test]
fn no_classes_and_nothing_heard() {
    let mut empty = snapshot();
    empty.classes.clear();
    empty.components.clear();
    empty.events.clear();
    empty.explained = None;
    empty.waterfall = Default::default();
    empty.totals = Default::default();
    empty.latency = None;
    empty.level_dbfs = -120.0;
    empty.peak_dbfs = -120.0;
    assert_snapshot!(screen(&app(options(), empty), 80, 24));
}

#[test]
fn a_method_without_components() {
    let mut lmac = snapshot();
    lmac.method = "lmac".into();
    lmac.components.clear();
    lmac.events.iter_mut().for_each(|event| Arc::make_mut(event).event.components.clear());
    let lines = text(&screen(&app(options(), lmac), 80, 24)).join("\n");
    assert!(!lines.contains("component") && lines.contains("─ events · "), "{lines}");

    // While nothing is explained, no method is to blame.
    for method in ["l2i", "none"] {
        let mut none = snapshot();
        none.method = method.into();
        none.components.clear();
        let lines = text(&screen(&app(options(), none), 80, 24)).join("\n");
        assert!(lines.contains("nothing to explain yet"), "{lines}");
    }
}

#[test]
fn labels_longer_than_the_pane_and_more_than_fit() {
    let mut snapshot = snapshot();
    snapshot.classes =
        (0..30).map(|n| class(&format!("{n} vehicle horn, car horn, honking"), 0.02 * n as f32, n == 29, "")).collect();
    snapshot.source = "file:/a/very/long/path/that/does/not/fit/into/the/header/of/this/terminal/yard.wav".into();
    assert_snapshot!(screen(&app(options(), snapshot), 80, 24));
}

/// As [`wide`], of a method that names no components: labels have the whole height.
fn wide_and_high(n: usize) -> Snapshot {
    Snapshot { method: "lmac".into(), components: Vec::new(), ..wide(n) }
}

#[test]
fn fifty_nine_labels_in_the_whole_height() {
    assert_snapshot!(screen(&app(options(), wide_and_high(59)), 80, 24));
}

#[test]
fn every_label_is_named_or_counted_whatever_the_screen() {
    for (width, height, all_named) in [(60, 16, false), (80, 24, false), (100, 40, true), (160, 50, true)] {
        for n in [59, 527] {
            let snapshot = wide_and_high(n);
            let lines = text(&screen(&app(options(), snapshot.clone()), width, height));
            // The labels' pane, without what stands to its right.
            let cells = (usize::from(width) * 17 / 40).max(26);
            let pane: Vec<String> = lines[3..].iter().map(|line| line.chars().take(cells).collect()).collect();
            let words: Vec<&str> = pane.iter().flat_map(|line| line.split_whitespace()).collect();
            let named = snapshot.classes.iter().filter(|class| {
                let first = class.label.split([' ', ',']).next().unwrap_or_default();
                words.iter().any(|word| word.trim_end_matches(',') == first)
            });
            let counted: usize = words.iter().filter_map(|word| word.strip_prefix('+')?.parse::<usize>().ok()).sum();
            let named = named.count();
            assert_eq!(named + counted, n, "{width}x{height}, {n} labels:\n{}", pane.join("\n"));
            assert!(!all_named || n > 59 || counted == 0, "{width}x{height}:\n{}", pane.join("\n"));
        }
    }
}

#[test]
fn an_event_stands_in_the_list_from_its_beginning_and_in_its_order() {
    let mut snapshot = snapshot();
    // The sample's newest event began at 72.341 s, the one before at 62.341 s; it is 83.456 s now.
    snapshot.inputs[0].open = vec![sample::open("rain", 65_000), sample::open("siren", 80_000)];
    let events = |app: &App, width: u16| -> Vec<String> {
        let lines = text(&screen(app, width, 24));
        let rows = lines.iter().skip_while(|line| !line.contains("events · "));
        rows.skip(2).take(4).map(|line| line.chars().skip(usize::from(width) * 17 / 40 + 1).collect()).collect()
    };
    let mut app = app(options(), snapshot);
    for width in [80, 120] {
        let rows = events(&app, width);
        let begins = ["16:01:20 siren", "16:01:12 dog", "16:01:05 rain", "16:01:02 glass_breaking"];
        for (row, begin) in rows.iter().zip(begins) {
            assert!(row.starts_with(begin), "{begin}: {rows:#?}");
        }
        assert!(rows[0].contains("3.5s ▶") && rows[2].contains("18s ▶"), "{rows:#?}");
    }
    // Keys go through what was reported.
    press(&mut app, "j⏎");
    assert!(text(&screen(&app, 80, 24)).join("\n").contains(&summary(6).event.id));
}

#[test]
fn fifty_nine_labels_by_group() {
    assert_snapshot!(screen(&app(options(), wide(59)), 80, 24));
}

#[test]
fn five_hundred_and_twenty_seven_labels_by_group() {
    assert_snapshot!(screen(&app(options(), wide(527)), 80, 24));
}

#[test]
fn many_labels_in_ascii_on_the_least_and_on_a_large_terminal() {
    let plain = app(UiOptions { ascii: true, ..no_color() }, wide(59));
    let least = screen(&plain, 60, 16);
    assert!(least.buffer().content.iter().all(|cell| cell.symbol().is_ascii()));
    let lines = text(&least).join("\n");
    assert!(lines.contains("> dog") && lines.contains("o speech") && lines.contains("0.93  now"), "{lines}");
    let lines = text(&screen(&app(options(), wide(59)), 160, 50)).join("\n");
    assert!(lines.contains("█") && lines.contains("cat") && lines.contains("0.20") && lines.contains("41s"), "{lines}");
}

#[test]
fn many_labels_scroll_to_the_one_that_is_chosen() {
    for n in [59, 527] {
        let mut app = app(options(), wide(n));
        let shows = |app: &App, label: &str| text(&screen(app, 80, 24)).iter().any(|line| line.contains(label));
        press(&mut app, ".");
        assert!(shows(&app, "▶ dog"), "the first is what is heard now");
        for _ in 0..=n / 10 {
            press(&mut app, ")");
        }
        let last = app.label_chosen().unwrap();
        assert!(shows(&app, &last), "{last}");
        press(&mut app, ",");
        let before = app.label_chosen().unwrap();
        assert!(before != last && shows(&app, &before));
        for _ in 0..=n / 10 {
            press(&mut app, "(");
        }
        assert_eq!(app.label_chosen().unwrap(), "dog");
    }
}

#[test]
fn a_label_that_is_only_shown_says_how_it_is_reported() {
    let mut app = app(options(), wide(59));
    for _ in 0..59 {
        press(&mut app, ".");
        if app.label_chosen().unwrap() == "speech" {
            break;
        }
    }
    let footer = text(&screen(&app, 120, 24))[23].clone();
    assert!(footer.contains("speech is only shown; m reports it") && footer.contains("alarm = true"), "{footer}");
}

#[test]
fn orders_of_many_labels_go_round() {
    use earwitness::ui::LabelOrder;
    let mut app = app(options(), wide(59));
    let mut orders = vec![app.order()];
    for _ in 0..3 {
        press(&mut app, "t");
        orders.push(app.order());
    }
    assert_eq!(orders, [LabelOrder::Heard, LabelOrder::Score, LabelOrder::Model, LabelOrder::Heard]);
}

#[test]
fn the_waterfall_names_events_where_they_begin() {
    let mut snapshot = snapshot();
    // The sample's waterfall ends at 15 s and shows 10 s; its first event lies at 12.341 s.
    snapshot.classes[3].since = Some(SamplePos(14_000));
    let lines = text(&screen(&app(options(), snapshot), 120, 24));
    let at = |label: &str| {
        let mark = format!("│{label}");
        let find = |line: &String| line.char_indices().position(|(i, _)| line[i..].starts_with(&mark));
        lines[3..9].iter().find_map(find).unwrap_or_else(|| panic!("no {label} in\n{}", lines.join("\n")))
    };
    let cells_per_sec = (120.0 - 57.0) / 10.0;
    for (label, secs) in [("dog", 12.341), ("siren", 14.0)] {
        let want = 120.0 - (15.0 - secs) * cells_per_sec;
        assert!((at(label) as f64 - want).abs() <= 2.0, "{label} at {} and not at {want}", at(label));
    }
}

#[test]
fn numbers_that_are_none() {
    assert_snapshot!(screen(&app(no_color(), nonsense()), 80, 24));
}

#[test]
fn one_key_switches_what_the_waterfall_shows() {
    let mut app = app(options(), snapshot());
    let picture = |app: &App| -> Vec<(Color, Color)> {
        let screen = screen(app, 80, 24);
        (35..80).map(|x| (screen.buffer()[(x, 6)].fg, screen.buffer()[(x, 6)].bg)).collect()
    };
    let heard = picture(&app);
    press(&mut app, "w");
    let why = picture(&app);
    // The mask keeps the tone and nothing else: beside it, what was dim noise is now as dark as can be.
    let dark = Color::Rgb(0, 0, 4);
    assert!(heard.iter().all(|&(upper, lower)| upper != dark && lower != dark));
    assert!(why.iter().any(|&(upper, lower)| upper == dark && lower == dark));
    assert!(why.iter().any(|&(upper, lower)| upper != dark || lower != dark), "the tone is still there");
    assert!(text(&screen(&app, 80, 24))[2].contains("why · what decided · now dog"));
    press(&mut app, "w");
    assert_eq!(picture(&app), heard);
}

#[test]
fn few_colours_stay_within_the_256() {
    let app = app(UiOptions { true_color: false, ..options() }, snapshot());
    let screen = screen(&app, 80, 24);
    assert!(
        screen
            .buffer()
            .content
            .iter()
            .all(|cell| !matches!(cell.fg, Color::Rgb(..)) && !matches!(cell.bg, Color::Rgb(..)))
    );
    assert!(screen.buffer().content.iter().any(|cell| matches!(cell.bg, Color::Indexed(_))));
}

#[test]
fn an_active_label_shows_without_colour() {
    let lines = text(&screen(&app(no_color(), snapshot()), 80, 24));
    let rows: Vec<&String> = lines.iter().filter(|line| line.starts_with('▶')).collect();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].starts_with("▶ dog"), "{}", rows[0]);
}

#[test]
fn every_theme_colours_the_same_text() {
    let draw = |theme| screen(&app(UiOptions { theme, ..options() }, snapshot()), 100, 30);
    let dark = draw(ThemeName::Dark);
    for theme in [ThemeName::Light, ThemeName::Contrast, ThemeName::Safe] {
        let other = draw(theme);
        assert_eq!(text(&other), text(&dark), "{theme:?}");
        assert_ne!(other.buffer(), dark.buffer(), "{theme:?} has colours of its own");
    }
}
