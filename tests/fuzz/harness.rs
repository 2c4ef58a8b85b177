//! Runs a target over many cases and watches it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use earwitness::Error;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::mutate::mutate;

/// Cases without `EARWITNESS_FUZZ_SECS`.
const CASES: u64 = 300;
/// A case that takes longer hangs, on however busy a machine.
const HANG: Duration = Duration::from_secs(60);
/// What the test program may have in memory at most, all targets together.
const MOST_KIB: u64 = 1 << 20;

/// Feeds `target` with damaged `seeds`; `words` are what the format is made of.
pub(crate) fn fuzz(name: &str, seeds: &[Vec<u8>], words: &[&str], target: impl Fn(&[u8]) -> Result<(), Error>) {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(name);
    let mut known: Vec<PathBuf> =
        fs::read_dir(&found).map_or(Vec::new(), |dir| dir.map(|f| f.unwrap().path()).collect());
    known.sort();
    for path in &known {
        check(&target, &fs::read(path).unwrap());
    }
    for seed in seeds {
        check(&target, seed);
    }
    let secs: Option<u64> = std::env::var("EARWITNESS_FUZZ_SECS").ok().map(|secs| secs.parse().unwrap());
    let seed = std::env::var("EARWITNESS_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let watch = Watch::start(found.clone());
    let (began, mut n_cases, mut n_accepted) = (Instant::now(), 0_u64, 0_u64);
    while secs.map_or(n_cases < CASES, |secs| began.elapsed().as_secs() < secs) {
        let case = mutate(seeds, words, &mut random);
        watch.begin(&case);
        match catch_unwind(AssertUnwindSafe(|| check(&target, &case))) {
            Ok(accepted) => n_accepted += u64::from(accepted),
            Err(panic) => {
                eprintln!("{name}: case {n_cases} left in {}", keep(&found, &case).display());
                resume_unwind(panic);
            }
        }
        watch.end();
        n_cases += 1;
    }
    eprintln!("{name}: {n_cases} cases, {n_accepted} of them accepted, peak {} MiB", peak_kib() / 1024);
    assert!(peak_kib() < MOST_KIB, "{name}: {} KiB in memory", peak_kib());
}

/// One case: whether it was accepted. An error is one plain sentence.
fn check(target: &impl Fn(&[u8]) -> Result<(), Error>, case: &[u8]) -> bool {
    let Err(e) = target(case) else { return true };
    let text = e.to_string();
    // It may name what was given, once.
    assert!(!text.is_empty() && text.len() < 4000 + 4 * case.len(), "{} bytes: {text:.200}", text.len());
    assert!(e.kind().exit_code() != 70, "told as a defect of the program: {text}");
    false
}

fn keep(found: &PathBuf, case: &[u8]) -> PathBuf {
    fs::create_dir_all(found).unwrap();
    // FNV: enough to give each case a name.
    let hash = case.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let path = found.join(format!("{hash:016x}"));
    fs::write(&path, case).unwrap();
    path
}

/// Highest resident memory of this process so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// A case, and since when it is read.
type Current = Option<(Instant, Vec<u8>)>;

/// Ends the program where a case takes too long, and leaves the case behind.
struct Watch {
    now: Arc<Mutex<Current>>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn start(found: PathBuf) -> Self {
        let watch = Self { now: Arc::default(), over: Arc::default() };
        let (now, over) = (Arc::clone(&watch.now), Arc::clone(&watch.over));
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                if let Some((since, case)) = &*now.lock().unwrap()
                    && since.elapsed() > HANG
                {
                    eprintln!("hangs: {}", keep(&found, case).display());
                    std::process::abort();
                }
                thread::sleep(Duration::from_millis(500));
            }
        });
        watch
    }

    fn begin(&self, case: &[u8]) {
        *self.now.lock().unwrap() = Some((Instant::now(), case.to_vec()));
    }

    fn end(&self) {
        *self.now.lock().unwrap() = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
