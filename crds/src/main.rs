//! The generator of what is checked in beside this folder: `crd` prints the CustomResourceDefinition, `crd --write` writes
//! it and the reference into the project's folder `crds`.

use std::io::Write as _;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(std::io::stdout().write_all(crds::yaml()?.as_bytes())?),
        ["--write"] => write(),
        _ => bail!("usage: crd, or crd --write in the project's folder"),
    }
}

fn write() -> anyhow::Result<()> {
    for (path, text) in [
        ("crds/chatservices.yaml", crds::yaml()?),
        ("crds/REFERENCE.md", crds::reference()),
    ] {
        std::fs::write(path, text).with_context(|| format!("{path}: run this in the project's folder"))?;
    }
    Ok(())
}
