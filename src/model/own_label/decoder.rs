//! L-MAC's decoder for labels that it was not trained for.
//!
//! The decoder is asked for a class: rows of scales and shifts fit its maps to the class, and a row of evidence says what each
//! channel of the last tap says for it. The evidence began as the product of the network's last layers, so a new label's is that
//! product for its own row, at the size that training gave the others. Scales and shifts of a new label are the mean of
//! the known labels', weighted by how alike the rows of the dense layer are.

use super::rows::push_row;
use crate::error::Result;
use crate::model::causal::{CausalClassifier, CausalConfig, CausalNet};
use crate::model::lmac::{CLASS_EVIDENCE, LmacConfig};
use crate::model::manifest::Manifest;
use crate::model::tensors::Arrays;

/// How sharply likeness decides: shares are exp(`SHARPNESS` · cosine), normalised. A label of half the likeness of the
/// likest counts for a few hundredths.
const SHARPNESS: f32 = 8.0;

/// Appends a row to each array of the decoder that has one a class, for each label behind the manifest's. `heads` are the
/// network's arrays with the new labels' rows.
pub(super) fn teach(manifest: &Manifest, decoder: &mut Arrays, heads: &Arrays, n_new: usize) -> Result<()> {
    let config = LmacConfig::from_manifest(manifest)?;
    let known = manifest.labels.len();
    let net = CausalConfig { n_classes: known + n_new, ..CausalConfig::from_manifest(manifest)? };
    let width = net.embedding;
    let rows = heads.get("label.weight", &[net.n_classes, width])?;
    let products = CausalClassifier::new(CausalNet::load(&net, heads)?, &manifest.classifier.taps)?.class_weights()?;
    let [.., last] = &config.net.taps;
    let evidence = decoder.get(CLASS_EVIDENCE, &[known, last.channels])?;
    let (of_known, of_new) = products.split_at(known * last.channels);
    let grown = norm(evidence) / norm(of_known).max(f32::MIN_POSITIVE);
    for (new, product) in of_new.chunks_exact(last.channels).enumerate() {
        push_row(decoder, CLASS_EVIDENCE, &product.iter().map(|x| grown * x).collect::<Vec<f32>>())?;
        let shares = shares(&rows[..known * width], &rows[(known + new) * width..][..width]);
        for map in ["late", "middle", "early"] {
            for what in ["scale", "shift"] {
                let name = format!("{map}.class.{what}");
                let values = decoder.get(&name, &[known + new, config.channels])?;
                let mean = mean(&values[..known * config.channels], &shares);
                push_row(decoder, &name, &mean)?;
            }
        }
    }
    Ok(())
}

/// How much each known row counts for a new one; the shares sum to 1.
fn shares(known: &[f32], new: &[f32]) -> Vec<f32> {
    let cosine = |row: &[f32]| {
        let product: f32 = row.iter().zip(new).map(|(a, b)| a * b).sum();
        product / (norm(row) * norm(new)).max(f32::MIN_POSITIVE)
    };
    let shares: Vec<f32> = known.chunks_exact(new.len().max(1)).map(|row| (SHARPNESS * cosine(row)).exp()).collect();
    let sum: f32 = shares.iter().sum();
    shares.iter().map(|share| share / sum).collect()
}

fn mean(rows: &[f32], shares: &[f32]) -> Vec<f32> {
    let width = rows.len() / shares.len().max(1);
    let mut mean = vec![0.0; width];
    for (row, share) in rows.chunks_exact(width.max(1)).zip(shares) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += share * x);
    }
    mean
}

fn norm(x: &[f32]) -> f32 {
    x.iter().map(|x| x * x).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_like_a_known_one_is_treated_like_it() {
        // Cosines 1, 0 and −1/√2: the shares fall by e⁸ and further.
        let shares = shares(&[1.0, 0.0, 0.0, 1.0, -1.0, 1.0], &[3.0, 0.0]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((shares[0] / shares[1] / 8.0_f32.exp() - 1.0).abs() < 1e-3, "{shares:?}");
        assert!(shares[2] < shares[1], "{shares:?}");
        let mean = mean(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0.5, 0.25, 0.25]);
        assert_eq!(mean, [2.5, 3.5]);
    }
}
