//! One error type for the library. A kind says who can mend it (and becomes the exit code); the message is one plain
//! sentence that names the thing and what to do.

use thiserror::Error;

/// Shorthand used all over the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by who can mend it. Each kind has one exit code (contract: the command line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command line or the config file asks for something impossible. Exit code 2.
    Usage,
    /// An input device, stream or file cannot be read. Exit code 3.
    Input,
    /// A model package is missing, corrupt or does not fit. Exit code 4.
    Model,
    /// A disk, folder, terminal or sink cannot be written. Exit code 5.
    Output,
    /// Something that should be impossible happened. Exit code 70.
    Bug,
}

impl ErrorKind {
    /// The program's exit code for this kind.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Input => 3,
            Self::Model => 4,
            Self::Output => 5,
            Self::Bug => 70,
        }
    }
}

/// An error for a person: its `Display` is the whole sentence, causes included.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` is one plain sentence that names the thing and the remedy.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Shorthand for [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Shorthand for [`ErrorKind::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Shorthand for [`ErrorKind::Model`].
    pub fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Model, message)
    }

    /// Shorthand for [`ErrorKind::Output`].
    pub fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    /// Shorthand for [`ErrorKind::Bug`].
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// Keeps the underlying cause for logs; the message should already say what a person needs.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Who can mend it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<candle_core::Error> for Error {
    /// A tensor operation failed: shapes and types are checked when a model is loaded, so this is a defect.
    fn from(source: candle_core::Error) -> Self {
        Self::bug(format!("a tensor operation failed ({source}); please report this")).with_source(source)
    }
}
