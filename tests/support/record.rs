//! Reports to record.

use std::time::{Duration, UNIX_EPOCH};

use earwitness::{
    engine::report::{
        Clip, ComponentShare, Event, EventReport, Explained, Faithfulness, Handling, Latency, MelPicture, ModelRef,
        StartReport, StatusReport, StopReport, Totals,
    },
    units::{ClassId, SamplePos, SampleRate, StreamClock},
};

/// A stream at 16 kHz that began on 2026-11-20 at 15:00:00 UTC.
pub(crate) fn clock() -> StreamClock {
    StreamClock {
        start: UNIX_EPOCH + Duration::from_secs(1_795_186_800),
        sample_rate: SampleRate::new(16_000).unwrap(),
    }
}

pub(crate) fn model() -> ModelRef {
    ModelRef { name: "esc13".to_owned(), sha256: "0123abcd".to_owned() }
}

pub(crate) fn share(index: usize, name: &str, relevance: f32) -> ComponentShare {
    ComponentShare { index, name: name.to_owned(), relevance }
}

pub(crate) fn event(id: &str, label: &str) -> Event {
    Event {
        id: id.to_owned(),
        label: label.to_owned(),
        class: ClassId(0),
        score: 0.93,
        onset: SamplePos(197_456),
        offset: SamplePos(225_632),
        in_file: None,
        source: "file:yard.wav".to_owned(),
        model: model(),
        method: "l2i".to_owned(),
        components: vec![share(17, "dog 3", 1.0), share(4, "", -0.41)],
        faithfulness: Some(Faithfulness { agrees: true, enough: true, prob: 0.93, prob_in: 0.95, prob_out: 0.11 }),
        explanation: Explained::Done,
        latency_secs: 0.61,
        lag_secs: 0.02,
        level_dbfs: None,
        handling: Handling::default(),
        clock: clock(),
    }
}

/// An event with half a second of pre-roll and of post-roll, and a tone where the event is.
pub(crate) fn event_report(id: &str, label: &str) -> EventReport {
    let event = event(id, label);
    let start = event.onset.minus(8_000);
    let n_samples = event.offset.plus(8_000).since(start) as usize;
    let heard: Vec<f32> = (0..n_samples)
        .map(|i| {
            let within = i >= 8_000 && i < n_samples - 8_000;
            if within { 0.5 * (i as f32 * 0.2).sin() } else { 0.0 }
        })
        .collect();
    let half: Vec<f32> = heard.iter().map(|x| 0.5 * x).collect();
    let components = event.components.iter().map(|share| (share.clone(), half.clone())).collect();
    let (n_frames, n_bands) = (n_samples / 160, 64);
    let picture = MelPicture {
        n_bands,
        frame_secs: 0.01,
        level_db: (0..n_frames * n_bands).map(|i| -90.0 + (i % n_bands) as f32).collect(),
        mask: (0..n_frames * n_bands).map(|i| (i % 2) as f32).collect(),
        range_hz: (50.0, 8_000.0),
        centre_hz: (0..n_bands).map(|band| 50.0 + 124.0 * band as f32).collect(),
        ..MelPicture::default()
    };
    let sample_rate = event.clock.sample_rate;
    EventReport { event, clip: Clip { start, sample_rate, interpretation: half, heard, components, picture } }
}

pub(crate) fn start() -> StartReport {
    StartReport {
        source: "file:yard.wav".to_owned(),
        clock: clock(),
        model: model(),
        method: "l2i".to_owned(),
        input_rate: SampleRate::new(44_100).unwrap(),
        input_channels: 2,
        stride_secs: 0.5,
        listen: None,
    }
}

pub(crate) fn totals() -> Totals {
    Totals {
        captured_samples: 882_000,
        analysed_samples: 881_000,
        dropped_samples: 600,
        waiting_samples: 400,
        away_samples: 7,
        xruns: 2,
        invalid_samples: 3,
        events: 4,
        shed_strides: 5,
    }
}

pub(crate) fn status() -> StatusReport {
    StatusReport {
        source: "file:yard.wav".into(),
        position: SamplePos(160_000),
        clock: clock(),
        level_dbfs: -43.21,
        load: 0.081_234,
        totals: totals(),
        lag_secs: 0.25,
        latency: Some(Latency { p50_secs: 0.61, p99_secs: 1.2 }),
        health: earwitness::engine::health::Health::Hearing,
        trouble: None,
        shed: &["jobs", "interpretation"],
        device: "cpu".into(),
    }
}

pub(crate) fn stop() -> StopReport {
    StopReport {
        source: "file:yard.wav".into(),
        position: SamplePos(320_001),
        clock: clock(),
        reason: "end of input".to_owned(),
        totals: totals(),
        busy_secs: 1.5,
        wall_secs: 2.0,
    }
}
