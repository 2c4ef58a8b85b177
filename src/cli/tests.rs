#![allow(clippy::unwrap_used)]

use clap::Args as _;
use clap::error::ErrorKind as ClapErrorKind;

use super::settings::SettingsArgs;
use super::*;
use crate::config::{ColorMode, Config, ConfigFile, QuietMode, SpeechMode, ThemeChoice, UiMode};

/// Every command, also those that are not in the enum yet.
fn all_commands() -> Vec<clap::Command> {
    let mut root = command();
    root.build();
    let mut commands = vec![root];
    let mut flat = Vec::new();
    while let Some(c) = commands.pop() {
        commands.extend(c.get_subcommands().filter(|s| s.get_name() != "help").cloned());
        flat.push(c);
    }
    flat
}

#[test]
fn clap_finds_no_fault_in_any_command() {
    for c in all_commands() {
        c.debug_assert();
    }
}

#[test]
fn every_flag_has_its_variable_and_its_help() {
    // `evaluate --json FILE` and `train baseline --json FILE` take a file where `--json` elsewhere is a switch; `monitor
    // --channels` are a device's.
    let exceptions = [
        ("evaluate", "json", "EARWITNESS_JSON_FILE"),
        ("baseline", "json", "EARWITNESS_JSON_FILE"),
        ("lmac", "channels", "EARWITNESS_LMAC_CHANNELS"),
        // Only with --by-design, where other trainings always have a folder to make.
        ("l2i", "out", "EARWITNESS_JOINT_OUT"),
    ];
    let mut n_flags = 0;
    for c in all_commands() {
        for arg in c.get_arguments().filter(|a| !a.is_positional()) {
            let long = arg.get_long().unwrap();
            if ["help", "version"].contains(&long) {
                continue;
            }
            n_flags += 1;
            let rule = format!("EARWITNESS_{}", long.to_uppercase().replace('-', "_"));
            let exception = exceptions.iter().find(|(name, flag, _)| *name == c.get_name() && *flag == long);
            let want = exception.map_or(rule, |(_, _, variable)| (*variable).to_string());
            assert_eq!(arg.get_env().and_then(|v| v.to_str()), Some(want.as_str()), "{} --{long}", c.get_name());
            assert!(arg.get_help().is_some(), "{} --{long} has no help", c.get_name());
        }
    }
    assert!(n_flags > 50, "only {n_flags} flags were seen");
}

#[test]
fn every_command_says_what_it_does_and_shows_examples() {
    for c in all_commands().iter().filter(|c| c.get_subcommands().next().is_none()) {
        assert!(c.get_about().is_some(), "{} has no help", c.get_name());
    }
    for c in all_commands()
        .iter()
        .filter(|c| ["monitor", "explain", "review", "evaluate", "train", "model", "config"].contains(&c.get_name()))
    {
        let help = c.get_after_help().unwrap().to_string();
        assert!(help.contains("earwitness "), "{} shows no example", c.get_name());
        let longest = help.lines().map(|l| l.chars().count()).max().unwrap();
        assert!(longest < MAX_HELP_WIDTH, "clap would break a line of {longest} of the examples of {}", c.get_name());
    }
}

/// A value for each settings flag that differs from its default.
const ALL_SETTINGS: &[&str] = &[
    "--input=demo",
    "--calibration=118.5",
    "--levels",
    "--channels=each",
    "--start-time=2026-07-02T06:44:04+02:00",
    "--device=cpu",
    "--listen=device",
    "--fast",
    "--duration=5",
    "--model=other",
    "--method=l2i",
    "--threshold=dog=0.7",
    "--min-strides=3",
    "--of-strides=4",
    "--sure-threshold=0.95",
    "--min-duration=0.2",
    "--merge-gap=0.25",
    "--cooldown=3",
    "--rival-margin=0.3",
    "--max-event=20",
    "--level-gate=-60",
    "--loud=-20",
    "--low-cut=80",
    "--highpass=120",
    "--gain=-6",
    "--only=dog,siren",
    "--enable=rain",
    "--disable=siren",
    "--quiet-hours=22:00-06:30,13:00-14:00",
    "--quiet-labels=dog",
    "--quiet-what=events",
    "--reasons",
    "--pre-roll=0.5",
    "--post-roll=2",
    "--ui=silent",
    "--record=events",
    "--clips=false",
    "--no-audio=speech,cat",
    "--speech=drop",
    "--private=false",
    "--max-bytes=20GB",
    "--max-age-days=30",
    "--min-free-bytes=1GB",
    "--metrics=127.0.0.1:9557",
    "--web=127.0.0.1:8787",
    "--web-token-file=web.token",
    "--onsets",
    "--color=never",
    "--theme=safe",
    "--mouse",
    "--ascii",
    "--exit-on-end",
];

fn settings(flags: &[&str]) -> Result<SettingsArgs, clap::Error> {
    let command = SettingsArgs::augment_args(clap::Command::new("x"));
    let matches = command.try_get_matches_from(std::iter::once("x").chain(flags.iter().copied()))?;
    SettingsArgs::from_arg_matches(&matches)
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn every_flag_reaches_its_setting() {
    let command = SettingsArgs::augment_args(clap::Command::new("x"));
    assert_eq!(command.get_arguments().count(), ALL_SETTINGS.len(), "a new flag wants a value here");
    let mut config = Config::default();
    settings(ALL_SETTINGS).unwrap().layer().put_onto(&mut config);
    let m = &config.monitor;
    assert_eq!((m.fast, m.duration_secs), (true, 5.0));
    assert!(m.input == "demo" && m.model == "other", "{m:?}");
    assert_eq!((m.method.as_str(), m.ui), ("l2i", UiMode::Silent));
    assert_eq!((m.channels.as_str(), m.device.as_str(), m.listen.as_str()), ("each", "cpu", "device"));
    assert_eq!(m.start_time, "2026-07-02T06:44:04+02:00");
    let d = &config.detector;
    assert_eq!((d.min_strides, d.of_strides, d.thresholds["dog"]), (3, 4, 0.7));
    assert_eq!((d.sure_threshold, d.rival_margin), (0.95, 0.3));
    assert_eq!((d.min_duration_secs, d.merge_gap_secs, d.cooldown_secs), (0.2, 0.25, 3.0));
    assert_eq!((d.max_event_secs, d.pre_roll_secs, d.post_roll_secs), (20.0, 0.5, 2.0));
    let r = &config.record;
    assert_eq!((r.clips, r.private, r.max_age_days, r.speech), (false, false, 30.0, SpeechMode::Drop));
    assert_eq!(
        (r.no_audio.join(" "), r.max_bytes.bytes(), r.min_free_bytes.0),
        ("speech cat".into(), 20_000_000_000, 1_000_000_000)
    );
    assert_eq!((d.level_gate_dbfs, d.loud_dbfs, d.low_cut_hz), (-60.0, -20.0, 80.0));
    assert_eq!((m.highpass_hz, m.gain_db, m.calibration_db), (120.0, -6.0, 118.5));
    assert!(r.levels);
    assert_eq!(
        (&d.only[..], &d.enable[..], &d.disable[..]),
        (&strings(&["dog", "siren"])[..], &strings(&["rain"])[..], &strings(&["siren"])[..])
    );
    let q = &config.quiet;
    assert_eq!((&q.hours[..], &q.labels[..]), (&strings(&["22:00-06:30", "13:00-14:00"])[..], &strings(&["dog"])[..]));
    assert_eq!(q.what, QuietMode::Events);
    assert_eq!((config.record.dir.to_string().as_str(), m.onsets, m.reasons), ("events", true, true));
    assert_eq!(config.metrics.listen, "127.0.0.1:9557");
    assert_eq!((&*config.web.listen, &*config.web.token_file), ("127.0.0.1:8787", "web.token"));
    assert_eq!((config.ui.color, config.ui.ascii, config.ui.exit_on_end), (ColorMode::Never, true, true));
    assert_eq!((config.ui.theme, config.ui.mouse), (ThemeChoice::Safe, true));
}

/// Each is also a key: what it sets alone can be written down, and reads back.
#[test]
fn every_flag_alone_makes_another_settings_file() {
    let plain = Config::default().to_toml().unwrap();
    // There is one method only, and it is the default.
    for flag in ALL_SETTINGS.iter().filter(|flag| **flag != "--method=l2i") {
        let mut config = Config::default();
        settings(&[flag]).unwrap().layer().put_onto(&mut config);
        let text = config.to_toml().unwrap();
        assert_ne!(text, plain, "{flag}");
        assert_eq!(ConfigFile::from_text("c.toml".into(), text).config().unwrap(), config, "{flag}");
    }
}

#[test]
fn no_flag_changes_no_setting() {
    let mut config = Config::default();
    settings(&[]).unwrap().layer().put_onto(&mut config);
    assert_eq!(config, Config::default());
}

#[test]
fn inputs_given_replace_the_tables_of_the_file() {
    let file = || {
        let text =
            "[[input]]\nspec = \"default\"\nname = \"yard\"\n[[input]]\nspec = \"device:x\"\nchannels = \"1,3\"\n";
        ConfigFile::from_text("c.toml".into(), text.into()).config().unwrap()
    };
    let inputs = |flags: &[&str]| {
        let mut config = file();
        settings(flags).unwrap().layer().put_onto(&mut config);
        config.inputs().into_iter().map(|i| (i.spec.to_string(), i.channels, i.name)).collect::<Vec<_>>()
    };
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(inputs(&[]), [row("default", "mix", "yard"), row("device:x", "1,3", "")]);
    assert_eq!(inputs(&["--input=demo"]), [row("demo", "mix", "")]);
    let two = inputs(&["--input=demo", "--input=file:a.wav", "--channels=each"]);
    assert_eq!(two, [row("demo", "each", ""), row("file:a.wav", "each", "")]);
}

#[test]
fn a_switch_can_be_switched_off() {
    assert_eq!(settings(&["--fast=false"]).unwrap().layer().monitor.fast, Some(false));
    assert_eq!(settings(&["--fast=0"]).unwrap().layer().monitor.fast, Some(false));
}

#[test]
fn the_defaults_that_the_help_names_are_the_defaults() {
    let defaults = Config::default();
    let (m, d) = (&defaults.monitor, &defaults.detector);
    let command = SettingsArgs::augment_args(clap::Command::new("x"));
    let said = |id: &str| {
        let help = command.get_arguments().find(|a| a.get_id() == id).unwrap().get_help().unwrap().to_string();
        help.split("[default: ").nth(1).unwrap().trim_end_matches(']').to_string()
    };
    assert_eq!(said("input"), m.input.to_string());
    assert_eq!(said("model"), m.model.to_string());
    assert_eq!(said("method"), m.method);
    assert_eq!(said("quiet_what"), defaults.quiet.what.word());
    assert_eq!(said("color"), defaults.ui.color.word());
    let r = &defaults.record;
    assert_eq!((said("max_bytes"), said("min_free_bytes")), (r.max_bytes.to_string(), r.min_free_bytes.to_string()));
    assert_eq!((said("clips"), said("private")), (r.clips.to_string(), r.private.to_string()));
    assert_eq!(said("max_age_days").parse::<f64>().unwrap(), r.max_age_days);
    assert_eq!(said("theme"), defaults.ui.theme.word());
    let numbers = [
        ("duration", m.duration_secs),
        ("min_strides", d.min_strides.into()),
        ("of_strides", d.of_strides.into()),
        ("sure_threshold", d.sure_threshold),
        ("min_duration", d.min_duration_secs),
        ("merge_gap", d.merge_gap_secs),
        ("cooldown", d.cooldown_secs),
        ("max_event", d.max_event_secs),
        ("level_gate", d.level_gate_dbfs),
        ("loud", d.loud_dbfs),
        ("low_cut", d.low_cut_hz),
        ("highpass", m.highpass_hz),
        ("gain", m.gain_db),
        ("calibration", m.calibration_db),
        ("pre_roll", d.pre_roll_secs),
        ("post_roll", d.post_roll_secs),
    ];
    for (id, value) in numbers {
        assert_eq!(said(id).parse::<f64>().unwrap(), value, "{id}");
    }
}

fn sentence(args: &[&str]) -> String {
    let e = command().try_get_matches_from(args).unwrap_err();
    usage::sentence(&e, &args.iter().map(Into::into).collect::<Vec<_>>(), command()).unwrap()
}

#[test]
fn a_wrong_command_line_is_told_in_one_sentence() {
    let cases: &[(&[&str], &str)] = &[
        (&["earwitness"], "earwitness needs a command to do; 'earwitness --help' lists them"),
        (&["earwitness", "model"], "earwitness model needs a command to do; 'earwitness model --help' lists them"),
        (
            &["earwitness", "modle"],
            "unrecognized subcommand 'modle'; tip: a similar subcommand exists: 'model'; 'earwitness --help' tells more",
        ),
        (
            &["earwitness", "config", "show", "--imput", "x"],
            "unexpected argument '--imput' found; tip: a similar argument exists: '--input'; 'earwitness config show --help' tells more",
        ),
    ];
    for (args, want) in cases {
        assert_eq!(&sentence(args), want);
    }
    let e = sentence(&["earwitness", "config", "show", "--ui", "gui"]);
    assert!(e.starts_with("invalid value 'gui' for '--ui <MODE>'") && e.contains("silent"), "{e}");
    assert!(e.ends_with("'earwitness config show --help' tells more"), "{e}");
    let e = sentence(&["earwitness", "completions"]);
    assert!(e.contains("<SHELL>") && !e.contains('\n'), "{e}");
}

#[test]
fn help_and_version_are_not_errors() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let e = command().try_get_matches_from(["earwitness", flag]).unwrap_err();
        assert!(matches!(e.kind(), ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion));
        assert_eq!(usage::sentence(&e, &[], command()), None);
    }
}

#[test]
fn columns_line_up() {
    let rows = [vec!["a".to_string(), "b".into()], vec!["long".into(), "".into()]];
    assert_eq!(output::columns(&rows), "a     b\nlong\n");
    assert_eq!(output::columns(&[]), "");
}
