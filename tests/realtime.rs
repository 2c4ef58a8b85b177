//! The real-time rule, enforced: the push half runs under an allocator that aborts the test on any allocation or release,
//! and the code of the device callbacks is read for what must not stand there.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use earwitness::audio::fan::{CaptureFan, ChannelChoice};
use earwitness::audio::playback::playback_ring;
use earwitness::audio::playback_clock::{ClockFollower, ListenClock};
use earwitness::audio::ring::{CapturePull, CapturePush, capture_ring};
use earwitness::audio::sample::ToF32;
use earwitness::units::SampleRate;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// One sample, primes, one that fits no block, a second.
const CHUNKS: [usize; 8] = [1, 2, 7, 31, 257, 1009, 1024, 48_000];

fn check_invariant(pull: &CapturePull, read: u64) {
    let counters = pull.counters();
    let captured = counters.captured_samples.load(Ordering::Relaxed);
    let dropped = counters.dropped_samples.load(Ordering::Relaxed);
    assert_eq!(captured, read + dropped + pull.pending() as u64);
    let account = pull.account();
    assert_eq!((account.captured, account.read, account.dropped), (captured, read, dropped));
}

/// Pushes chunks of every length; reads `read_of(pending)` samples after each. Returns (read, dropped).
fn drive<S: ToF32>(
    samples: &[S],
    (mut push, mut pull): (CapturePush, CapturePull),
    read_of: impl Fn(usize) -> usize,
) -> (u64, u64) {
    let mut out = vec![0.0; 48_000];
    let mut read = 0;
    for len in CHUNKS.iter().cycle().take(3 * CHUNKS.len()) {
        let chunk = &samples[..*len];
        assert_no_alloc(|| push.push_converted(chunk));
        check_invariant(&pull, read);
        let wanted = read_of(pull.pending()).min(out.len());
        // The reader's side is held to the same rule: playback will read in a callback.
        read += assert_no_alloc(|| pull.read(&mut out[..wanted])) as u64;
        check_invariant(&pull, read);
    }
    (read, pull.counters().dropped_samples.load(Ordering::Relaxed))
}

fn all_ways<S: ToF32>(samples: &[S]) {
    for channels in 1..=8 {
        let (read, dropped) = drive(samples, capture_ring(200_000, channels), |pending| pending);
        assert!(read > 0 && dropped == 0, "a reader that keeps up loses nothing");
        let (read, dropped) = drive(samples, capture_ring(500, channels), |pending| pending / 3);
        assert!(read > 0 && dropped > 0, "a slow reader loses, counted");
        let (read, dropped) = drive(samples, capture_ring(64, channels), |_| 0);
        assert!(read == 0 && dropped > 0, "no reader at all");
    }
}

#[test]
fn floats_are_pushed_without_allocating() {
    let odd = [0.5, f32::NAN, 1e-42, f32::INFINITY, -0.25, 1e30];
    all_ways(&odd.iter().copied().cycle().take(48_000).collect::<Vec<f32>>());
}

#[test]
fn integers_of_every_width_are_pushed_without_allocating() {
    let ramp = |i: usize| (i as i64).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64);
    all_ways(&(0..48_000).map(|i| ramp(i) as i16).collect::<Vec<_>>());
    let (read, _) = drive(&(0..48_000).map(|i| ramp(i) as i8).collect::<Vec<_>>(), capture_ring(99, 3), |n| n);
    let (more, _) = drive(&(0..48_000).map(|i| ramp(i) as i32).collect::<Vec<_>>(), capture_ring(99, 3), |n| n);
    let (most, _) = drive(&(0..48_000).map(|i| ramp(i) as u64).collect::<Vec<_>>(), capture_ring(99, 3), |n| n);
    assert!(read > 0 && read == more && more == most);
}

/// A fan of `channels` channels whose rings hold `capacity` samples each.
fn fan(choice: &ChannelChoice, channels: u16, capacity: usize) -> (CaptureFan, Vec<CapturePull>) {
    let lanes = choice.lanes(channels).unwrap().into_iter().map(|lane| {
        let (push, pull) = capture_ring(capacity, 1);
        ((lane, push), pull)
    });
    let (lanes, pulls) = lanes.unzip();
    (CaptureFan::new(lanes, channels), pulls)
}

/// Interleaved and planar chunks of every length, skipped frames and xruns through every kind of fan, with readers that
/// read `read_of(pending)` samples after each chunk. Returns (read, dropped without what was skipped) of all lanes.
fn drive_fan(choice: &ChannelChoice, channels: u16, capacity: usize, read_of: fn(usize) -> usize) -> (u64, u64) {
    let samples: Vec<f32> = [0.5, f32::NAN, 1e-42, -0.25, 1e30].into_iter().cycle().take(48_000).collect();
    let words: Vec<i16> = samples.iter().map(|&x| (x * 8192.0) as i16).collect();
    let mut out = vec![0.0; 48_000];
    let (mut fan, mut pulls) = fan(choice, channels, capacity);
    let xruns = fan.xrun_counter();
    let (mut reads, mut dropped) = (vec![0; pulls.len()], 0);
    for (step, &len) in CHUNKS.iter().cycle().take(4 * CHUNKS.len()).enumerate() {
        assert_no_alloc(|| {
            match step % 3 {
                0 => fan.push_interleaved(&samples[..len]),
                1 => fan.push_interleaved(&words[..len]),
                // Ports on the stack, as in JACK's callback; the last one is missing, and one is short.
                _ => {
                    let mut ports = [&samples[..len]; 8];
                    ports[0] = &samples[..len / 2];
                    fan.push_planar(&ports[..usize::from(channels) - usize::from(channels > 1)]);
                }
            }
            if step % 5 == 0 {
                fan.lost(len as u64);
                fan.count_xrun();
                xruns.count();
            }
        });
        for (pull, read) in pulls.iter_mut().zip(&mut reads) {
            check_invariant(pull, *read);
            let wanted = read_of(pull.pending()).min(out.len());
            *read += assert_no_alloc(|| pull.read(&mut out[..wanted])) as u64;
            check_invariant(pull, *read);
        }
    }
    let n_skips = (4 * CHUNKS.len()).div_ceil(5);
    let skipped: usize = CHUNKS.iter().cycle().take(4 * CHUNKS.len()).step_by(5).sum();
    for pull in &pulls {
        let account = pull.account();
        assert_eq!(account.xruns, 2 * n_skips as u64);
        assert_eq!(account.chunks, 4 * CHUNKS.len() as u64);
        assert!(account.dropped >= skipped as u64);
        dropped += account.dropped - skipped as u64;
    }
    (reads.iter().sum(), dropped)
}

#[test]
fn a_fan_feeds_every_lane_without_allocating() {
    for channels in 1..=8 {
        for choice in [ChannelChoice::Mix, ChannelChoice::Each, ChannelChoice::Only(vec![channels])] {
            let (read, dropped) = drive_fan(&choice, channels, 200_000, |pending| pending);
            assert!(read > 0 && dropped == 0, "readers that keep up lose nothing");
            let (read, dropped) = drive_fan(&choice, channels, 500, |pending| pending / 3);
            assert!(read > 0 && dropped > 0, "slow readers lose, counted");
            let (read, dropped) = drive_fan(&choice, channels, 64, |_| 0);
            assert!(read == 0 && dropped > 0, "no reader at all");
        }
    }
}

/// While a callback runs, the numbers of the account are of one moment. Without the sequence number this fails within
/// some thousand looks.
#[test]
fn the_account_balances_while_a_callback_runs() {
    let (mut push, mut pull) = capture_ring(900, 1);
    let producer = std::thread::spawn(move || {
        let chunk = [0.25_f32; 300];
        for step in 0..60_000_u64 {
            assert_no_alloc(|| {
                push.push_mono_samples(&chunk[..(step % 300) as usize]);
                if step % 7 == 0 {
                    push.lose(step % 11);
                }
            });
        }
    });
    let (mut read, mut out, mut looks, mut newest) = (0, [0.0; 64], 0_u64, 0);
    while !producer.is_finished() {
        for _ in 0..5 {
            let account = pull.account();
            assert_eq!(account.captured, read + account.dropped + account.pending, "{account:?}");
            assert!(account.read == read && account.captured >= newest);
            (newest, looks) = (account.captured, looks + 1);
        }
        read += pull.read(&mut out) as u64;
    }
    producer.join().unwrap();
    check_invariant(&pull, read);
    assert!(looks > 100, "only {looks} looks");
}

#[test]
fn nothing_is_lost_or_doubled_between_two_threads() {
    let (mut push, mut pull) = capture_ring(777, 1);
    // Sample i has the value i; 24 bits of mantissa hold them all.
    let total = 400_000_u32;
    let producer = std::thread::spawn(move || {
        let mut next = 0_u32;
        let mut chunk = vec![0_i32; 1009];
        for len in CHUNKS.iter().cycle() {
            let n = (*len).min(chunk.len()).min((total - next) as usize);
            chunk[..n].iter_mut().zip(next..).for_each(|(slot, i)| *slot = (i as i32) << 8);
            assert_no_alloc(|| push.push_converted(&chunk[..n]));
            next += n as u32;
            if next == total {
                break;
            }
            std::thread::yield_now();
        }
    });
    let (mut position, mut read, mut out) = (0_u64, 0_u64, [0.0_f32; 313]);
    loop {
        let over = producer.is_finished();
        let n = pull.read(&mut out);
        position += pull.gap_before();
        for &sample in &out[..n] {
            assert_eq!((f64::from(sample) * f64::from(1 << 23)) as u64, position, "the position is the source's");
            position += 1;
        }
        read += n as u64;
        if n == 0 && over {
            break;
        }
    }
    producer.join().unwrap();
    check_invariant(&pull, read);
    assert_eq!(pull.counters().captured_samples.load(Ordering::Relaxed), u64::from(total));
}

/// Fills buffers of every length while `stride` samples are pushed at a time, as often as `pushes` says; every clock and
/// every mode. Returns (played, underruns).
fn listen(capacity: usize, stride: usize, pushes: impl Fn(u64) -> usize, tolerance: u64) -> (u64, u64) {
    let (mut push, mut pull) = playback_ring(SampleRate::new(48_000).unwrap(), 5000, capacity);
    let sound: Vec<f32> = (0..stride).map(|i| (i as f32 * 0.1).sin()).collect();
    let mut out = vec![0.0; 48_000];
    let (mut now, mut position) = (0_u64, 0_u64);
    for (i, len) in (0_u64..).zip(CHUNKS.iter().cycle().take(6 * CHUNKS.len())) {
        for _ in 0..pushes(i) {
            // Now and then a jump.
            position += if i % 5 == 4 { 333 } else { 0 };
            let fitted = assert_no_alloc(|| push.push(position, &sound, &sound));
            assert!(fitted <= stride);
            position += stride as u64;
        }
        // A clock that jitters is off now and then; one that stands still or goes back is far off.
        let clock = if i % 11 == 10 { now / 2 } else { now + i % 3 };
        assert_no_alloc(|| pull.fill(&mut out[..*len], clock, tolerance));
        assert!(out[..*len].iter().all(|x| x.abs() <= 1.0));
        now += *len as u64;
        push.control().set_mode(if i % 7 == 6 { push.control().mode().next() } else { push.control().mode() });
    }
    let counted = (pull.control().played_samples(), pull.control().underruns());
    assert_no_alloc(|| push.close());
    counted
}

#[test]
fn the_playback_is_pushed_and_filled_without_allocating() {
    for tolerance in [0, 2880] {
        let (played, _) = listen(400_000, 4800, |_| 2, tolerance);
        assert!(played > 10_000, "a ring that is kept filled plays: {played}");
        let (_, underruns) = listen(48_000, 64, |i| usize::from(i % 3 == 0), tolerance);
        assert!(underruns > 0, "a ring that starves");
        let (played, _) = listen(1000, 4801, |_| 3, tolerance);
        assert!(played > 0, "a ring that is overfull");
        assert_eq!(listen(1, 1, |_| 100, tolerance).1, 0, "marks without room");
        assert_eq!(listen(100, 1, |_| 0, tolerance), (0, 0), "nothing at all");
    }
}

#[test]
fn a_clock_is_followed_without_allocating() {
    let clock = Arc::new(ListenClock::default());
    let rate = |hz| SampleRate::new(hz).unwrap();
    let mut follower = ClockFollower::new(Arc::clone(&clock), rate(44_100), rate(48_000));
    let (mut captured, mut jumps, mut expected) = (0, 0, 0);
    for (i, len) in (0_u64..).zip(CHUNKS.iter().cycle().take(100 * CHUNKS.len())) {
        // Late, drifting, jumping, standing still.
        captured += *len as u64 * if i % 100 == 99 { 100 } else { 1 };
        if i % 13 != 0 {
            assert_no_alloc(|| clock.set(captured));
        }
        let now = assert_no_alloc(|| follower.next(*len));
        jumps += u64::from(now != expected);
        expected = now + *len as u64;
    }
    assert!(jumps > 5);
}

#[test]
fn the_playback_keeps_its_timeline_between_two_threads() {
    // Sample p has the value -p, so what is played shows its position. The input has the other sign and is not heard.
    const DELAY: u64 = 512;
    let (mut push, mut pull) = playback_ring(SampleRate::new(8000).unwrap(), DELAY, 1024);
    let total = 40_000_u64;
    let reached = Arc::new(AtomicU64::new(0));
    let producer = std::thread::spawn({
        let reached = Arc::clone(&reached);
        move || {
            let (mut position, mut jumped) = (0, 0);
            for len in [1_u64, 7, 64, 333].iter().cycle() {
                if position >= total {
                    break;
                }
                // A jump now and then.
                if position > jumped + 3000 {
                    position += 55;
                    jumped = position;
                }
                let input: Vec<f32> = (position..position + len).map(|p| p as f32).collect();
                let explained: Vec<f32> = input.iter().map(|x| -x).collect();
                position += assert_no_alloc(|| push.push(position, &input, &explained)) as u64;
                reached.store(position, Ordering::Release);
                std::thread::yield_now();
            }
        }
    });
    let (mut now, mut exact, mut out) = (DELAY, 0_u64, [0.0_f32; 37]);
    while now - DELAY < total - 1000 {
        // Now and then this runs ahead of the samples, and finds none.
        if now - DELAY + 37 > reached.load(Ordering::Acquire) + 100 {
            std::thread::yield_now();
            continue;
        }
        assert_no_alloc(|| pull.fill(&mut out, now, 0));
        for (p, sample) in (now - DELAY..).zip(out) {
            // Between: silence, or a fade into or out of it.
            assert!(sample <= 0.0 && -sample <= p as f32 + 1.0, "position {p} plays {sample}");
            exact += u64::from(p > 0 && sample == -(p as f32));
        }
        now += out.len() as u64;
    }
    producer.join().unwrap();
    assert!(exact > 1000, "{exact} samples were played at their place");
}

/// The body of JACK's callback, with cycles of every length, skipped frames, a full ring and a slow reader.
#[cfg(feature = "jack")]
#[test]
fn the_body_of_jacks_callback_does_not_allocate() {
    use earwitness::audio::jack_cycle::{Cycle, CycleCapture, MAX_PORTS};
    use earwitness::units::SampleRate;

    let samples: Vec<f32> = [0.5, f32::NAN, 1e-42, -0.25].into_iter().cycle().take(48_000).collect();
    let rate = SampleRate::new(48_000).unwrap();
    for (channels, choice) in [(1, ChannelChoice::Mix), (8, ChannelChoice::Mix), (8, ChannelChoice::Each)] {
        for (capacity, divisor) in [(400_000, 1), (500, 3)] {
            let (fan, mut pulls) = fan(&choice, channels, capacity);
            let mut capture = CycleCapture::new(fan, rate);
            // Begins just before the counter wraps.
            let (mut first_frame, mut skipped, mut n_frames) = (u32::MAX - 100, 0, 0);
            let mut reads = vec![0; pulls.len()];
            let mut out = vec![0.0; 48_000];
            for (step, &len) in CHUNKS.iter().cycle().take(5 * CHUNKS.len()).enumerate() {
                let chunk = &samples[..len];
                let cycle = Cycle { first_frame, began_usecs: None };
                skipped += assert_no_alloc(|| capture.process(cycle, &[chunk; MAX_PORTS][..usize::from(channels)]));
                n_frames += len as u64;
                first_frame = first_frame.wrapping_add(len as u32 + if step % 4 == 3 { 480 } else { 0 });
                for (pull, read) in pulls.iter_mut().zip(&mut reads) {
                    let wanted = (pull.pending() / divisor).min(out.len());
                    *read += pull.read(&mut out[..wanted]) as u64;
                    check_invariant(pull, *read);
                }
            }
            // The last skip has no cycle behind it.
            assert_eq!(skipped, 480 * (5 * CHUNKS.len() as u64 / 4 - 1));
            for pull in &pulls {
                let account = pull.account();
                assert_eq!(account.captured, n_frames + skipped);
                assert_eq!(account.dropped > skipped, divisor > 1, "{account:?}");
            }
        }
    }
}

/// What JACK's callback plays: before there is anything, from when the ring comes in, and from a client that follows the first.
#[cfg(feature = "jack")]
#[test]
fn what_jack_plays_is_filled_without_allocating() {
    use std::sync::Arc;

    use earwitness::audio::jack_out::JackOut;
    use earwitness::audio::playback::playback_ring;
    use earwitness::audio::playback_clock::ListenClock;
    use earwitness::units::SampleRate;

    let rate = SampleRate::new(48_000).unwrap();
    let clock = Arc::new(ListenClock::default());
    let out = Arc::new(JackOut::new(Arc::clone(&clock)));
    let (mut push, pull) = playback_ring(rate, 100, 2_000_000);
    let samples = vec![0.5; 48_000];
    let mut buffer = vec![9.0; 48_000];
    let mut pull = Some(pull);
    for client in 0..2 {
        let mut feed = out.feed(rate);
        let mut frame = 0;
        for (step, &len) in CHUNKS.iter().cycle().take(3 * CHUNKS.len()).enumerate() {
            assert_no_alloc(|| feed.fill(&mut buffer[..len], frame));
            assert!(buffer[..len].iter().all(|sample| (0.0..=0.5).contains(sample)));
            frame += len as u64;
            clock.set(frame);
            // A slow worker: of the second half of the chunks it pushes nothing.
            if step % CHUNKS.len() < CHUNKS.len() / 2 {
                push.push(frame - len as u64, &samples[..len], &samples[..len]);
            }
            if step == 2
                && let Some(pull) = pull.take()
            {
                out.play(pull);
            }
        }
        assert!(push.control().played_samples() > 0, "client {client}");
    }
}

/// What is given to cpal and libjack itself no allocator guard reaches without a device. These are few lines between two
/// marks; this reads them. It knows calls by name only, so it is a tripwire, not a proof.
#[test]
fn the_device_callbacks_hold_nothing_forbidden() {
    let jack = callbacks_of("jack_client.rs");
    assert_eq!(jack.matches("fn process(").count(), 1, "{jack}");
    look_for_forbidden(&jack);
    let playback = callbacks_of("cpal_playback.rs");
    assert_eq!(playback.matches("move |").count(), 2, "one data callback and one error callback: {playback}");
    look_for_forbidden(&playback);
    let lease = callbacks_of("playback_keeper.rs");
    assert_eq!(lease.matches("fn play").count(), 1, "{lease}");
    look_for_forbidden(&lease);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/audio/cpal_source.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let (before, rest) = source.split_once("// ---- on the audio thread").expect("the mark where the callbacks begin");
    let (callbacks, after) = rest.split_once("// ---- … to here.").expect("the mark where they end");
    let code: Vec<&str> = callbacks.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    assert_eq!(code.matches("move |").count(), 2, "one data callback and one error callback");
    assert!(!before.contains("move |chunk") && !after.contains("move |chunk"), "a callback outside the marks");
    look_for_forbidden(&code);
}

/// The code between the marks of a file, without comments.
fn callbacks_of(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audio").join(file);
    let source = std::fs::read_to_string(path).unwrap();
    let (_, rest) = source.split_once("// ---- on the audio thread").expect("the mark where the callbacks begin");
    let (callbacks, _) = rest.split_once("// ---- … to here.").expect("the mark where they end");
    callbacks.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn look_for_forbidden(code: &str) {
    let forbidden = [
        "format!",
        "println",
        "print!",
        "panic",
        "assert",
        "unwrap()",
        "expect(",
        "todo",
        "unreachable",
        "Vec",
        "vec!",
        "String",
        "Box::",
        "to_owned",
        "to_string",
        "clone()",
        "collect",
        "lock(",
        "Mutex",
        "RwLock",
        "Condvar",
        "sleep",
        "park",
        "recv",
        ".send(",
        "spawn",
        "tracing",
        "log::",
        "info!",
        "warn!",
        "error!",
        "debug!",
        "std::fs",
        "File",
        "Instant::now",
        "SystemTime",
        "loop",
        "while",
    ];
    for word in forbidden {
        assert!(!code.contains(word), "`{word}` in a device callback:\n{code}");
    }
}
