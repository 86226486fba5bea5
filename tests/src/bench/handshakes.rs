//! New sessions, as fast as they come: socket, upgrade, Engine.IO, and Socket.IO's CONNECT.

use std::time::Instant;

use super::options::Sizes;
use super::process::Cores;
use super::report::{Quantity, Samples};
use super::server::{Kind, Server};
use super::sockets::Sockets;
use super::start;

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let servers = start(servers, cores)?;
    for server in &servers {
        let _turn = server.take_turn()?;
        Sockets::open(server, sizes.handshakes / 5)?.leave(server.kind)?;
    }
    for _ in 0..sizes.rounds {
        for server in &servers {
            one_round(server, sizes, samples)?;
        }
    }
    Ok(())
}

fn one_round(server: &Server, sizes: &Sizes, samples: &mut Samples) -> anyhow::Result<()> {
    let _turn = server.take_turn()?;
    let (cpu, began) = (server.cpu_time()?, Instant::now());
    let sockets = Sockets::open(server, sizes.handshakes)?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = (server.cpu_time()? - cpu).as_secs_f64();
    let count = sizes.handshakes as f64;
    samples.add(Quantity::HandshakeRate, server.kind, count / wall);
    samples.add(Quantity::HandshakeCpu, server.kind, cpu * 1e6 / count);
    sockets.leave(server.kind)
}
