//! Clients whose WebSocket reaches another worker than their polls did.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod world;

use std::time::Duration;

use serde_json::{Value, json};
use signaling_core::worker::Record;

use self::world::{ClientId, World};

const SOON: Duration = Duration::from_secs(1);

fn pair(world: &mut World, workers: [usize; 2]) -> [ClientId; 2] {
    let clients = workers.map(|worker| world.join(worker));
    for client in clients {
        world.emit(client, r#"["find_match",{}]"#, false);
    }
    world.run(SOON);
    clients
}

fn say(world: &mut World, client: ClientId, text: &str) {
    let args = json!(["chat_message", {"text": text}]).to_string();
    world.emit(client, &args, false);
}

fn texts(world: &World, client: ClientId) -> Vec<&Value> {
    let payloads = world.clients[client].payloads("chat_message").into_iter();
    payloads.map(|payload| &payload["text"]).collect()
}

fn moved(world: &World) -> usize {
    let moved = |record: &Record| matches!(record, Record::SessionMoved { .. });
    world
        .records
        .iter()
        .filter(|(_, _, record)| moved(record))
        .count()
}

#[test]
fn a_client_that_moves_goes_on_in_its_match_and_nobody_is_told() {
    for recovery in [true, false] {
        let mut world = World::new(3, 1);
        let [a, b] = [0, 1].map(|worker| {
            let client = world.client(recovery);
            world.connect(client, worker);
            world.emit(client, r#"["find_match",{}]"#, false);
            client
        });
        world.run(SOON);
        let before = [a, b].map(|client| world.clients[client].names().len());
        say(&mut world, a, "before");
        world.upgrade(a, 2);
        say(&mut world, a, "meanwhile");
        say(&mut world, b, "to whoever has it");
        world.run(SOON);
        say(&mut world, b, "after");
        world.run(SOON);
        assert_eq!(texts(&world, b), ["before", "meanwhile"]);
        assert_eq!(texts(&world, a), ["to whoever has it", "after"]);
        let now = [a, b].map(|client| world.clients[client].names().len());
        assert_eq!(
            now,
            before.map(|count| count + 2),
            "{:?}",
            world.clients[b].names()
        );
        assert_eq!(world.worker(2).unwrap().census().matched, 1);
        assert_eq!(world.worker(0).unwrap().census().sessions, 0);
        assert_eq!(moved(&world), 1);
    }
}

#[test]
fn both_of_a_match_may_move_at_once() {
    for seed in 0..50 {
        let mut world = World::new(4, seed);
        let [a, b] = pair(&mut world, [0, 1]);
        world.upgrade(a, 2);
        world.upgrade(b, 3);
        say(&mut world, a, "a");
        say(&mut world, b, "b");
        world.run(3 * SOON);
        assert_eq!(texts(&world, a), ["b"], "seed {seed}");
        assert_eq!(texts(&world, b), ["a"], "seed {seed}");
        assert_eq!(world.clients[a].count("peer_disconnected"), 0, "seed {seed}");
    }
}

#[test]
fn who_waits_keeps_their_place_when_they_move() {
    let mut world = World::new(2, 3);
    let a = world.join(0);
    world.emit(a, r#"["find_match",{}]"#, false);
    world.run(SOON);
    world.upgrade(a, 1);
    world.run(SOON);
    let b = world.join(0);
    world.emit(b, r#"["find_match",{}]"#, false);
    world.run(SOON);
    let found = [a, b].map(|client| world.clients[client].last("match_found")["matchId"].clone());
    assert!(found[0].is_string() && found[0] == found[1], "{found:?}");
}

#[test]
fn a_client_moves_while_its_connect_is_not_answered() {
    let mut world = World::new(3, 4);
    let [a, b] = pair(&mut world, [0, 1]);
    world.disconnect(a, signaling_core::worker::Closed::Lost);
    world.run(SOON);
    world.connect(a, 2);
    world.upgrade(a, 0);
    say(&mut world, b, "welcome back");
    world.run(3 * SOON);
    assert_eq!(texts(&world, a), ["welcome back"]);
    assert_eq!(world.worker(0).unwrap().census().matched, 1);
}

#[test]
fn who_has_not_joined_yet_joins_where_the_websocket_is() {
    let mut world = World::new(2, 5);
    let a = world.client(true);
    world.connect(a, 0);
    world.upgrade(a, 1);
    world.run(SOON);
    assert!(world.is_accepted(a));
}

#[test]
fn a_match_that_ends_while_its_client_moves_is_told() {
    for seed in 0..50 {
        let mut world = World::new(3, seed);
        let [a, b] = pair(&mut world, [0, 1]);
        world.upgrade(a, 2);
        world.run(Duration::from_millis(seed / 8));
        world.emit(b, r#"["leave_match"]"#, false);
        world.run(SOON);
        assert_eq!(world.clients[a].count("peer_disconnected"), 1, "seed {seed}");
    }
}

#[test]
fn a_session_that_cannot_be_had_is_come_back_to() {
    let mut world = World::with(3, 6, |config, _| config.save_every = Some(SOON));
    let [a, b] = pair(&mut world, [0, 1]);
    world.upgrade(a, 2);
    // What it sends is taken by a worker that has lost its way to the first.
    while world.worker(0).unwrap().census().connections > 0 {
        world.step();
    }
    world.kill_worker(0);
    world.announce_lost(0);
    world.announce_workers();
    world.run(2 * SOON);
    assert!(world.clients[a].connection.is_none(), "closed, to come back");
    world.connect(a, 2);
    world.run(2 * SOON);
    say(&mut world, b, "still there");
    world.run(SOON);
    assert_eq!(texts(&world, a), ["still there"]);
}
