//! What rules of relevance need of a linear layer, whatever its kind.

/// A linear layer over an image, with weights that can be changed.
pub(crate) trait LinearMap {
    /// Weights and biases of the layer's shape.
    type Weights;

    /// The layer's weights with every weight and every bias changed.
    fn changed(&self, weight: &dyn Fn(f32) -> f32, bias: &dyn Fn(f32) -> f32) -> Self::Weights;

    /// Weighted sums with bias: `[height, width, c_in]` to all sums.
    fn forward(&self, height: usize, width: usize, weights: &Self::Weights, input: &[f32]) -> Vec<f32>;

    /// Carries values of the sums back along the weights: the transposed product, `[height, width, c_in]`.
    fn backward(&self, height: usize, width: usize, weights: &Self::Weights, values: &[f32]) -> Vec<f32>;
}
