//! `bench`: measures the pod beside a bare WebSocket echo and Node's socket.io, prints a table, writes JSON.

use std::io::Write as _;

use anyhow::Context as _;
use chat_tests::bench::{self, Options};
use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let report = bench::run(&options)?;
    let json = serde_json::to_string_pretty(&report)?;
    std::fs::write(&options.json, json + "\n").with_context(|| options.json.display().to_string())?;
    std::io::stdout().write_all(report.table().as_bytes())?;
    Ok(())
}
