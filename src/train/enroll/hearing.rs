//! What a streaming network makes of sounds: an embedding for each output frame, which a label's row of the dense layer reads.

use crate::dsp::{FrontEnd, FrontEndParams};
use crate::model::causal::{CausalConfig, CausalNet, Frames};
use crate::model::manifest::Architecture;
use crate::model::package::Package;
use crate::train::scene::SceneShape;
use crate::{Error, Result};

/// A package's network and front end, up to the embeddings.
pub struct Hearing {
    net: CausalNet,
    front_end: FrontEndParams,
    segment_frames: usize,
    stride_frames: usize,
}

impl Hearing {
    /// The network of a package.
    ///
    /// # Errors
    /// A usage error where the network hears no streams, which alone can learn from a few examples; a model error where the
    /// weights do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        if manifest.classifier.architecture != Architecture::Causal {
            return Err(Error::usage(format!(
                "the model {} cannot learn a label from a few examples, because it hears no streams; name another with --model",
                manifest.name
            )));
        }
        let weights = package.tensors(&manifest.classifier.weights)?;
        Ok(Self {
            net: CausalNet::load(&CausalConfig::from_manifest(manifest)?, &weights)?,
            front_end: manifest.front_end.params()?,
            segment_frames: manifest.segment.n_frames,
            stride_frames: manifest.segment.stride_frames,
        })
    }

    /// The front end.
    #[must_use]
    pub const fn front_end(&self) -> &FrontEndParams {
        &self.front_end
    }

    /// Values of an embedding.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.net.config().embedding
    }

    /// Output frames by which an embedding lies behind the sound that it speaks of.
    #[must_use]
    pub const fn lookahead(&self) -> usize {
        self.net.config().lookahead
    }

    /// Output frames of a segment, and from one segment to the next.
    #[must_use]
    pub fn segment_rows(&self) -> [usize; 2] {
        [self.segment_frames, self.stride_frames].map(|frames| frames / self.net.config().time_pooling())
    }

    /// Seconds of an output frame.
    #[must_use]
    pub fn row_secs(&self) -> f64 {
        self.scene_shape().frame_secs()
    }

    /// How scenes are cut, so that their centred frames are those of a segment.
    #[must_use]
    pub fn scene_shape(&self) -> SceneShape {
        SceneShape::of_segment(&self.front_end, self.segment_frames, self.net.config().time_pooling(), false)
    }

    /// The embeddings of a sound with nothing before it, `[n, width]`.
    ///
    /// # Errors
    /// A defect.
    pub fn embeddings(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let columns = FrontEnd::new(&self.front_end)?.batch(samples)?;
        let mut frames = Frames::default();
        self.net.whole(&columns, &mut frames)?;
        Ok(frames.embeddings)
    }

    /// Logits of the model's own labels for an embedding.
    #[must_use]
    pub fn own_labels(&self, embedding: &[f32]) -> Vec<f32> {
        self.net.logits(embedding)
    }
}
