//! Coming back, and what is told again.

use std::time::Duration;

use serde_json::{Value, json};
use signaling_core::worker::{Closed, Record, User};

use crate::world::{Seen, World};
use crate::{FIND, TICK, ask, candidate, match_id, meet, pair, text};

#[test]
fn match_found_is_not_repeated_to_who_has_sent_a_candidate_that_is_held() {
    for named in [false, true] {
        let mut world = World::new(1, 15);
        let (_, b) = pair(&mut world);
        let mut args = candidate("early", 1);
        if named {
            args[1]["matchId"] = match_id(&world, b).into();
        }
        assert_eq!(ask(&mut world, b, &args), "ok");
        world.disconnect(b, Closed::Lost);
        world.run(TICK);
        world.connect(b, 0);
        world.run(TICK);
        assert_eq!(world.clients[b].last("session")["state"], "matched");
        assert_eq!(world.clients[b].count("match_found"), 1, "named: {named}");
    }
}

#[test]
fn match_found_that_was_never_seen_is_sent_again_with_all_that_followed() {
    for recovery in [true, false] {
        let mut world = World::new(2, 16);
        let a = world.client(recovery);
        world.connect(a, 0);
        world.run(TICK);
        world.emit(a, FIND, false);
        world.run(TICK);
        let b = world.join(1);
        world.emit(b, FIND, false);
        let made = |world: &World| {
            let mut records = world.records.iter();
            records.any(|(_, worker, record)| *worker == 0 && matches!(record, Record::MatchMade { .. }))
        };
        while !made(&world) {
            world.step();
        }
        // The connection breaks with match_found on its way.
        world.disconnect_noticed(a, Closed::Lost, Duration::from_millis(500));
        world.run(TICK);
        assert_eq!(ask(&mut world, b, &text("one")), "ok");
        assert_eq!(ask(&mut world, b, &text("two")), "ok");
        world.connect(a, 1);
        world.run(Duration::from_millis(100));
        let client = &world.clients[a];
        assert_eq!(client.count("match_found"), 1, "recovery: {recovery}");
        assert_eq!(
            client.last("session")["matchId"],
            client.last("match_found")["matchId"]
        );
        let words: Vec<&Value> = client
            .payloads("chat_message")
            .iter()
            .map(|payload| &payload["text"])
            .collect();
        assert_eq!(words, ["one", "two"], "recovery: {recovery}");
    }
}

#[test]
fn a_connection_that_breaks_between_what_is_told_again_misses_nothing_of_it() {
    for delay in 0..12 {
        let mut world = World::new(1, 30);
        let (a, b) = pair(&mut world);
        world.emit(a, r#"["leave_match"]"#, false);
        world.run(TICK);
        assert_eq!(ask(&mut world, b, &json!(["find_match"])), "ok");
        world.disconnect(b, Closed::Lost);
        world.run(TICK);
        world.connect(b, 0);
        let c = world.join(0);
        world.emit(c, FIND, false);
        world.run(Duration::from_millis(delay));
        // Now it breaks again and again, with more or less of it seen.
        for further in 0..6 {
            world.disconnect(b, Closed::Lost);
            world.connect(b, 0);
            world.run(Duration::from_millis(further));
        }
        world.run(Duration::from_secs(3));
        let client = &world.clients[b];
        assert_eq!(client.last("session")["state"], "matched", "after {delay} ms");
        let found = client.last("match_found");
        assert_eq!(
            found["matchId"],
            client.last("session")["matchId"],
            "after {delay} ms"
        );
        // The same for an end.
        world.disconnect(b, Closed::Lost);
        world.run(TICK);
        world.emit(c, r#"["next_match"]"#, false);
        world.run(TICK);
        for further in 0..6 {
            world.connect(b, 0);
            world.run(Duration::from_millis(further));
            world.disconnect(b, Closed::Lost);
        }
        world.connect(b, 0);
        world.run(TICK);
        assert_eq!(world.clients[b].last("peer_disconnected")["reason"], "next");
    }
}

#[test]
fn the_offset_is_session_tag_state_version_and_the_last_signals_number() {
    let mut world = World::new(1, 17);
    let (a, b) = pair(&mut world);
    let offset = world.clients[b].offset.clone().unwrap();
    let sid = world.clients[b].sid.clone().unwrap();
    let parts: Vec<&str> = offset.split('.').collect();
    assert_eq!((parts[0], parts[2]), (&sid[..6], "0"));
    let version: u32 = parts[1].parse().unwrap();
    assert_eq!(ask(&mut world, a, &text("one")), "ok");
    let offset = world.clients[b].offset.clone().unwrap();
    assert_eq!(
        offset,
        format!("{}.{version}.1", &sid[..6]),
        "a signal is no change of state"
    );
    assert_eq!(ask(&mut world, a, &json!(["leave_match"])), "ok");
    let offset = world.clients[b].offset.clone().unwrap();
    assert_eq!(offset, format!("{}.{}.0", &sid[..6], version + 1));
}

#[test]
fn what_the_client_may_not_have_seen_is_sent_again() {
    // A wait that ended, and a match that ended, while the client was away or its connection was breaking.
    for recovery in [true, false] {
        for away in [false, true] {
            let mut world = World::new(1, 18);
            let people = [(); 2].map(|()| {
                let client = world.client(recovery);
                world.connect(client, 0);
                world.run(TICK);
                client
            });
            let (a, b) = meet(&mut world, people);
            if away {
                world.disconnect(b, Closed::Lost);
                world.run(TICK);
                world.emit(a, r#"["leave_match"]"#, false);
            } else {
                world.emit(a, r#"["leave_match"]"#, false);
                world.emit(b, r#"["ice_servers"]"#, false);
                world.run(Duration::from_millis(4));
                world.disconnect_noticed(b, Closed::Lost, Duration::from_secs(5));
            }
            let seen = world.clients[b].count("peer_disconnected");
            world.run(TICK);
            world.connect(b, 0);
            world.run(TICK);
            let client = &world.clients[b];
            assert_eq!(client.last("session")["state"], "idle");
            let again = client.count("peer_disconnected");
            assert!(
                again == 1 || !recovery && again == seen + 1,
                "{recovery} {away}: {again}"
            );
        }
    }
}

#[test]
fn a_partner_who_came_back_in_the_meantime_is_told_of_as_back() {
    for recovery in [true, false] {
        let mut world = World::new(1, 19);
        let people = [(); 2].map(|()| {
            let client = world.client(recovery);
            world.connect(client, 0);
            world.run(TICK);
            client
        });
        let (a, b) = meet(&mut world, people);
        for person in [a, b] {
            world.disconnect(person, Closed::Lost);
            world.run(TICK);
        }
        assert_eq!(world.clients[b].count("peer_reconnecting"), 1);
        world.connect(a, 0);
        world.run(TICK);
        assert_eq!(world.clients[a].count("peer_reconnecting"), 1, "b is away");
        world.connect(b, 0);
        world.run(TICK);
        for person in [a, b] {
            let names = world.clients[person].names();
            let about_peer = names.iter().rfind(|name| name.starts_with("peer_")).unwrap();
            assert_eq!(*about_peer, "peer_resumed", "recovery: {recovery}");
        }
    }
}

#[test]
fn turn_credentials_are_renewed_at_80_percent_of_their_time_or_on_return() {
    let mut world = World::with(1, 21, |_, ice| {
        ice.turn_urls = vec!["turn:turn.example.org".into()];
        ice.turn_secret = Some("north".into());
        ice.ttl = Duration::from_secs(100);
    });
    let (a, b) = pair(&mut world);
    world.run(Duration::from_millis(79_900));
    assert_eq!(world.clients[a].count("ice_servers"), 0);
    world.disconnect(b, Closed::Lost);
    world.run(Duration::from_millis(200));
    assert_eq!(world.clients[a].count("ice_servers"), 1);
    world.run(Duration::from_secs(10));
    world.connect(b, 0);
    world.run(TICK);
    assert_eq!(world.clients[b].count("ice_servers"), 1, "due while away");
    let fresh = &world.clients[b].last("ice_servers")["iceServers"][0];
    let expiry: u64 = fresh["username"]
        .as_str()
        .unwrap()
        .split(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(expiry, world.now.0 / 1_000 + 100);
}

#[test]
fn a_session_is_kept_for_a_client_who_breaks_off_again_before_it_was_answered() {
    for workers in [2, 4] {
        for delay in 0..8 {
            let mut world = World::new(workers, 22);
            let (a, b) = (world.join(0), world.join(0));
            meet(&mut world, [a, b]);
            world.disconnect(a, Closed::Lost);
            world.run(TICK);
            world.connect(a, 1);
            world.run(Duration::from_millis(delay));
            world.disconnect(a, Closed::Lost);
            world.connect(a, usize::from(workers) - 1);
            world.run(Duration::from_millis(100));
            assert_eq!(
                world.clients[a].last("session")["state"],
                "matched",
                "after {delay} ms"
            );
            assert_eq!(ask(&mut world, b, &text("there?")), "ok");
            assert_eq!(
                world.clients[a].last("chat_message")["text"],
                "there?",
                "after {delay} ms"
            );
        }
    }
}

#[test]
fn a_client_that_leaves_before_it_was_answered_has_left() {
    for delay in 0..8 {
        let mut world = World::new(2, 23);
        let (a, b) = (world.join(0), world.join(0));
        meet(&mut world, [a, b]);
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.connect(a, 1);
        world.run(Duration::from_millis(delay));
        world.disconnect(a, Closed::Left);
        world.run(TICK);
        assert_eq!(
            world.clients[b].last("peer_disconnected")["reason"],
            "left",
            "after {delay} ms"
        );
    }
}

#[test]
fn a_full_pod_lets_in_who_returns_and_closes_on_all_others() {
    let mut world = World::new(2, 24);
    let a = world.join(0);
    world.disconnect(a, Closed::Lost);
    world.run(TICK);
    world.open(a, 1, User::Anonymous, false);
    world.run(TICK);
    assert_eq!(world.clients[a].last("session")["resumed"], true);
    let b = world.client(true);
    world.open(b, 0, User::Anonymous, false);
    world.run(TICK);
    // Closed without DISCONNECT: stock clients try again.
    assert!(!world.clients[b].accepted && !world.clients[b].given_up);
    assert_eq!(world.clients[b].seen.last().unwrap().1, Seen::Lost);
}
