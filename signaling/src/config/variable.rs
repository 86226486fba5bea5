//! What a row of the table of environment variables says.

use std::fmt;

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The heading under which it is documented.
    pub group: &'static str,
    /// Its name, exactly as it is looked up.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// Whether this build acts upon it.
    pub effect: Effect,
    /// What it does, for whoever sets it.
    pub sentence: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number from `min` to `max`, both included.
    Number {
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
        /// What is counted: `ms`, `bytes`, or empty for a bare number.
        unit: &'static str,
    },
    /// `true` or `false`, also `1`, `0`, `yes`, `no`, `on` and `off`.
    Flag,
    /// One of a few words, in any case.
    OneOf(&'static [&'static str]),
    /// Some of a few words, comma-separated.
    SomeOf(&'static [&'static str]),
    /// Free text of the described form.
    Text(&'static str),
    /// A comma-separated list of the described form, each item led by one of `prefixes` (none given: by anything).
    List {
        /// What an item is.
        of: &'static str,
        /// How an item may begin.
        prefixes: &'static [&'static str],
    },
    /// A path of a file.
    Path,
    /// A secret: never printed, and `NAME_FILE` names a file that holds it instead.
    Secret,
}

impl fmt::Display for Kind {
    /// What is allowed, to stand after "allowed: " and in the table of the documentation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max, unit: "" } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max, unit } => write!(f, "a whole number of {unit} from {min} to {max}"),
            Self::Flag => f.write_str("true or false"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::SomeOf(words) => write!(f, "a comma list out of {}", words.join(", ")),
            Self::Text(form) => f.write_str(form),
            Self::List { of, .. } => write!(f, "a comma list of {of}"),
            Self::Path => f.write_str("path of a file"),
            Self::Secret => f.write_str("secret text"),
        }
    }
}

/// What holds where a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// This value, as if it had been set.
    Value(&'static str),
    /// Nothing: the words say what that means.
    Unset(&'static str),
}

/// Whether this build acts upon a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Active,
    /// It is checked, but what it configures is not part of this build yet.
    NotYetUsed,
    /// It is accepted for the sake of older deployments and means nothing to this service.
    None,
}

/// Declares variables and [`ALL`](super::table::ALL), the list of them; the doc comment is the sentence.
macro_rules! variables {
    ($($group:literal: { $($(#[doc = $sentence:literal])+ $name:ident: $kind:expr, $default:expr $(, $effect:ident)?;)+ })+) => {
        $($($(#[doc = $sentence])+
        pub const $name: Variable = Variable {
            group: $group,
            name: stringify!($name),
            kind: $kind,
            default: $default,
            effect: variables!(@effect $($effect)?),
            sentence: concat!($($sentence),+).trim_ascii(),
        };)+)+

        /// Every variable, in the order of the documentation.
        pub const ALL: &[Variable] = &[$($($name),+),+];
    };
    (@effect) => { Effect::Active };
    (@effect $effect:ident) => { Effect::$effect };
}
pub(super) use variables;
