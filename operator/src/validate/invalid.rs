//! Why a ChatService cannot be acted upon.

use std::fmt;

/// What kind of fault it is: the reason of the condition `Ready`, which never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A field is not of the type that this operator knows.
    Undecodable,
    /// A field is needed and missing.
    FieldMissing,
    /// A field has a value that means nothing.
    FieldInvalid,
    /// A field that Kubernetes does not know: most likely a misspelling.
    FieldUnknown,
    /// A field that the pods of this release cannot act upon.
    Unsupported,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecodable => "Undecodable",
            Self::FieldMissing => "FieldMissing",
            Self::FieldInvalid => "FieldInvalid",
            Self::FieldUnknown => "FieldUnknown",
            Self::Unsupported => "Unsupported",
        })
    }
}

/// A ChatService that cannot be acted upon: for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// What kind of fault it is.
    pub reason: Reason,
    /// The path of the field, such as `spec.signaling.tolerations[0].operator`.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Invalid {
    pub(super) fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            message: message.into(),
        }
    }

    pub(super) fn missing(field: &str, message: &str) -> Self {
        Self::new(Reason::FieldMissing, field, message)
    }

    pub(super) fn value(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Reason::FieldInvalid, field, message)
    }
}
