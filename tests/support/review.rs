//! A folder of events, and the program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use earwitness::media::wav::write_wav;
use earwitness::units::SampleRate;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Markup that would be seen if it were markup.
pub(crate) const EVIL: &str = "</script><img src=x onerror=\"window.evil=1\"><script>window.evil=1</script>";

/// What a tone's frequency tells: which sound is heard.
pub(crate) const HEARD_HZ: f32 = 500.0;
pub(crate) const WHY_HZ: f32 = 1500.0;
pub(crate) const PART_HZ: f32 = 3000.0;

/// Seconds of each clip.
pub(crate) const CLIP_SECS: f64 = 3.0;

/// A recording folder with four events: dog, cat, an evil one, and one without sound.
pub(crate) struct Recorded {
    pub(crate) dir: TempDir,
}

impl Recorded {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        // As the recorder makes it by default.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        event(dir.path(), "2026-11-20/100000Z-dog-01A", "01A", "dog", 0.91, true);
        event(dir.path(), "2026-11-20/110000Z-cat-01B", "01B", "cat", 0.55, true);
        event(dir.path(), "2026-11-21/080000Z-x-01C", "01C", EVIL, 0.42, true);
        event(dir.path(), "2026-11-21/090000Z-any-01D", "01D", "any", 0.77, false);
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `earwitness review DIR ARGS…`; exit code, stdout, stderr.
    pub(crate) fn review(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.arg("review").arg(self.path()).args(args).env("HOME", self.path()).env_remove("XDG_CONFIG_HOME");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("EARWITNESS_")) {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Makes the page.
    pub(crate) fn page(&self, args: &[&str]) -> PathBuf {
        let file = self.path().join("page.html");
        let (code, _, stderr) = self.review(&[&["--html", file.to_str().unwrap()], args].concat());
        assert_eq!(code, 0, "{stderr}");
        file
    }

    pub(crate) fn marks(&self, key: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(key).join("marks.json")).unwrap()).unwrap()
    }
}

fn tone(hz: f32, secs: f64) -> Vec<f32> {
    let n = (22_050.0 * secs) as usize;
    (0..n).map(|i| (i as f32 * hz * std::f32::consts::TAU / 22_050.0).sin() / 4.0).collect()
}

/// Writes an event as the recorder does.
fn event(dir: &Path, key: &str, id: &str, label: &str, score: f64, has_clip: bool) {
    let folder = dir.join(key);
    fs::create_dir_all(&folder).unwrap();
    let (day, time) = key.split_once('/').unwrap();
    let at = format!("{day}T{}:{}:{}", &time[..2], &time[2..4], &time[4..6]);
    let mut record = json!({
        "type": "event", "id": id, "label": label, "class": 0, "score": score, "onset_s": 1.0, "offset_s": 2.0,
        "onset": format!("{at}.000Z"), "offset": format!("{at}.900Z"),
        "source": format!("file:{label}.wav"), "model": {"name": "esc13", "sha256": "0123456789abcdef"}, "method": "l2i",
        "components": [], "faithfulness": null, "latency_s": 0.61, "files": {},
        "local_offset": "+01:00", "version": "0.1.0"
    });
    if has_clip {
        let rate = SampleRate::new(22_050).unwrap();
        for (name, hz) in [("clip.wav", HEARD_HZ), ("interpretation.wav", WHY_HZ), ("component-17.wav", PART_HZ)] {
            write_wav(&folder.join(name), rate, &tone(hz, CLIP_SECS)).unwrap();
        }
        let mut png = png::Encoder::new(fs::File::create(folder.join("spectrogram.png")).unwrap(), 60, 30);
        png.set_color(png::ColorType::Grayscale);
        png.write_header().unwrap().write_image_data(&[90; 60 * 30]).unwrap();
        record["components"] =
            json!([{"index": 17, "relevance": 1.0, "name": "dog 3"}, {"index": 4, "relevance": -0.41}]);
        record["faithfulness"] = json!({"agrees": id != "01B", "prob": 0.91, "prob_in": 0.95, "prob_out": 0.11});
        record["files"] = json!({
            "clip": "clip.wav", "interpretation": "interpretation.wav", "spectrogram": "spectrogram.png",
            "components": [{"index": 17, "file": "component-17.wav"}]
        });
        record["clip"] =
            json!({"pre_roll_s": 1.0, "duration_s": CLIP_SECS, "samples": 66_150, "sample_rate_hz": 22_050});
    }
    fs::write(folder.join("event.json"), record.to_string()).unwrap();
}
