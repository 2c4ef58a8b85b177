//! A graph in the engine: the one place that calls it.
//!
//! A file from outside may be damaged in ways that the engine does not expect: its form is checked first ([`wire`]), and the
//! engine's panics are caught here and become errors that name the file. Nothing bounds what a graph computes, so it is as
//! trustworthy as whoever made it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::{DataType, Dimension, ModelOptions, NodeId, Value, ValueType};
use rten_tensor::prelude::{AsView, Layout};

use super::wire;
use crate::error::{Error, Result};

/// Largest graph that is taken for meant, in bytes: a network of 250 million weights, as for all files of a package.
pub const MAX_BYTES: u64 = 1 << 30;

/// Most axes of an output that is looked at.
const MAX_OUTPUT_AXES: usize = 8;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread happens inside the engine, and so becomes an error of [`Graph`]. The engine's own threads
/// hand their panics to the thread that called it.
#[must_use]
pub fn is_contained() -> bool {
    CONTAINED.get() || std::thread::current().name().is_some_and(|name| name.starts_with("rten-"))
}

/// Runs `work` in the engine; the reason where it panics.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = CONTAINED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        one_line(text.unwrap_or("no reason given"))
    })
}

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphValue {
    /// Its name.
    pub name: String,
    /// Its axes: lengths that the graph fixes, and `None` for those that it leaves open. No axes where the graph says nothing.
    pub shape: Vec<Option<usize>>,
    /// Whether its numbers are floating-point.
    pub is_float: bool,
}

impl GraphValue {
    /// As people write it: `scores [1, ?, 521]`.
    #[must_use]
    pub fn described(&self) -> String {
        let length = |n: &Option<usize>| n.map_or("?".to_owned(), |n| n.to_string());
        format!("{} [{}]", self.name, self.shape.iter().map(length).collect::<Vec<_>>().join(", "))
    }
}

/// A graph that the engine accepted.
pub struct Graph {
    model: rten::Model,
    /// What errors call it.
    name: String,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Graph {
    /// Reads the graph in `bytes`; `name` is what errors call it. Weights in a second file are not read.
    ///
    /// # Errors
    /// A model error: no ONNX graph, damage, an operator that the engine does not have, weights that lie in another file.
    pub fn load(bytes: &[u8], name: &str) -> Result<Self> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::model(format!(
                "{name} is larger than {} MiB; export a smaller network",
                MAX_BYTES >> 20
            )));
        }
        let damaged = |why: String| {
            Error::model(format!("{name} is damaged or no ONNX graph ({why}); export or download it again"))
        };
        wire::check(bytes).map_err(damaged)?;
        let loaded = contained(|| ModelOptions::with_all_ops().load(bytes.to_vec()).map_err(|e| load_error(name, &e)));
        let model = loaded.unwrap_or_else(|why| Err(damaged(why)))?;
        Ok(Self { model, name: name.to_owned() })
    }

    /// The inputs that the graph needs.
    #[must_use]
    pub fn inputs(&self) -> Vec<GraphValue> {
        self.values(self.model.input_ids())
    }

    /// The outputs that it gives.
    #[must_use]
    pub fn outputs(&self) -> Vec<GraphValue> {
        self.values(self.model.output_ids())
    }

    fn values(&self, ids: &[NodeId]) -> Vec<GraphValue> {
        let one = |id: &NodeId| {
            let info = self.model.node_info(*id)?;
            let fixed = |d: Dimension| match d {
                Dimension::Fixed(n) => Some(n),
                Dimension::Symbolic(_) => None,
            };
            Some(GraphValue {
                name: info.name().unwrap_or_default().to_owned(),
                shape: info.shape().unwrap_or_default().into_iter().map(fixed).collect(),
                is_float: matches!(info.dtype(), None | Some(ValueType::Tensor(DataType::Float))),
            })
        };
        ids.iter().filter_map(one).collect()
    }

    /// What the file says of itself under `key`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.model.metadata().get(key)
    }

    /// Gives `values` of `shape` to `input` and takes `output`: its shape and its values, row by row.
    ///
    /// # Errors
    /// A model error: there is no such input or output, the graph cannot hear this shape, or gives no numbers.
    pub fn run(&self, input: &str, shape: &[usize], values: Vec<f32>, output: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let cannot = |why: String| {
            Error::model(format!(
                "{} cannot be run on an input of shape {shape:?} ({}); import it with the shape and front end that it was made for",
                self.name,
                one_line(&why)
            ))
        };
        let ran = contained(|| {
            let from = self.model.node_id(input).map_err(|e| e.to_string())?;
            let to = self.model.node_id(output).map_err(|e| e.to_string())?;
            let value = Value::from_shape(shape, values).map_err(|e| e.to_string())?;
            let [given] = self.model.run_n(vec![(from, value.into())], [to], None).map_err(|e| e.to_string())?;
            let Value::FloatTensor(tensor) = given else { return Err(format!("its output {output} has no floats")) };
            let shape = tensor.shape().to_vec();
            if shape.len() > MAX_OUTPUT_AXES {
                return Err(format!("its output {output} has {} axes", shape.len()));
            }
            Ok((shape, tensor.to_vec()))
        });
        ran.flatten().map_err(cannot)
    }
}

/// Why a graph was refused, as one sentence.
fn load_error(name: &str, e: &rten::LoadError) -> Error {
    use rten::LoadErrorKind as Kind;
    let why = one_line(&e.to_string());
    Error::model(match e.kind() {
        Kind::OperatorInvalid => format!(
            "{name} uses an operator that this program does not have ({why}); export it with other operators or a newer opset"
        ),
        Kind::ExternalDataError => {
            format!("{name} keeps weights in another file ({why}); save it as one file, for example with onnx.save")
        }
        Kind::UnknownFileType | Kind::FormatNotEnabled => {
            format!("{name} is no ONNX graph; give a file that a program exported as ONNX")
        }
        _ => format!("{name} is damaged or no ONNX graph ({why}); export or download it again"),
    })
}

/// An engine's words in one short line without control characters.
fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}
