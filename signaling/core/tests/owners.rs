//! "The pool proposes, owners decide": each rule of matching between owners, with a pool that is wrong or too late.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod world;

use std::time::Duration;

use signaling_core::worker::{Closed, Record};
use world::{ClientId, World};

const FIND: &str = r#"["find_match"]"#;
const TICK: Duration = Duration::from_millis(20);

fn found(world: &World, client: ClientId) -> usize {
    world.clients[client].count("match_found")
}

/// People who wait on the given workers, while the pool hears nothing: a test speaks for it.
fn waiting<const N: usize>(world: &mut World, workers: [usize; N]) -> [ClientId; N] {
    world.faults.pool_loss = 1.0;
    workers.map(|worker| {
        let client = world.join(worker);
        world.emit(client, FIND, false);
        world.run(TICK);
        client
    })
}

/// The pool works from now on, and everyone who waits is matched.
fn all_are_matched(world: &mut World, people: &[ClientId]) {
    world.faults.pool_loss = 0.0;
    world.run(Duration::from_secs(4));
    for &person in people {
        assert_eq!(found(world, person), 1, "{:?}", world.clients[person].names());
    }
}

#[test]
fn an_owner_accepts_only_for_someone_who_waits() {
    for end in [r#"["cancel_match"]"#, ""] {
        let mut world = World::new(2, 1);
        let [a, b] = waiting(&mut world, [0, 1]);
        if end.is_empty() {
            world.disconnect(b, Closed::Left);
        } else {
            world.emit(b, end, false);
        }
        world.run(TICK);
        world.claim(a, b);
        world.run(TICK);
        assert_eq!((found(&world, a), found(&world, b)), (0, 0));
        let c = world.join(1);
        world.emit(c, FIND, false);
        all_are_matched(&mut world, &[a, c]);
    }
}

#[test]
fn an_owner_accepts_only_at_the_epoch_that_the_pool_knew() {
    let mut world = World::new(3, 2);
    let [a, b] = waiting(&mut world, [0, 1]);
    let ticket = world.tickets[&world.clients[b].session()].clone();
    world.disconnect(b, Closed::Lost);
    world.run(TICK);
    world.connect(b, 2);
    world.run(TICK);
    let moved = &world.tickets[&world.clients[b].session()];
    assert!(moved.epoch > ticket.epoch && moved.worker != ticket.worker && moved.since == ticket.since);
    for worker in [ticket.worker.clone(), moved.worker.clone()] {
        let old = signaling_core::pairing::Ticket {
            worker,
            ..ticket.clone()
        };
        world.tickets.insert(ticket.session, old);
        world.claim(a, b);
        world.run(TICK);
        assert_eq!((found(&world, a), found(&world, b)), (0, 0), "of an earlier term");
    }
    all_are_matched(&mut world, &[a, b]);
}

#[test]
fn a_person_is_promised_to_one_partner_alone() {
    for delay in 0..6 {
        let mut world = World::new(3, 3);
        let [a, b, c] = waiting(&mut world, [0, 1, 2]);
        world.claim(a, b);
        world.run(Duration::from_millis(delay));
        world.claim(c, b);
        world.run(TICK);
        assert_eq!(found(&world, b), 1);
        assert_eq!(found(&world, a) + found(&world, c), 1, "after {delay} ms");
        let d = world.join(0);
        world.emit(d, FIND, false);
        all_are_matched(&mut world, &[a, b, c, d]);
    }
}

#[test]
fn two_who_are_claimed_for_each_other_by_both_sides_are_one_match() {
    for delay in 0..6 {
        let mut world = World::new(2, 4);
        let [a, b] = waiting(&mut world, [0, 1]);
        world.claim(a, b);
        world.run(Duration::from_millis(delay));
        world.claim(b, a);
        all_are_matched(&mut world, &[a, b]);
        let match_of = |client: ClientId| world.clients[client].last("match_found")["matchId"].clone();
        assert_eq!(match_of(a), match_of(b), "after {delay} ms");
    }
}

#[test]
fn no_owner_pairs_people_of_whom_one_has_blocked_the_other_whatever_the_pool_says() {
    let mut world = World::new(2, 5);
    let (a, b) = (world.join(0), world.join(1));
    for person in [a, b] {
        world.emit(person, FIND, false);
    }
    world.run(Duration::from_millis(250));
    world.emit(a, r#"["block_peer"]"#, false);
    world.run(TICK);
    world.faults.pool_loss = 1.0;
    for person in [a, b] {
        world.emit(person, FIND, false);
    }
    world.run(TICK);
    for (first, second) in [(a, b), (b, a)] {
        world.claim(first, second);
        world.run(TICK);
        assert_eq!((found(&world, a), found(&world, b)), (1, 1));
    }
    // Both are still in the queue.
    let (c, d) = (world.join(0), world.join(1));
    for person in [c, d] {
        world.emit(person, FIND, false);
    }
    world.faults.pool_loss = 0.0;
    world.run(Duration::from_secs(4));
    assert_eq!((found(&world, a), found(&world, b)), (2, 2));
    assert_eq!((found(&world, c), found(&world, d)), (1, 1));
}

#[test]
fn a_claim_whose_asker_is_gone_gives_the_other_back() {
    let mut world = World::new(2, 6);
    let [a, b] = waiting(&mut world, [0, 1]);
    world.emit(a, r#"["cancel_match"]"#, false);
    world.run(TICK);
    world.claim(a, b);
    let before = world.tickets.remove(&world.clients[b].session()).unwrap();
    world.run(TICK);
    let after = &world.tickets[&world.clients[b].session()];
    assert_eq!(*after, before, "back at the old place at once");
}

#[test]
fn a_claim_for_someone_on_a_lost_worker_costs_the_asker_no_time() {
    let mut world = World::new(3, 7);
    let [a, b, c] = waiting(&mut world, [0, 1, 2]);
    world.kill_worker(1);
    world.announce_lost(1);
    world.claim(a, b);
    world.claim(a, c);
    world.run(TICK);
    assert_eq!((found(&world, a), found(&world, c)), (1, 1));
}

#[test]
fn a_commit_for_someone_who_is_no_longer_reserved_is_answered_with_the_end() {
    let mut late = 0;
    for delay in 0..8 {
        let mut world = World::new(2, 8);
        let [a, b] = waiting(&mut world, [0, 1]);
        world.claim(a, b);
        world.run(Duration::from_millis(delay));
        // The commit is on its way for longer than anybody is kept.
        world.cut_off(1, true);
        world.run(Duration::from_secs(3));
        let alone = found(&world, a) == 1 && found(&world, b) == 0;
        world.cut_off(1, false);
        world.run(Duration::from_millis(2_500));
        if alone {
            late += 1;
            let told = world.clients[a].last("peer_disconnected");
            let matched = world.clients[a].last("match_found");
            assert_eq!(told["matchId"], matched["matchId"], "after {delay} ms");
        }
        // And the one who was reserved is back in the queue.
        if found(&world, b) == 0 {
            let c = world.join(0);
            world.emit(c, FIND, false);
            world.faults.pool_loss = 0.0;
            world.run(Duration::from_secs(4));
            assert_eq!(found(&world, b), 1, "after {delay} ms");
        }
    }
    assert!(late > 0, "no commit was ever late");
}

#[test]
fn an_asker_who_hears_nothing_goes_back_to_the_queue() {
    let mut world = World::new(2, 9);
    let [a, b] = waiting(&mut world, [0, 1]);
    world.cut_off(1, true);
    world.claim(a, b);
    world.run(Duration::from_secs(5));
    assert_eq!(found(&world, a), 0);
    let c = world.join(0);
    world.emit(c, FIND, false);
    all_are_matched(&mut world, &[a, c]);
}

#[test]
fn who_showed_life_within_two_seconds_is_matched_without_a_ping() {
    for (silence, pings) in [(1_900, 0), (2_200, 1)] {
        let mut world = World::new(2, 10);
        let [a, b] = waiting(&mut world, [0, 1]);
        world.emit(a, FIND, false);
        world.emit(b, FIND, false);
        world.run(Duration::from_millis(silence));
        world.claim(a, b);
        world.run(TICK);
        assert_eq!((found(&world, a), found(&world, b)), (1, 1), "{silence} ms");
        let pinged = [a, b].map(|client| world.clients[client].pings);
        assert_eq!(pinged, [pings, pings], "{silence} ms");
    }
}

#[test]
fn who_does_not_answer_a_ping_within_a_second_and_a_half_is_parked_and_the_other_goes_back() {
    for silent in [0, 1] {
        let mut world = World::new(2, 11);
        let people = waiting(&mut world, [0, 1]);
        world.run(Duration::from_secs(3));
        world.clients[people[silent]].responsive = false;
        let failed = |world: &World| {
            let failures = world.records.iter();
            failures
                .filter(|(.., record)| matches!(record, Record::ConfirmationFailed))
                .count()
        };
        world.claim(people[0], people[1]);
        world.run(Duration::from_millis(1_400));
        assert_eq!(failed(&world), 0);
        world.run(Duration::from_millis(200));
        assert!(failed(&world) > 0);
        let [parked, other] = [people[silent], people[1 - silent]];
        let c = world.join(0);
        world.emit(c, FIND, false);
        all_are_matched(&mut world, &[other, c]);
        assert_eq!(found(&world, parked), 0);
        // The next sign of life.
        let d = world.join(1);
        world.emit(d, FIND, false);
        world.emit(parked, r#"["ice_servers"]"#, false);
        all_are_matched(&mut world, &[parked, d]);
    }
}

#[test]
fn a_partner_of_the_same_pod_is_preferred_for_150_ms_and_no_longer() {
    let mut world = World::new(2, 12);
    let far = world.join(1);
    let (near, third) = (world.join(0), world.join(0));
    world.emit(far, FIND, false);
    world.run(Duration::from_millis(30));
    world.emit(near, FIND, false);
    world.run(Duration::from_millis(30));
    assert_eq!(
        (found(&world, near), found(&world, far)),
        (0, 0),
        "each hopes for a neighbour"
    );
    world.emit(third, FIND, false);
    world.run(TICK);
    assert_eq!((found(&world, near), found(&world, third)), (1, 1));
    // Who has waited for longer is served first, by whoever comes.
    world.run(Duration::from_millis(150));
    let fourth = world.join(0);
    world.emit(fourth, FIND, false);
    world.run(TICK);
    assert_eq!((found(&world, far), found(&world, fourth)), (1, 1));
    let hits: Vec<bool> = world
        .records
        .iter()
        .filter_map(|(.., record)| match record {
            Record::MatchMade {
                same_pod,
                initiator: true,
                ..
            } => Some(*same_pod),
            _ => None,
        })
        .collect();
    assert_eq!(hits, [true, false], "what the hit rate counts");
}

#[test]
fn two_on_two_pods_are_matched_once_the_budget_is_spent() {
    let mut world = World::new(2, 13);
    let (a, b) = (world.join(0), world.join(1));
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(140));
    assert_eq!(found(&world, a), 0);
    world.run(Duration::from_millis(40));
    assert_eq!((found(&world, a), found(&world, b)), (1, 1));
}

#[test]
fn demands_are_dropped_after_5_10_and_15_seconds_and_the_mode_never() {
    let cases = [
        (r#"{"interests":["go"]}"#, r#"{"interests":["jazz"]}"#, Some(5)),
        (r#"{"region":"eu"}"#, r#"{"region":"us"}"#, Some(10)),
        (r#"{"language":"en"}"#, r#"{"language":"fi"}"#, Some(15)),
        (r#"{"mode":"text"}"#, r#"{"mode":"video"}"#, None),
        (r#"{"mode":"text"}"#, "null", Some(0)),
    ];
    for (one, other, after) in cases {
        let mut world = World::new(1, 14);
        let (a, b) = (world.join(0), world.join(0));
        world.emit(a, &format!(r#"["find_match",{one}]"#), false);
        world.emit(b, &format!(r#"["find_match",{other}]"#), false);
        let seconds = after.unwrap_or(55);
        if seconds > 0 {
            world.run(Duration::from_millis(seconds * 1_000 - 50));
            assert_eq!(found(&world, a), 0, "{one} {other} too early");
        }
        world.run(Duration::from_millis(150));
        let matched = usize::from(after.is_some());
        assert_eq!(
            (found(&world, a), found(&world, b)),
            (matched, matched),
            "{one} {other}"
        );
    }
}

#[test]
fn the_sixth_last_partner_is_no_longer_a_recent_one() {
    let mut world = World::new(1, 15);
    let a = world.join(0);
    let others: Vec<ClientId> = (0..6).map(|_| world.join(0)).collect();
    let meet = |world: &mut World, other: ClientId| {
        world.emit(other, FIND, false);
        world.run(TICK);
        world.emit(a, FIND, false);
        world.run(TICK);
    };
    for (number, &other) in others.iter().enumerate() {
        meet(&mut world, other);
        assert_eq!(found(&world, a), number + 1);
        world.emit(a, r#"["leave_match"]"#, false);
        world.run(Duration::from_secs(2));
    }
    // The one before last of the six: one of the last five for both.
    meet(&mut world, others[1]);
    assert_eq!(found(&world, a), 6);
    world.emit(others[1], r#"["cancel_match"]"#, false);
    world.run(TICK);
    // Five others are nearer for a, but a is the last partner of the first one: both have to agree.
    world.emit(others[0], FIND, false);
    world.run(TICK);
    assert_eq!(found(&world, a), 6, "for the other side a is recent");
    world.run(Duration::from_secs(15));
    assert_eq!(found(&world, a), 7);
}

#[test]
fn a_pod_that_was_cut_off_with_a_one_sided_match_is_told_when_it_is_back() {
    let mut world = World::new(2, 16);
    let (a, b) = (world.join(0), world.join(1));
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(250));
    world.cut_off(1, true);
    world.emit(a, r#"["leave_match"]"#, false);
    world.run(Duration::from_secs(12));
    assert_eq!(world.clients[b].count("peer_disconnected"), 0);
    world.cut_off(1, false);
    world.run(Duration::from_millis(2_500));
    assert_eq!(world.clients[b].last("peer_disconnected")["reason"], "left");
}

#[test]
fn a_restarted_worker_makes_its_new_life_known_without_being_spoken_to() {
    let mut world = World::new(2, 17);
    let (a, b) = (world.join(0), world.join(1));
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(250));
    // Dead and back before any lease runs out.
    world.kill_worker(0);
    world.start_worker(0);
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients[b].last("peer_disconnected")["reason"], "error");
}

#[test]
fn a_worker_that_stays_away_is_not_greeted_for_ever() {
    let mut world = World::new(2, 18);
    let (a, b) = (world.join(0), world.join(1));
    world.emit(a, FIND, false);
    world.emit(b, FIND, false);
    world.run(Duration::from_millis(250));
    world.kill_worker(0);
    world.announce_lost(0);
    world.emit(b, r#"["leave_match"]"#, false);
    world.run(Duration::from_secs(15));
    world.disconnect(b, Closed::Left);
    world.run(Duration::from_secs(15));
    assert_eq!(world.worker(1).unwrap().deadline(), None);
    assert_eq!(world.worker(1).unwrap().census(), Default::default());
}
