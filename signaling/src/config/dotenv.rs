//! The environment of the process, with what the `.env` file of the working directory adds.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;

/// The variables of this process. A `.env` file in the working directory adds those that are not set; what is set
/// wins.
///
/// # Errors
/// Fails where there is a `.env` that cannot be read or parsed.
pub fn process_environment() -> Result<BTreeMap<String, String>, ConfigError> {
    let process = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    with_file(process, Path::new(".env"))
}

fn with_file(
    process: impl Iterator<Item = (String, String)>,
    path: &Path,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut variables = BTreeMap::new();
    if path.is_file() {
        for line in dotenvy::from_path_iter(path).map_err(refused)? {
            let (name, value) = line.map_err(refused)?;
            variables.insert(name, value);
        }
    }
    variables.extend(process);
    Ok(variables)
}

fn refused(error: dotenvy::Error) -> ConfigError {
    let reason = match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split('=').next().unwrap_or_default().trim();
            format!("the value of {name:?} needs quotes around it")
        }
        other => other.to_string(),
    };
    ConfigError::DotEnv { reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(name: &str, text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
        let path = std::env::temp_dir().join(format!("dotenv-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let process = [("PORT".to_owned(), "4000".to_owned())];
        let variables = with_file(process.into_iter(), &path);
        std::fs::remove_file(path).unwrap();
        variables
    }

    #[test]
    fn what_is_set_wins_over_the_file() {
        let variables = read(
            "wins",
            "# ours\nPORT=3000\nNODE_OPTIONS=\"--a=1 --b\"\nREDIS_PASSWORD=\n",
        )
        .unwrap();
        assert_eq!(variables["PORT"], "4000");
        assert_eq!(variables["NODE_OPTIONS"], "--a=1 --b");
        assert_eq!(variables["REDIS_PASSWORD"], "");
    }

    #[test]
    fn a_line_that_cannot_be_parsed_is_named_without_its_value() {
        let error = read("broken", "TURN_SECRET='hush\n").unwrap_err().to_string();
        assert!(
            error.contains("TURN_SECRET") && !error.contains("hush"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_adds_nothing() {
        assert!(
            with_file(std::iter::empty(), Path::new("/nonexistent/.env"))
                .unwrap()
                .is_empty()
        );
    }
}
