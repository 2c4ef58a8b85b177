//! Networks, methods and their training: against PyTorch's numbers, and by their properties.

#[path = "../support/mod.rs"]
mod support;

mod backward_golden;
mod causal_golden;
mod dataset_load;
mod drsa_golden;
mod efficientat_golden;
mod gradients;
mod gradients_ops;
mod gradients_taps;
mod import_dictionary;
mod inference;
mod l2i_golden;
mod lime_golden;
mod lmac_golden;
mod lmac_interpret;
mod lmac_train;
mod nmf_properties;
mod occlusion;
mod onnx_golden;
mod resume;
mod rivals;
mod rivals_golden;
mod sequential_golden;
mod vgg_golden;
