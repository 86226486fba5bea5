//! Chaos, as a command: see [`chat_tests::chaos`].

use std::process::ExitCode;

use chat_tests::chaos::{Options, run};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "progress goes to standard error, the outcome to standard output"
)]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut progress = |line: &str| eprintln!("{line}");
    let outcome = tokio::select! {
        outcome = run(&options, &mut progress) => outcome,
        // All that it has started ends with it.
        () = terminated() => Err(anyhow::anyhow!("terminated")),
    };
    match outcome {
        Ok(outcome) => {
            println!("\n{outcome}");
            ExitCode::from(u8::from(!outcome.is_clean()))
        }
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn terminated() {
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
