//! `earwitness config`, as a person runs it.

#![allow(clippy::unwrap_used)]

use crate::support::run::Run;

#[test]
fn init_writes_once_and_what_it_writes_is_right() {
    let run = Run::new().with_default_model();
    let out = run.ok(&["config", "init"]);
    assert_eq!(out.stdout, "");
    let file = run.home().join(".config/earwitness/config.toml");
    assert!(out.stderr.contains(file.to_str().unwrap()), "{}", out.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("[monitor]") && text.contains("pre_roll_secs = 1.0"));

    assert_eq!(run.ok(&["config", "check"]).stdout, format!("{}: ok\n", file.display()));
    assert_eq!(run.ok(&["config", "show"]).stdout, text, "the written file changes nothing");
    assert_eq!(run.ok(&["config", "init", "-"]).stdout, text);

    let again = run.fails(5, &["config", "init"]);
    assert!(again.contains("is there already; --force replaces it"), "{again}");
    std::fs::write(&file, "x").unwrap();
    run.ok(&["config", "init", "--force"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn show_layers_file_variable_and_flag() {
    let run = Run::new();
    let file = run.home().join("c.toml");
    std::fs::write(&file, "[monitor]\ninput = \"file:a.wav\"\nfast = true\nduration_secs = 3\n").unwrap();
    let file = file.to_str().unwrap();
    let shown = |run: &Run, more: &[&str]| run.ok(&[&["config", "show", "--config", file], more].concat()).stdout;
    let text = shown(&run, &[]);
    assert!(text.contains("\ninput = \"file:a.wav\"\n") && text.contains("\nfast = true\n"), "{text}");
    let run = run
        .env("EARWITNESS_INPUT", "demo")
        .env("EARWITNESS_FAST", "0")
        .env("EARWITNESS_THRESHOLD", "dog=0.5,rain=0.25");
    let text = shown(&run, &[]);
    assert!(text.contains("\ninput = \"demo\"\n") && text.contains("\nfast = false\n"), "{text}");
    assert!(text.contains("[detector.thresholds]\ndog = 0.5\nrain = 0.25\n"), "{text}");
    let text = shown(&run, &["--input", "default", "--fast", "--threshold", "dog=0.75"]);
    assert!(text.contains("\ninput = \"default\"\n") && text.contains("\nfast = true\n"), "{text}");
    assert!(text.contains("\nduration_secs = 3.0\n") && text.contains("dog = 0.75\n"), "{text}");
}

#[test]
fn check_names_line_key_value_and_remedy() {
    let run = Run::new();
    let file = run.home().join("c.toml");
    std::fs::write(&file, "[detector]\n\nmin_strides = 9\n").unwrap();
    let error = run.fails(2, &["config", "check", file.to_str().unwrap()]);
    assert_eq!(
        error,
        format!(
            "earwitness: {}, line 3: detector.min_strides = 9 cannot be used; give 1 to detector.of_strides, here 3\n",
            file.display()
        )
    );
    let error = run.fails(2, &["config", "check", "/nowhere/c.toml"]);
    assert!(error.contains("/nowhere/c.toml cannot be read"), "{error}");
}

#[test]
fn a_setting_that_does_not_fit_the_file_is_a_usage_error() {
    let error = Run::new().fails(2, &["config", "show", "--min-strides", "7"]);
    assert!(error.contains("detector.min_strides = 7 cannot be used"), "{error}");
}
