//! Matches: what it costs the server that two people find each other and part again.

use std::collections::HashMap;

use anyhow::{Context as _, bail};

use super::frames;
use super::options::Sizes;
use super::process::Cores;
use super::report::{Quantity, Samples};
use super::server::{Kind, Server};
use super::sockets::{Incoming, Sockets};
use super::start;

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let pairing: Vec<Kind> = servers
        .iter()
        .copied()
        .filter(|kind| kind.is_socket_io())
        .collect();
    let servers = start(&pairing, cores)?;
    for server in &servers {
        one_round(server, sizes)?;
    }
    for _ in 0..sizes.rounds {
        for server in &servers {
            samples.add(Quantity::MatchCpu, server.kind, one_round(server, sizes)?);
        }
    }
    Ok(())
}

/// Microseconds of CPU for each match: two `find_match`, a `waiting`, two `match_found`, a `leave_match` and a
/// `peer_disconnected`. With new sessions, for old ones may not ask that often.
fn one_round(server: &Server, sizes: &Sizes) -> anyhow::Result<f64> {
    let _turn = server.take_turn()?;
    let mut sockets = Sockets::open(server, sizes.match_sessions)?;
    let before = server.cpu_time()?;
    for _ in 0..sizes.matches_each {
        let partner = pair(&mut sockets)?;
        part(&mut sockets, &partner)?;
    }
    let cpu = server.cpu_time()? - before;
    let matches = sizes.matches_each * sizes.match_sessions / 2;
    Ok(cpu.as_secs_f64() * 1e6 / matches as f64)
}

/// Has all sessions look for a partner; who has found whom.
pub(super) fn pair(sockets: &mut Sockets) -> anyhow::Result<Vec<usize>> {
    let find = frames::text(r#"42["find_match"]"#);
    let count = sockets.len();
    let mut partner = vec![usize::MAX; count];
    let mut first: HashMap<Vec<u8>, usize> = HashMap::with_capacity(count);
    let mut missing = count;
    for session in 0..count {
        sockets.send(session, &find)?;
    }
    while missing > 0 {
        sockets
            .wait_awake(|_, at, incoming| {
                let Some(id) = match_found(&incoming)? else {
                    return Ok(());
                };
                missing -= 1;
                match first.remove(id) {
                    Some(other) => (partner[at], partner[other]) = (other, at),
                    None => drop(first.insert(id.to_vec(), at)),
                }
                Ok(())
            })
            .with_context(|| format!("{missing} of {count} sessions have no partner"))?;
    }
    if let Some(at) = first.into_values().next() {
        bail!("session {at} is alone in its match");
    }
    Ok(partner)
}

/// Has one of each pair leave, and waits until the other knows.
pub(super) fn part(sockets: &mut Sockets, partner: &[usize]) -> anyhow::Result<()> {
    let leave = frames::text(r#"42["leave_match"]"#);
    let leaving = (0..partner.len()).filter(|session| *session < partner[*session]);
    let mut missing = 0;
    for session in leaving {
        sockets.send(session, &leave)?;
        missing += 1;
    }
    while missing > 0 {
        sockets.wait_awake(|_, _, incoming| {
            if let Incoming::Text(text) = incoming {
                missing -= usize::from(text.starts_with(b"42[\"peer_disconnected\""));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The id of the match that has been found.
pub(super) fn match_found<'a>(incoming: &Incoming<'a>) -> anyhow::Result<Option<&'a [u8]>> {
    let Incoming::Text(text) = incoming else {
        return Ok(None);
    };
    if text.starts_with(b"42[\"error\"") {
        bail!("{}", String::from_utf8_lossy(text));
    }
    let Some(fields) = text.strip_prefix(b"42[\"match_found\",{\"matchId\":\"") else {
        return Ok(None);
    };
    let end = fields
        .iter()
        .position(|byte| *byte == b'"')
        .context("an id ends")?;
    Ok(Some(&fields[..end]))
}
