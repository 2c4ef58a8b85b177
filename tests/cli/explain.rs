//! `earwitness explain` on recordings: what the folder holds, and that everything in it lies where it was in the recording.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::e2e::*;
use crate::support::run::{MODEL as MODEL_NAME, Run};
use serde_json::Value;

/// The rate of the default model, its labels.
static MODEL: LazyLock<(u32, Vec<String>)> = LazyLock::new(|| {
    let shown: Value = serde_json::from_str(&Run::new().ok(&["model", "show", MODEL_NAME, "--json"]).stdout).unwrap();
    let manifest = &shown["manifest"];
    let labels = manifest["labels"].as_array().unwrap().iter().map(|l| text(l, "name").to_owned()).collect();
    (count(&manifest["front_end"], "sample_rate_hz") as u32, labels)
});

/// The first sound of the demo scene at `hz`, from half a second before it on, and its label.
fn first_sound(hz: u32) -> (Vec<f32>, &'static str) {
    let (samples, sounds) = scene_at(hz);
    let at = |secs: f64| (secs * f64::from(hz)) as usize;
    (samples[at(sounds[0].onset_secs - 0.5)..at(sounds[0].offset_secs)].to_vec(), sounds[0].label)
}

/// The folders that `explain` names on stdout, in order.
fn named_folders(stdout: &str) -> Vec<PathBuf> {
    stdout.lines().filter_map(|line| line.strip_prefix("  ")).map(PathBuf::from).collect()
}

#[test]
fn a_recording_is_explained_from_its_first_to_its_last_sample() {
    let run = Run::new();
    let (hz, labels) = &*MODEL;
    // Another rate and a second channel on the way in.
    let (samples, label) = first_sound(2 * hz);
    let stereo: Vec<f32> = samples.iter().flat_map(|&x| [x, x]).collect();
    write_wav(&run.home().join("bark.wav"), 2 * hz, 2, &stereo);
    let printed = run.ok(&["explain", "bark.wav", "--out", "explained", "--method", "l2i"]);
    assert_eq!(printed.stderr, "");
    let folders = event_folders(&run.home().join("explained"));
    assert_eq!(named_folders(&printed.stdout), folders);
    assert_eq!(folders.len(), 1);
    let Folder { event, clip, interpretation, components } = read_folder(&folders[0]);

    assert!(printed.stdout.starts_with(&format!("bark.wav: {} ", text(&event, "label"))), "{}", printed.stdout);
    assert_eq!(
        (text(&event, "type"), text(&event, "source"), text(&event, "method")),
        ("event", "file:bark.wav", "l2i")
    );
    assert_eq!(text(&event, "label"), labels[count(&event, "class") as usize]);
    assert_eq!(text(&event, "label"), label, "the demo's first sound is what it is meant to be");
    let n_samples = samples.len().div_ceil(2);
    assert!(clip.samples.len().abs_diff(n_samples) <= 1, "{} samples of {n_samples}", clip.samples.len());
    assert_eq!(clip.spec.sample_rate, *hz);
    assert_eq!((number(&event, "onset_s"), number(&event["clip"], "pre_roll_s")), (0.0, 0.0));
    let secs = clip.samples.len() as f64 / f64::from(*hz);
    assert!(
        (number(&event, "offset_s") - secs).abs() < 1e-6 && (number(&event["clip"], "duration_s") - secs).abs() < 1e-6
    );

    let (lag, likeness) = lag(&clip.samples, &interpretation.samples, 60);
    assert!(lag == 0 && likeness > 0.2, "shifted by {lag}, alike by {likeness}");
    assert!(!components.is_empty());
    assert!(components.iter().any(|c| c.samples.iter().any(|&x| x != 0)), "all components are silent");
}

/// A click, so that a slip of a single sample shows, then a sound, at the model's own rate: the clip is the recording bit
/// for bit, the click's place in the interpretation is the same.
#[test]
fn a_click_stays_at_its_sample() {
    let run = Run::new();
    let (hz, _) = &*MODEL;
    let (sound, label) = first_sound(*hz);
    let click = 7_777;
    let mut samples = vec![0.0; *hz as usize];
    samples[click] = 0.9;
    samples.extend(sound);
    write_wav(&run.home().join("click.wav"), *hz, 1, &samples);
    run.ok(&["explain", "click.wav", "--out", "out", "--label", label]);
    let folders = event_folders(&run.home().join("out"));
    let Folder { clip, interpretation, .. } = read_folder(&folders[0]);
    assert!(clip.samples == samples.iter().map(|&x| pcm16(x)).collect::<Vec<_>>(), "the clip is not the recording");
    // The mask may take the click away; what it leaves of it lies in the same place.
    let around = click - 40..click + 41;
    let most = around.clone().max_by_key(|&i| interpretation.samples[i].unsigned_abs()).unwrap();
    let height = interpretation.samples[most].unsigned_abs();
    assert!(height < 33 || most == click, "what is left of the click, {height}, lies at {most} and not at {click}");
}

#[test]
fn any_label_of_the_model_can_be_asked_for_and_no_other() {
    let run = Run::new();
    let (hz, labels) = &*MODEL;
    let (sound, _) = first_sound(*hz);
    write_wav(&run.home().join("a.wav"), *hz, 1, &sound[..*hz as usize]);
    let (first, second) = (labels[0].as_str(), labels[labels.len() - 1].as_str());
    // Once with a comma, once as a flag of its own.
    let printed = run.ok(&["explain", "a.wav", "--out", "out", "--label", &format!("{first},{second}")]);
    let asked: Vec<String> =
        named_folders(&printed.stdout).iter().map(|f| text(&read_folder(f).event, "label").to_owned()).collect();
    assert_eq!(asked, [first, second]);
    let again =
        run.ok(&["explain", "a.wav", "--out", "out2", "--label", second, "--label", first, "--method", "l2i,lrp"]);
    assert_eq!(named_folders(&again.stdout).len(), 4);

    let error = run.fails(2, &["explain", "a.wav", "--out", "none", "--label", "no such label"]);
    assert!(error.contains("'no such label'") && error.contains(first), "{error}");
    assert!(!run.home().join("none").exists(), "nothing is made before all is known to be right");
}

/// One folder a method, each with a sound of its own, and a summary that says the same.
#[test]
fn every_method_of_the_model_explains() {
    let run = Run::new();
    let (hz, _) = &*MODEL;
    let (sound, label) = first_sound(*hz);
    write_wav(&run.home().join("a.wav"), *hz, 1, &sound);
    let printed = run.ok(&["explain", "a.wav", "--out", "out", "--method", "all"]);
    let folders = named_folders(&printed.stdout);
    let summary: Vec<Value> =
        serde_json::from_slice(&std::fs::read(run.home().join("out/summary.json")).unwrap()).unwrap();
    let methods: Vec<&str> = summary.iter().map(|row| text(row, "method")).collect();
    for method in [
        "l2i",
        "lmac",
        "lrp",
        "saliency",
        "smoothgrad",
        "integrated-gradients",
        "gradcam",
        "gradient-shap",
        "drsa",
        "slime",
        "audiolime",
    ] {
        assert_eq!(methods.iter().filter(|m| **m == method).count(), 1, "{method} in {methods:?}");
    }
    assert_eq!(summary.len(), folders.len());
    let mut sounds = Vec::new();
    for (row, folder) in summary.iter().zip(&folders) {
        let method = text(row, "method");
        assert_eq!((text(row, "folder"), text(row, "label")), (folder.to_str().unwrap(), label), "{method}");
        let Folder { event, interpretation, .. } = read_folder(folder);
        assert_eq!(text(&event, "method"), method);
        assert!((number(&event["faithfulness"], "prob_in") - number(row, "prob_in")).abs() < 1e-3, "{method}");
        assert!(number(row, "seconds") > 0.0);
        assert!(interpretation.samples.iter().any(|&x| x.unsigned_abs() > 300), "{method} has nothing to be heard");
        assert!(!sounds.contains(&interpretation.samples), "{method} sounds as another method does");
        sounds.push(interpretation.samples);
    }
    let error = run.fails(2, &["explain", "a.wav", "--out", "none", "--method", "lime"]);
    assert!(error.contains("lime") && error.contains("lrp"), "{error}");
    let error = run.fails(2, &["explain", "a.wav", "--out", "none", "--method", "lrp:nothing"]);
    assert!(error.contains("nothing"), "{error}");
}

/// Explaining again, or a copy with the same date, adds a folder; nothing is replaced and nothing is in the way.
#[test]
fn the_same_recording_can_be_explained_again_into_the_same_folder() {
    let run = Run::new();
    let (hz, _) = &*MODEL;
    let (sound, label) = first_sound(*hz);
    write_wav(&run.home().join("a.wav"), *hz, 1, &sound);
    std::fs::copy(run.home().join("a.wav"), run.home().join("b.wav")).unwrap();
    let date = std::fs::metadata(run.home().join("a.wav")).unwrap().modified().unwrap();
    std::fs::File::options().write(true).open(run.home().join("b.wav")).unwrap().set_modified(date).unwrap();
    for _ in 0..2 {
        run.ok(&["explain", "a.wav", "b.wav", "--out", "out", "--label", label]);
    }
    let folders = event_folders(&run.home().join("out"));
    assert_eq!(folders.len(), 4);
    let mut sources: Vec<String> = folders.iter().map(|f| text(&read_folder(f).event, "source").to_owned()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["file:a.wav", "file:a.wav", "file:b.wav", "file:b.wav"]);
}

/// Short, silent, hardly anything: an explanation all the same, with nothing in it.
#[test]
fn recordings_with_little_in_them_are_explained_too() {
    let run = Run::new();
    let (hz, _) = &*MODEL;
    for (name, samples) in [("one.wav", vec![0.5]), ("silence.wav", vec![0.0; *hz as usize / 2])] {
        write_wav(&run.home().join(name), *hz, 1, &samples);
        let printed = run.ok(&["explain", name, "--out", "out"]);
        let folder = read_folder(&named_folders(&printed.stdout)[0]);
        assert_eq!(folder.clip.samples, samples.iter().map(|&x| pcm16(x)).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn what_cannot_be_explained_has_the_exit_code_of_its_cause() {
    let run = Run::new();
    let (hz, _) = &*MODEL;
    write_wav(&run.home().join("a.wav"), *hz, 1, &vec![0.1; *hz as usize]);
    std::fs::write(run.home().join("empty.wav"), "").unwrap();
    assert!(run.fails(3, &["explain", "missing.wav", "--out", "out"]).contains("missing.wav"));
    assert!(run.fails(3, &["explain", "empty.wav", "--out", "out"]).contains("empty.wav"));
    assert!(run.fails(4, &["explain", "a.wav", "--out", "out", "--model", "none"]).contains("'none'"));
    assert!(run.fails(5, &["explain", "a.wav", "--out", "empty.wav/out"]).contains("empty.wav"));
    run.fails(2, &["explain", "a.wav"]);
    run.fails(2, &["explain", "--out", "out"]);
    run.fails(2, &["explain", "a.wav", "--out", "out", "--method", "tea-leaves"]);
    let is_empty = |dir: &Path| !dir.exists() || std::fs::read_dir(dir).unwrap().count() == 0;
    assert!(is_empty(&run.home().join("out")), "a failed run leaves nothing");
    let half = run.output(&["explain", "a.wav", "empty.wav", "--out", "half"]);
    assert!(half.status.code() == Some(3) && String::from_utf8(half.stderr).unwrap().contains("empty.wav"));
    let summary = std::fs::read_to_string(run.home().join("half/summary.json")).unwrap();
    assert!(summary.contains("a.wav"), "what was explained before is listed: {summary}");
}
