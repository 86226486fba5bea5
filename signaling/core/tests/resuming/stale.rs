//! Words that come too late: of an earlier owner, to an earlier question, about an earlier match.

use std::time::Duration;

use signaling_core::worker::Closed;

use crate::world::{ClientId, World};
use crate::{FIND, TICK, heard, last, pair, text};

#[test]
fn whoever_moves_often_and_fast_gets_everything_once_and_in_order() {
    for seed in 0..150 {
        let mut world = World::new(3, 1_000 + seed);
        let (a, b) = pair(&mut world, seed % 2 == 0);
        world.faults.delay = Duration::from_millis([1, 20, 80][seed as usize % 3]);
        let mut sent = 0;
        for round in 0..12 {
            for _ in 0..4 {
                sent += 1;
                world.emit(b, &text(sent), true);
                world.run(Duration::from_millis(seed % 7));
            }
            // What is on its way to the client is lost, but nothing that it has sent.
            world.disconnect(a, Closed::Clean);
            // The server is told of the end before it sees the next connection: all the better for `renegotiate`.
            world.run(Duration::from_millis(5));
            world.connect(a, round % 3);
            world.run(Duration::from_millis(seed % 11 * 3));
            // Each round is as long as the rates let it be.
            world.run(Duration::from_millis(800));
        }
        world.run(Duration::from_secs(2));
        let all: Vec<String> = (1..=sent).map(|number| number.to_string()).collect();
        assert_eq!(heard(&world, a), all, "seed {seed}");
        let asked = |client: ClientId| {
            let client = &world.clients[client];
            let told = client
                .payloads("session")
                .into_iter()
                .chain(client.payloads("peer_resumed"));
            told.filter(|payload| payload["renegotiate"] == true).count()
        };
        assert_eq!(
            asked(a) + asked(b),
            0,
            "seed {seed}: nothing is missing, and nobody is told so"
        );
    }
}

#[test]
fn word_of_an_old_owner_that_its_person_is_away_comes_too_late() {
    for seed in 0..150 {
        let mut world = World::new(3, 2_000 + seed);
        let (a, b) = pair(&mut world, true);
        world.faults.delay = Duration::from_millis(60);
        world.disconnect(a, Closed::Clean);
        world.run(Duration::from_millis(seed % 5));
        world.connect(a, 1);
        world.run(Duration::from_secs(3));
        let names = world.clients[b].names();
        let about_peer = names.iter().rfind(|name| name.starts_with("peer_"));
        assert!(
            about_peer.is_none_or(|name| *name == "peer_resumed"),
            "seed {seed}: {names:?}"
        );
        world.run(Duration::from_secs(75));
        assert_eq!(world.clients[b].count("peer_disconnected"), 0, "seed {seed}");
    }
}

#[test]
fn an_answer_to_an_earlier_question_does_not_count() {
    for seed in 0..200 {
        let mut world = World::new(2, 3_000 + seed);
        let (a, b) = pair(&mut world, true);
        world.emit(b, &text(1), true);
        // It has reached a's owner, who wrote it to a connection that is about to break.
        world.run(Duration::from_millis(4));
        world.disconnect(a, Closed::Lost);
        world.faults.delay = Duration::from_millis(30);
        // The links begin anew, and a's owner asks for what followed it,
        world.announce_lost(0);
        world.announce_lost(1);
        world.emit(b, &text(2), true);
        world.run(Duration::from_millis(seed));
        // while the client comes back and has not seen it.
        world.connect(a, 0);
        world.run(Duration::from_secs(2));
        assert_eq!(heard(&world, a), ["1", "2"], "back after {seed} ms");
    }
}

/// Somebody who has seen three signals of one match is in the next before they know of it; its first signals go to the
/// connection until the server notices, `later`, that it is dead.
fn in_the_next_match(later: Duration) -> (World, ClientId, ClientId) {
    let mut world = World::new(1, 40);
    let (a, b) = pair(&mut world, false);
    for number in 0..3 {
        world.emit(b, &text(number), true);
    }
    world.run(TICK);
    let c = world.client(false);
    world.connect(c, 0);
    world.run(TICK);
    world.emit(c, FIND, false);
    world.run(TICK);
    world.emit(a, r#"["next_match"]"#, false);
    // It has reached the server, and nothing of what follows has reached the client.
    world.run(Duration::from_millis(3));
    world.disconnect_noticed(a, Closed::Lost, later);
    world.run(Duration::from_millis(10));
    assert_eq!(world.clients[c].count("match_found"), 1);
    for number in 3..7 {
        world.emit(c, &text(number), true);
        world.run(Duration::from_millis(10));
    }
    world.run(later);
    world.connect(a, 0);
    world.run(TICK);
    assert_eq!(world.clients[a].count("match_found"), 2);
    (world, a, c)
}

#[test]
fn a_number_of_the_match_before_is_not_taken_for_one_of_this_match() {
    let (world, a, _) = in_the_next_match(Duration::from_millis(10));
    assert_eq!(heard(&world, a), ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_number_that_may_be_of_either_match_leads_to_renegotiation() {
    let (world, a, c) = in_the_next_match(Duration::from_millis(200));
    assert_eq!(last(&world, a, "session")["renegotiate"], true);
    assert_eq!(last(&world, c, "peer_resumed")["renegotiate"], true);
}
