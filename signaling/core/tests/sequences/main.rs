//! Sequences of events of which each would give a double, a ghost, a stranded person or a silent loss, were it not for one
//! rule. Each is tried at every moment at which its parts may meet.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod copies;
#[path = "../world/mod.rs"]
mod world;

use std::time::Duration;

use serde_json::Value;
use signaling_core::worker::Closed;
use world::{ClientId, World};

const FIND: &str = r#"["find_match"]"#;
const LEAVE: &str = r#"["leave_match"]"#;
const TICK: Duration = Duration::from_millis(30);
/// Longer than the preference for a neighbour.
const MATCHED: Duration = Duration::from_millis(300);

/// A world whose workers write records.
fn recording(workers: u16, seed: u64) -> World {
    World::with(workers, seed, |config, _| {
        config.save_every = Some(config.resume_window);
    })
}

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// People who look for a partner on these workers, one after the other.
fn searching<const N: usize>(world: &mut World, workers: [usize; N]) -> [ClientId; N] {
    workers.map(|worker| {
        let client = world.join(worker);
        world.emit(client, FIND, false);
        world.run(TICK);
        client
    })
}

/// Two who have been matched on these workers.
fn pair(world: &mut World, workers: [usize; 2]) -> [ClientId; 2] {
    let people = searching(world, workers);
    world.run(MATCHED);
    assert!(are_partners(world, people[0], people[1]), "not matched");
    people
}

/// Says that many things.
fn say(world: &mut World, client: ClientId, count: usize) {
    for number in 0..count {
        let text = format!(r#"["chat_message",{{"text":"number {number}"}}]"#);
        world.emit(client, &text, false);
        world.run(TICK);
    }
}

fn found(world: &World, client: ClientId) -> usize {
    world.clients[client].count("match_found")
}

/// Whether each takes the other for the partner of one match that goes on.
fn are_partners(world: &World, one: ClientId, other: ClientId) -> bool {
    let [one, other] = [one, other].map(|client| world.clients[client].match_id.clone());
    one.is_some() && one == other
}

fn is_free(world: &World, client: ClientId) -> bool {
    world.clients[client].match_id.is_none()
}

/// Text gets across, both ways.
fn talk(world: &mut World, one: ClientId, other: ClientId, note: &str) {
    for (from, to) in [(one, other), (other, one)] {
        let text = format!("{note} of {from}");
        world.emit(from, &format!(r#"["chat_message",{{"text":"{text}"}}]"#), true);
        world.run(millis(200));
        let heard = world.clients[to].last("chat_message");
        assert_eq!(heard["text"], Value::from(text), "to {to}");
    }
}

/// A worker is gone, and all know it.
fn kill(world: &mut World, worker: usize) {
    world.kill_worker(worker);
    world.announce_lost(worker);
    world.announce_workers();
}

#[test]
fn a_commit_lost_in_a_failover_makes_one_match_or_none() {
    let (mut made, mut called_off) = (0, 0);
    for away in [300, 1_500, 2_500, 4_000] {
        for delay in 0..8 {
            let mut world = World::new(2, 100 + delay);
            world.faults.pool_loss = 1.0;
            let [a, b] = searching(&mut world, [0, 1]);
            world.claim(a, b);
            world.run(millis(delay));
            // Whatever is published now is lost, whoever publishes it.
            world.faults.loss = 1.0;
            world.run(millis(away));
            let half = found(&world, a) == 1 && found(&world, b) == 0;
            world.faults.loss = 0.0;
            world.run(millis(2_500));
            let case = format!("after {delay} ms, for {away} ms");
            match are_partners(&world, a, b) {
                true => talk(&mut world, a, b, "made"),
                false => assert!(is_free(&world, a) && is_free(&world, b), "a ghost {case}"),
            }
            if half && !are_partners(&world, a, b) {
                called_off += 1;
                assert_eq!(world.clients[a].count("peer_disconnected"), 1, "{case}");
            }
            made += usize::from(half && are_partners(&world, a, b));
            // Nobody is stranded: who is free and looks for a partner finds one.
            for person in [a, b]
                .into_iter()
                .filter(|&person| is_free(&world, person))
                .collect::<Vec<_>>()
            {
                world.emit(person, FIND, false);
                world.faults.pool_loss = 0.0;
            }
            world.run(millis(20_000));
            assert!(are_partners(&world, a, b), "stranded {case}");
        }
    }
    assert!(made > 0 && called_off > 0, "{made} made, {called_off} called off");
}

#[test]
fn a_late_commit_is_not_taken_for_that_of_the_next_match() {
    let mut late = 0;
    for delay in 0..8 {
        // The next match is made, or still waits for a commit of its own.
        for next_is_made in [true, false] {
            let mut world = World::new(3, 200 + delay);
            world.faults.pool_loss = 1.0;
            let [a, b, c] = searching(&mut world, [0, 1, 2]);
            world.claim(a, b);
            world.run(millis(delay));
            // The commit does not arrive, and is not sent again before
            world.cut_off(1, true);
            world.run(millis(5));
            world.cut_off(0, true);
            world.cut_off(1, false);
            // the reserved one is given back, and found by somebody else.
            world.run(millis(2_200));
            let half = found(&world, a) == 1 && found(&world, b) == 0;
            world.claim(c, b);
            world.run(millis(2));
            world.cut_off(2, !next_is_made);
            world.run(millis(20));
            world.cut_off(0, false);
            world.run(millis(1_900));
            world.cut_off(2, false);
            world.run(millis(3_000));
            if half {
                late += 1;
                let case = format!("after {delay} ms, {next_is_made}");
                assert!(is_free(&world, a), "a ghost {case}");
                assert_eq!(
                    are_partners(&world, b, c),
                    next_is_made || !is_free(&world, b),
                    "{case}"
                );
                assert_eq!(is_free(&world, b), is_free(&world, c), "{case}");
            }
        }
    }
    assert!(late > 0, "no commit was ever late");
}

#[test]
fn a_ticket_taken_by_the_script_while_its_pod_pairs_it_is_one_match() {
    // The script takes the ticket of either neighbour, for a stranger or for the neighbour's own question.
    let claims = [(2, 0), (2, 1), (0, 2), (1, 2), (0, 1), (1, 0)];
    for (first, second) in claims {
        for script_first in [false, true] {
            for delay in 0..6 {
                let mut world = World::new(2, 300 + delay);
                world.faults.pool_loss = 1.0;
                let [a, b, c] = searching(&mut world, [0, 0, 1]);
                let (by_script, by_pod) = (([a, b, c][first], [a, b, c][second]), (a, b));
                let [one, other] = if script_first {
                    [by_script, by_pod]
                } else {
                    [by_pod, by_script]
                };
                world.claim(one.0, one.1);
                world.run(millis(delay));
                world.claim(other.0, other.1);
                world.run(millis(50));
                let case =
                    format!("claim of {second} for {first}, script first {script_first}, after {delay} ms");
                let matches = [a, b, c].map(|person| found(&world, person));
                assert!(
                    matches.iter().all(|&number| number <= 1),
                    "a double: {case} {matches:?}"
                );
                let pairs = [(a, b), (a, c), (b, c)];
                let partners = pairs
                    .iter()
                    .filter(|(one, other)| are_partners(&world, *one, *other));
                assert_eq!(partners.count(), 1, "{case}");
                assert_eq!(matches.iter().sum::<usize>(), 2, "a ghost: {case}");
                // Who is left over is still in the queue, and first.
                let left = [a, b, c]
                    .into_iter()
                    .find(|&person| is_free(&world, person))
                    .unwrap();
                world.faults.pool_loss = 0.0;
                let d = world.join(1);
                world.emit(d, FIND, false);
                world.run(millis(4_000));
                assert!(are_partners(&world, left, d), "stranded: {case}");
            }
        }
    }
}

#[test]
fn a_flushall_while_a_client_moves_costs_neither_session_nor_match() {
    for delay in 0..60 {
        let mut world = recording(3, 400 + delay);
        let [a, b] = pair(&mut world, [0, 2]);
        world.disconnect(a, Closed::Lost);
        world.connect(a, 1);
        world.run(millis(delay));
        world.restart_pool();
        world.run(millis(5_000));
        assert_eq!(
            world.clients[a].last("session")["resumed"],
            true,
            "after {delay} ms"
        );
        assert!(are_partners(&world, a, b), "after {delay} ms");
        let records = &world.store.records;
        let record = &records[&world.clients[a].session()];
        assert_eq!(record.owner.pod(), "pod-1", "after {delay} ms");
        assert!(
            records.contains_key(&world.clients[b].session()),
            "after {delay} ms"
        );
        talk(&mut world, a, b, "moved");
        // What was written back is as good as what was lost.
        kill(&mut world, 1);
        world.connect(a, 2);
        world.run(millis(2_000));
        assert_eq!(
            world.clients[a].last("session")["state"],
            "matched",
            "after {delay} ms"
        );
        talk(&mut world, a, b, "moved again");
    }
}

#[test]
fn a_flushall_while_a_client_moves_from_a_lost_worker_is_told_to_both() {
    let (mut saved, mut lost) = (0, 0);
    for delay in 0..24 {
        let mut world = recording(3, 500 + delay);
        let [a, b] = pair(&mut world, [0, 2]);
        world.run(millis(1_000));
        kill(&mut world, 0);
        world.connect(a, 1);
        world.run(millis(delay));
        world.restart_pool();
        world.run(millis(5_000));
        if world.clients[a].last("session")["resumed"] == true {
            saved += 1;
            assert!(are_partners(&world, a, b), "after {delay} ms");
            talk(&mut world, a, b, "saved");
        } else {
            lost += 1;
            assert!(is_free(&world, a), "after {delay} ms");
            world.run(millis(75_000));
            let told = world.clients[b].last("peer_disconnected");
            assert_eq!(told["reason"], "timeout", "after {delay} ms");
        }
    }
    assert!(saved > 0 && lost > 0, "{saved} saved, {lost} lost");
}

/// Two in their second match each, and a store that knows of the first one only: `[a, b, c, d]`, where a and b were
/// together, and a is with c and b with d now. a is on worker 0.
fn with_an_old_snapshot(seed: u64) -> (World, [ClientId; 4]) {
    let mut world = recording(4, seed);
    let [a, b] = pair(&mut world, [0, 1]);
    world.run(millis(1_000));
    world.take_snapshot();
    world.emit(a, LEAVE, false);
    world.run(TICK);
    let mut meet = |person: ClientId, worker: usize| {
        world.emit(person, FIND, false);
        let [other] = searching(&mut world, [worker]);
        world.run(MATCHED);
        assert!(are_partners(&world, person, other));
        other
    };
    let (c, d) = (meet(a, 2), meet(b, 3));
    (world, [a, b, c, d])
}

#[test]
fn an_old_snapshot_gives_way_to_what_owners_have() {
    for delay in [0, 1, 5, 25] {
        let (mut world, [a, b, c, d]) = with_an_old_snapshot(600 + delay);
        world.restore_snapshot();
        world.run(millis(delay));
        // The old tickets are there again, and the pool believes them.
        let e = world.join(3);
        world.emit(e, FIND, false);
        world.run(millis(200));
        for person in [a, b] {
            world.claim(e, person);
            world.run(TICK);
        }
        world.run(millis(5_000));
        assert!(
            are_partners(&world, a, c) && are_partners(&world, b, d),
            "after {delay} ms"
        );
        assert!(is_free(&world, e), "after {delay} ms");
        // What owners have written back holds when they are gone.
        kill(&mut world, 0);
        world.connect(a, 1);
        world.run(millis(2_000));
        assert_eq!(world.clients[a].last("session")["state"], "matched");
        assert!(are_partners(&world, a, c), "after {delay} ms");
        talk(&mut world, a, c, "still");
        talk(&mut world, b, d, "undisturbed");
    }
}

#[test]
fn an_old_snapshot_of_a_lost_worker_brings_no_match_back_that_is_over() {
    for worker in [1, 2, 3] {
        let (mut world, [a, b, c, d]) = with_an_old_snapshot(700);
        // The worker dies before it can write back anything.
        kill(&mut world, 0);
        world.restore_snapshot();
        world.connect(a, worker);
        world.run(millis(3_000));
        assert_eq!(world.clients[a].last("session")["resumed"], true, "at {worker}");
        assert!(
            is_free(&world, a),
            "a ghost at {worker}: {:?}",
            world.clients[a].names()
        );
        assert!(are_partners(&world, b, d), "at {worker}");
        talk(&mut world, b, d, "undisturbed");
        // The partner of the match that nobody remembers is not left in it.
        world.run(millis(75_000));
        assert!(
            is_free(&world, c),
            "stranded at {worker}: {:?}",
            world.clients[c].names()
        );
    }
}

#[test]
fn a_resume_from_a_record_into_a_match_that_the_partner_left_says_so() {
    for worker in [1, 2] {
        for delay in 0..30 {
            let mut world = recording(3, 800 + delay);
            let [a, b] = pair(&mut world, [0, 2]);
            world.run(millis(1_000));
            // Nobody is left to write down that the match is over.
            kill(&mut world, 0);
            // The partner leaves before the client comes, or while its record is read, taken and asked about.
            if delay >= 20 {
                world.emit(b, LEAVE, false);
                world.run(millis(delay - 20));
            }
            world.connect(a, worker);
            if delay < 20 {
                world.run(millis(delay));
                world.emit(b, LEAVE, false);
            }
            world.run(millis(2_000));
            let case = format!("at {worker} after {delay} ms: {:?}", world.clients[a].names());
            assert_eq!(world.clients[a].last("session")["resumed"], true, "{case}");
            assert!(is_free(&world, a), "a ghost {case}");
            assert_eq!(
                world.clients[a].last("peer_disconnected")["reason"],
                "left",
                "{case}"
            );
            assert_eq!(world.clients[a].count("peer_disconnected"), 1, "{case}");
        }
    }
}

#[test]
fn after_a_flushall_thousands_of_records_are_written_back_a_batch_at_a_time() {
    let mut world = recording(1, 900);
    for _ in 0..2_100 {
        let client = world.client(true);
        world.connect(client, 0);
    }
    world.run(millis(1_000));
    world.restart_pool();
    let written: Vec<usize> = (0..4)
        .map(|_| {
            world.run(millis(21));
            world.store.records.len()
        })
        .collect();
    assert_eq!(written, [1_024, 2_048, 2_100, 2_100]);
}
