//! Pickles as far as `torch.save` writes them for tensors by name (protocol 2).
//!
//! A stack machine without any calls: the three constructors of tensors and dictionaries are known by name, and whatever
//! else a pickle wants made becomes [`Value::Other`]. All values are in one list and name each other by index, so that
//! nothing is copied, nested or freed in depth; there are at most as many as the pickle has bytes.

use std::collections::HashMap;

/// Longest pickle that is taken for meant: one of a thousand tensors has 100 kB.
const MAX_BYTES: usize = 16 << 20;

/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;

/// Where checkpoints keep the weights beside other things.
const WEIGHTS_KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// How a tensor's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtype {
    F16,
    Bf16,
    F32,
    F64,
    Integer,
}

impl Dtype {
    fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage" | "ByteStorage" | "BoolStorage" => {
                Self::Integer
            }
            _ => return None,
        })
    }

    /// Bytes of a number.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::Integer => 8,
        }
    }
}

/// Where a tensor's numbers are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    /// Name of the storage.
    pub(super) storage: String,
    pub(super) dtype: Dtype,
    /// Of the first number in the storage, in numbers.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// In numbers.
    pub(super) strides: Vec<usize>,
}

/// Index of a value.
type Id = usize;

#[derive(Debug)]
enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// `module.class`.
    Global(&'a str, &'a str),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Storage(String, Dtype),
    Tensor(Tensor),
    /// Anything that no tensor is made of.
    Other,
}

/// The named tensors of a pickle, in its order. An error says what is wrong with the file.
pub(super) fn tensors(program: &[u8]) -> Result<Vec<(String, Tensor)>, String> {
    if program.len() > MAX_BYTES {
        return Err(format!("has a data.pkl of more than {} MiB", MAX_BYTES >> 20));
    }
    let mut machine =
        Machine { rest: program, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    let result = machine.run().ok_or("has a data.pkl that cannot be read")?;
    let weights = WEIGHTS_KEYS.iter().find_map(|key| machine.entry(result, key)).unwrap_or(result);
    let Value::Dict(items) = &machine.values[weights] else {
        return Err("holds no dictionary of tensors".into());
    };
    let named = |(key, value): &(Id, Id)| match (&machine.values[*key], &machine.values[*value]) {
        (Value::Text(name), Value::Tensor(tensor)) => Some(((*name).to_owned(), tensor.clone())),
        _ => None,
    };
    Ok(items.iter().filter_map(named).collect())
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Runs to the end and gives the result; nothing where the program is none that is understood.
    fn run(&mut self) -> Option<Id> {
        loop {
            match self.byte()? {
                // PROTO
                0x80 => {
                    self.byte()?;
                }
                b'.' => return self.stack.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 => self.push(Value::Other),
                // BININT1, BININT2, BININT, LONG1, BINFLOAT
                b'K' => {
                    let n = self.byte()?;
                    self.push(Value::Int(n.into()));
                }
                b'M' => {
                    let n = u16::from_le_bytes(self.chunk()?);
                    self.push(Value::Int(n.into()));
                }
                b'J' => {
                    let n = i32::from_le_bytes(self.chunk()?);
                    self.push(Value::Int(n.into()));
                }
                0x8a => {
                    let n = self.long()?;
                    self.push(n);
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other);
                }
                // BINUNICODE
                b'X' => {
                    let length = u32::from_le_bytes(self.chunk()?);
                    let text = std::str::from_utf8(self.take(length as usize)?).ok()?;
                    self.push(Value::Text(text));
                }
                // GLOBAL
                b'c' => {
                    let (module, class) = (self.line()?, self.line()?);
                    self.push(Value::Global(module, class));
                }
                // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
                b'q' => {
                    let key = self.byte()?.into();
                    self.memo.insert(key, *self.stack.last()?);
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.chunk()?);
                    self.memo.insert(key, *self.stack.last()?);
                }
                b'h' => {
                    let key = self.byte()?.into();
                    self.stack.push(*self.memo.get(&key)?);
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.chunk()?);
                    self.stack.push(*self.memo.get(&key)?);
                }
                // Tuples
                b')' => self.push(Value::Tuple(Vec::new())),
                b't' => {
                    let items = self.take_marked()?;
                    self.push(Value::Tuple(items));
                }
                n @ 0x85..=0x87 => {
                    let at = self.stack.len().checked_sub(usize::from(n - 0x84))?;
                    let items = self.stack.split_off(at);
                    self.push(Value::Tuple(items));
                }
                // Lists: no tensor is in one.
                b']' => self.push(Value::Other),
                b'a' => {
                    self.stack.pop()?;
                }
                b'e' => {
                    self.take_marked()?;
                }
                // Dictionaries
                b'}' => self.push(Value::Dict(Vec::new())),
                b's' => {
                    let at = self.stack.len().checked_sub(2)?;
                    let items = self.stack.split_off(at);
                    self.set_items(&items)?;
                }
                b'u' => {
                    let items = self.take_marked()?;
                    self.set_items(&items)?;
                }
                // BINPERSID, REDUCE, NEWOBJ, BUILD
                b'Q' => {
                    let id = self.stack.pop()?;
                    let storage = self.storage(id)?;
                    self.push(storage);
                }
                b'R' | 0x81 => {
                    let (arguments, callable) = (self.stack.pop()?, self.stack.pop()?);
                    let made = self.made(callable, arguments)?;
                    self.stack.push(made);
                }
                b'b' => {
                    self.stack.pop()?;
                }
                _ => return None,
            }
        }
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*chunk)
    }

    fn byte(&mut self) -> Option<u8> {
        self.chunk().map(|[byte]| byte)
    }

    fn line(&mut self) -> Option<&'a str> {
        let n = self.rest.iter().position(|b| *b == b'\n')?;
        let line = std::str::from_utf8(self.take(n)?).ok();
        self.byte()?;
        line
    }

    /// A number of any length; one that does not fit is none that tensors are made of.
    fn long(&mut self) -> Option<Value<'a>> {
        let n = self.byte()?.into();
        let bytes = self.take(n)?;
        let mut wide = [if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 8];
        Some(match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(wide))
            }
            None => Value::Other,
        })
    }

    fn take_marked(&mut self) -> Option<Vec<Id>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn set_items(&mut self, items: &[Id]) -> Option<()> {
        let (pairs, []) = items.as_chunks::<2>() else { return None };
        // An object's own items are no tensors by name.
        if let Value::Dict(dict) = &mut self.values[*self.stack.last()?] {
            dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
        }
        Some(())
    }

    /// What a call would make.
    fn made(&mut self, callable: Id, arguments: Id) -> Option<Id> {
        let Value::Tuple(arguments) = &self.values[arguments] else { return None };
        let value = match self.values[callable] {
            Value::Global("collections", "OrderedDict" | "defaultdict") => Value::Dict(Vec::new()),
            Value::Global("torch._utils", "_rebuild_parameter") => return arguments.first().copied(),
            Value::Global("torch._utils", "_rebuild_tensor_v2") => Value::Tensor(self.tensor(arguments)?),
            _ => Value::Other,
        };
        self.values.push(value);
        Some(self.values.len() - 1)
    }

    /// `("storage", class, name, device, length)`.
    fn storage(&self, id: Id) -> Option<Value<'a>> {
        let Value::Tuple(items) = &self.values[id] else { return None };
        let [kind, class, name, ..] = items.as_slice() else { return None };
        match (&self.values[*kind], &self.values[*class], &self.values[*name]) {
            (Value::Text("storage"), Value::Global("torch", class), Value::Text(name)) => {
                Some(Value::Storage((*name).to_owned(), Dtype::of_storage(class)?))
            }
            _ => None,
        }
    }

    /// `(storage, offset, shape, strides, …)`.
    fn tensor(&self, arguments: &[Id]) -> Option<Tensor> {
        let [storage, offset, shape, strides, ..] = arguments else { return None };
        let Value::Storage(storage, dtype) = &self.values[*storage] else { return None };
        let (shape, strides) = (self.numbers(*shape)?, self.numbers(*strides)?);
        let offset = self.number(*offset)?;
        let fits = shape.len() == strides.len();
        fits.then(|| Tensor { storage: storage.clone(), dtype: *dtype, offset, shape, strides })
    }

    fn number(&self, id: Id) -> Option<usize> {
        match self.values[id] {
            Value::Int(n) => usize::try_from(n).ok(),
            _ => None,
        }
    }

    fn numbers(&self, id: Id) -> Option<Vec<usize>> {
        match &self.values[id] {
            Value::Tuple(items) if items.len() <= MAX_RANK => items.iter().map(|id| self.number(*id)).collect(),
            _ => None,
        }
    }

    /// A dictionary's value under a name, where that is a dictionary itself.
    fn entry(&self, dict: Id, name: &str) -> Option<Id> {
        let Value::Dict(items) = &self.values[dict] else { return None };
        let found = items.iter().find(|(key, _)| matches!(self.values[*key], Value::Text(text) if text == name));
        found.map(|(_, value)| *value).filter(|value| matches!(self.values[*value], Value::Dict(_)))
    }
}
