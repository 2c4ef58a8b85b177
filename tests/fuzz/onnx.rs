//! Graphs of others: files that are damaged, and what is left of them when they run.

use earwitness::model::onnx::Graph;

use crate::harness::fuzz;

#[test]
fn graphs() {
    let seeds = [
        include_bytes!("../golden/graphs/wave.onnx").to_vec(),
        include_bytes!("../golden/graphs/spectrum.onnx").to_vec(),
    ];
    let words = ["Conv", "Sigmoid", "Reshape", "x", "scores", "kernel_shape", "strides", "pads", "Constant", "Loop"];
    fuzz("onnx", &seeds, &words, |case| {
        let graph = Graph::load(case, "case")?;
        for input in graph.inputs() {
            let shape: Vec<usize> = input.shape.iter().map(|n| n.unwrap_or(400).min(400)).collect();
            if shape.len() > 4 {
                continue;
            }
            for output in graph.outputs() {
                let values = vec![0.1; shape.iter().product()];
                let _ = graph.run(&input.name, &shape, values, &output.name)?;
            }
        }
        Ok(())
    });
}
