#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::engine::detector::{ClassParams, DetectorParams};
use crate::engine::report::RecordWhat;
use crate::error::{ErrorKind, Result};
use crate::model::manifest::Label;

fn file(text: &str) -> ConfigFile {
    ConfigFile::from_text("c.toml".into(), text.into())
}

fn error(text: &str) -> String {
    let e = file(text).config().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Usage);
    e.to_string()
}

#[test]
fn the_documented_file_gives_the_defaults() {
    let text = Config::default().to_toml().unwrap();
    assert_eq!(file(&text).config().unwrap(), Config::default());
    for key in ["input = \"default\"", "min_strides = 2", "pre_roll_secs = 1.0", "ui = \"auto\"", "level = \"warn\""] {
        assert!(text.contains(&format!("\n{key}\n")), "{key} stands in the file as a live line:\n{text}");
    }
}

#[test]
fn every_setting_survives_being_written_and_read() {
    let mut config = Config::default();
    config.monitor.input = "file:a \"b\"\\c.wav".into();
    config.monitor.ui = UiMode::Silent;
    let named = |name: &str| InputConfig { name: name.into(), ..InputConfig::default() };
    config.input = vec![named("yard"), InputConfig { channels: "2".into(), ..named("attic \"x\"") }];
    config.monitor.fast = true;
    config.detector.min_strides = 3;
    config.detector.thresholds.insert("crying baby".into(), 0.25);
    config.detector.thresholds.insert("dog".into(), 0.5);
    config.detector.only = vec!["dog".into(), "quiet ones".into()];
    config.quiet.hours = vec!["22:00-06:30".into()];
    config.quiet.what = QuietMode::Events;
    config.groups.insert("quiet ones".into(), vec!["rain".into(), "crying baby".into()]);
    config.class.insert("crying baby".into(), ClassConfig { threshold: Some(0.25), ..ClassConfig::default() });
    let private = ClassConfig { record: Some(KeepMode::Figures), enabled: Some(true), ..ClassConfig::default() };
    config.class.insert("quiet ones".into(), private);
    config.record.dir = "/var/lib/earwitness".into();
    config.record.clips = false;
    config.record.no_audio = vec!["speech".into(), "a \"b\"".into()];
    config.record.private = false;
    config.record.max_bytes = SpaceLimit::Share(12.5);
    config.record.min_free_bytes = ByteSize(123_456_789);
    config.record.max_age_days = 30.5;
    config.record.levels = true;
    config.monitor.calibration_db = 121.25;
    config.ui.color = ColorMode::Never;
    config.log.level = LogLevel::Debug;
    assert_eq!(file(&config.to_toml().unwrap()).config().unwrap(), config);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(file("").config().unwrap(), Config::default());
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("c.toml");
    let text = "[monitor]\ninput = \"demo\"\nfast = true\n[detector.thresholds]\ndog = 0.3\nrain = 0.4\n";
    std::fs::write(&path, text).unwrap();
    let mut given = ConfigLayer::default();
    given.monitor.fast = Some(false);
    given.detector.thresholds = Some([("dog".to_string(), 0.9)].into());
    let config = Config::load(Some(&path), given).unwrap();
    assert_eq!(config.monitor.input, "demo", "from the file");
    assert!(!config.monitor.fast, "from the flag");
    assert_eq!(config.monitor.model, crate::model::package::DEFAULT_MODEL, "from the defaults");
    assert_eq!(config.detector.thresholds["dog"], 0.9, "a flag for one label …");
    assert_eq!(config.detector.thresholds["rain"], 0.4, "… leaves the others");
}

#[test]
fn each_wrong_file_has_an_error_that_names_it() {
    let cases = [
        ("[monitor]\nimput = \"demo\"\n", "c.toml, line 2: unknown key 'imput', expected one of 'input', "),
        ("[moniter]\n", "c.toml, line 1: unknown key 'moniter', expected one of 'monitor', "),
        ("[monitor]\nfast = 1\n", "c.toml, line 2: monitor.fast = 1 cannot be used (invalid type"),
        ("[monitor]\nui = \"gui\"\n", "c.toml, line 2: monitor.ui = \"gui\" cannot be used (unknown variant"),
        (
            "[monitor]\nmethod = \"magic\"\n",
            "c.toml, line 2: monitor.method = \"magic\" cannot be used; there is no method 'magic'; give one of l2i",
        ),
        (
            "[monitor]\ninput = \"\"\n",
            "c.toml, line 2: monitor.input = \"\" cannot be used; --input '' is not known; use",
        ),
        ("[monitor]\ninput = \"file:\"\n", "c.toml, line 2: monitor.input = \"file:\""),
        (
            "[monitor]\ndevice = \"gpu\"\n",
            "c.toml, line 2: monitor.device = \"gpu\" cannot be used; the device 'gpu' is not known",
        ),
        ("[monitor]\nchannels = \"all\"\n", "c.toml, line 2: monitor.channels = \"all\""),
        ("[[input]]\nspec = \"demo\"\n[[input]]\nspec = \"hum\"\n", "c.toml, line 4: input[1].spec = \"hum\""),
        ("[[input]]\nchannels = \"0\"\n", "c.toml, line 2: input[0].channels = \"0\""),
        ("[[input]]\nspek = \"demo\"\n", "c.toml, line 2: unknown key 'spek', expected one of 'spec', "),
        ("[monitor]\nmodel = \" \"\n", "c.toml, line 2: monitor.model = \"\""),
        ("[monitor]\nduration_secs = -1\n", "c.toml, line 2: monitor.duration_secs = -1"),
        ("[detector]\nmin_strides = 4\n", "c.toml, line 2: detector.min_strides = 4 cannot be used; give 1 to"),
        ("[detector]\nof_strides = 0\n", "c.toml, line 2: detector.of_strides = 0"),
        (
            "[detector]\nrival_margin = 0\n",
            "c.toml, line 2: detector.rival_margin = 0 cannot be used; give more than 0",
        ),
        ("[record]\nspeech = \"hide\"\n", "c.toml, line 2: record.speech = \"hide\" cannot be used"),
        ("[groups]\n\"group:a\" = [\"dog\"]\n", "c.toml, line 2: groups.group:a = "),
        ("[detector]\nsure_threshold = 0\n", "c.toml, line 2: detector.sure_threshold = 0"),
        ("[detector]\n\npre_roll_secs = -0.5\n", "c.toml, line 3: detector.pre_roll_secs = -0.5"),
        ("[detector]\nmax_event_secs = inf\n", "c.toml, line 2: detector.max_event_secs = inf"),
        ("[detector.thresholds]\ndog = 1.5\n", "c.toml, line 2: detector.thresholds.dog = 1.5"),
        ("[record]\nmax_bytes = \"many\"\n", "c.toml, line 2: record.max_bytes = \"many\" cannot be used (give bytes"),
        ("[record]\nmin_free_bytes = -1\n", "c.toml, line 2: record.min_free_bytes = -1 cannot be used (give bytes"),
        ("[record]\nmax_bytes = true\n", "c.toml, line 2: record.max_bytes = true cannot be used (invalid type"),
        ("[record]\nmax_age_days = -1\n", "c.toml, line 2: record.max_age_days = -1"),
        ("[record]\nno_audio = \"speech\"\n", "c.toml, line 2: record.no_audio = \"speech\" cannot be used"),
        (
            "[detector]\nlevel_gate_dbfs = 3\n",
            "c.toml, line 2: detector.level_gate_dbfs = 3 cannot be used; give -120 to 0",
        ),
        (
            "[detector]\nloud_dbfs = -115\n",
            "c.toml, line 2: detector.loud_dbfs = -115 cannot be used; give more than -110",
        ),
        ("[class.dog]\nthreshold = 2\n", "c.toml, line 2: class.dog.threshold = 2 cannot be used; give a probability"),
        (
            "[class.dog]\nthreshold = 0.3\noff_threshold = 0.5\n",
            "c.toml, line 3: class.dog.off_threshold = 0.5 cannot be used; give at most the threshold, here 0.3",
        ),
        ("[class.dog]\ncooldown_secs = -1\n", "c.toml, line 2: class.dog.cooldown_secs = -1"),
        ("[class.dog]\nmax_event_secs = 0.5\n", "c.toml, line 2: class.dog.max_event_secs = 0.5"),
        (
            "[class.dog]\nrecord = \"none\"\n",
            "c.toml, line 2: class.dog.record = \"none\" cannot be used (unknown variant",
        ),
        (
            "[class.dog]\nthresold = 0.5\n",
            "c.toml, line 2: unknown key 'thresold', expected one of 'enabled', 'alarm', 'threshold'",
        ),
        (
            "[class.any_loud]\nthreshold = 0.5\n",
            "c.toml, line 2: class.any_loud.threshold = 0.5 cannot be used; set its level",
        ),
        ("[groups]\nany_loud = [\"dog\"]\n", "c.toml, line 2: groups.any_loud = "),
        ("[groups]\npets = []\n", "c.toml, line 2: groups.pets = [] cannot be used; name the labels"),
        ("[quiet]\nhours = [\"22:00-06:30\", \"25:00-1:00\"]\n", "c.toml, line 2: quiet.hours[1] = \"25:00-1:00\""),
        ("[quiet]\nwhat = \"all\"\n", "c.toml, line 2: quiet.what = \"all\""),
        ("[log]\nlevel = \"loud\"\n", "c.toml, line 2: log.level = \"loud\""),
        ("[ui]\ncolor = true\n", "c.toml, line 2: "),
        ("fast", "c.toml, line 1: "),
    ];
    for (text, begins) in cases {
        let sentence = error(text);
        assert!(sentence.starts_with(begins), "{text}: {sentence}");
        assert!(sentence.contains("; ") && !sentence.contains('\n'), "one sentence with a remedy: {sentence}");
    }
}

#[test]
fn flags_that_do_not_fit_together_are_named() {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("c.toml");
    std::fs::write(&path, "").unwrap();
    let mut given = ConfigLayer::default();
    given.detector.min_strides = Some(5);
    let e = Config::load(Some(&path), given).unwrap_err().to_string();
    assert!(e.contains("detector.min_strides = 5 cannot be used; give 1 to detector.of_strides, here 3"), "{e}");
}

#[test]
fn a_named_file_must_be_there() {
    let e = Config::load(Some(Path::new("/nowhere/c.toml")), ConfigLayer::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Usage);
    assert!(e.to_string().starts_with("the config file /nowhere/c.toml cannot be read ("));
}

fn labels() -> Vec<Label> {
    let label = |name: &str| Label::new(name, 0.6, 0.4);
    ["dog", "rooster", "rain"].map(label).into()
}

/// What a detector for three labels goes by under a settings file.
fn detector(text: &str) -> Result<DetectorParams> {
    Loaded::of_file(file(text)).unwrap().detector("small", &labels())
}

fn classes<T>(text: &str, of: impl Fn(&ClassParams) -> T) -> Vec<T> {
    let params = detector(text).unwrap();
    assert!(params.validate().is_ok());
    params.all_classes().map(of).collect()
}

#[test]
fn the_default_settings_leave_the_labels_as_they_are() {
    let detector = detector("").unwrap();
    let d = Config::default().detector;
    let want = DetectorParams { max_event_secs: d.max_event_secs, ..DetectorParams::from_labels(&labels()) };
    assert_eq!(detector, want);
}

#[test]
fn a_labels_own_table_comes_before_its_groups_and_a_threshold_before_both() {
    let text = "[groups]\nanimals = [\"rooster\", \"dog\"]\n[class.animals]\nthreshold = 0.3\ncooldown_secs = 5\n\
                [class.dog]\nthreshold = 0.8\nrecord = \"figures\"\n";
    assert_eq!(classes(text, |c| (c.on, c.off)), [(0.8, 0.4), (0.3, 0.3), (0.6, 0.4)]);
    assert_eq!(classes(text, |c| c.cooldown_secs), [Some(5.0), Some(5.0), None]);
    assert_eq!(classes(text, |c| c.record), [RecordWhat::Figures, RecordWhat::Full, RecordWhat::Full]);
    assert_eq!(classes(text, |c| c.groups.len()), [1, 1, 0]);
    let text = format!("{text}[detector.thresholds]\nanimals = 0.5\nrooster = 0.7\n");
    assert_eq!(classes(&text, |c| c.on), [0.5, 0.7, 0.6]);
}

#[test]
fn only_enable_and_disable_decide_in_this_order() {
    let on = |text: &str| classes(text, |c| c.enabled);
    let groups = "[groups]\nanimals = [\"rooster\", \"dog\"]\n";
    assert_eq!(on("[detector]\nonly = [\"rain\"]\nloud_dbfs = -30\n"), [false, false, true, false]);
    assert_eq!(on(&format!("[detector]\nonly = [\"animals\"]\n{groups}")), [true, true, false]);
    assert_eq!(on("[detector]\nonly = [\"rain\"]\nenable = [\"dog\"]\n"), [true, false, true]);
    assert_eq!(on("[detector]\ndisable = [\"rain\"]\nenable = [\"rain\"]\n"), [true, true, false]);
    assert_eq!(on("[class.dog]\nenabled = false\n"), [false, true, true]);
    assert_eq!(on("[detector]\nenable = [\"dog\"]\n[class.dog]\nenabled = false\n"), [true, true, true]);
}

#[test]
fn what_the_model_only_shows_is_reported_where_it_is_asked_for_by_name() {
    let label = |name: &str, group: Option<&str>, alarm| Label {
        group: group.map(str::to_owned),
        alarm,
        ..Label::new(name, 0.6, 0.4)
    };
    let labels =
        [label("alarm", Some("alarm"), true), label("speech", Some("people"), false), label("rain", None, false)];
    let reported = |text: &str| {
        let params = Loaded::of_file(file(text)).unwrap().detector("small", &labels).unwrap();
        params.classes.iter().map(ClassParams::is_reported).collect::<Vec<_>>()
    };
    assert_eq!(reported(""), [true, false, false]);
    assert_eq!(reported("[detector]\nonly = [\"speech\"]\n"), [false, true, false]);
    assert_eq!(reported("[detector]\nonly = [\"alarm\", \"people\"]\n"), [true, true, false]);
    assert_eq!(reported("[detector]\nenable = [\"people\"]\n"), [true, true, false]);
    assert_eq!(reported("[class.rain]\nalarm = true\n"), [true, false, true]);
    assert_eq!(reported("[class.people]\nalarm = true\n[class.speech]\nalarm = false\n"), [true, false, false]);
    assert_eq!(reported("[class.rain]\nalarm = true\nenabled = false\n"), [true, false, false]);
    assert_eq!(reported("[class.\"group:alarm\"]\nalarm = false\n"), [false, false, false]);
}

#[test]
fn any_loud_sound_is_a_class_with_a_level() {
    assert_eq!(classes("[detector]\nloud_dbfs = -30\n", |c| c.on)[3], 0.75);
    let text =
        "[detector]\nloud_dbfs = -30\n[class.any_loud]\ncooldown_secs = 9\n[groups]\nbad = [\"any_loud\", \"dog\"]\n";
    assert_eq!(
        classes(text, |c| (c.cooldown_secs.is_some(), c.groups.len())),
        [(false, 1), (false, 0), (false, 0), (true, 1)]
    );
    // It may be spoken of while it is not listened for.
    assert_eq!(classes("[class.any_loud]\ncooldown_secs = 9\n", |c| c.enabled).len(), 3);
}

#[test]
fn quiet_hours_hold_for_all_or_for_what_is_named() {
    let quiet = |text: &str| classes(&format!("[quiet]\nhours = [\"22:00-06:30\"]\n{text}"), |c| c.obeys_quiet);
    assert_eq!(quiet(""), [true, true, true]);
    assert_eq!(quiet("labels = [\"pets\"]\n[groups]\npets = [\"dog\"]\n"), [true, false, false]);
    assert_eq!(detector("[quiet]\nlabels = [\"dog\"]\n").unwrap().quiet, None, "without hours there are none");
}

#[test]
fn what_a_model_does_not_have_is_told_with_its_line() {
    let has = "the model small has dog, rooster, rain";
    let cases = [
        (
            "[class.cat]\nthreshold = 0.5\n",
            "c.toml, line 1: class.cat = {…} cannot be used; there is no label or group 'cat'; ",
        ),
        (
            "[detector.thresholds]\ndog = 0.5\ncat = 0.5\n",
            "c.toml, line 3: detector.thresholds.cat = 0.5 cannot be used; there is",
        ),
        (
            "[detector]\n\nonly = [\"dog\", \"cat\"]\n",
            "c.toml, line 3: detector.only[1] = \"cat\" cannot be used; there is",
        ),
        ("[quiet]\nlabels = [\"cat\"]\n", "c.toml, line 2: quiet.labels[0] = \"cat\" cannot be used; there is"),
        ("[groups]\npets = [\"dog\", \"cat\"]\n", "c.toml, line 2: groups.pets[1] = \"cat\" cannot be used; there is"),
    ];
    for (text, begins) in cases {
        let e = detector(text).unwrap_err().to_string();
        assert!(e.starts_with(begins) && e.contains(has), "{e}");
    }
    let e = detector("[groups]\na = [\"dog\"]\nb = [\"a\"]\n").unwrap_err().to_string();
    assert!(e.starts_with("c.toml, line 3: groups.b[0] = \"a\"") && e.contains("groups hold no groups"), "{e}");
    let e = detector("[groups]\nrain = [\"dog\"]\n").unwrap_err().to_string();
    assert!(e.starts_with("c.toml, line 2: groups.rain") && e.contains("has a label of this name"), "{e}");
    let e = detector("[detector.thresholds]\nany_loud = 0.5\n").unwrap_err().to_string();
    assert!(e.contains("loud_dbfs"), "{e}");
    // What a flag says is not the file's fault.
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("c.toml");
    std::fs::write(&path, "[detector]\nonly = [\"dog\"]\n").unwrap();
    let mut given = ConfigLayer::default();
    given.detector.only = Some(vec!["cat".into()]);
    let e = Loaded::read(Some(&path), given).unwrap().detector("small", &labels()).unwrap_err().to_string();
    assert!(e.starts_with("with the flags and EARWITNESS_* variables given, detector.only[0] = \"cat\""), "{e}");
}

#[test]
fn changes_are_named_by_their_keys() {
    let config = |text: &str| file(text).config().unwrap();
    let before =
        config("[monitor]\ninput = \"demo\"\n[class.dog]\nthreshold = 0.5\n[detector.thresholds]\nrain = 0.5\n");
    assert_eq!(before.changes(&before).unwrap(), Vec::<String>::new());
    let after = config("[detector]\ncooldown_secs = 3\n[class.dog]\nthreshold = 0.6\n[[input]]\nspec = \"demo\"\n");
    let keys = ["class.dog.threshold", "detector.cooldown_secs", "detector.thresholds.rain", "input", "monitor.input"];
    assert_eq!(before.changes(&after).unwrap(), keys);
}

#[test]
fn auto_is_a_screen_only_on_a_terminal() {
    assert_eq!(UiMode::Auto.decide(false), UiMode::Jsonl);
    assert_eq!(UiMode::Auto.decide(true) == UiMode::Tui, cfg!(feature = "tui"));
    assert_eq!(UiMode::Silent.decide(true), UiMode::Silent);
}

#[test]
fn bytes_are_a_text_or_a_number() {
    let bytes =
        |text: &str| file(&format!("[record]\nmax_bytes = {text}\n")).config().unwrap().record.max_bytes.bytes();
    assert_eq!([bytes("\"20 GB\""), bytes("1500"), bytes("\"1 KiB\"")], [20_000_000_000, 1500, 1024]);
    let written = [0, 1500, 20_000_000_000, 1_500_000, 123].map(|n| ByteSize(n).to_string());
    assert_eq!(written, ["0", "1500", "20 GB", "1500 kB", "123"]);
}

#[test]
fn a_limit_is_bytes_or_a_share_of_the_disk() {
    let of = |text: &str| text.parse::<SpaceLimit>();
    for (text, limit, written) in [
        ("0", SpaceLimit::Bytes(0), "0"),
        ("20 GB", SpaceLimit::Bytes(20_000_000_000), "20 GB"),
        ("10%", SpaceLimit::Share(10.0), "10%"),
        (" 2.5 % ", SpaceLimit::Share(2.5), "2.5%"),
        ("100%", SpaceLimit::Share(100.0), "100%"),
        ("0%", SpaceLimit::Bytes(0), "0"),
    ] {
        let parsed = of(text).unwrap();
        assert_eq!((parsed, parsed.to_string().as_str()), (limit, written), "{text}");
        assert_eq!(of(&parsed.to_string()).unwrap(), limit);
    }
    for text in ["", "%", "-1%", "101%", "nan%", "inf%", "ten%", "10 %%", "10% GB"] {
        assert!(of(text).unwrap_err().contains("\"10%\""), "{text}");
    }
    // A year of events does not fill a disk, unless somebody asks for that.
    assert_eq!(Config::default().record.max_bytes, SpaceLimit::Share(10.0));
    assert_eq!(Config::default().record.max_age_days, 0.0);
}
