//! A dictionary of another program, from its file to the audio's mask: `.npy` → package → Ψ and Θ → Algorithm 1. Where the
//! L2I authors' own dictionaries lie beside the project, with them too.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use crate::support::l2i;
use std::collections::BTreeMap;
use std::path::Path;

use earwitness::eval::faithfulness::Listener;
use earwitness::interpret::Explanation;
use earwitness::interpret::l2i::L2i;
use earwitness::model::classifier::Classifier;
use earwitness::model::dictionary::{Imported, import};
use earwitness::model::l2i::L2iConfig;
use earwitness::model::npy::{self, Matrix};
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;
use earwitness::train::sparse_code::{Coder, Penalty};
use earwitness::units::ClassId;

/// The bytes that NumPy writes for a matrix in Fortran order.
fn npy_bytes(matrix: &Matrix) -> Vec<u8> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': ({rows}, {cols}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    for c in 0..cols {
        (0..rows).for_each(|r| bytes.extend(matrix.values[r * cols + c].to_le_bytes()));
    }
    bytes
}

/// Puts W into a package of random networks, with a small Ψ and Θ of its own, as if just initialised.
fn with_dictionary(dir: &Path, imported: &Imported, n_bins: usize) -> Package {
    let package = l2i::package(dir);
    let mut manifest = package.manifest().clone();
    // The other program's transform, if it has another number of bins.
    (manifest.front_end.n_fft, manifest.front_end.win_length) = (2 * (n_bins - 1), 2 * (n_bins - 1));
    let n = imported.columns.len();
    manifest.set_dictionary("dictionary.safetensors", (0..n).map(|c| format!("component {c}")).collect());
    assert!(!manifest.files.contains_key("l2i.safetensors"), "Ψ and Θ of the old dictionary are gone");
    let l2i = manifest.l2i.as_mut().unwrap();
    (l2i.psi_channels, l2i.theta_hidden) = (8, 5);
    l2i.weights = Some("l2i.safetensors".into());
    let mut weights = Arrays::default();
    for (name, shape) in L2iConfig::from_manifest(&manifest).unwrap().arrays() {
        let len = shape.iter().product::<usize>();
        weights.insert(name, shape, (0..len).map(|i| ((i * 37 % 101) as f32 - 40.0) / 150.0).collect());
    }
    let mut w = Arrays::default();
    w.insert("W", [n_bins, n], imported.w.clone());
    let files = BTreeMap::from([("dictionary.safetensors".to_string(), w), ("l2i.safetensors".to_string(), weights)]);
    Package::write(dir, manifest, &files).unwrap()
}

/// Hears a chirp, explains it and checks what Algorithm 1 says of its masks.
fn runs_through_algorithm_1(package: &Package) {
    let classifier = Classifier::load(package).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let samples: Vec<f32> = (0..3_200).map(|t| 0.4 * (t as f32 * t as f32 * 3e-4).sin()).collect();
    let heard = listener.hear(&samples).unwrap();
    let explanation = L2i::load(package).unwrap().explain_fully(&heard.segment()).unwrap();
    let (n_frames, n_bins) = (explanation.n_frames(), explanation.n_bins());
    assert_eq!(heard.log_magnitude.len(), n_frames * n_bins);
    assert!(explanation.activations.iter().any(|h| *h > 0.0), "Ψ says nothing");
    let k = explanation.activations.len() / n_frames;
    let mut mask = vec![0.0; n_frames * n_bins];
    let (mut sum, mut moved) = (vec![0.0_f32; mask.len()], 0);
    for component in 0..k {
        explanation.component_mask(ClassId(0), component, 0..n_frames, &mut mask);
        assert!(mask.iter().all(|m| (0.0..=1.0).contains(m)));
        moved += usize::from(mask.iter().any(|m| *m > 0.01));
        sum.iter_mut().zip(&mask).for_each(|(s, m)| *s += m);
    }
    assert!(moved > 1, "only {moved} components sound");
    // The masks of all components share the sound out: together they are all of it, wherever there is any.
    let whole = sum.iter().filter(|s| (**s - 1.0).abs() < 0.02).count();
    assert!(whole * 10 > sum.len() * 9, "{whole} of {}", sum.len());
    assert!(sum.iter().all(|s| *s < 1.0 + 1e-3));
    let class = ClassId(1);
    explanation.mask(class, 0..n_frames, &mut mask);
    let mut of_set = vec![0.0; mask.len()];
    let components: Vec<usize> = explanation.components(class).iter().map(|c| c.index).collect();
    explanation.mask_of(&components, 0..n_frames, &mut of_set);
    assert!(mask.iter().zip(&of_set).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn a_file_becomes_a_dictionary_that_explains() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.npy");
    let ridges = |i: usize| (-((i / 6) as f32 / 20.0 - (i % 6) as f32).powi(2)).exp() * 3.0 - 0.01;
    let matrix = Matrix { rows: 129, cols: 6, values: (0..129 * 6).map(ridges).collect() };
    std::fs::write(&path, npy_bytes(&matrix)).unwrap();
    assert_eq!(npy::read(&path).unwrap(), matrix);
    let imported = import("w.npy", &matrix, 129, 8_000, None).unwrap();
    let package = with_dictionary(&dir.path().join("package"), &imported, 129);
    runs_through_algorithm_1(&package);
    std::fs::remove_file(&path).unwrap();
    let error = npy::read(&path).unwrap_err().to_string();
    assert!(error.contains("w.npy") && error.contains("cannot read"), "{error}");
}

/// File, columns, sum of all values, value in row 3 and column 5:
///
/// ```python
/// a = np.load(f); print(f, a.shape[1], a.astype(np.float64).sum(), a[3, 5])
/// ```
const AUTHORS: [(&str, usize, f64, f32); 3] = [
    ("initW_LMS_K100_sp0.8_Fold1_n1.npy", 100, 1162.020009, 0.084_016_17),
    ("initW_LMS_K100_sp0.8_Fold3_n1.npy", 100, 1157.609638, 0.078_267_7),
    ("initW_LMS_SingleK10_sp0.8_NS1000_n6.npy", 80, 956.388342, 0.17411993),
];

#[test]
fn the_dictionaries_of_the_l2i_authors_explain() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/weights/l2i-dictionaries");
    for (file, cols, sum, corner) in AUTHORS {
        let path = dir.join(file);
        if !path.is_file() {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        }
        let matrix = npy::read(&path).unwrap();
        assert_eq!((matrix.rows, matrix.cols), (513, cols));
        let total: f64 = matrix.values.iter().map(|v| f64::from(*v)).sum();
        assert!((total / sum - 1.0).abs() < 1e-4, "{file}: {total}");
        assert!((matrix.values[3 * cols + 5] - corner).abs() < 1e-6, "{file}: {}", matrix.values[3 * cols + 5]);
        // Bins as they are, and at the frequencies of a model of half the rate.
        for from_rate in [None, Some(44_100)] {
            let imported = import(file, &matrix, 513, 22_050, from_rate).unwrap();
            assert_eq!(imported.columns.len() + imported.left_out.len(), cols);
            assert!(imported.left_out.len() < cols / 4, "{file}: {:?}", imported.left_out);
            let n = imported.columns.len();
            for c in 0..n {
                let length: f64 = imported.w.iter().skip(c).step_by(n).map(|v| f64::from(*v).powi(2)).sum();
                assert!((length - 1.0).abs() < 1e-4, "{file}, column {c}: {length}");
            }
            let package = with_dictionary(tempfile::tempdir().unwrap().path(), &imported, 513);
            runs_through_algorithm_1(&package);
            // Activations by NMF rebuild a spectrum made of three of the patterns, from those three.
            let x: Vec<f32> = imported.w.chunks_exact(n).map(|row| 2.0 * row[1] + row[10] + 3.0 * row[n - 1]).collect();
            let penalty = Penalty { l1: 0.0, l2: 1e-4 };
            let h = Coder::new(&imported.w, 513, penalty).encode(&x);
            let mut largest: Vec<usize> = (0..n).collect();
            largest.sort_by(|a, b| h[*b].total_cmp(&h[*a]));
            let mut found = largest[..3].to_vec();
            found.sort_unstable();
            assert_eq!(found, [1, 10, n - 1], "{file} from {from_rate:?}");
        }
    }
}
