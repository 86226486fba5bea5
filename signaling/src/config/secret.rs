//! Secrets: read where they are used, never printed.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No secret is longer than this; a larger file is some other file.
const MAX_BYTES: u64 = 65_536;

/// A secret, or the file that holds it.
///
/// A file is read again at each [`read`](Self::read), so that a rotated secret takes effect without a restart.
#[derive(Clone)]
pub struct Secret {
    name: &'static str,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Value(Arc<str>),
    File(Arc<Path>),
}

/// A secret that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file could not be read.
    #[error("{name}_FILE={path}: {reason}", path = path.display())]
    Unreadable {
        /// The variable, without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Its file is empty.
    #[error("{name}_FILE={path}: the file is empty", path = path.display())]
    Empty {
        /// The variable, without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
}

impl Secret {
    /// The secret `value` that came from the variable `name`.
    #[must_use]
    pub fn value(name: &'static str, value: &str) -> Self {
        Self {
            name,
            source: Source::Value(value.into()),
        }
    }

    /// The secret of the variable `name` that `path` holds.
    #[must_use]
    pub fn file(name: &'static str, path: impl AsRef<Path>) -> Self {
        Self {
            name,
            source: Source::File(path.as_ref().into()),
        }
    }

    /// The variable that it came from, without `_FILE`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The file that holds it, where one does.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::Value(_) => None,
            Source::File(path) => Some(path),
        }
    }

    /// The secret as it is now, without surrounding white space.
    ///
    /// # Errors
    /// Fails where its file cannot be read, is not UTF-8, is empty or is longer than 64 KiB.
    pub fn read(&self) -> Result<String, SecretError> {
        let path = match &self.source {
            Source::Value(value) => return Ok(value.trim().to_owned()),
            Source::File(path) => path,
        };
        let text = read_bounded(path).map_err(|reason| SecretError::Unreadable {
            name: self.name,
            path: path.to_path_buf(),
            reason,
        })?;
        match text.trim() {
            "" => Err(SecretError::Empty {
                name: self.name,
                path: path.to_path_buf(),
            }),
            secret => Ok(secret.to_owned()),
        }
    }

    /// The secrets of a comma-separated list, in their order: the first one signs, all are accepted.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_list(&self) -> Result<Vec<String>, SecretError> {
        let list = self.read()?;
        Ok(list
            .split(',')
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .map(str::to_owned)
            .collect())
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("longer than 64 KiB: not a secret"));
    }
    Ok(text)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Value(_) => write!(f, "Secret({})", self.name),
            Source::File(path) => write!(f, "Secret({}_FILE={})", self.name, path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", Secret::value("TURN_SECRET", "hush")),
            "Secret(TURN_SECRET)"
        );
        assert_eq!(
            format!("{:?}", Secret::file("TURN_SECRET", "/run/s")),
            "Secret(TURN_SECRET_FILE=/run/s)"
        );
    }

    #[test]
    fn a_secret_file_is_read_again_at_every_use() {
        let path = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        let secret = Secret::file("TURN_SECRET", &path);
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(secret.read().unwrap(), "one");
        std::fs::write(&path, "two, one\n").unwrap();
        assert_eq!(secret.read_list().unwrap(), ["two", "one"]);
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Empty { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Unreadable { .. })));
    }
}
