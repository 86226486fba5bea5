//! Signals that do not reach the partner: each is told to somebody, and counted.

mod world;

use std::time::Duration;

use signaling_core::worker::{DropReason, Record};
use world::{ClientId, World};

fn pair(world: &mut World) -> (ClientId, ClientId) {
    let (one, other) = (world.join(0), world.join(0));
    for client in [one, other] {
        world.emit(client, r#"["find_match"]"#, false);
        world.run(Duration::from_millis(50));
    }
    (one, other)
}

fn dropped(world: &World, wanted: DropReason) -> usize {
    let counts = world.records.iter().map(|(_, _, record)| match record {
        Record::SignalsDropped { reason, count } if *reason == wanted => *count,
        _ => 0,
    });
    counts.sum()
}

const CANDIDATE: &str = r#"["webrtc_ice_candidate",{"candidate":"candidate:1","sdpMLineIndex":0,"sdpMid":"0","usernameFragment":"new"}]"#;

#[test]
fn candidates_beyond_64_that_wait_for_their_description_are_refused_and_counted() {
    let mut world = World::new(1, 1);
    let (one, _) = pair(&mut world);
    for _ in 0..66 {
        world.emit(one, CANDIDATE, true);
    }
    world.run(Duration::from_secs(1));
    assert_eq!(dropped(&world, DropReason::HeldFull), 2);
}

#[test]
fn candidates_whose_description_never_came_are_counted_when_the_match_ends() {
    let mut world = World::new(1, 2);
    let (one, other) = pair(&mut world);
    for _ in 0..3 {
        world.emit(one, CANDIDATE, true);
    }
    world.run(Duration::from_millis(50));
    world.emit(other, r#"["leave_match"]"#, false);
    world.run(Duration::from_secs(1));
    assert_eq!(dropped(&world, DropReason::Unclaimed), 3);
}
