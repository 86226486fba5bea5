//! The operator's command line.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use operator::plan::plan;

/// The operator of ChatServices.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print every object that the ChatServices of some files would have, without a cluster, and explain their size. Ends
    /// with 1 where one of them would be refused.
    Plan {
        /// A YAML file with one or several ChatServices; - is the standard input.
        #[arg(short, long = "filename", required = true)]
        file: Vec<PathBuf>,
        /// The namespace of a ChatService that names none.
        #[arg(short, long, default_value = "default")]
        namespace: String,
    },
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
        Command::Plan { file, namespace } => plan_files(&file, &namespace),
        Command::Crd => {
            std::io::stdout().write_all(crds::yaml()?.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn plan_files(files: &[PathBuf], namespace: &str) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let shown = file.display();
        let text = read(file).with_context(|| format!("{shown}"))?;
        let plan = plan(&text, namespace).with_context(|| format!("{shown}"))?;
        std::io::stdout().write_all(plan.text.as_bytes())?;
        for fault in plan.faults {
            code = ExitCode::FAILURE;
            writeln!(std::io::stderr(), "{shown}: {fault}")?;
        }
    }
    Ok(code)
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}
