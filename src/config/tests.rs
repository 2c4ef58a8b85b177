#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::ErrorKind;

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
    config.record.dir = "/var/lib/earwitness".into();
    config.record.clips = false;
    config.record.no_audio = vec!["speech".into(), "a \"b\"".into()];
    config.record.private = false;
    config.record.max_bytes = ByteSize(20_000_000_000);
    config.record.min_free_bytes = ByteSize(123_456_789);
    config.record.max_age_days = 30.5;
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
    assert_eq!(config.monitor.model, "default", "from the defaults");
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
            "c.toml, line 2: monitor.method = \"magic\" cannot be used; give one of l2i",
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
        ("[detector]\nsure_threshold = 0\n", "c.toml, line 2: detector.sure_threshold = 0"),
        ("[detector]\n\npre_roll_secs = -0.5\n", "c.toml, line 3: detector.pre_roll_secs = -0.5"),
        ("[detector]\nmax_event_secs = inf\n", "c.toml, line 2: detector.max_event_secs = inf"),
        ("[detector.thresholds]\ndog = 1.5\n", "c.toml, line 2: detector.thresholds.dog = 1.5"),
        ("[record]\nmax_bytes = \"many\"\n", "c.toml, line 2: record.max_bytes = \"many\" cannot be used (give bytes"),
        ("[record]\nmin_free_bytes = -1\n", "c.toml, line 2: record.min_free_bytes = -1 cannot be used (give bytes"),
        ("[record]\nmax_bytes = true\n", "c.toml, line 2: record.max_bytes = true cannot be used (invalid type"),
        ("[record]\nmax_age_days = -1\n", "c.toml, line 2: record.max_age_days = -1"),
        ("[record]\nno_audio = \"speech\"\n", "c.toml, line 2: record.no_audio = \"speech\" cannot be used"),
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

#[test]
fn auto_is_a_screen_only_on_a_terminal() {
    assert_eq!(UiMode::Auto.decide(false), UiMode::Jsonl);
    assert_eq!(UiMode::Auto.decide(true) == UiMode::Tui, cfg!(feature = "tui"));
    assert_eq!(UiMode::Silent.decide(true), UiMode::Silent);
}

#[test]
fn bytes_are_a_text_or_a_number() {
    let bytes = |text: &str| file(&format!("[record]\nmax_bytes = {text}\n")).config().unwrap().record.max_bytes.0;
    assert_eq!([bytes("\"20 GB\""), bytes("1500"), bytes("\"1 KiB\"")], [20_000_000_000, 1500, 1024]);
    let written = [0, 1500, 20_000_000_000, 1_500_000, 123].map(|n| ByteSize(n).to_string());
    assert_eq!(written, ["0", "1500", "20 GB", "1500 kB", "123"]);
}
