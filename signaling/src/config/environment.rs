//! Values by their variables, checked by what the table declares.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::variable::{Default, Effect, Kind, Variable};
use super::{ConfigError, Secret, Warning, table};

/// The variables that were set, and what there is to warn of.
pub(super) struct Environment {
    values: BTreeMap<String, String>,
    warnings: RefCell<Vec<Warning>>,
}

impl Environment {
    /// Takes the variables of a process. What Kubernetes injected for a Service whose name happens to make one of ours
    /// (`METRICS_PORT=tcp://10.0.0.1:80`) is set aside; what is not ours is only looked at for misspellings.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values: BTreeMap<String, String> = variables.into_iter().collect();
        let mut warnings = Vec::new();
        let mut not_yet_used = Vec::new();
        for variable in table::ALL {
            let Some(value) = values.get(variable.name) else {
                continue;
            };
            if matches!(variable.kind, Kind::Number { .. }) && is_service_link(value) {
                warnings.push(Warning::ServiceLink { name: variable.name });
                values.remove(variable.name);
            } else if !value.trim().is_empty() {
                match variable.effect {
                    Effect::Active => {}
                    Effect::NotYetUsed => not_yet_used.push(variable.name),
                    Effect::None => warnings.push(Warning::NoEffect { name: variable.name }),
                }
            }
        }
        if !not_yet_used.is_empty() {
            warnings.push(Warning::NotYetUsed { names: not_yet_used });
        }
        for name in values.keys() {
            warnings.extend(misspelling(name));
        }
        Self {
            values,
            warnings: RefCell::new(warnings),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings.into_inner()
    }

    pub(super) fn warn(&self, warning: Warning) {
        self.warnings.borrow_mut().push(warning);
    }

    /// What was set, without white space around it; what is set to nothing is not set.
    fn set(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value that holds: what was set, else the default.
    fn value(&self, variable: &Variable) -> Option<&str> {
        self.set(variable.name).or(match variable.default {
            Default::Value(value) => Some(value),
            Default::Unset(_) => None,
        })
    }

    pub(super) fn text(&self, variable: &Variable) -> Option<&str> {
        self.value(variable)
    }

    /// Text that `accept`s; it says `false` for what the variable's kind does not allow.
    pub(super) fn checked(
        &self,
        variable: &'static Variable,
        accept: impl Fn(&str) -> bool,
    ) -> Result<Option<&str>, ConfigError> {
        match self.value(variable) {
            Some(value) if !accept(value) => Err(invalid(variable, value)),
            value => Ok(value),
        }
    }

    /// A number within the declared bounds, where the variable is set or has a default.
    pub(super) fn optional_number<N: TryFrom<u64>>(
        &self,
        variable: &'static Variable,
    ) -> Result<Option<N>, ConfigError> {
        let Kind::Number { min, max, .. } = variable.kind else {
            return Ok(None);
        };
        let Some(value) = self.value(variable) else {
            return Ok(None);
        };
        let number = value.parse().ok().filter(|number| (min..=max).contains(number));
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(invalid(variable, value)),
        }
    }

    /// The same for a variable that has a default.
    pub(super) fn number<N: TryFrom<u64>>(&self, variable: &'static Variable) -> Result<N, ConfigError> {
        self.optional_number(variable)?
            .ok_or_else(|| invalid(variable, ""))
    }

    pub(super) fn milliseconds(&self, variable: &'static Variable) -> Result<Duration, ConfigError> {
        self.number(variable).map(Duration::from_millis)
    }

    pub(super) fn seconds(&self, variable: &'static Variable) -> Result<Duration, ConfigError> {
        self.number(variable).map(Duration::from_secs)
    }

    pub(super) fn flag(&self, variable: &'static Variable) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.value(variable) else {
            return Ok(None);
        };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(invalid(variable, value)),
        }
    }

    /// The declared word that was chosen.
    pub(super) fn one_of(&self, variable: &'static Variable) -> Result<Option<&'static str>, ConfigError> {
        let Kind::OneOf(words) = variable.kind else {
            return Ok(None);
        };
        let Some(value) = self.value(variable) else {
            return Ok(None);
        };
        match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
            Some(word) => Ok(Some(word)),
            None => Err(invalid(variable, value)),
        }
    }

    /// The declared words that were chosen: at least one.
    pub(super) fn some_of(&self, variable: &'static Variable) -> Result<Vec<&'static str>, ConfigError> {
        let Kind::SomeOf(words) = variable.kind else {
            return Ok(Vec::new());
        };
        let value = self.value(variable).unwrap_or_default();
        let chosen: Option<Vec<_>> = items(value)
            .map(|item| words.iter().find(|word| word.eq_ignore_ascii_case(item)).copied())
            .collect();
        match chosen {
            Some(chosen) if !chosen.is_empty() => Ok(chosen),
            _ => Err(invalid(variable, value)),
        }
    }

    /// The items of a list; one that is set to nothing is empty even where there is a default.
    pub(super) fn list(&self, variable: &'static Variable) -> Result<Vec<String>, ConfigError> {
        let Kind::List { prefixes, .. } = variable.kind else {
            return Ok(Vec::new());
        };
        let value = match self.values.get(variable.name) {
            Some(set) => set,
            None => self.value(variable).unwrap_or_default(),
        };
        let fits = |item: &str| {
            prefixes.is_empty()
                || prefixes
                    .iter()
                    .any(|prefix| item == *prefix || (item.starts_with(prefix) && *prefix != "*"))
        };
        match items(value).all(fits) {
            true => Ok(items(value).map(str::to_owned).collect()),
            false => Err(invalid(variable, value)),
        }
    }

    pub(super) fn path(&self, variable: &Variable) -> Option<PathBuf> {
        self.value(variable).map(PathBuf::from)
    }

    /// Two files of which neither goes without the other.
    pub(super) fn pair(
        &self,
        one: &'static Variable,
        other: &'static Variable,
    ) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
        match (self.path(one), self.path(other)) {
            (Some(first), Some(second)) => Ok(Some((first, second))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::Missing {
                name: other.name,
                because: one.name,
            }),
            (None, Some(_)) => Err(ConfigError::Missing {
                name: one.name,
                because: other.name,
            }),
        }
    }

    /// The secret of `NAME` or `NAME_FILE`.
    pub(super) fn secret(&self, variable: &'static Variable) -> Result<Option<Secret>, ConfigError> {
        let file = self.set(&format!("{}_FILE", variable.name));
        match (self.set(variable.name), file) {
            (Some(_), Some(_)) => Err(ConfigError::SetTwice { name: variable.name }),
            (Some(value), None) => Ok(Some(Secret::value(variable.name, value))),
            (None, Some(path)) => Ok(Some(Secret::file(variable.name, path))),
            (None, None) => Ok(None),
        }
    }
}

/// The items of a comma-separated list.
fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The one line about a value that is not allowed. Credentials within URLs are not repeated.
fn invalid(variable: &'static Variable, value: &str) -> ConfigError {
    let shown = match variable.kind {
        Kind::Secret => String::new(),
        _ if value.contains('@') => "…".to_owned(),
        _ => value.escape_debug().take(200).collect(),
    };
    ConfigError::Invalid {
        name: variable.name,
        value: shown,
        allowed: variable.kind,
    }
}

/// What Kubernetes injects for a Service: `tcp://10.0.0.1:6379`.
fn is_service_link(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme))
}

/// Names that other software sets and that differ from one of ours by a letter or two.
const OTHERS: [&str; 5] = ["POD_IP", "POD_IPS", "POD_UID", "HOST_IP", "SSL_CERT_FILE"];

/// Warns of a name that is not ours but nearly so. Short names are near to too much to be guessed at.
fn misspelling(name: &str) -> Option<Warning> {
    let typed = name.to_ascii_uppercase().replace('-', "_");
    if is_ours(name) || OTHERS.contains(&name) || typed.contains("_SERVICE_") || typed.contains("_PORT_") {
        return None;
    }
    names()
        .map(|ours| (strsim::osa_distance(&typed, &ours), ours))
        .filter(|(distance, ours)| *distance <= allowed_distance(ours))
        .min()
        .map(|(_, meant)| Warning::Misspelling {
            name: name.to_owned(),
            meant,
        })
}

fn allowed_distance(ours: &str) -> usize {
    match ours.len() {
        ..=5 => 0,
        6..=8 => 1,
        _ => 2,
    }
}

fn is_ours(name: &str) -> bool {
    names().any(|ours| ours == name)
}

/// Every name that has a meaning, `…_FILE` forms of secrets included.
fn names() -> impl Iterator<Item = String> {
    table::ALL.iter().flat_map(|variable| {
        let file = (variable.kind == Kind::Secret).then(|| format!("{}_FILE", variable.name));
        std::iter::once(variable.name.to_owned()).chain(file)
    })
}
