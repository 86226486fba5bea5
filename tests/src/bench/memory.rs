//! User memory per session: what the server's own memory grows by, divided by the number of sessions.

use super::frames;
use super::matches::part;
use super::options::Sizes;
use super::process::Cores;
use super::progress;
use super::relay::{Calls, Pairs, is_signal};
use super::report::{Quantity, Samples};
use super::server::{Kind, Server};
use super::sockets::Sockets;

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    for round in 1..=sizes.rounds {
        for kind in servers {
            progress(&format!("memory: round {round} of {}, {kind:?}", sizes.rounds));
            // A new server each time: what memory an old one holds depends on its past.
            one_round(&Server::start(*kind, cores)?, sizes.memory_sessions, samples)?;
        }
    }
    Ok(())
}

fn one_round(server: &Server, sessions: usize, samples: &mut Samples) -> anyhow::Result<()> {
    let before = server.memory()?;
    let mut add = |quantity| -> anyhow::Result<()> {
        let grown = server.memory()?.saturating_sub(before);
        samples.add(quantity, server.kind, grown as f64 / sessions as f64);
        Ok(())
    };
    let mut sockets = Sockets::open(server, sessions)?;
    settle(server, &mut sockets)?;
    add(Quantity::IdleMemory)?;
    let mut calls = Pairs::among(server, sockets)?.calls;
    call(&mut calls)?;
    add(Quantity::CallMemory)?;
    if server.kind.is_socket_io() {
        part(&mut calls.sockets, &calls.partner)?;
    }
    settle(server, &mut calls.sockets)?;
    add(Quantity::AfterMemory)
}

/// Waits until every session has had a ping since now, and so another after its first: a whole cycle of pings.
fn settle(server: &Server, sockets: &mut Sockets) -> anyhow::Result<()> {
    sockets.forget_pings();
    while server.kind.is_socket_io() && sockets.fewest_pings() < 1 {
        sockets.wait(None, |_, _, _| Ok(()))?;
    }
    Ok(())
}

/// Each session sends its partner a call's signals.
fn call(calls: &mut Calls) -> anyhow::Result<()> {
    for _ in 0..=frames::CANDIDATES {
        for session in 0..calls.partner.len() {
            calls.send_next(session)?;
        }
        let mut missing = calls.partner.len();
        while missing > 0 {
            calls.sockets.wait(None, |_, _, incoming| {
                missing -= usize::from(is_signal(&incoming)?);
                Ok(())
            })?;
        }
    }
    Ok(())
}
