//! The references that are made from the code: the README's tables and `.env.example`.

use std::fmt::Write as _;

use crate::config::table;
use crate::config::variable::{Default, Effect, Kind, Variable};
use crate::metrics;

/// Where a generated part of the README begins and ends.
fn marks(name: &str) -> (String, String) {
    (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end of generated: {name} -->"),
    )
}

/// The README with its tables written anew.
///
/// # Errors
/// The name of the first part whose marks are missing.
pub fn readme(text: &str) -> Result<String, &'static str> {
    let mut text = text.to_owned();
    for (name, table) in [("environment", environment()), ("metrics", metrics_table())] {
        let (begin, end) = marks(name);
        let from = text.find(&begin).ok_or(name)? + begin.len();
        let to = from + text[from..].find(&end).ok_or(name)?;
        text.replace_range(from..to, &table);
    }
    Ok(text)
}

fn groups() -> impl Iterator<Item = (&'static str, Vec<&'static Variable>)> {
    let mut groups: Vec<(&str, Vec<&Variable>)> = Vec::new();
    for variable in table::ALL {
        match groups.last_mut() {
            Some((group, members)) if *group == variable.group => members.push(variable),
            _ => groups.push((variable.group, vec![variable])),
        }
    }
    groups.into_iter()
}

fn environment() -> String {
    let mut out = String::new();
    for (group, variables) in groups() {
        let _ = writeln!(
            out,
            "\n**{group}**\n\n| variable | default | allowed | meaning |\n|---|---|---|---|"
        );
        for variable in variables {
            let default = match variable.default {
                Default::Value(value) => format!("`{value}`"),
                Default::Unset(words) => words.to_owned(),
            };
            let file = if variable.kind == Kind::Secret {
                format!(", or its file in `{}_FILE`", variable.name)
            } else {
                String::new()
            };
            let effect = match variable.effect {
                Effect::Active => "",
                Effect::NotYetUsed => " *Checked, not yet used.*",
                Effect::None => " *No effect.*",
            };
            let _ = writeln!(
                out,
                "| `{}` | {default} | {}{file} | {}{effect} |",
                variable.name,
                escaped(&variable.kind.to_string()),
                escaped(variable.sentence),
            );
        }
    }
    out.push('\n');
    out
}

fn metrics_table() -> String {
    let mut out = String::from("\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in metrics::documented() {
        let labels = metric.labels.iter().map(|(name, values)| {
            // A build's version is not part of the documentation.
            let open = matches!(name.as_str(), "version" | "revision" | "worker");
            if open {
                format!("`{name}`")
            } else {
                format!("`{name}`: {}", values.join(", "))
            }
        });
        let labels = labels.collect::<Vec<_>>().join("; ");
        let _ = writeln!(
            out,
            "| `{}` | {} | {labels} | {} |",
            metric.name,
            metric.kind,
            escaped(&metric.help)
        );
    }
    out.push('\n');
    out
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `.env.example`: every variable with its default, commented out where none is set by default.
#[must_use]
pub fn dotenv() -> String {
    let mut out = String::from("# Settings of the signaling pod. Copy to .env and change what you need.\n");
    for (group, variables) in groups() {
        let _ = writeln!(out, "\n# {group}");
        for variable in variables
            .into_iter()
            .filter(|variable| variable.effect == Effect::Active)
        {
            let _ = writeln!(out, "# {}", variable.sentence);
            match variable.default {
                Default::Value(value) => {
                    let _ = writeln!(out, "{}={value}", variable.name);
                }
                Default::Unset(words) => {
                    let _ = writeln!(out, "# {}=   (unset: {words})", variable.name);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../README.md");
    const DOTENV: &str = include_str!("../../.env.example");

    #[test]
    fn the_readmes_tables_are_those_of_the_code() {
        assert!(
            readme(README).as_deref() == Ok(README),
            "README.md is not current: run `make generate`"
        );
    }

    #[test]
    fn the_example_settings_are_those_of_the_code() {
        assert!(
            dotenv() == DOTENV,
            ".env.example is not current: run `make generate`"
        );
    }
}
