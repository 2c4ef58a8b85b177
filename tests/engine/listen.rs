//! What is heard live, beside what is recorded.

use crate::support::engine::*;
use earwitness::audio::playback::{ListenMode, PlaybackPull, playback_ring};
use earwitness::dsp::resample;
use earwitness::engine::listen::Listener;
use earwitness::engine::report::EventReport;
use earwitness::units::{ClassId, SamplePos, SampleRate};

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

/// A pipeline that is listened to, and everything that was played: sample i at position i of the timeline.
struct Live {
    pipeline: Monitor,
    listener: Listener,
    pull: PlaybackPull,
    open: Vec<ClassId>,
    played: Vec<f32>,
    events: Vec<EventReport>,
    origin: u64,
    n_samples: u64,
}

impl Live {
    fn new(mask: Mask, output_hz: u32) -> Self {
        let pipeline = pipeline(Loudness::boxed(mask));
        let geometry = *pipeline.history().geometry();
        let (push, pull) = Listener::ring(&geometry, rate(RATE), rate(output_hz));
        let listener = Listener::new(&geometry, rate(RATE), push).unwrap();
        let (open, played, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { pipeline, listener, pull, open, played, events, origin: 0, n_samples: 0 }
    }

    /// Captures the next samples as they would come, and plays for as long.
    fn hear(&mut self, samples: &[f32], chunk: usize) {
        for chunk in samples.chunks(chunk) {
            self.n_samples += chunk.len() as u64;
            self.pipeline.push(chunk, &mut self.events).unwrap();
            self.stride();
            self.play_until(self.origin + self.n_samples);
        }
    }

    fn stride(&mut self) {
        self.listener.stride(self.pipeline.history(), SamplePos(self.origin), &self.open).unwrap();
    }

    /// Plays what is due before the capture clock stands at `position`, in buffers of 10 ms and a rest.
    fn play_until(&mut self, position: u64) {
        let delay = self.pull.delay_samples() as usize;
        let until = (position * u64::from(self.pull.rate().hz()) / u64::from(RATE)) as usize;
        while self.played.len() + delay < until || self.played.is_empty() {
            let now = self.played.len() + delay;
            let mut buffer = vec![9.0; (until.saturating_sub(now)).min(self.pull.rate().hz() as usize / 100)];
            self.pull.fill(&mut buffer, now as u64, 0);
            self.played.extend_from_slice(&buffer);
            if buffer.is_empty() {
                break;
            }
        }
    }

    /// The stretch ends.
    fn finish(&mut self) {
        self.pipeline.finish(&mut self.events).unwrap();
        self.stride();
    }

    fn restart(&mut self, gap: u64) {
        self.origin += self.n_samples + gap;
        self.n_samples = 0;
        self.pipeline.restart(SamplePos(self.origin)).unwrap();
        self.listener.restart(SamplePos(self.origin)).unwrap();
    }

    /// Plays all that is left.
    fn end(&mut self) {
        self.finish();
        self.listener.finish();
        self.play_until(self.origin + self.n_samples + 4 * u64::from(RATE));
        assert_eq!((self.pull.control().underruns(), self.pull.control().resyncs()), (0, 0));
    }
}

/// The samples of a clip but for those in which the playback fades in, at the beginning of a stretch.
fn assert_plays(played: &[f32], event: &EventReport, faded: usize) {
    let begin = event.clip.start.0 as usize;
    let fade = faded.saturating_sub(begin);
    let clip = &event.clip.interpretation;
    assert!(clip.iter().any(|x| x.abs() > 0.05), "there is something to hear");
    assert_close(&played[begin + fade..begin + clip.len()], &clip[fade..], 1e-5);
}

#[test]
fn what_is_heard_is_what_is_recorded_and_comes_in_time() {
    let samples = scene(9.0, &[0.3..0.6, 2.5..3.0, 5.0..7.0]);
    for (mask, open) in [(Mask::Relative, vec![]), (Mask::Relative, vec![ClassId(0)]), (Mask::Low, vec![ClassId(0)])] {
        let mut live = Live::new(mask, RATE);
        live.open = open;
        live.hear(&samples, HOP);
        live.end();
        assert_times(&live.events, &[0.3..0.6, 2.5..3.0, 5.0..7.0]);
        for event in &live.events {
            assert_plays(&live.played, event, 80);
        }
    }
}

#[test]
fn the_input_is_heard_as_late_as_the_interpretation() {
    let samples = scene(6.0, &[1.0..1.5, 3.3..3.6]);
    let mut live = Live::new(Mask::Low, RATE);
    live.pull.control().set_mode(ListenMode::Input);
    live.hear(&samples, HOP);
    live.end();
    assert_eq!(live.played[80..samples.len()], samples[80..]);
    // A mask of 1 is no mask.
    let mut live = Live::new(Mask::Ones, RATE);
    live.hear(&samples, HOP);
    live.end();
    assert_close(&live.played[80..samples.len()], &samples[80..], 1e-5);
}

#[test]
fn a_class_that_is_not_decided_is_not_heard_though_its_event_is_open() {
    let mut live = Live::new(Mask::Ones, RATE);
    live.open = vec![ClassId(2), ClassId(0)];
    live.hear(&scene(3.0, &[1.0..1.5]), HOP);
    live.end();
    assert!(live.played.iter().all(|x| *x == 0.0));
}

#[test]
fn any_chunking_sounds_the_same_bit_for_bit() {
    let samples = scene(5.3, &[0.1..0.4, 1.0..1.5, 3.0..5.3]);
    let mut whole = Live::new(Mask::Relative, 44_100);
    whole.hear(&samples, HOP);
    whole.end();
    assert!(whole.played.iter().any(|x| x.abs() > 0.1));
    for chunk in [7, 79, 997] {
        let mut live = Live::new(Mask::Relative, 44_100);
        live.hear(&samples, chunk);
        live.end();
        assert!(live.played == whole.played, "chunks of {chunk} sound different");
    }
}

#[test]
fn at_another_rate_every_sample_keeps_its_place() {
    let samples = scene(5.0, &[0.5..0.8, 2.0..3.5]);
    let listen = |output_hz| {
        let mut live = Live::new(Mask::Relative, output_hz);
        live.hear(&samples, HOP);
        live.end();
        live.played
    };
    let same = listen(RATE);
    for output_hz in [44_100, 48_000] {
        let played = listen(output_hz);
        let want = resample(&same[..samples.len()], rate(RATE), rate(output_hz)).unwrap();
        let fade = output_hz as usize / 20;
        let end = want.len() - fade;
        assert_close(&played[fade..end], &want[fade..end], 1e-4);
    }
}

#[test]
fn after_a_gap_the_next_stretch_is_heard_at_its_place() {
    for (output_hz, gap) in [(RATE, 20_000), (RATE, 12_345), (48_000, 16_000)] {
        let first = scene(3.0, &[1.0..1.5]);
        let second = scene(4.0, &[1.2..1.9]);
        let mut live = Live::new(Mask::Relative, output_hz);
        live.hear(&first, HOP);
        live.finish();
        live.restart(gap);
        live.hear(&second, HOP);
        live.end();
        assert_eq!(live.events.len(), 2);
        let scale = (output_hz / RATE) as usize;
        for (event, origin) in live.events.iter().zip([0, first.len() + gap as usize]) {
            assert!(event.clip.start.0 as usize >= origin);
            if scale == 1 {
                assert_plays(&live.played, event, origin + 80);
            } else {
                let want = resample(&event.clip.interpretation, rate(RATE), rate(output_hz)).unwrap();
                let begin = event.clip.start.0 as usize * scale;
                // The clip's ends are cut, and its resampling knows nothing behind them.
                let inner = 2000..want.len() - 2000;
                assert_close(&live.played[begin + inner.start..begin + inner.end], &want[inner], 1e-3);
            }
        }
        let silent = (first.len() + 4000) * scale..(first.len() + gap as usize) * scale;
        assert!(live.played[silent].iter().all(|x| *x == 0.0));
    }
}

#[test]
fn a_playback_that_stands_still_changes_nothing_and_is_right_when_it_comes_back() {
    let samples = scene(9.0, &[0.3..0.6, 2.5..3.0, 5.0..7.0]);
    let recorded = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, 1000);
    let geometry = *pipeline(None).history().geometry();
    let delay = rate(RATE).samples(Listener::delay_secs(&geometry, rate(RATE), rate(RATE)));
    let (push, mut pull) = playback_ring(rate(RATE), delay, delay as usize);
    let mut listener = Listener::new(&geometry, rate(RATE), push).unwrap();
    let mut pipeline = pipeline(Loudness::boxed(Mask::Relative));
    let (mut events, mut heard) = (Vec::new(), 0..0);
    for (i, chunk) in samples.chunks(HOP).enumerate() {
        pipeline.push(chunk, &mut events).unwrap();
        listener.stride(pipeline.history(), SamplePos(0), &[ClassId(0)]).unwrap();
        let now = (i * HOP) as u64;
        // The callback comes for the first time late in the scene: the ring has long been full.
        if now > 6 * u64::from(RATE) {
            let mut out = [0.0; HOP];
            pull.fill(&mut out, now, 0);
            let from = (now - delay) as usize;
            let event = &recorded[2].clip;
            let begin = event.start.0 as usize;
            // The ring's old samples go first; by the next stride it is as if nothing had been.
            if now > 7 * u64::from(RATE) && from > begin && from + HOP < begin + event.interpretation.len() {
                assert_close(&out, &event.interpretation[from - begin..from - begin + HOP], 1e-5);
                heard = heard.start..from;
            }
        }
    }
    pipeline.finish(&mut events).unwrap();
    assert_eq!(format!("{events:?}"), format!("{recorded:?}"));
    assert!(heard.end > 6 * RATE as usize);
}

#[test]
fn the_delay_is_what_its_parts_make() {
    let geometry = *pipeline(None).history().geometry();
    let same = Listener::delay_secs(&geometry, rate(RATE), rate(RATE));
    // Lookahead 64 frames, stride 32, a window of 256 samples; a stride of computing, 5 ms to limit, 0.3 s to work.
    let samples = 95 * HOP + 256 + 32 * HOP + 40 + 2400;
    assert!((same - samples as f64 / f64::from(RATE)).abs() < 1e-9, "{same}");
    let other = Listener::delay_secs(&geometry, rate(RATE), rate(48_000));
    assert!(other > same && other < same + 0.2, "{other}");
    // Nothing but what it must be: without the worker's part the first stride that counts would be late.
    let worker = 32 * HOP as u64 + 2400 + 40;
    let delay = rate(RATE).samples(same);
    for (less, late) in [(worker - 40, false), (worker + 80, true)] {
        let (push, mut pull) = playback_ring(rate(RATE), delay - less, 100_000);
        let mut listener = Listener::new(&geometry, rate(RATE), push).unwrap();
        let mut pipeline = pipeline(Loudness::boxed(Mask::Ones));
        // One sample at a time, as if computing took no time.
        for (now, sample) in (0..).zip(scene(4.0, &[0.5..4.0])) {
            pipeline.push(&[sample], &mut Vec::new()).unwrap();
            listener.stride(pipeline.history(), SamplePos(0), &[]).unwrap();
            pull.fill(&mut [0.0], now, 0);
        }
        assert_eq!(pull.control().underruns() > 0, late, "{less} samples less");
    }
}
