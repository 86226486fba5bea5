//! The load test's command: see [`chat_tests::load_test`].

use std::process::ExitCode;

use chat_tests::load_test::{Options, run};
use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "progress goes to standard error, the summary to standard output"
)]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let summary = match run(&options, |line| eprintln!("{line}")).await {
        Ok(summary) => summary,
        Err(unusable) => {
            eprintln!("load-test: {unusable}");
            return Ok(ExitCode::from(2));
        }
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        println!("\n{summary}");
    }
    Ok(ExitCode::from(u8::from(!summary.passed)))
}
