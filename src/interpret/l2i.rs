//! Listen to Interpret (Parekh et al. 2022, 2023): which spectral patterns of a dictionary, sounding when, make up the
//! decision; section III-E and Algorithm 1 of the extended paper.

use std::ops::Range;
use std::sync::Arc;

use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::kernels::gemm::{View, matmul};
use crate::model::l2i::{L2iConfig, L2iNet};
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// Added to a mask's denominator.
const MASK_EPS: f32 = 1e-6;

/// What all explanations of one model share.
#[derive(Debug)]
struct Shared {
    /// W, `[n_bins, n_components]`.
    dictionary: Vec<f32>,
    names: Vec<String>,
    /// Θ's dense layer, `[n_classes, n_components]`.
    theta: Vec<f32>,
    n_bins: usize,
    n_components: usize,
    threshold: f32,
}

/// The method, with the networks of one package.
pub struct L2i {
    net: L2iNet,
    shared: Arc<Shared>,
}

impl L2i {
    /// Loads Ψ, Θ and the dictionary of a package.
    ///
    /// # Errors
    /// A model error where the package has no `[l2i]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let config = L2iConfig::from_manifest(manifest)?;
        let l2i = manifest.l2i.as_ref().ok_or_else(|| Error::bug("a manifest lost its [l2i]"))?;
        let file = l2i.weights.as_ref().ok_or_else(|| {
            Error::model(format!(
                "the model {} has a dictionary but no Ψ and Θ yet; train them with 'earwitness train l2i'",
                manifest.name
            ))
        })?;
        let weights = package.tensors(file)?;
        let n_bins = manifest.front_end.n_bins();
        let dictionary = package.tensors(&l2i.dictionary)?;
        let dictionary = dictionary.get("W", &[n_bins, config.n_components])?.to_vec();
        let theta = weights.get("fc1.weight", &[config.n_classes, config.n_components])?.to_vec();
        let shared = Shared {
            dictionary,
            names: l2i.component_names.clone(),
            theta,
            n_bins,
            n_components: config.n_components,
            threshold: l2i.relevance_threshold,
        };
        Ok(Self { net: L2iNet::load(&config, &weights)?, shared: Arc::new(shared) })
    }

    /// As [`Interpreter::explain`], with everything that L2I knows.
    ///
    /// # Errors
    /// As [`Interpreter::explain`].
    pub fn explain_fully(&self, segment: &Segment<'_>) -> Result<L2iExplanation> {
        let forward = self.net.forward(&segment.classified.taps, None)?;
        let attention = forward.pooled.attention.map(|a| a.flatten_all()?.to_vec1::<f32>()).transpose()?;
        Ok(L2iExplanation {
            activations: forward.activations.flatten_all()?.to_vec1()?,
            n_frames: self.net.config().n_frames,
            attention,
            pooled: forward.pooled.pooled.flatten_all()?.to_vec1()?,
            logits: forward.logits.flatten_all()?.to_vec1()?,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Interpreter for L2i {
    fn method(&self) -> &'static str {
        "l2i"
    }

    fn needs(&self) -> Needs {
        Needs { taps: true, backward: false, forward_passes: 0 }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        Ok(Box::new(self.explain_fully(segment)?))
    }
}

/// One segment's activations and what Θ makes of them.
#[derive(Debug, Clone)]
pub struct L2iExplanation {
    /// H, `[n_frames, n_components]`.
    pub activations: Vec<f32>,
    /// Frames of the segment.
    pub n_frames: usize,
    /// Θ's weights over time; none with max pooling.
    pub attention: Option<Vec<f32>>,
    /// z, `[n_components]`.
    pub pooled: Vec<f32>,
    /// Θ(H) before sigmoid or softmax.
    pub logits: Vec<f32>,
    shared: Arc<Shared>,
}

impl L2iExplanation {
    fn theta(&self, class: ClassId) -> &[f32] {
        let k = self.shared.n_components;
        self.shared.theta.get(class.0 * k..(class.0 + 1) * k).unwrap_or(&[])
    }

    /// r = z ⊙ θ_c / max |z ⊙ θ_c|, `[n_components]`; all 0 where every product is.
    #[must_use]
    pub fn relevance(&self, class: ClassId) -> Vec<f32> {
        let mut r: Vec<f32> = self.pooled.iter().zip(self.theta(class)).map(|(z, t)| z * t).collect();
        let max = r.iter().fold(0.0_f32, |m, r| m.max(r.abs()));
        if max > 0.0 {
            r.iter_mut().for_each(|r| *r /= max);
        }
        r
    }

    /// The components whose relevance for `class` is above `threshold`: L of section III-E.
    #[must_use]
    pub fn relevant(&self, class: ClassId, threshold: f32) -> Vec<usize> {
        let r = self.relevance(class);
        (0..r.len()).filter(|k| r[*k] > threshold).collect()
    }

    /// Soft mask of a set of components for some frames: Σ w_k h_k over the set ÷ Σ w_k h_k over all (Algorithm 1),
    /// `[frames.len(), n_bins]`.
    pub fn mask_of(&self, components: &[usize], frames: Range<usize>, out: &mut [f32]) {
        let (k, n_bins) = (self.shared.n_components, self.shared.n_bins);
        let n = frames.len();
        let h = &self.activations[frames.start * k..frames.end * k];
        let mut chosen = vec![0.0; n * k];
        for (chosen, h) in chosen.chunks_exact_mut(k).zip(h.chunks_exact(k)) {
            for c in components {
                chosen[*c] = h[*c];
            }
        }
        let w = View::dense(n_bins, k).t();
        let mut all = vec![0.0; n * n_bins];
        matmul(&mut all, View::dense(n, n_bins), h, View::dense(n, k), &self.shared.dictionary, w, false);
        matmul(out, View::dense(n, n_bins), &chosen, View::dense(n, k), &self.shared.dictionary, w, false);
        out.iter_mut().zip(&all).for_each(|(m, all)| *m = (*m / (all + MASK_EPS)).clamp(0.0, 1.0));
    }
}

impl Explanation for L2iExplanation {
    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn n_bins(&self) -> usize {
        self.shared.n_bins
    }

    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        let r = self.relevance(class);
        let mut shares: Vec<ComponentShare> = (0..r.len())
            .filter(|k| r[*k] > self.shared.threshold)
            .map(|index| ComponentShare {
                index,
                name: self.shared.names.get(index).cloned().unwrap_or_default(),
                relevance: r[index],
            })
            .collect();
        shares.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        shares
    }

    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let k = self.shared.n_components;
        let theta = self.theta(class);
        let share = |t: usize| match &self.attention {
            Some(a) => a[t],
            None => 1.0 / self.n_frames as f32,
        };
        let rows = self.activations.chunks_exact(k).enumerate();
        rows.map(|(t, h)| share(t) * h.iter().zip(theta).map(|(h, w)| h * w).sum::<f32>()).collect()
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        self.mask_of(&self.relevant(class, self.shared.threshold), frames, out);
    }

    fn component_mask(&self, index: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask_of(&[index], frames, out);
    }
}
