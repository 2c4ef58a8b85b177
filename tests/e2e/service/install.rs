//! What `make install` puts where, and what the sample settings say.

use std::path::Path;
use std::process::Command;

use crate::support::e2e::*;
use crate::support::run::Run;
use crate::support::service::*;

/// Runs make with the program that is built already in the place of a release.
fn make(target: &str, root: &Path) {
    let output = Command::new("make")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(format!("DESTDIR={}", root.display()))
        .args(["CARGO=true", concat!("PROGRAM=", env!("CARGO_BIN_EXE_earwitness"))])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_installation_is_complete_keeps_edited_settings_and_can_be_taken_away() {
    if program("make").is_none() {
        eprintln!("skipped: there is no make");
        return;
    }
    let root = fresh_folder("e2e_service_install");
    make("install", &root);
    let files = [
        "usr/local/bin/earwitness",
        "usr/local/share/earwitness/models/README.md",
        "usr/local/share/man/man1/earwitness.1",
        "usr/local/share/man/man1/earwitness-monitor.1",
        "usr/local/share/bash-completion/completions/earwitness",
        "usr/local/share/zsh/site-functions/_earwitness",
        "usr/local/share/fish/vendor_completions.d/earwitness.fish",
        "usr/local/lib/systemd/system/earwitness.service",
        "usr/local/lib/systemd/system/earwitness-learn.service",
        "usr/local/lib/systemd/system/earwitness-learn.timer",
        "usr/local/lib/sysusers.d/earwitness.conf",
        "etc/earwitness/config.toml",
    ];
    for file in files {
        let about = root.join(file).metadata().unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(about.len() > 0, "{file} is empty");
    }
    let unit = std::fs::read_to_string(root.join("usr/local/lib/systemd/system/earwitness-learn.service")).unwrap();
    assert!(unit.contains("/etc/earwitness/config.toml"), "{unit}");
    let settings = root.join("etc/earwitness/config.toml");
    std::fs::write(&settings, "# mine\n").unwrap();
    make("install", &root);
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), "# mine\n");
    make("uninstall", &root);
    assert!(settings.is_file(), "settings stay");
    assert!(!files.iter().any(|file| file.starts_with("usr/") && root.join(file).exists()));
}

#[test]
fn the_sample_settings_are_right_also_with_all_that_is_offered_in_them() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/config.toml");
    let run = Run::new();
    run.ok(&["config", "check", sample.to_str().unwrap()]);
    let text = std::fs::read_to_string(sample).unwrap();
    let all: Vec<&str> =
        text.lines().map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line)).collect();
    assert!(all.contains(&"[mqtt]") && all.contains(&"[[webhook]]"));
    std::fs::write(run.home().join("all.toml"), all.join("\n")).unwrap();
    run.ok(&["config", "check", "all.toml"]);
}

/// In a service stderr is the journal's; where its socket does not answer, the lines go through stderr all the same.
#[test]
fn the_log_is_lost_nowhere_where_there_is_no_journal() {
    if Path::new("/run/systemd/journal/socket").exists() {
        eprintln!("skipped: there is a journal, and its lines are not for tests");
        return;
    }
    let run = run_with("");
    let sentence = run.fails(5, &[DEMO, &["--log-to", "journald"]].concat());
    assert!(sentence.contains("the journal cannot be reached"), "{sentence}");
    let file = std::fs::File::create(run.home().join("stderr")).unwrap();
    let about = file.metadata().unwrap();
    let id = format!("{}:{}", std::os::unix::fs::MetadataExt::dev(&about), std::os::unix::fs::MetadataExt::ino(&about));
    let mut command =
        run.command(&["monitor", "--input", "stdin:8000x1:s16le", "--ui", "silent", "--log-level", "debug"]);
    command.stdin(std::process::Stdio::null()).stderr(file).env("JOURNAL_STREAM", id);
    assert!(command.status().unwrap().success());
}
