//! Probes of explanation methods that a table of metrics does not hold: do explanations depend on the weights
//! ([`sanity`]), does the classifier's score fall when what they point at is taken out of its input ([`flipping`]), do
//! explanations stay where the sound hardly changes ([`stability`]), do they keep the objects that a sound is made of
//! ([`objects`]), and
//! do explanations of one class resemble each other ([`vectors`], [`tsne`])?
//!
//! All of them look at whole clips as one segment, explain the classifier's top class, and give the same figures for the
//! same seed, whatever the number of threads.

mod batch;
pub mod clip_scores;
pub mod concept_flipping;
pub mod flipping;
pub mod frequency_scale;
pub mod input_map;
pub mod objects;
pub mod order;
pub mod sanity;
pub mod similarity;
pub mod stability;
pub mod table;
pub mod tsne;
pub mod vectors;

/// Clips to probe: samples (mono, at the model's rate, one segment long: longer ones are cut, shorter ones end in
/// silence), in order.
pub type Clips<'a> = &'a [&'a [f32]];

/// Told how many parts of a probe are done and how many there are.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);
