//! Chaos, as a command: see [`chat_tests::chaos`].

use std::process::ExitCode;

use chat_tests::chaos::{Options, run};
use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "progress goes to standard error, the outcome to standard output"
)]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options, &mut |line| eprintln!("{line}")).await {
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
