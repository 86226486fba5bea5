//! The demo page is embedded as it was built; without a build there is none, and the pod says so.

#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::path::Path;

fn main() -> std::io::Result<()> {
    let page = Path::new("web/dist");
    if !page.exists() {
        std::fs::create_dir_all(page)?;
    }
    println!("cargo::rerun-if-changed=web/dist");
    Ok(())
}
