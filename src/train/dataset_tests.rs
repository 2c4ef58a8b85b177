#![allow(clippy::unwrap_used)]
use super::*;

/// A data set folder with one label file and empty recordings.
fn folder(meta: &str, csv: &str, recordings: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("audio")).unwrap();
    std::fs::create_dir(dir.path().join("meta")).unwrap();
    std::fs::write(dir.path().join("meta").join(meta), csv).unwrap();
    for name in recordings {
        std::fs::write(dir.path().join("audio").join(name), b"").unwrap();
    }
    dir
}

const ESC: &str = "filename,fold,target,category,esc10,src_file,take\n\
    1-100-A-41.wav,1,41,chainsaw,True,100,A\n\
    1-101-A-0.wav,1,0,dog,True,101,A\n\
    2-102-A-7.wav,2,7,rooster,False,102,A\n\
    3-103-A-0.wav,3,0,dog,True,103,A\n";

#[test]
fn esc50_labels_follow_the_class_numbers_and_absent_recordings_are_counted() {
    // The first is there as listed, the second under another extension, the third (and with it its class) not at all.
    let dir = folder("esc50.csv", ESC, &["1-100-A-41.wav", "1-101-A-0.ogg", "3-103-A-0.flac"]);
    let set = DataSet::open(dir.path()).unwrap();
    assert_eq!(set.labels, ["dog", "chainsaw"]);
    assert_eq!(set.missing, 1);
    assert_eq!(set.clips.iter().map(|c| c.targets.clone()).collect::<Vec<_>>(), [[1], [0], [0]]);
    assert_eq!(set.clips[1].path, dir.path().join("audio/1-101-A-0.ogg"));
    assert_eq!(set.folds(), [1, 3]);
}

#[test]
fn split_keeps_the_order_and_refuses_an_unknown_fold() {
    let dir = folder("esc50.csv", ESC, &["1-100-A-41.wav", "1-101-A-0.wav", "3-103-A-0.wav"]);
    let set = DataSet::open(dir.path()).unwrap();
    let (held_out, rest) = set.split(&[3]).unwrap();
    assert_eq!((held_out.len(), rest.len()), (1, 2));
    assert_eq!(held_out[0], set.clips[2]);
    assert_eq!(rest, set.clips[..2]);
    let error = set.split(&[1, 2]).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Usage);
    assert_eq!(error.to_string(), "the data set has no fold 2; choose among 1, 3");
}

#[test]
fn a_recording_on_two_rows_has_both_classes() {
    let csv = "filename,fold,target,category\na.wav,1,3,rain\na.wav,1,1,dog\n";
    let dir = folder("esc50.csv", csv, &["a.wav"]);
    let set = DataSet::open(dir.path()).unwrap();
    assert_eq!(set.labels, ["dog", "rain"]);
    assert_eq!(set.clips.len(), 1);
    assert_eq!(set.clips[0].targets, [0, 1]);
}

#[test]
fn multi_label_columns_become_classes() {
    let csv = "filename,fold,music,engine,voice\na.wav,2,1,0,1\nb.wav,5,0,0,0\ngone.wav,1,1,1,1\n";
    let dir = folder("set.csv", csv, &["a.flac", "b.wav"]);
    let set = DataSet::open(dir.path()).unwrap();
    assert_eq!(set.labels, ["music", "engine", "voice"]);
    assert_eq!(set.missing, 1);
    assert_eq!(set.clips[0].targets, [0, 2]);
    assert_eq!(set.clips[1].targets, [0usize; 0]);
    assert_eq!(set.folds(), [2, 5]);

    let dir = folder("set.csv", "filename,music\na.wav,1\n", &["a.wav"]);
    assert_eq!(DataSet::open(dir.path()).unwrap().folds(), [1]);
}

/// The sentence with which opening such a folder fails.
fn refusal(meta: &str, csv: &str, recordings: &[&str]) -> String {
    let dir = folder(meta, csv, recordings);
    let error = DataSet::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Input);
    error.to_string()
}

#[test]
fn mistakes_are_named() {
    let no_audio = tempfile::tempdir().unwrap();
    assert!(DataSet::open(no_audio.path()).unwrap_err().to_string().contains("no folder \"audio\""));

    let said = refusal("labels.txt", "", &[]);
    assert!(said.contains("has no label file"), "{said}");
    let said = refusal("esc50.csv", ESC, &[]);
    assert!(said.contains("none of the 4 recordings"), "{said}");
    let said = refusal("esc50.csv", "filename,target,category\na.wav,0,dog\n", &["a.wav"]);
    assert!(said.contains("no column \"fold\""), "{said}");
    let said = refusal("esc50.csv", "filename,fold,target,category\na.wav,one,0,dog\n", &["a.wav"]);
    assert!(said.contains("line 2") && said.contains("\"one\" in column fold"), "{said}");
    let twice = "filename,fold,target,category\na.wav,1,0,dog\nb.wav,1,0,cat\n";
    let said = refusal("esc50.csv", twice, &["a.wav", "b.wav"]);
    assert!(said.contains("line 3") && said.contains("\"cat\""), "{said}");
    let moved = "filename,fold,target,category\na.wav,1,0,dog\na.wav,2,1,cat\n";
    let said = refusal("esc50.csv", moved, &["a.wav"]);
    assert!(said.contains("fold 2"), "{said}");
    let said = refusal("set.csv", "filename,music\na.wav,yes\n", &["a.wav"]);
    assert!(said.contains("\"yes\" in column music"), "{said}");
    let said = refusal("set.csv", "filename,fold\na.wav,1\n", &["a.wav"]);
    assert!(said.contains("names no classes"), "{said}");

    let dir = folder("one.csv", "filename,a\nx.wav,1\n", &["x.wav"]);
    std::fs::write(dir.path().join("meta/two.csv"), "filename,a\nx.wav,1\n").unwrap();
    assert!(DataSet::open(dir.path()).unwrap_err().to_string().contains("has 2 label files"));
}

#[test]
fn sounds_of_no_label_have_no_target() {
    let csv = "filename,fold,target,category\na.wav,1,2,rain\nb.wav,1,0,other\nc.wav,2,1,dog\n";
    let dir = folder("esc50.csv", csv, &["a.wav", "b.wav", "c.wav"]);
    let set = DataSet::open(dir.path()).unwrap();
    assert_eq!(set.labels, ["dog", "rain"]);
    assert_eq!(set.clips.iter().map(|c| c.targets.clone()).collect::<Vec<_>>(), [vec![1], vec![], vec![0]]);
    assert_eq!(set.clips.iter().map(|c| c.foreign).collect::<Vec<_>>(), [false, true, false]);
}
