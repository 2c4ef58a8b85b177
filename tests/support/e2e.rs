//! What the end-to-end tests share: JSON lines, event folders, recordings, signals. They run the built program with the
//! model that lies in the repository, whichever it is.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use earwitness::audio::demo::{SceneEvent, scene};
use earwitness::dsp::resample;
use earwitness::units::SampleRate;
use serde_json::Value;

/// Longest wait for anything: a busy machine may take its time, a hanging program may not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

/// The demo scene, mono at `hz`, and what is to be heard in it.
pub(crate) fn scene_at(hz: u32) -> (Vec<f32>, Vec<SceneEvent>) {
    let (samples, events) = scene();
    (resample(&samples, rate(44_100), rate(hz)).unwrap(), events)
}

/// An empty folder for `test` that stays until the next run, so that a failure can be looked into.
pub(crate) fn fresh_folder(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Every line of `text` as a JSON object.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {text:?}");
    text.lines().map(json_line).collect()
}

pub(crate) fn json_line(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert!(value.is_object(), "{line}");
    value
}

/// The lines whose `type` is `kind`.
pub(crate) fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// The names of an object's fields, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

pub(crate) fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {object}"))
}

pub(crate) fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} is no count in {object}"))
}

pub(crate) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {object}"))
}

/// What every finished run's lines have in common: one `start` first, one `stop` last, status and events between, and
/// counters that add up. Gives the events.
pub(crate) fn check_lines(lines: &[Value]) -> Vec<&Value> {
    assert!(lines.len() >= 2, "{lines:?}");
    let kinds: Vec<&str> = lines.iter().map(|line| text(line, "type")).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("start", "stop"), "{kinds:?}");
    assert!(kinds[1..kinds.len() - 1].iter().all(|kind| ["event", "status"].contains(kind)), "{kinds:?}");
    let events = of_type(lines, "event");
    let stop = &lines[lines.len() - 1];
    assert_eq!(count(stop, "events"), events.len() as u64, "{stop}");
    for line in lines.iter().filter(|line| ["status", "stop"].contains(&text(line, "type"))) {
        let parts = ["analysed_samples", "dropped_samples", "waiting_samples"].map(|part| count(line, part));
        assert_eq!(count(line, "captured_samples"), parts.iter().sum::<u64>(), "{line}");
    }
    assert_eq!(count(stop, "waiting_samples"), 0, "{stop}");
    events
}

/// Nothing was lost and nothing is left: for runs that heard all there was.
pub(crate) fn check_all_was_heard(stop: &Value) {
    assert_eq!(
        count(stop, "captured_samples"),
        count(stop, "analysed_samples") + count(stop, "dropped_samples"),
        "{stop}"
    );
}

/// What two runs over the same samples must agree on: everything but ids, wall times, source and folders.
pub(crate) fn without_run(event: &Value) -> Value {
    let mut event = event.clone();
    let fields = event.as_object_mut().unwrap();
    for key in ["id", "onset", "offset", "source", "files", "lag_s"] {
        fields.remove(key);
    }
    event
}

/// A wav file as it lies on disk.
pub(crate) struct Wav {
    pub(crate) spec: hound::WavSpec,
    pub(crate) samples: Vec<i16>,
}

pub(crate) fn read_wav(path: &Path) -> Wav {
    let mut reader = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Wav { spec: reader.spec(), samples: reader.samples().map(Result::unwrap).collect() }
}

/// Writes 16-bit PCM; `samples` are interleaved.
pub(crate) fn write_wav(path: &Path, hz: u32, channels: u16, samples: &[f32]) {
    let spec =
        hound::WavSpec { channels, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|&x| writer.write_sample(pcm16(x)).unwrap());
    writer.finalize().unwrap();
}

pub(crate) fn pcm16(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

/// Samples as `s16le`.
pub(crate) fn s16le(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|&x| pcm16(x).to_le_bytes()).collect()
}

/// Samples as `f32le`.
pub(crate) fn f32le(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The event folders below `dir`, sorted; fails if there is anything else, but for the index and the summary of `explain`.
pub(crate) fn event_folders(dir: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let read = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        read.map(|entry| entry.unwrap().path()).collect()
    };
    let mut folders = Vec::new();
    for day in entries(dir) {
        let name = day.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(".index.sqlite") || name == "summary.json" {
            continue;
        }
        assert!(name.parse::<jiff::civil::Date>().is_ok(), "{} is no day", day.display());
        folders.extend(entries(&day));
    }
    for folder in &folders {
        assert!(folder.is_dir(), "{}", folder.display());
        assert!(!folder.file_name().unwrap().to_str().unwrap().starts_with('.'), "{}", folder.display());
    }
    folders.sort();
    folders
}

/// What an event folder holds, after checking that it is whole and that its parts fit together.
pub(crate) struct Folder {
    pub(crate) event: Value,
    pub(crate) clip: Wav,
    pub(crate) interpretation: Wav,
    pub(crate) components: Vec<Wav>,
}

/// Reads an event folder and checks all that holds for every one: its name, its files, and their lengths.
pub(crate) fn read_folder(dir: &Path) -> Folder {
    let event: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("event.json")).unwrap()).unwrap();
    let onset = text(&event, "onset");
    let (day, time) = (&onset[..10], onset[11..19].replace(':', ""));
    let name = format!("{time}Z-{}-{}", text(&event, "label"), text(&event, "id"));
    assert_eq!(dir.file_name().unwrap().to_str().unwrap(), name);
    assert_eq!(dir.parent().unwrap().file_name().unwrap().to_str().unwrap(), day);

    let listed: Vec<(u64, &str)> =
        event["files"]["components"].as_array().unwrap().iter().map(|c| (count(c, "index"), text(c, "file"))).collect();
    for (index, file) in &listed {
        let concepts = ["drsa", "dsa", "prca", "random-subspaces"];
        let method = text(&event, "method").split(':').next().unwrap();
        let word = if concepts.contains(&method) { "concept" } else { "component" };
        assert_eq!(*file, format!("{word}-{index:02}.wav"));
    }
    let told: Vec<u64> = event["components"].as_array().unwrap().iter().map(|c| count(c, "index")).collect();
    assert_eq!(listed.iter().map(|(index, _)| *index).collect::<Vec<_>>(), told);

    let mut expected = vec!["clip.wav", "event.json", "interpretation.wav", "spectrogram.png"];
    expected.extend(listed.iter().map(|(_, file)| *file));
    expected.sort_unstable();
    let mut found: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{}", dir.display());
    check_png(&dir.join("spectrogram.png"));

    let clip = read_wav(&dir.join("clip.wav"));
    assert_eq!((clip.spec.channels, clip.spec.bits_per_sample), (1, 16));
    assert_eq!(u64::from(clip.spec.sample_rate), count(&event["clip"], "sample_rate_hz"));
    assert_eq!(clip.samples.len() as u64, count(&event["clip"], "samples"));
    let aligned = |file: &str| {
        let wav = read_wav(&dir.join(file));
        assert_eq!((wav.spec, wav.samples.len()), (clip.spec, clip.samples.len()), "{file} of {}", dir.display());
        wav
    };
    let interpretation = aligned("interpretation.wav");
    let components = listed.iter().map(|(_, file)| aligned(file)).collect();
    Folder { clip, interpretation, components, event }
}

/// A picture that any viewer opens and that shows something.
fn check_png(path: &Path) {
    let decoder = png::Decoder::new(BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert!(info.width >= 64 && info.height >= 64, "{} is {}x{}", path.display(), info.width, info.height);
    assert!(pixels.iter().any(|&p| p != pixels[0]), "{} is blank", path.display());
}

/// The shift, up to `most` samples, at which `b` is most like `a`, and how like: the peak of the cross-correlation. A
/// positive one says that `b` comes later.
pub(crate) fn lag(a: &[i16], b: &[i16], most: usize) -> (isize, f64) {
    let most = most as isize;
    let at = |shift: isize| -> f64 {
        // The parts that overlap.
        let (a, b) = (&a[(-shift).max(0) as usize..], &b[shift.max(0) as usize..]);
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    let all = (-most..=most).map(|shift| (shift, at(shift)));
    let (best, product) = all.max_by(|(_, x), (_, y)| x.total_cmp(y)).unwrap();
    let energy = |s: &[i16]| s.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    (best, product / (energy(a) * energy(b)).sqrt())
}

/// A child whose JSON lines are read as they come. One that takes too long is killed, so that nothing waits for ever.
pub(crate) struct Live {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
    /// Gone with this: then the watchdog is called off.
    _watched: Sender<()>,
}

/// How a child ended.
pub(crate) struct Ending {
    /// The lines that were not read before.
    pub(crate) lines: Vec<Value>,
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Live {
    /// Starts `command`; its stdout and stderr are read by this test.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        let id = child.id();
        let (watched, called_off) = channel();
        std::thread::spawn(move || {
            if called_off.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                signal(id, "KILL");
            }
        });
        Self { child, lines, _watched: watched }
    }

    /// Where the child reads from; once.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.lines.as_mut().unwrap().read_line(&mut line).unwrap() > 0).then(|| json_line(line.trim_end()))
    }

    /// Reads up to the first line of this type and gives every line read.
    pub(crate) fn up_to(&mut self, kind: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next() {
            lines.push(line);
            if lines[lines.len() - 1]["type"] == kind {
                return lines;
            }
        }
        panic!("no line of type {kind} came: {lines:?}; {}", self.stderr());
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, as in `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Goes away as a reader, and waits for the program.
    pub(crate) fn close(mut self) -> Ending {
        drop(self.lines.take());
        let stderr = self.stderr();
        Ending { lines: Vec::new(), code: self.child.wait().unwrap().code(), stderr }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self) -> Ending {
        let mut lines = Vec::new();
        while let Some(line) = self.next() {
            lines.push(line);
        }
        let stderr = self.stderr();
        Ending { lines, code: self.child.wait().unwrap().code(), stderr }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Only a test that failed leaves a child that has not ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the signal called `name` to a process of this test.
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id.to_string()]).status().unwrap();
    assert!(status.success());
}
