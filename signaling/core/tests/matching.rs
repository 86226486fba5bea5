//! The rules of matching, each broken once in the way that it exists to survive.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod world;

use std::time::Duration;

use signaling_core::time::Millis;
use signaling_core::worker::{Closed, Record, WaitEnd};
use world::{ClientId, World};

const FIND: &str = r#"["find_match"]"#;
const TICK: Duration = Duration::from_millis(20);

fn names(world: &World, client: ClientId) -> Vec<&str> {
    world.clients[client].names()
}

fn found(world: &World, client: ClientId) -> usize {
    world.clients[client].payloads("match_found").len()
}

/// Two people on two workers, in a match.
fn pair(world: &mut World) -> (ClientId, ClientId) {
    let (a, b) = (world.join(0), world.join(world.workers() - 1));
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(250));
    assert_eq!((found(world, a), found(world, b)), (1, 1));
    (a, b)
}

#[test]
fn two_who_wait_are_matched_and_exactly_one_sends_the_offer() {
    for workers in [1, 4] {
        let mut world = World::new(workers, 1);
        let (a, b) = pair(&mut world);
        let (a, b) = (
            world.clients[a].payloads("match_found")[0],
            world.clients[b].payloads("match_found")[0],
        );
        assert_eq!(a["matchId"], b["matchId"]);
        assert_ne!(a["initiator"], b["initiator"]);
        assert_ne!(a["peerId"], b["peerId"]);
    }
}

#[test]
fn who_waits_alone_is_told_the_place_and_then_that_nobody_came() {
    let mut world = World::new(1, 2);
    let a = world.join(0);
    let id = world.emit(a, FIND, true).unwrap();
    world.run(TICK);
    assert_eq!(world.clients[a].ack(id).unwrap()["ok"], true);
    assert_eq!(world.clients[a].payloads("waiting")[0]["position"], 1);
    world.run(Duration::from_secs(61));
    assert_eq!(*names(&world, a).last().unwrap(), "match_timeout");
    let ends = world
        .records
        .iter()
        .filter(|(.., record)| matches!(record, Record::WaitEnded { .. }))
        .count();
    assert_eq!(ends, 1);
}

#[test]
fn a_claim_for_someone_who_has_cancelled_makes_no_match_and_the_other_keeps_waiting() {
    let mut world = World::new(2, 3);
    let (a, b, c) = (world.join(0), world.join(1), world.join(0));
    world.emit(a, FIND, false);
    world.run(TICK);
    world.emit(a, r#"["cancel_match"]"#, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(200));
    assert_eq!((found(&world, a), found(&world, b)), (0, 0));
    world.emit(c, FIND, false);
    world.run(Duration::from_millis(200));
    assert_eq!((found(&world, b), found(&world, c)), (1, 1));
    let cancelled = |(.., record): &&(Millis, usize, Record)| {
        matches!(
            record,
            Record::WaitEnded {
                how: WaitEnd::Cancelled,
                ..
            }
        )
    };
    assert_eq!(world.records.iter().filter(cancelled).count(), 1);
}

#[test]
fn who_does_not_answer_a_just_in_time_ping_is_parked_and_keeps_place_and_clock() {
    let mut world = World::new(2, 4);
    let (silent, b) = (world.join(0), world.join(1));
    world.emit(silent, FIND, false);
    world.run(Duration::from_secs(3));
    world.clients[silent].responsive = false;
    world.emit(b, FIND, false);
    world.run(Duration::from_secs(4));
    assert_eq!(
        (found(&world, silent), found(&world, b)),
        (0, 0),
        "a ghost is nobody's partner"
    );
    // The next sign of life: back at the old place, matched with who waits.
    world.clients[silent].responsive = true;
    world.emit(silent, r#"["ice_servers"]"#, true);
    world.run(Duration::from_secs(3));
    assert_eq!((found(&world, silent), found(&world, b)), (1, 1));
}

#[test]
fn a_parked_person_still_times_out_after_the_whole_time_limit() {
    let mut world = World::new(1, 5);
    let (silent, b) = (world.join(0), world.join(0));
    world.emit(silent, FIND, false);
    world.run(Duration::from_secs(30));
    world.clients[silent].responsive = false;
    world.emit(b, FIND, false);
    world.run(Duration::from_secs(31));
    assert_eq!(world.clients[silent].payloads("match_timeout").len(), 1);
}

#[test]
fn a_reserved_session_that_hears_nothing_for_two_seconds_goes_back_to_its_old_place() {
    let mut world = World::new(3, 6);
    let a = world.join(1);
    world.emit(a, FIND, false);
    world.run(TICK);
    let b = world.join(2);
    world.emit(b, FIND, false);
    // Long enough for b's owner to propose, then it is dead: no commit comes.
    let reserved = (0..40).any(|_| {
        world.run(Duration::from_millis(1));
        found(&world, b) == 0 && found(&world, a) == 0 && {
            world.kill_worker(2);
            true
        }
    });
    assert!(reserved);
    let c = world.join(0);
    world.emit(c, FIND, false);
    world.run(Duration::from_secs(5));
    assert_eq!((found(&world, a), found(&world, c)), (1, 1));
}

#[test]
fn who_left_while_reserved_is_no_ghost_the_other_is_told_at_once() {
    // Whatever the moment at which a cancels, nobody is left in a match alone.
    for delay in 0..30 {
        let mut world = World::new(2, 7);
        let (a, b) = (world.join(0), world.join(1));
        world.emit(a, FIND, false);
        world.run(TICK);
        world.emit(b, FIND, false);
        world.run(Duration::from_millis(delay));
        world.emit(a, r#"["cancel_match"]"#, false);
        world.run(Duration::from_secs(1));
        let (of_a, of_b) = (found(&world, a), found(&world, b));
        let ended = world.clients[b].payloads("peer_disconnected").len();
        assert!(
            of_a == of_b || (of_a == 0 && ended == of_b),
            "after {delay} ms: {of_a} {of_b} {ended}"
        );
    }
}

#[test]
fn a_find_match_that_is_lost_with_the_pools_answer_is_asked_again() {
    let mut world = World::new(2, 8);
    world.faults.pool_loss = 0.5;
    let people: Vec<ClientId> = (0..20).map(|index| world.join(index % 2)).collect();
    for &person in &people {
        world.emit(person, FIND, false);
    }
    world.run(Duration::from_secs(40));
    for &person in &people {
        assert_eq!(found(&world, person), 1, "{:?}", names(&world, person));
    }
}

#[test]
fn two_blocked_from_each_other_never_meet_again() {
    let mut world = World::new(2, 9);
    let (a, b) = pair(&mut world);
    let id = world
        .emit(a, r#"["block_peer",{"reason":"rude"}]"#, true)
        .unwrap();
    world.run(TICK);
    assert_eq!(world.clients[a].ack(id).unwrap()["ok"], true);
    assert_eq!(
        world.clients[b].payloads("peer_disconnected")[0]["reason"],
        "left"
    );
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_secs(59));
    assert_eq!((found(&world, a), found(&world, b)), (1, 1));
}

#[test]
fn a_recent_partner_is_acceptable_after_fifteen_seconds() {
    let mut world = World::new(2, 10);
    let (a, b) = pair(&mut world);
    world.emit(a, r#"["next_match"]"#, false);
    world.run(TICK);
    assert_eq!(
        world.clients[b].payloads("peer_disconnected")[0]["reason"],
        "next"
    );
    world.emit(b, FIND, false);
    world.run(Duration::from_secs(14));
    assert_eq!(found(&world, a), 1);
    world.run(Duration::from_secs(4));
    assert_eq!((found(&world, a), found(&world, b)), (2, 2));
}

#[test]
fn a_user_is_not_matched_with_the_users_other_session() {
    use signaling_core::worker::User;
    let mut world = World::new(2, 11);
    let people: Vec<ClientId> = (0..2)
        .map(|worker| {
            let client = world.client(true);
            world.connect_as(client, worker, User::Known("alice".into()));
            world.run(TICK);
            world.emit(client, FIND, false);
            client
        })
        .collect();
    world.run(Duration::from_secs(30));
    assert!(people.iter().all(|&person| found(&world, person) == 0));
}

#[test]
fn new_criteria_keep_the_place() {
    let mut world = World::new(1, 12);
    let (a, b) = (world.join(0), world.join(0));
    world.emit(a, r#"["find_match",{"mode":"video"}]"#, false);
    world.run(Duration::from_secs(5));
    world.emit(b, r#"["find_match",{"mode":"text"}]"#, false);
    world.run(Duration::from_secs(5));
    assert_eq!(found(&world, a), 0);
    let id = world.emit(a, r#"["find_match",{"mode":"text"}]"#, true).unwrap();
    world.run(TICK);
    assert_eq!(world.clients[a].ack(id).unwrap()["ok"], true);
    world.run(Duration::from_secs(2));
    assert_eq!((found(&world, a), found(&world, b)), (1, 1));
}

#[test]
fn who_loses_the_connection_while_waiting_keeps_place_and_clock_but_is_matched_only_when_back() {
    let mut world = World::new(2, 13);
    let (a, b) = (world.join(0), world.join(1));
    world.emit(a, FIND, false);
    world.run(TICK);
    world.disconnect(a, Closed::Lost);
    world.run(TICK);
    world.emit(b, FIND, false);
    world.run(Duration::from_secs(5));
    assert_eq!(found(&world, b), 0);
    world.connect(a, 1);
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.clients[a].payloads("session").last().unwrap()["state"],
        "waiting"
    );
    assert_eq!((found(&world, a), found(&world, b)), (1, 1));
}
