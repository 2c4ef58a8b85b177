//! Hand-made snapshots of the engine, and ways to draw and press keys.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use earwitness::engine::health::Health;
use earwitness::engine::report::{ComponentShare, Event, Explained, Faithfulness, Handling, Latency, ModelRef, Totals};
use earwitness::engine::snapshot::{
    ClassState, EventSummary, Heard, InputSummary, ListenSummary, OpenEvent, Phase, Snapshot, Waterfall,
};
use earwitness::ui::{App, UiOptions, draw};
use earwitness::units::{ClassId, SamplePos, SampleRate, StreamClock};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const RATE_HZ: u32 = 1000;

/// 20 November 2026, 15:00 UTC.
pub(crate) fn clock() -> StreamClock {
    let start = UNIX_EPOCH + Duration::from_secs(1_795_186_800);
    StreamClock { start, sample_rate: SampleRate::new(RATE_HZ).unwrap() }
}

/// True colour, Unicode, one hour east of UTC.
pub(crate) fn options() -> UiOptions {
    let time_zone = TimeZone::fixed(jiff::tz::offset(1));
    UiOptions { true_color: true, time_zone, ..UiOptions::default() }
}

pub(crate) fn class(label: &str, score: f32, active: bool, reason: &str) -> ClassState {
    let (label, reason) = (label.into(), reason.into());
    ClassState {
        label,
        group: None,
        score,
        on_threshold: 0.6,
        off_threshold: 0.4,
        active,
        since: None,
        reason,
        enabled: true,
        alarm: true,
        heard: Heard::default(),
        edited: false,
    }
}

pub(crate) fn component(index: usize, name: &str, relevance: f32) -> ComponentShare {
    ComponentShare { index, name: name.into(), relevance }
}

/// The `n`th event of the stream: a dog, 10 s apart from its neighbours.
pub(crate) fn event(n: u64) -> Event {
    let onset = n * 10 * u64::from(RATE_HZ) + 2_341;
    Event {
        id: format!("01JD{n:022}"),
        label: if n.is_multiple_of(3) { "glass_breaking" } else { "dog" }.into(),
        class: ClassId(0),
        score: 0.93,
        onset: SamplePos(onset),
        offset: SamplePos(onset + 1_761),
        in_file: None,
        source: "file:yard.wav".into(),
        model: ModelRef { name: "esc13-l2i".into(), sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b".into() },
        method: "l2i".into(),
        components: vec![component(17, "dog 3", 1.0), component(4, "noise 1", 0.41), component(9, "", -0.2)],
        faithfulness: (!n.is_multiple_of(4)).then_some(Faithfulness {
            agrees: n % 5 != 2,
            enough: n % 5 != 2,
            prob: 0.93,
            prob_in: 0.95,
            prob_out: 0.11,
        }),
        explanation: Explained::Done,
        latency_secs: 0.61,
        lag_secs: 0.02,
        level_dbfs: None,
        handling: Handling::default(),
        clock: clock(),
    }
}

pub(crate) fn summary(n: u64) -> Arc<EventSummary> {
    let event = event(n);
    let dir = format!("/srv/records/2026-11-20/1500{:02}Z-{}-{}", 2 + n * 10 % 50, event.label, event.id);
    Arc::new(EventSummary { event, dir: Some(dir) })
}

/// An event that began at `onset` and is under way.
pub(crate) fn open(label: &str, onset: u64) -> OpenEvent {
    OpenEvent {
        label: label.into(),
        score: 0.93,
        onset: SamplePos(onset),
        in_file: None,
        until: SamplePos(83_456),
        clock: clock(),
    }
}

/// Ten seconds of noise with a tone that rises band by band, and a mask that keeps the tone.
pub(crate) fn waterfall() -> Waterfall {
    let (n_bands, n_columns) = (32, 200);
    let mut waterfall = Waterfall { n_bands, first_frame: 100, frame_secs: 0.05, ..Waterfall::default() };
    for column in 0..n_columns {
        for band in 0..n_bands {
            let tone = band == column * n_bands / n_columns;
            waterfall.level_db.push(if tone { -25.0 } else { -65.0 - (column * 7 + band * 3) as f32 % 11.0 });
            waterfall.mask.push(if tone { 1.0 } else { 0.0 });
        }
    }
    waterfall.centre_hz = (0..n_bands).map(|band| 60.0 * 1.15_f32.powi(band as i32)).collect();
    waterfall
}

/// A stream in good health with one open event and seven past ones.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        source: "file:yard.wav".into(),
        model: "esc13-l2i".into(),
        method: "l2i".into(),
        position: SamplePos(83_456),
        clock: clock(),
        level_dbfs: -31.4,
        peak_dbfs: -12.25,
        classes: vec![
            class("dog", 0.93, true, ""),
            class("rain", 0.12, false, ""),
            class("glass_breaking", 0.71, false, "1 of 2 strides"),
            class("siren", 0.33, false, ""),
            class("sea_waves", 0.02, false, ""),
        ],
        explained: Some(ClassId(0)),
        components: vec![component(17, "dog 3", 1.0), component(4, "noise 1", 0.41), component(9, "", -0.2)],
        waterfall: Arc::new(waterfall()),
        events: (1..=7).rev().map(summary).collect(),
        load: 0.07,
        lag_secs: 0.1,
        latency: Some(Latency { p50_secs: 0.61, p99_secs: 1.2 }),
        totals: Totals { events: 7, captured_samples: 83_456, analysed_samples: 83_456, ..Totals::default() },
        shed: &[],
        health: Health::Hearing,
        trouble: None,
        inputs: vec![InputSummary {
            source: "file:yard.wav".into(),
            level_dbfs: -31.4,
            peak_dbfs: -12.25,
            health: Health::Hearing,
            phase: Phase::Running,
            open: vec![open("dog", 80_000)],
            totals: Totals { events: 7, captured_samples: 83_456, analysed_samples: 83_456, ..Totals::default() },
        }],
        focus: 0,
        listen: None,
        device: "cpu".into(),
        record_dir: Some("/srv/records".into()),
        recording_fails: None,
        phase: Phase::Running,
    }
}

/// A snapshot in which nothing is as it should be.
pub(crate) fn nonsense() -> Snapshot {
    let mut nonsense = snapshot();
    nonsense.source = "file:\u{1b}[2Jwärme\n日本.wav".into();
    nonsense.position = SamplePos(u64::MAX);
    nonsense.level_dbfs = f32::NAN;
    nonsense.peak_dbfs = f32::INFINITY;
    nonsense.load = f64::NAN;
    nonsense.lag_secs = f64::INFINITY;
    nonsense.focus = usize::MAX;
    nonsense.trouble = Some("\u{1b}[2J日本語 ".repeat(99));
    nonsense.latency = Some(Latency { p50_secs: f64::NEG_INFINITY, p99_secs: f64::NAN });
    nonsense.explained = Some(ClassId(99));
    nonsense.classes = vec![
        class("", f32::NAN, true, "日本語の理由"),
        class("日本語の長いラベルです", f32::INFINITY, true, "because"),
        class("minus", f32::NEG_INFINITY, false, ""),
        ClassState { on_threshold: f32::NAN, ..class("threshold", 3.0, false, "") },
        ClassState { on_threshold: f32::INFINITY, ..class("threshold", -3.0, false, "") },
    ];
    nonsense.components = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -7.0, 0.0].map(|r| component(3, "", r)).into();
    nonsense.waterfall = Arc::new(Waterfall {
        n_bands: 3,
        first_frame: u64::MAX,
        frame_secs: -1.0,
        level_db: vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, 1e9],
        mask: vec![f32::NAN, -1.0],
        centre_hz: vec![f32::NAN],
    });
    let mut odd = event(2);
    odd.offset = SamplePos(0);
    odd.onset = SamplePos(u64::MAX);
    odd.score = f32::NAN;
    odd.components.clear();
    odd.label = String::new();
    nonsense.events = vec![Arc::new(EventSummary { event: odd, dir: Some(String::new()) })];
    nonsense.totals.dropped_samples = u64::MAX;
    nonsense.totals.invalid_samples = u64::MAX;
    nonsense.shed = &["interpretation", "classification"];
    nonsense.inputs = vec![
        InputSummary {
            source: "日本\n語".into(),
            level_dbfs: f32::NAN,
            peak_dbfs: f32::NEG_INFINITY,
            health: Health::Lost,
            phase: Phase::Failed(String::new()),
            open: vec![open("", u64::MAX), OpenEvent { score: f32::NAN, ..open(&"日本語".repeat(99), 0) }],
            totals: nonsense.totals,
        },
        InputSummary { source: String::new(), ..nonsense.inputs[0].clone() },
    ];
    nonsense.listen = Some(ListenSummary {
        output: "日本\u{7}".repeat(99),
        mode: "",
        delay_secs: f64::NAN,
        underruns: u64::MAX,
        trouble: Some("\0".into()),
    });
    nonsense
}

/// A stream of a model of `n` labels in eight groups, of which a few were heard.
pub(crate) fn wide(n: usize) -> Snapshot {
    const GROUPS: [&str; 8] = ["alarm", "people", "animals", "vehicles", "machines", "home", "nature", "music"];
    let mut snapshot = snapshot();
    let label = |i: usize| ClassState {
        group: Some(GROUPS[i * GROUPS.len() / n].into()),
        ..class(&format!("sound_number_{i}"), 0.01 * (i % 9) as f32, false, "")
    };
    snapshot.classes = (0..n).map(label).collect();
    let mut heard = |i: usize, name: &str, score: f32, now: bool, times: u64, ago_secs: u64| {
        let class = &mut snapshot.classes[i];
        (class.label, class.score) = (name.into(), score);
        let last = Some(SamplePos(snapshot.position.0 - ago_secs * u64::from(RATE_HZ)));
        class.heard = Heard { now, today: times, last };
    };
    heard(n * 5 / 16, "dog", 0.93, true, 12, 0);
    heard(n * 5 / 16 + 1, "cat", 0.2, false, 3, 41);
    heard(n * 3 / 16, "speech", 0.88, true, 1204, 0);
    heard(n - 1, "acoustic guitar, strummed slowly", 0.04, false, 1, 75);
    let dog = &mut snapshot.classes[n * 5 / 16];
    (dog.active, dog.since) = (true, Some(SamplePos(14_300)));
    snapshot.classes[n * 3 / 16].alarm = false;
    snapshot.explained = Some(ClassId(n * 5 / 16));
    snapshot
}

/// The phase of all inputs.
pub(crate) fn in_phase(phase: &Phase) -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.phase = phase.clone();
    snapshot.inputs[0].phase = phase.clone();
    snapshot
}

/// `n` inputs in good health, `focus` of which is shown.
pub(crate) fn several(n: usize, focus: usize) -> Snapshot {
    let mut snapshot = snapshot();
    let one = &snapshot.inputs[0];
    let input = |i: usize| InputSummary {
        source: if i == 0 { one.source.clone() } else { format!("device:alsa:hw:CARD=USB#{i}") },
        level_dbfs: -60.0 + 7.0 * (i % 8) as f32,
        peak_dbfs: -50.0 + 7.0 * (i % 8) as f32,
        open: if i.is_multiple_of(2) { one.open.clone() } else { Vec::new() },
        ..one.clone()
    };
    snapshot.inputs = (0..n).map(input).collect();
    snapshot.focus = focus;
    snapshot.source = snapshot.inputs[focus].source.clone();
    snapshot
}

/// The sample, and the interpretation played live.
pub(crate) fn heard_live(mode: &'static str) -> Snapshot {
    let listen = ListenSummary { output: "device".into(), mode, delay_secs: 1.68, underruns: 0, trouble: None };
    Snapshot { listen: Some(listen), ..snapshot() }
}

/// A screen that shows `snapshot`.
pub(crate) fn app(options: UiOptions, snapshot: Snapshot) -> App {
    let mut app = App::new(options);
    app.on_snapshot(Arc::new(snapshot));
    app
}

/// Presses keys: each character of `keys`, with `⏎` for Enter, `⎋` for Esc, `⇥` for Tab and `⇤` for
/// Shift-Tab.
pub(crate) fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            '⇥' => KeyCode::Tab,
            '⇤' => KeyCode::BackTab,
            c => KeyCode::Char(c),
        };
        assert!(app.on_key(KeyEvent::new(code, KeyModifiers::NONE)), "{c:?} does nothing");
    }
}

/// The screen of `width` × `height` cells.
pub(crate) fn screen(app: &App, width: u16, height: u16) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    terminal.backend().clone()
}

/// The screen's text, line by line, without its styles.
pub(crate) fn text(backend: &TestBackend) -> Vec<String> {
    let width = usize::from(backend.buffer().area.width);
    backend.buffer().content.chunks(width).map(|line| line.iter().map(|cell| cell.symbol()).collect()).collect()
}
