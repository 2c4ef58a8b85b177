//! From a data set to a model that listens: `train classifier`, `train dictionary`, `train l2i`, `evaluate`, `monitor`, on
//! two made-up classes, and a training that is killed and goes on.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::e2e::{self, keys, write_wav};
use crate::support::run::Run;
use serde_json::Value;

const RATE_HZ: u32 = 22_050;

/// A net small enough for a test, and clips as long.
const SHAPE: [&str; 10] =
    ["--width", "0.25", "--clip-frames", "64", "--segment-frames", "64", "--epochs", "2", "--batch", "4"];

/// A second of one of two sounds, each time a little different: a low hum that swells, or short high beeps.
fn sound(class: usize, take: usize) -> Vec<f32> {
    let hz = if class == 0 { 150.0 + 20.0 * take as f32 } else { 3_000.0 + 250.0 * take as f32 };
    let at = |i: u32| {
        let t = i as f32 / RATE_HZ as f32;
        let gain = if class == 0 { 0.1 + 0.4 * t } else { f32::from((t * 8.0).fract() < 0.4) * 0.4 };
        // Far from silent between beeps, so that no frame is a special case.
        gain * (t * hz * std::f32::consts::TAU).sin() + 0.001 * ((i * i % 1_013) as f32 / 506.5 - 1.0)
    };
    (0..RATE_HZ).map(at).collect()
}

/// A data set in the layout of ESC-50: two classes, two folds, three clips of each in each.
fn data_set(dir: &Path) {
    std::fs::create_dir_all(dir.join("audio")).unwrap();
    std::fs::create_dir_all(dir.join("meta")).unwrap();
    let mut table = "filename,fold,target,category,esc10,src_file,take\n".to_owned();
    for fold in 1..=2 {
        for (class, name) in ["hum", "beeps"].into_iter().enumerate() {
            for take in 0..3 {
                let file = format!("{fold}-{}-A-{class}.wav", 100 * fold + take);
                write_wav(&dir.join("audio").join(&file), RATE_HZ, 1, &sound(class, 3 * fold + take));
                writeln!(table, "{file},{fold},{class},{name},False,{},A", 100 * fold + take).unwrap();
            }
        }
    }
    std::fs::write(dir.join("meta/esc50.csv"), table).unwrap();
}

fn with_data() -> Run {
    let run = Run::new();
    data_set(&run.home().join("set"));
    run
}

fn train(run: &Run, what: &str, args: &[&str]) -> String {
    let whole = [&["train", what, "--data", "set"], args].concat();
    let printed = run.ok(&whole);
    assert_eq!(printed.stdout, "", "{whole:?}");
    printed.stderr
}

/// A causal network learns from scenes; its labels get the groups of the set, and are only shown, because so few recordings
/// say nothing of alarms. `other` is no label. The package listens, and is measured without L2I.
#[test]
fn a_causal_model_is_trained_measured_and_listens() {
    let run = with_data();
    let meta = run.home().join("set/meta");
    let table = std::fs::read_to_string(meta.join("esc50.csv")).unwrap() + "1-900-A-2.wav,1,2,other,False,900,A\n";
    std::fs::write(meta.join("esc50.csv"), table).unwrap();
    std::fs::write(meta.join("labels.csv"), "target,category,group\n0,hum,machines\n1,beeps,alarm\n2,other,\n")
        .unwrap();
    write_wav(&run.home().join("set/audio/1-900-A-2.wav"), RATE_HZ, 1, &sound(0, 9));
    std::fs::create_dir_all(run.home().join("back/ambience")).unwrap();
    write_wav(&run.home().join("back/ambience/a.wav"), RATE_HZ, 1, &sound(0, 1));
    std::fs::write(run.home().join("back/ATTRIBUTION.tsv"), "ambience/a.wav\ta [contains: hum]\tme\tCC0\n").unwrap();
    let log = train(
        &run,
        "classifier",
        &["--architecture", "causal", "--noise", "back/ambience", "--out", "mine", "--folds", "1", "--steps", "2"],
    );
    assert!(log.contains("6 recordings of 2 labels, 1 of other sounds and 1 backgrounds"), "{log}");
    assert!(log.contains("step 2: loss") && log.contains("segments a second"), "{log}");
    assert!(!run.home().join("mine/classifier.checkpoint").exists());
    run.ok(&["model", "verify", "mine"]);
    let shown = run.ok(&["model", "show", "./mine"]).stdout;
    assert!(shown.contains("causal, 11 blocks") && shown.contains("alarm, 1 label"), "{shown}");
    assert!(shown.contains("only shown") && !shown.contains("other"), "{shown}");
    let measured = run.ok(&["evaluate", "--data", "set", "--model", "./mine", "--folds", "2", "--json", "scores.json"]);
    assert!(measured.stdout.contains("6 clips of 2 labels"), "{}", measured.stdout);
    let scores: Value =
        serde_json::from_str(&std::fs::read_to_string(run.home().join("scores.json")).unwrap()).unwrap();
    assert!(scores["accuracy"].as_f64().is_some_and(|a| (0.0..=1.0).contains(&a)), "{scores}");
    let listen = ["monitor", "--input", "demo", "--model", "./mine", "--fast", "--duration", "3", "--only", "beeps"];
    let heard = run.ok(&[&listen[..], &["--ui", "jsonl"]].concat()).stdout;
    assert!(heard.contains("\"stride_s\":0.256") && heard.contains("\"reason\""), "{heard}");

    // Interpreters learn from a network that streams as from any other.
    let model = ["--model", "mine", "--folds", "1"];
    train(&run, "dictionary", &[&model[..], &["--components-per-class", "3", "--iterations", "20"]].concat());
    let small = ["--epochs", "1", "--batch", "4"];
    let l2i = [&model[..], &small[..], &["--psi-channels", "16", "--theta-hidden", "16"]].concat();
    let log = train(&run, "l2i", &l2i);
    assert!(log.contains("epoch 1: loss") && log.contains("fidelity"), "{log}");
    let log = train(&run, "lmac", &[&model[..], &small[..], &["--validate-folds", "2"]].concat());
    assert!(log.contains("epoch 1: loss") && log.contains("of the unlikeliest class"), "{log}");
    run.ok(&["model", "verify", "mine"]);
    let clip = "set/audio/2-200-A-0.wav";
    for method in ["l2i", "lmac"] {
        let heard = run.ok(&["explain", clip, "--model", "./mine", "--method", method, "--out", method]);
        assert!(run.home().join(method).is_dir(), "{}", heard.stdout);
    }
    let heard = run.ok(&[&listen[..], &["--ui", "jsonl", "--method", "lmac"]].concat()).stdout;
    assert!(heard.contains("\"method\":\"lmac\""), "{heard}");
}

#[test]
fn a_model_is_trained_measured_and_listens() {
    let run = with_data();
    let log =
        train(&run, "classifier", &[&SHAPE[..], &["--out", "mine", "--folds", "1", "--validate-folds", "2"]].concat());
    assert!(log.contains("epoch 1: loss") && log.contains("epoch 2: loss") && log.contains("accuracy"), "{log}");
    // A classifier alone is explained by a method that needs no weights.
    let listened = ["monitor", "--input", "demo", "--model", "./mine", "--ui", "jsonl", "--fast", "--duration", "2"];
    let listened = run.ok(&listened);
    assert!(listened.stdout.contains("\"method\":\"lrp\""), "{}", listened.stdout);

    train(
        &run,
        "dictionary",
        &["--model", "mine", "--components-per-class", "3", "--iterations", "20", "--folds", "1"],
    );
    train(
        &run,
        "l2i",
        &[
            "--model",
            "mine",
            "--epochs",
            "2",
            "--batch",
            "4",
            "--psi-channels",
            "16",
            "--theta-hidden",
            "16",
            "--folds",
            "1",
        ],
    );
    run.ok(&["model", "verify", "mine"]);

    let table = run.ok(&["evaluate", "--data", "set", "--model", "mine", "--folds", "2", "--json", "scores.json"]);
    assert!(table.stdout.contains("accuracy"), "{}", table.stdout);
    let scores: Value =
        serde_json::from_str(&std::fs::read_to_string(run.home().join("scores.json")).unwrap()).unwrap();
    assert_eq!(scores["n"], 6, "{scores}");
    for key in ["accuracy", "macro_auprc", "fidelity_top1", "fidelity_top5"] {
        let value = scores[key].as_f64().unwrap_or_else(|| panic!("no {key} in {scores}"));
        assert!((0.0..=1.0).contains(&value), "{key} is {value}");
    }
    for key in ["ff_median", "ff_median_random"] {
        assert_eq!(keys(&scores[key]), ["0.1", "0.3", "0.5", "0.7", "0.9"], "{key} of {scores}");
        let values: Vec<&Value> = scores[key].as_object().unwrap().values().collect();
        assert!(values.iter().all(|v| v.is_number()), "{key} of {scores}");
    }
    let all = run.ok(&["evaluate", "--data", "set", "--model", "mine", "--json", "all.json"]);
    assert!(all.stdout.contains("12"), "without --folds, every clip is measured: {}", all.stdout);

    // Methods under one measure: the same figures again for the same seed, in the tables and in both files.
    let compare =
        ["evaluate", "--data", "set", "--model", "mine", "--methods", "l2i,saliency,saliency:thesis-audio,random"];
    let compare =
        [&compare[..], &["--limit", "2", "--corrupt", "overlap", "--sets", "in-domain,out-of-domain"]].concat();
    let printed = run.ok(&[&compare[..], &["--json", "methods.json", "--markdown", "methods.md"]].concat()).stdout;
    assert_eq!(printed, std::fs::read_to_string(run.home().join("methods.md")).unwrap());
    for row in ["| stft | l2i | ", "| mel | saliency | ", "| stft | random | ", "| ideal | "] {
        assert!(printed.contains(row), "no {row} in {printed}");
    }
    let read = |file: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(run.home().join(file)).unwrap()).unwrap()
    };
    let compared = read("methods.json");
    assert_eq!((&compared["sets"][0]["n"], &compared["sets"][1]["n"]), (&2.into(), &4.into()), "{compared}");
    assert_eq!(compared["sets"][1]["rows"].as_array().unwrap().len(), 8, "four methods in two domains");
    let row = |method: &str| {
        let rows = compared["sets"][0]["rows"].as_array().unwrap();
        rows.iter().find(|row| row["method"] == method && row["domain"] == "mel").unwrap()["sps"].clone()
    };
    assert_ne!(row("saliency"), row("saliency:thesis-audio"), "another mask is another in mel bands, too");
    assert_eq!(compared["corruptions"][0]["corruption"], "corrupt-overlap");
    assert_eq!(compared["l2i"]["n"], 2, "--limit is for all that is measured");
    run.ok(&[&compare[..], &["--json", "again.json"]].concat());
    let again = read("again.json");
    assert_eq!((&again["sets"], &again["corruptions"]), (&compared["sets"], &compared["corruptions"]));
    let error = run.fails(2, &["evaluate", "--data", "set", "--model", "mine", "--methods", "tea-leaves"]);
    assert!(error.contains("tea-leaves") && error.contains("gradcam"), "{error}");
    let error = run.fails(2, &["evaluate", "--data", "set", "--model", "mine", "--sets", "speech"]);
    assert!(error.contains("--speech"), "{error}");
    let error = run.fails(5, &["evaluate", "--data", "set", "--model", "mine", "--json", "nowhere/scores.json"]);
    assert!(error.contains("nowhere"), "{error}");
    let error = run.fails(2, &["evaluate", "--data", "set", "--model", "mine", "--sanity", "--corrupt", "noise"]);
    assert!(error.contains("--sanity") && error.contains("--corrupt"), "{error}");

    // Retrained classifiers belong to the clips that they learned from.
    let roar = ["evaluate", "--data", "set", "--model", "mine", "--methods", "saliency", "--roar", "retrained"];
    let roar = [&roar[..], &["--roar-shares", "50", "--roar-epochs", "1"]].concat();
    let first = run.ok(&[&roar[..], &["--folds", "2"]].concat()).stdout;
    assert!(first.contains("saliency") && first.contains("random"), "{first}");
    assert_eq!(run.ok(&[&roar[..], &["--folds", "2"]].concat()).stdout, first, "nothing is left to do");
    let error = run.fails(2, &[&roar[..], &["--folds", "1"]].concat());
    assert!(error.contains("other clips"), "{error}");

    // Thresholds low enough that a net of two epochs hears something.
    write_wav(&run.home().join("yard.wav"), RATE_HZ, 1, &[sound(0, 1), sound(1, 1), sound(0, 2), sound(1, 2)].concat());
    let listen = ["monitor", "--input", "file:yard.wav", "--fast", "--model", "mine", "--record", "r"];
    let lines = run.ok(&[&listen[..], &["--threshold", "hum=0.01,beeps=0.01"]].concat()).stdout;
    let lines = e2e::json_lines(&lines);
    let events = e2e::check_lines(&lines);
    assert!(!events.is_empty(), "{lines:?}");
    let folders = e2e::event_folders(&run.home().join("r"));
    assert_eq!(folders.len(), events.len());
    folders.iter().for_each(|folder| drop(e2e::read_folder(folder)));
    let printed = run.ok(&["explain", "yard.wav", "--model", "mine", "--out", "explained", "--label", "beeps"]);
    assert!(printed.stdout.starts_with("yard.wav: beeps "), "{}", printed.stdout);
}

/// The hash of a file of weights, as the manifest in `dir` has it.
fn sha256_of(run: &Run, dir: &str, file: &str) -> String {
    let shown: Value = serde_json::from_str(&run.ok(&["model", "show", dir, "--json"]).stdout).unwrap();
    let files = shown["manifest"]["files"].as_object().unwrap();
    files[file].as_str().unwrap().to_owned()
}

fn weights_sha256(run: &Run, dir: &str) -> String {
    sha256_of(run, dir, "classifier.safetensors")
}

/// Data sets with the same clips whose table is changed by `change`.
fn data_set_like(run: &Run, name: &str, change: impl Fn(&str) -> String) {
    let dir = run.home().join(name);
    data_set(&dir);
    let table = std::fs::read_to_string(dir.join("meta/esc50.csv")).unwrap();
    std::fs::write(dir.join("meta/esc50.csv"), change(&table)).unwrap();
}

#[test]
fn masks_are_learned_for_the_classes_of_the_model() {
    let run = with_data();
    train(&run, "classifier", &[&SHAPE[..], &["--out", "mine", "--folds", "1"]].concat());
    train(&run, "classifier", &[&SHAPE[..], &["--out", "same", "--folds", "1"]].concat());
    let args = ["--channels", "8", "--epochs", "1", "--batch", "4", "--folds", "1"];
    let log = train(&run, "lmac", &[&args[..], &["--model", "mine", "--validate-folds", "2"]].concat());
    assert!(log.contains("epoch 1: loss"), "{log}");
    run.ok(&["model", "verify", "mine"]);

    // The same classes by other numbers.
    data_set_like(&run, "swapped", |table| table.replace(",0,hum", ",2,hum"));
    let swapped = ["train", "lmac", "--data", "swapped", "--model", "same"];
    run.ok(&[&swapped[..], &args[..]].concat());
    let decoder = |dir| sha256_of(&run, dir, "lmac.safetensors");
    assert_eq!(decoder("mine"), decoder("same"));

    data_set_like(&run, "others", |table| table.replace("hum", "hiss"));
    let error = run.fails(2, &[&["train", "lmac", "--data", "others", "--model", "same"], &args[..]].concat());
    assert!(error.contains("no class \"hiss\""), "{error}");
    assert_eq!(decoder("mine"), decoder("same"), "the decoder stays");

    train(&run, "lmac", &[&args[..], &["--model", "mine", "--finetune"]].concat());
    assert_ne!(decoder("mine"), decoder("same"));
    let table = run.ok(&["evaluate", "--data", "set", "--model", "mine", "--methods", "lmac", "--limit", "1"]).stdout;
    assert!(table.contains("| stft | lmac | ") && table.contains("| mel | lmac | "), "{table}");
}

/// The rivals in L2I's papers: each learns, explains a recording, is heard live where it can be, and decides.
#[test]
fn the_rivals_learn_explain_and_decide() {
    let run = with_data();
    train(&run, "classifier", &[&SHAPE[..], &["--out", "mine", "--folds", "1"]].concat());
    let error = run.fails(2, &["evaluate", "--data", "set", "--model", "mine", "--decisions"]);
    assert!(error.contains("train flint"), "{error}");
    let error =
        run.fails(4, &["explain", "set/audio/2-200-A-0.wav", "--model", "./mine", "--method", "vibi", "--out", "no"]);
    assert!(error.contains("earwitness train vibi"), "{error}");

    let args = ["--model", "mine", "--folds", "1", "--epochs", "2", "--batch", "4", "--validate-folds", "2"];
    let log = train(&run, "flint", &[&args[..], &["--attributes", "6", "--attribute-channels", "8"]].concat());
    assert!(log.contains("epoch 2: loss") && log.contains("diversity") && log.contains("top-1 fidelity"), "{log}");
    let log = train(&run, "vibi", &[&args[..], &["--chunk-frames", "16", "--chunk-channels", "4"]].concat());
    assert!(log.contains("bottleneck") && log.contains("classifier"), "{log}");
    let shape = ["--prototypes", "1", "--prototype-frames", "8", "--prototype-channels", "4"];
    let log = train(&run, "apnet", &[&args[..], &shape].concat());
    assert!(log.contains("reconstruction") && log.contains("the prototypes are in"), "{log}");
    let log = train(&run, "iba", &["--model", "mine", "--folds", "1", "--layer", "block3"]);
    assert!(log.contains("the statistics of block3"), "{log}");
    assert!(!run.home().join("mine/flint.checkpoint").exists());
    run.ok(&["model", "verify", "mine"]);
    let shown = run.ok(&["model", "show", "./mine"]).stdout;
    assert!(shown.contains("6 attributes") && shown.contains("25 % of chunks of 16 frames"), "{shown}");
    assert!(shown.contains("at block3") && shown.contains("2 prototypes of 8 frames"), "{shown}");
    let error = run.fails(2, &["train", "apnet", "--data", "set", "--model", "mine", "--prototype-frames", "7"]);
    assert!(error.contains("multiple of 4 frames"), "{error}");
    for wrong in [&["--chunk-frames", "10"][..], &["--chosen", "1.5"]] {
        let error = run.fails(2, &[&["train", "vibi", "--data", "set", "--model", "mine"], wrong].concat());
        assert!(error.contains("give ") || error.contains("share of chosen chunks"), "{error}");
    }
    let error = run.fails(2, &["train", "iba", "--data", "set", "--model", "mine", "--layer", "block77"]);
    assert!(error.contains("there is no layer block77"), "{error}");

    for method in ["flint", "vibi", "apnet", "iba"] {
        run.ok(&["explain", "set/audio/2-200-A-0.wav", "--model", "./mine", "--method", method, "--out", method]);
        let summary = std::fs::read_to_string(run.home().join(method).join("summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let folder = run.home().join(summary[0]["folder"].as_str().unwrap());
        assert!(folder.join("interpretation.wav").is_file(), "{method}: {summary}");
    }
    let listen = ["monitor", "--input", "demo", "--model", "./mine", "--ui", "jsonl", "--fast", "--duration", "2"];
    for method in ["flint", "vibi", "apnet", "iba"] {
        let heard = run.ok(&[&listen[..], &["--method", method]].concat()).stdout;
        assert!(heard.contains(&format!("\"method\":\"{method}\"")), "{heard}");
    }

    let decisions = ["evaluate", "--data", "set", "--model", "mine", "--folds", "2", "--decisions"];
    let table = run.ok(&[&decisions[..], &["--json", "decided.json"]].concat()).stdout;
    for row in ["| flint | ", "| vibi | ", "| apnet | ", "| classifier | - |", "| decides | macro-AUPRC |"] {
        assert!(table.contains(row), "no {row} in {table}");
    }
    let decided: Value =
        serde_json::from_str(&std::fs::read_to_string(run.home().join("decided.json")).unwrap()).unwrap();
    assert_eq!((&decided["n"], &decided["methods"][0]["fidelity_top3"]), (&6.into(), &1.0.into()), "two classes");
    assert_eq!(run.ok(&decisions).stdout, table, "the same figures again");
    let error = run.fails(2, &[&decisions[..], &["--methods", "saliency"]].concat());
    assert!(error.contains("saliency has no decision of its own"), "{error}");
    let compared =
        ["evaluate", "--data", "set", "--model", "mine", "--folds", "2", "--methods", "flint,vibi,apnet,iba"];
    let table = run.ok(&[&compared[..], &["--limit", "1", "--sets", "in-domain"]].concat()).stdout;
    for row in ["| stft | flint | ", "| mel | vibi | ", "| stft | apnet | ", "| stft | iba | "] {
        assert!(table.contains(row), "no {row} in {table}");
    }
}

/// Concepts are found, told apart in a recording, named, and measured.
#[test]
fn concepts_are_found_heard_named_and_measured() {
    let run = with_data();
    train(&run, "classifier", &[&SHAPE[..], &["--out", "mine", "--folds", "1"]].concat());
    let error =
        run.fails(4, &["explain", "set/audio/2-200-A-0.wav", "--model", "./mine", "--method", "drsa", "--out", "x"]);
    assert!(error.contains("train drsa"), "{error}");
    let error = run.fails(2, &["evaluate", "--data", "set", "--model", "./mine", "--flip-concepts"]);
    assert!(error.contains("train drsa"), "{error}");
    let args = ["--model", "mine", "--folds", "1", "--steps", "30", "--starts", "2"];
    for method in ["drsa", "dsa", "prca", "random-subspaces"] {
        let log = train(&run, "drsa", &[&args[..], &["--method", method]].concat());
        assert!(log.contains("hum: objective") && log.contains("4 concepts of 2 labels"), "{log}");
    }
    let first = sha256_of(&run, "./mine", "drsa.safetensors");
    train(&run, "drsa", &args);
    assert_eq!(sha256_of(&run, "./mine", "drsa.safetensors"), first, "the same seed gives the same concepts");
    for (wrong, why) in [
        (["--concepts", "5"], "--concepts"),
        (["--layer", "block9"], "block1 to block6"),
        (["--layer", "fc"], "no layer 'fc'"),
    ] {
        let error = run.fails(2, &[&["train", "drsa", "--data", "set"], &args[..], &wrong[..]].concat());
        assert!(error.contains(why), "{error}");
    }
    assert!(run.ok(&["model", "show", "./mine"]).stdout.contains("4 a label by prca, at block4"));

    write_wav(&run.home().join("beeps.wav"), RATE_HZ, 1, &[sound(1, 1), sound(1, 2)].concat());
    let explain = ["explain", "beeps.wav", "--model", "./mine", "--label", "beeps"];
    run.ok(&["model", "name-concept", "2", "high beep", "--label", "beeps", "--model", "./mine"]);
    run.ok(&[&explain[..], &["--out", "out", "--method", "drsa,dsa,prca,drsa:gain"]].concat());
    let folders = e2e::event_folders(&run.home().join("out"));
    assert_eq!(folders.len(), 4);
    for folder in &folders {
        let e2e::Folder { event, components, .. } = e2e::read_folder(folder);
        let concepts = event["components"].as_array().unwrap();
        assert_eq!((concepts.len(), components.len()), (4, 4), "{event}");
        assert!(components.iter().all(|c| c.samples.iter().any(|x| x.unsigned_abs() > 30)), "a concept is silent");
        let relevance: Vec<f64> = concepts.iter().map(|c| c["relevance"].as_f64().unwrap()).collect();
        assert!(relevance.windows(2).all(|w| w[0] >= w[1]) && relevance.iter().any(|r| r.abs() == 1.0), "{event}");
        for concept in concepts {
            let is_named = concept["index"] == 2 && event["method"].as_str().unwrap().starts_with("drsa");
            assert_eq!(concept["name"] == "high beep", is_named, "{event}");
            assert!(!concept["name"].as_str().unwrap().is_empty());
        }
    }
    let listen =
        ["monitor", "--input", "file:beeps.wav", "--fast", "--model", "./mine", "--record", "r", "--ui", "jsonl"];
    let lines = run.ok(&[&listen[..], &["--threshold", "beeps=0.01", "--method", "drsa"]].concat()).stdout;
    assert!(lines.contains("\"type\":\"explained\""), "{lines}");
    let recorded = e2e::event_folders(&run.home().join("r"));
    assert!(recorded.iter().any(|folder| folder.join("concept-02.wav").exists()), "{recorded:?}");
    for (args, why) in [
        (["model", "name-concept", "4", "x", "--label", "beeps", "--model", "./mine"], "below 4"),
        (["model", "name-concept", "0", "x", "--label", "hiss", "--model", "./mine"], "no label 'hiss'"),
        (["model", "name-concept", "0", "x", "--method", "l2i", "--model", "./mine"], "no l2i"),
        (["model", "name-concept", "0", "a\nb", "--label", "beeps", "--model", "./mine"], "one line"),
    ] {
        let error = run.fails(2, &args);
        assert!(error.contains(why), "{error}");
    }

    let measure = ["evaluate", "--data", "set", "--model", "./mine", "--folds", "2", "--methods", "random"];
    let table = run.ok(&[&measure[..], &["--flip-concepts", "--json", "concepts.json"]].concat()).stdout;
    assert!(table.contains("random (3 draws)") && table.contains("share of each concept"), "{table}");
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(run.home().join("concepts.json")).unwrap()).unwrap();
    let rows = json["concepts"].as_array().unwrap();
    let systems: Vec<&str> = rows.iter().map(|row| row["system"].as_str().unwrap()).collect();
    assert_eq!(systems, ["none", "random (3 draws)", "drsa", "dsa", "prca", "random-subspaces"]);
    assert_eq!((&rows[0]["concepts"], &rows[1]["n"], &rows[2]["n"]), (&1.into(), &18.into(), &6.into()), "{json}");
    let figure = |of: &Value| of.as_f64().unwrap();
    assert!((figure(&rows[0]["aupc_by_step"]) - figure(&rows[0]["patches"]["aupc"])).abs() < 1e-9, "{json}");
    for row in rows {
        assert!(row["patches"]["aupc"].is_number() && row["aupc_over_classes"].is_number(), "{row}");
        for class in row["relevance"].as_array().unwrap() {
            let sum: f64 = class["shares"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{class}");
        }
    }
}

#[test]
fn a_training_that_was_killed_goes_on_to_the_same_weights() {
    let run = with_data();
    let args = [&SHAPE[..6], &["--batch", "4", "--epochs", "24", "--seed", "3"]].concat();
    train(&run, "classifier", &[&args[..], &["--out", "whole"]].concat());

    let command = [&["train", "classifier", "--data", "set", "--out", "killed"], &args[..]].concat();
    for (signal, epoch) in [("KILL", "epoch 2:"), ("INT", "epoch 4:")] {
        let resume: &[&str] = if signal == "KILL" { &[] } else { &["--resume"] };
        let mut child = run.command(&[&command[..], resume].concat()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let seen = log.find(|line| line.contains(epoch));
        assert!(seen.is_some(), "{epoch} was not reached");
        e2e::signal(child.id(), signal);
        let rest: Vec<String> = log.collect();
        child.wait().unwrap();
        assert!(!rest.iter().any(|line| line.contains("epoch 24:")), "it ended by itself before {signal} came");
        assert!(!run.home().join("killed/model.toml").exists(), "no package before the training is over");
        if signal == "INT" {
            let sentence = rest.last().unwrap();
            assert!(sentence.contains("--resume"), "{sentence}");
        }
    }
    // Another setting is another training: it does not go on from here.
    let other = [&command[..], &["--resume", "--lr", "0.1"]].concat();
    assert!(run.fails(2, &other).contains("other settings"));
    let log = train(&run, "classifier", &[&args[..], &["--out", "killed", "--resume"]].concat());
    assert!(!log.contains("epoch 2:") && log.contains("epoch 24:"), "{log}");
    assert_eq!(weights_sha256(&run, "./killed"), weights_sha256(&run, "./whole"));
    assert!(!run.home().join("killed/classifier.checkpoint").exists());
}

/// A dictionary of two patterns as NumPy saves it, low and high, for 513 bins.
fn npy(path: &Path) {
    let mut header = "{'descr': '<f8', 'fortran_order': False, 'shape': (513, 2), }".to_owned();
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for bin in 0..513 {
        for low in [true, false] {
            bytes.extend(f64::from(u8::from((bin < 60) == low)).to_le_bytes());
        }
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn classifier_and_interpreter_learn_together_and_stand_beside_the_baselines() {
    let run = with_data();
    train(&run, "classifier", &[&SHAPE[..], &["--out", "mine", "--folds", "1"]].concat());
    npy(&run.home().join("w.npy"));
    let told = run.ok(&["model", "import", "w.npy", "--model", "mine", "--from-rate", "44100"]).stderr;
    assert!(
        told.contains("43.1 Hz apart") && told.contains("21.5 Hz apart") && told.contains("2 components"),
        "{told}"
    );
    let told = run.ok(&["model", "import", "w.npy", "--model", "mine"]).stderr;
    assert!(told.contains("row k of w.npy was taken for bin k") && told.contains("--from-rate"), "{told}");
    std::fs::write(run.home().join("broken.npy"), "no matrix").unwrap();
    let error = run.fails(3, &["model", "import", "broken.npy", "--model", "mine"]);
    assert!(error.contains("broken.npy is no .npy file"), "{error}");

    let joint =
        ["--model", "mine", "--by-design", "--epochs", "1", "--batch", "4", "--folds", "1", "--validate-folds", "2"];
    let small = ["--psi-channels", "8", "--theta-hidden", "8"];
    let error = run.fails(2, &[&["train", "l2i", "--data", "set"], &joint[..]].concat());
    assert!(error.contains("--out"), "{error}");
    let error = run.fails(2, &[&["train", "l2i", "--data", "set", "--out", "mine"], &joint[..]].concat());
    assert!(error.contains("whose classifier would be lost"), "{error}");
    let error = run.fails(2, &["train", "l2i", "--data", "set", "--model", "mine", "--warm-start"]);
    assert!(error.contains("--by-design"), "{error}");
    let error = run.fails(2, &["train", "l2i", "--data", "set", "--model", "mine", "--dropout", "1"]);
    assert!(error.contains("--dropout") && error.contains("below 1"), "{error}");
    let log = train(&run, "l2i", &[&joint[..], &small[..], &["--out", "joint"]].concat());
    assert!(log.contains("labels ") && log.contains("(classifier "), "{log}");
    run.ok(&["model", "verify", "joint"]);
    assert_ne!(weights_sha256(&run, "mine"), weights_sha256(&run, "joint"));

    let table = run.ok(&[
        "train",
        "baseline",
        "--data",
        "set",
        "--folds",
        "1",
        "--validate-folds",
        "2",
        "--out",
        "nmf",
        "--model",
        "mine",
        "--components",
        "4",
        "--iterations",
        "10",
        "--epochs",
        "1",
        "--beside",
        "mine,joint",
        "--json",
        "table.json",
    ]);
    let rows: Value = serde_json::from_str(&std::fs::read_to_string(run.home().join("table.json")).unwrap()).unwrap();
    let systems: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["system"].as_str().unwrap()).collect();
    assert_eq!(
        systems,
        ["unsupervised-nmf", "task-driven-nmf", "mine: classifier", "joint: classifier", "joint: interpreter"]
    );
    assert!(systems.iter().all(|system| table.stdout.contains(&format!("| {system} | 6 | "))), "{}", table.stdout);
    assert!(rows[4]["fidelity_top1"].is_number() && rows[0]["fidelity_top1"].is_null(), "{rows}");
}
