//! What a redraw of the terminal UI costs: drawing a snapshot that differs from the last one, and what is then written to
//! the terminal. At 25 redraws a second, 2 ms each are 5 % of a core.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use earwitness::engine::health::Health;
use earwitness::engine::report::{ComponentShare, Totals};
use earwitness::engine::snapshot::{ClassState, InputSummary, Phase, Snapshot, Waterfall};
use earwitness::ui::{App, UiOptions, draw};
use earwitness::units::{ClassId, SamplePos, SampleRate, StreamClock};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

const RATE_HZ: u32 = 22_050;
const HOP: usize = 345;

/// Twelve seconds of 64 bands, two frames further at each `turn`, as a stream is 30 times a second.
fn waterfall(turn: u64) -> Waterfall {
    let (n_bands, n_columns) = (64, 768);
    let first_frame = 2 * turn;
    let level = |i: usize| {
        let frame = first_frame as usize + i / n_bands;
        let noise = (frame * 7919 + (i % n_bands) * 104_729) % 1009;
        -75.0 + noise as f32 / 1009.0 * 40.0
    };
    Waterfall {
        n_bands,
        first_frame,
        frame_secs: HOP as f64 / f64::from(RATE_HZ),
        level_db: (0..n_bands * n_columns).map(level).collect(),
        mask: (0..n_bands * n_columns).map(|i| (i % 3) as f32 / 2.0).collect(),
        centre_hz: (0..n_bands).map(|band| 60.0 * 1.08_f32.powi(band as i32)).collect(),
    }
}

fn snapshot(turn: u64) -> Snapshot {
    let clock = StreamClock {
        start: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        sample_rate: SampleRate::new(RATE_HZ).unwrap(),
    };
    let class = |n: u64| ClassState {
        label: format!("label {n}"),
        group: None,
        since: None,
        alarm: true,
        heard: Default::default(),
        score: ((turn + n) % 20) as f32 / 20.0,
        on_threshold: 0.9,
        off_threshold: 0.3,
        active: (turn + n).is_multiple_of(13),
        reason: String::new(),
        enabled: true,
        edited: false,
    };
    let input = |n: u64| InputSummary {
        source: format!("device:alsa:hw:CARD=USB#{n}"),
        level_dbfs: -50.0 + (turn % 30) as f32,
        peak_dbfs: -40.0 + (turn % 30) as f32,
        health: Health::Hearing,
        phase: Phase::Running,
        open: Vec::new(),
        totals: Totals::default(),
    };
    Snapshot {
        source: "device:alsa:hw:CARD=USB#0".into(),
        model: "default".into(),
        method: "l2i".into(),
        position: SamplePos(turn * 2 * HOP as u64),
        clock,
        level_dbfs: -31.0,
        peak_dbfs: -12.0,
        classes: (0..13).map(class).collect(),
        explained: Some(ClassId(0)),
        components: (0..8)
            .map(|index| ComponentShare { index, name: String::new(), relevance: 1.0 - index as f32 / 8.0 })
            .collect(),
        waterfall: Arc::new(waterfall(turn)),
        events: Vec::new(),
        load: 0.02,
        lag_secs: 0.1,
        latency: None,
        totals: Totals::default(),
        shed: &[],
        health: Health::Hearing,
        trouble: None,
        inputs: (0..4).map(input).collect(),
        focus: 0,
        listen: None,
        device: "cpu".into(),
        record_dir: None,
        recording_fails: None,
        phase: Phase::Running,
    }
}

fn redraw(c: &mut Criterion) {
    let snapshots: Vec<Arc<Snapshot>> = (0..16).map(|turn| Arc::new(snapshot(turn))).collect();
    let mut group = c.benchmark_group("redraw");
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        group.bench_function(BenchmarkId::from_parameter(format!("{width}x{height}")), |b| {
            let mut app = App::new(UiOptions { true_color: true, ..UiOptions::default() });
            let fixed = ratatui::TerminalOptions {
                viewport: ratatui::Viewport::Fixed(ratatui::layout::Rect::new(0, 0, width, height)),
            };
            // What a terminal would get is written and thrown away.
            let mut terminal = Terminal::with_options(CrosstermBackend::new(std::io::sink()), fixed).unwrap();
            let mut turns = snapshots.iter().cycle();
            b.iter(|| {
                app.on_snapshot(Arc::clone(turns.next().unwrap()));
                terminal.draw(|frame| draw(frame, &app)).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, redraw);
criterion_main!(benches);
