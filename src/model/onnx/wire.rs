//! Whether a file has the form of an ONNX graph, before the engine reads it: that believes every length, and takes as much memory
//! as one claims. Here each length has to stay inside what holds it, so that nothing larger than the file is claimed.
//!
//! ONNX is Protocol Buffers: fields of a number, a kind and a value, and values that are messages of fields again.

/// Most messages inside each other: graphs may hold graphs.
const MAX_DEPTH: usize = 64;

/// The messages of ONNX that hold others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    /// Of a type: a tensor's, a sequence's, or an optional's.
    TypeOf,
    Shape,
    Function,
    /// Holds values only.
    Plain,
}

impl Message {
    /// What field `number` is, where that is a message.
    const fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 25) => Self::Function,
            (Self::Model, 8 | 14) | (Self::Function, 9 | 14) => Self::Plain,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => Self::Tensor,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 11..=13) | (Self::Function, 12) => Self::ValueInfo,
            (Self::Graph, 14 | 16) | (Self::Node, 9) | (Self::Tensor, 3 | 13 | 16) | (Self::ValueInfo, 4) => {
                Self::Plain
            }
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::ValueInfo, 2) | (Self::Attribute, 14 | 15) => Self::Type,
            (Self::Type, 1 | 4 | 8 | 9) => Self::TypeOf,
            // Of a tensor or of what a sequence holds: shapes and types have fields alike.
            (Self::TypeOf, 1) => Self::Type,
            (Self::TypeOf, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Plain,
            _ => return None,
        })
    }
}

/// Whether `bytes` are a whole model.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    message(bytes, Message::Model, 0)
}

fn message(mut rest: &[u8], kind: Message, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("its graphs are too deep inside each other".into());
    }
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let n_bytes = match tag & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => varint(&mut rest)?,
            5 => 4,
            other => return Err(format!("a field has the unknown kind {other}")),
        };
        let split = usize::try_from(n_bytes).ok().and_then(|n| rest.split_at_checked(n));
        let Some((value, behind)) = split else {
            return Err(format!("{n_bytes} bytes are claimed where {} are left", rest.len()));
        };
        rest = behind;
        if tag & 7 == 2
            && let Some(inner) = kind.field(tag >> 3)
        {
            message(value, inner, depth + 1)?;
        }
    }
    Ok(())
}

/// A number of seven bits a byte.
fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let Some((byte, behind)) = rest.split_first() else { return Err("it ends within a number".into()) };
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err("a number is too long".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stay_inside_what_holds_them() {
        // A graph (7) with a node (1) whose operator (4) is "Relu", and a version (1) before it.
        let whole = [8, 9, 58, 8, 10, 6, 34, 4, b'R', b'e', b'l', b'u'];
        assert_eq!(check(&whole), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for n in [1, 3, 4, 8, 11] {
            assert!(check(&whole[..n]).is_err(), "{n}");
        }
        // The same with lengths that are too large, outside and inside.
        for (at, length) in [(3, 9), (5, 7), (7, 5), (7, 0x7f)] {
            let mut damaged = whole;
            damaged[at] = length;
            assert!(check(&damaged).unwrap_err().contains("are left"), "{at}");
        }
        assert!(check(&[10, 0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap_err().contains("34359738367 bytes"));
        assert!(check(&[0xff; 20]).unwrap_err().contains("too long"));
        assert!(check(&[11]).unwrap_err().contains("kind 3"));
    }

    #[test]
    fn graphs_cannot_be_endlessly_deep() {
        let mut bytes = Vec::new();
        for _ in 0..30 {
            // A graph in an attribute of a node of a graph.
            for tag in [6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2] {
                let mut outer = vec![tag];
                let mut n = bytes.len();
                while n >= 0x80 {
                    outer.push((n & 0x7f) as u8 | 0x80);
                    n >>= 7;
                }
                outer.push(n as u8);
                outer.extend(&bytes);
                bytes = outer;
            }
        }
        assert!(message(&bytes, Message::Graph, 0).unwrap_err().contains("deep"));
    }
}
