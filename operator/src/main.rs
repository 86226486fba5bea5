//! The operator's command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The operator of ChatServices.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the CustomResourceDefinition of ChatService.
    Crd,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Crd => {
            std::io::stdout().write_all(crds::yaml()?.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
