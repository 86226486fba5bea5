//! The signaling pod: `signaling` serves, configured by its environment alone; `signaling reference --write` writes the
//! tables of settings and metrics into the README, from the code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use signaling::config::{Config, process_environment};
use signaling::{logging, pod, reference};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever the reason: it is what a person finds in the log of a pod that does not start.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(),
        ["reference", "--write"] => write_reference(),
        _ => bail!("usage: signaling, or signaling reference --write; settings are environment variables"),
    }
}

fn serve() -> anyhow::Result<()> {
    let (config, warnings) = Config::from_env(process_environment()?)?;
    config.check_files()?;
    logging::install(&config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    pod::run(&config)
}

fn write_reference() -> anyhow::Result<()> {
    let text = std::fs::read_to_string("README.md").context("README.md: run this in the project's folder")?;
    let text =
        reference::readme(&text).map_err(|part| anyhow::anyhow!("README.md has no marks for {part}"))?;
    std::fs::write("README.md", text)?;
    std::fs::write(".env.example", reference::dotenv())?;
    Ok(())
}
