//! The bench: the pod beside a bare WebSocket echo on the same sockets, and beside the same relay on Node's socket.io.
//!
//! ```text
//! Options → each section: servers started, pinned to one core (server)
//!                         sockets, frames made beforehand, one thread on another core (swarm, frames)
//!                         rounds: ours, echo, node, ours, … → samples → Report: table, bench.json
//! ```
//!
//! What goes from pod to pod is measured beside several workers of Node's socket.io with its adapter for Redis, each kind
//! over a Redis of its own on the servers' core (cluster, cross).
//!
//! All servers get the same bytes over the same number of sockets, with the same number of messages under way. They share
//! a core, and those whose turn it is not are stopped, but for those with a Redis, where leases would run out meanwhile.
//! What is compared is the server's time on its core and its memory, as the kernel counts them; only latency and the rate
//! of handshakes are read from a clock.

mod cluster;
mod cross;
mod frames;
mod handshakes;
mod latency;
mod matches;
mod meeting;
mod memory;
mod options;
mod process;
mod relay;
mod report;
mod server;
mod sockets;
mod targets;

use anyhow::{Context as _, ensure};

pub use self::options::Options;
use self::options::Section;
use self::process::Cores;
pub use self::report::Report;
use self::report::Samples;
use self::server::{Kind, Server};

/// File descriptors that are not sockets of sessions.
const SPARE: u64 = 100;

/// Measures what the options ask for. The calling thread is the generator, and is pinned to a core.
///
/// # Errors
/// When a server cannot be started, or does not do what it is asked.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    let cores = Cores::share()?;
    if cores.generator == cores.server {
        progress("ONE CORE for generator and server: they wait for each other, and no figure means much");
    }
    let sizes = options.sizes();
    process::pin(cores.generator)?;
    let allowed = process::allow_sockets()?;
    let sockets = sizes.most_sockets();
    ensure!(
        allowed >= sockets + SPARE,
        "{sockets} sockets need more file descriptors than {allowed} (ulimit -Hn)"
    );
    let servers = available(&options.servers)?;
    let mut samples = Samples::default();
    for section in options.sections() {
        progress(&format!("{section:?}").to_lowercase());
        let measure = match section {
            Section::Memory => memory::measure,
            Section::Relay => relay::measure,
            Section::Latency => latency::measure,
            Section::Handshakes => handshakes::measure,
            Section::Match => matches::measure,
            Section::Cross => cross::measure,
        };
        measure(&servers, &sizes, cores, &mut samples).with_context(|| format!("{section:?}"))?;
    }
    Ok(Report::new(samples, &sizes, cores))
}

/// The servers that can be run here. Only Node may be missing, and that is said.
fn available(wanted: &[Kind]) -> anyhow::Result<Vec<Kind>> {
    let mut servers = Vec::new();
    for kind in wanted {
        match kind.missing() {
            None => servers.push(*kind),
            Some(what) if *kind == Kind::Node => progress(&format!("NOT MEASURED: node. {what}")),
            Some(what) => anyhow::bail!("{what}"),
        }
    }
    Ok(servers)
}

/// Starts a server of each kind, to be run in turns.
fn start(servers: &[Kind], cores: Cores) -> anyhow::Result<Vec<Server>> {
    let started = servers.iter().map(|kind| {
        let server = Server::start(*kind, cores)?;
        server.stop()?;
        Ok(server)
    });
    started.collect()
}

/// Says what is being done, to whoever watches.
#[expect(clippy::print_stderr, reason = "a program for people at a terminal")]
fn progress(what: &str) {
    eprintln!("bench: {what}");
}
