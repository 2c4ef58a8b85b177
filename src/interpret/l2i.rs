//! Listen to Interpret (Parekh et al. 2022, 2023): which spectral patterns of a dictionary, sounding when, make up the
//! decision; section III-E and Algorithm 1 of the extended paper.

use std::ops::Range;
use std::sync::Arc;

use super::{ComponentShare, Explanation, Interpreter, Needs, Segment, sound_name};
use crate::model::device::ComputeDevice;
use crate::model::kernels::gemm::{View, matmul};
use crate::model::l2i::{L2iConfig, L2iNet};
use crate::model::package::Package;
use crate::model::taps::Taps;
use crate::units::ClassId;
use crate::{Error, Result};

/// Added to a mask's denominator.
const MASK_EPS: f32 = 1e-6;

/// A frame is looked at from this share of the largest attention on.
const SEED_SHARE: f32 = 0.1;

/// A stretch of sound reaches as far as this share of the strongest frame that is looked at …
const STRETCH_SHARE: f32 = 0.15;

/// … over pauses of up to this share of the segment.
const PAUSE_SHARE: usize = 16;

/// What all explanations of one model share.
#[derive(Debug)]
struct Shared {
    /// W, `[n_bins, n_components]`.
    dictionary: Vec<f32>,
    /// Sum of each column of W.
    column_sums: Vec<f32>,
    names: Vec<String>,
    /// Whether each name was given, and not made up from where the component sounds.
    named: Vec<bool>,
    /// Θ's dense layer, `[n_classes, n_components]`.
    theta: Vec<f32>,
    n_bins: usize,
    n_components: usize,
    threshold: f32,
}

/// The method, with the networks of one package.
pub struct L2i {
    net: L2iNet,
    device: ComputeDevice,
    shared: Arc<Shared>,
}

impl L2i {
    /// Loads Ψ, Θ and the dictionary of a package, on the CPU.
    ///
    /// # Errors
    /// A model error where the package has no `[l2i]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        Self::load_on(package, &ComputeDevice::cpu())
    }

    /// As [`Self::load`], with Ψ and Θ on a device, where the classifier must be too.
    ///
    /// # Errors
    /// As [`Self::load`]; also where the device fails.
    pub fn load_on(package: &Package, device: &ComputeDevice) -> Result<Self> {
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
        let k = config.n_components;
        let column_sums = (0..k).map(|c| dictionary.iter().skip(c).step_by(k).sum()).collect();
        let bin_hz = f64::from(manifest.front_end.sample_rate_hz) / manifest.front_end.n_fft as f64;
        let given = |c: usize| l2i.component_names.get(c).filter(|name| !is_number(name, c));
        let place = |c: usize| {
            // Patterns are of ln(1 + |X|): their squares stand in for energies.
            let energies: Vec<f64> = dictionary.iter().skip(c).step_by(k).map(|w| f64::from(*w).powi(2)).collect();
            sound_name::place(&energies, bin_hz)
        };
        let shared = Shared {
            named: (0..k).map(|c| given(c).is_some()).collect(),
            names: (0..k).map(|c| given(c).cloned().unwrap_or_else(|| place(c))).collect(),
            dictionary,
            column_sums,
            theta,
            n_bins,
            n_components: config.n_components,
            threshold: l2i.relevance_threshold,
        };
        let net = L2iNet::load_on(&config, &weights, device)?;
        Ok(Self { net, device: device.clone(), shared: Arc::new(shared) })
    }

    /// As [`Interpreter::explain`], with everything that L2I knows.
    ///
    /// # Errors
    /// As [`Interpreter::explain`].
    pub fn explain_fully(&self, segment: &Segment<'_>) -> Result<L2iExplanation> {
        let mut one = self.explain_taps(&[&segment.classified.taps])?;
        one.pop().ok_or_else(|| Error::bug("a segment was explained and nothing came back"))
    }

    /// Any number of segments, in order.
    fn explain_taps(&self, all: &[&Taps]) -> Result<Vec<L2iExplanation>> {
        self.device.in_pieces(all, self.net.config().largest_batch(), |piece| {
            let forward = self.net.forward(&Taps::gather(piece)?, None)?;
            let mut tensors = vec![&forward.activations, &forward.pooled.pooled, &forward.logits];
            tensors.extend(&forward.pooled.attention);
            let values = self.device.download(&tensors)?;
            let row = |column: usize, i: usize| -> Option<Vec<f32>> {
                let rows = values.get(column)?;
                rows.chunks_exact((rows.len() / piece.len()).max(1)).nth(i).map(<[f32]>::to_vec)
            };
            let explanation = |i: usize| L2iExplanation {
                activations: row(0, i).unwrap_or_default(),
                first_frame: 0,
                n_frames: self.net.config().n_frames,
                attention: row(3, i),
                pooled: row(1, i).unwrap_or_default(),
                logits: row(2, i).unwrap_or_default(),
                shared: Arc::clone(&self.shared),
            };
            Ok((0..piece.len()).map(explanation).collect())
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

    fn explain_batch(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Box<dyn Explanation>>> {
        let taps: Vec<&Taps> = segments.iter().map(|segment| &segment.classified.taps).collect();
        let explanations = self.explain_taps(&taps)?;
        Ok(explanations.into_iter().map(|e| Box::new(e) as Box<dyn Explanation>).collect())
    }
}

/// One segment's activations and what Θ makes of them.
#[derive(Debug, Clone)]
pub struct L2iExplanation {
    /// H, `[n_frames, n_components]`; of a [shrunk](Explanation::shrunk) one, the frames from `first_frame` on that are left.
    pub activations: Vec<f32>,
    /// The first frame that `activations` has; 0 but where it was shrunk.
    pub first_frame: usize,
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

    /// Whether each frame is one that the decision for `class` looks at.
    fn seeds(&self, class: ClassId) -> Vec<bool> {
        let k = self.shared.n_components;
        let theta = self.theta(class);
        let weights = match &self.attention {
            Some(attention) => attention.clone(),
            // Max pooling looks at each component's largest frame; the class's own sum is near enough.
            None => {
                let rows = self.activations.chunks_exact(k);
                rows.map(|h| h.iter().zip(theta).map(|(h, w)| h * w).sum::<f32>().max(0.0)).collect()
            }
        };
        let largest = weights.iter().copied().fold(0.0, f32::max);
        weights.iter().map(|w| *w > 0.0 && *w >= SEED_SHARE * largest).collect()
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
    /// `[frames.len(), n_bins]`; zeros for frames that are not left.
    pub fn mask_of(&self, components: &[usize], frames: Range<usize>, out: &mut [f32]) {
        let (k, n_bins) = (self.shared.n_components, self.shared.n_bins);
        let end = self.first_frame + self.activations.len() / k.max(1);
        let held = frames.start.max(self.first_frame)..frames.end.min(end);
        if held != frames {
            out.fill(0.0);
            if held.is_empty() {
                return;
            }
        }
        let out = &mut out[(held.start - frames.start) * n_bins..(held.end - frames.start) * n_bins];
        let n = held.len();
        let h = &self.activations[(held.start - self.first_frame) * k..(held.end - self.first_frame) * k];
        let dictionary = &self.shared.dictionary;
        let w = View::dense(n_bins, k).t();
        let mut all = vec![0.0; n * n_bins];
        matmul(&mut all, View::dense(n, n_bins), h, View::dense(n, k), dictionary, w, false);
        if let [one] = components {
            // What the product below would give: all else in it is 0.
            for (out, h) in out.chunks_exact_mut(n_bins).zip(h.chunks_exact(k)) {
                out.iter_mut().zip(dictionary.chunks_exact(k)).for_each(|(out, w)| *out = w[*one] * h[*one]);
            }
        } else {
            let mut chosen = vec![0.0; n * k];
            for (chosen, h) in chosen.chunks_exact_mut(k).zip(h.chunks_exact(k)) {
                components.iter().for_each(|c| chosen[*c] = h[*c]);
            }
            matmul(out, View::dense(n, n_bins), &chosen, View::dense(n, k), dictionary, w, false);
        }
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

    fn decision(&self) -> &[f32] {
        &self.logits
    }

    fn is_named(&self, component: &ComponentShare) -> bool {
        self.shared.named.get(component.index).copied().unwrap_or(false)
    }

    /// How much of the spectrogram the relevant components rebuild, in the stretches that Θ's attention points into. The
    /// attention alone is a few sharp peaks; the components say how far each sound reaches around them.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        if self.activations.len() < self.n_frames * self.shared.n_components {
            return vec![0.0; self.n_frames];
        }
        let k = self.shared.n_components;
        let relevant = self.relevant(class, self.shared.threshold);
        let strength = |h: &[f32]| relevant.iter().map(|&c| h[c] * self.shared.column_sums[c]).sum::<f32>();
        let strengths: Vec<f32> = self.activations.chunks_exact(k).map(strength).collect();
        stretches(&strengths, &self.seeds(class))
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        self.mask_of(&self.relevant(class, self.shared.threshold), frames, out);
    }

    fn component_mask(&self, _: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask_of(&[index], frames, out);
    }

    fn shrunk(&self, _: &[ClassId], frames: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let k = self.shared.n_components;
        let end = self.first_frame + self.activations.len() / k.max(1);
        if frames.start <= self.first_frame && frames.end >= end {
            return None;
        }
        let start = frames.start.clamp(self.first_frame, end);
        let rows = (start - self.first_frame) * k..(frames.end.clamp(start, end) - self.first_frame) * k;
        // Field by field: what is left out is most of it.
        Some(Arc::new(Self {
            activations: self.activations[rows].to_vec(),
            first_frame: start,
            n_frames: self.n_frames,
            attention: None,
            pooled: self.pooled.clone(),
            logits: self.logits.clone(),
            shared: Arc::clone(&self.shared),
        }))
    }
}

/// Whether a name is no more than the component's number.
pub(super) fn is_number(name: &str, component: usize) -> bool {
    name.is_empty() || name.strip_prefix("component ").is_some_and(|number| number.parse() == Ok(component))
}

/// Keeps the strengths of the stretches that hold a seed; everything else becomes 0.
fn stretches(strengths: &[f32], seeds: &[bool]) -> Vec<f32> {
    let at_seeds = strengths.iter().zip(seeds).filter(|(_, seed)| **seed).map(|(s, _)| *s);
    let level = STRETCH_SHARE * at_seeds.fold(0.0, f32::max);
    let mut kept = vec![0.0; strengths.len()];
    if level <= 0.0 {
        return kept;
    }
    let max_pause = strengths.len() / PAUSE_SHARE;
    let mut t = 0;
    while t < strengths.len() {
        if strengths[t] < level {
            t += 1;
            continue;
        }
        let start = t;
        let mut end = t + 1;
        while t < strengths.len() && t < end + max_pause {
            if strengths[t] >= level {
                end = t + 1;
            }
            t += 1;
        }
        if seeds[start..end].contains(&true) {
            kept[start..end].copy_from_slice(&strengths[start..end]);
        }
        t = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stretches_that_are_looked_at_count() {
        let mut strengths = vec![0.1; 64];
        strengths[10..14].fill(4.0);
        // A pause of two frames is bridged, one of ten is not.
        strengths[16..20].fill(2.0);
        strengths[30..34].fill(5.0);
        let mut seeds = vec![false; 64];
        seeds[12] = true;
        let kept = stretches(&strengths, &seeds);
        assert!(kept[..10].iter().chain(&kept[20..]).all(|k| *k == 0.0), "{kept:?}");
        assert_eq!(kept[10..20], strengths[10..20]);
        assert_eq!(stretches(&[0.0; 8], &[true; 8]), [0.0; 8]);
        assert_eq!(stretches(&[1.0; 8], &[false; 8]), [0.0; 8]);
    }
}
