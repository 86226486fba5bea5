//! The rules of the contract with clients that the core keeps, each by its name.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod world;

use std::time::Duration;

use serde_json::{Value, json};
use signaling_core::worker::{Closed, Record, User};
use world::{ClientId, Seen, World};

const FIND: &str = r#"["find_match"]"#;
const TICK: Duration = Duration::from_millis(20);

/// Two people on one worker, in a match; the first one is the initiator.
fn pair(world: &mut World) -> (ClientId, ClientId) {
    let people = [world.join(0), world.join(0)];
    meet(world, people)
}

fn meet(world: &mut World, people: [ClientId; 2]) -> (ClientId, ClientId) {
    for person in people {
        world.emit(person, FIND, false);
        world.run(TICK);
    }
    let [b, a] = people;
    assert_eq!(world.clients[a].last("match_found")["initiator"], true);
    (a, b)
}

/// Sends an event and answers the code of its acknowledgement, `ok` for none.
fn ask(world: &mut World, client: ClientId, args: &Value) -> String {
    let id = world.emit(client, &args.to_string(), true).unwrap();
    world.run(TICK);
    world.clients[client].code(id).to_owned()
}

fn match_id(world: &World, client: ClientId) -> String {
    let found = world.clients[client].last("match_found");
    found["matchId"].as_str().unwrap().to_owned()
}

fn offer(fragment: &str) -> Value {
    json!(["webrtc_offer", {"type": "offer", "sdp": format!("v=0\r\na=ice-ufrag:{fragment}\r\n")}])
}

fn answer(fragment: &str) -> Value {
    json!(["webrtc_answer", {"type": "answer", "sdp": format!("v=0\r\na=ice-ufrag:{fragment}\r\n")}])
}

fn candidate(fragment: &str, number: usize) -> Value {
    json!(["webrtc_ice_candidate", {"candidate": "typ host", "usernameFragment": fragment, "mark": number}])
}

fn marks(world: &World, client: ClientId) -> Vec<u64> {
    let candidates = world.clients[client].payloads("webrtc_ice_candidate");
    candidates
        .iter()
        .map(|payload| payload["mark"].as_u64().unwrap())
        .collect()
}

fn text(words: &str) -> Value {
    json!(["chat_message", {"text": words}])
}

#[test]
fn the_acknowledgement_comes_before_the_events_that_it_causes() {
    let mut world = World::new(1, 1);
    let (a, b) = pair(&mut world);
    for (client, args) in [(a, json!(["next_match"])), (b, json!(["find_match"]))] {
        let before = world.clients[client].seen.len();
        assert_eq!(ask(&mut world, client, &args), "ok");
        world.run(Duration::from_secs(16));
        let news = &world.clients[client].seen[before..];
        assert!(matches!(news[0].1, Seen::Ack { ok: true, .. }), "{news:?}");
    }
    // The same for a refusal and what it makes known.
    for number in 0..12 {
        ask(&mut world, a, &json!(["cancel_match", number]));
    }
    let seen = &world.clients[a].seen;
    let limited = seen
        .iter()
        .position(|(_, seen)| matches!(seen, Seen::Event { name, .. } if name == "rate_limited"));
    let limited = limited.expect("twelve are too many");
    assert!(matches!(&seen[limited - 1].1, Seen::Ack { ok: false, .. }));
}

#[test]
fn find_match_in_a_match_is_already_matched_and_so_is_cancel_match() {
    let mut world = World::new(1, 2);
    let (a, b) = pair(&mut world);
    for person in [a, b] {
        assert_eq!(ask(&mut world, person, &json!(["find_match"])), "already_matched");
        assert_eq!(
            ask(&mut world, person, &json!(["cancel_match"])),
            "already_matched"
        );
    }
    assert_eq!(ask(&mut world, a, &text("still here")), "ok");
    assert_eq!(world.clients[b].last("chat_message")["text"], "still here");
}

#[test]
fn cancel_match_is_idempotent_and_next_match_from_idle_or_waiting_is_find_match() {
    let mut world = World::new(1, 3);
    let a = world.join(0);
    for _ in 0..2 {
        assert_eq!(ask(&mut world, a, &json!(["cancel_match"])), "ok");
    }
    assert_eq!(ask(&mut world, a, &json!(["next_match", {"mode": "text"}])), "ok");
    assert_eq!(world.clients[a].count("waiting"), 1);
    assert_eq!(
        ask(&mut world, a, &json!(["next_match", {"mode": "video"}])),
        "ok"
    );
    let b = world.join(0);
    assert_eq!(
        ask(&mut world, b, &json!(["find_match", {"mode": "video"}])),
        "ok"
    );
    assert_eq!(world.clients[a].last("match_found")["criteria"]["mode"], "video");
}

#[test]
fn without_a_partner_what_needs_one_is_not_matched() {
    let mut world = World::new(1, 4);
    let a = world.join(0);
    for args in [
        json!(["leave_match"]),
        offer("f"),
        answer("f"),
        candidate("f", 1),
        text("hello"),
        json!(["ice_state", {"state": "connected"}]),
        json!(["report_peer"]),
        json!(["block_peer"]),
    ] {
        assert_eq!(ask(&mut world, a, &args), "not_matched", "{args}");
        world.run(Duration::from_secs(1));
    }
    // Without an acknowledgement it comes as an error.
    world.emit(a, r#"["leave_match"]"#, false);
    world.run(TICK);
    assert_eq!(world.clients[a].last("error")["code"], "not_matched");
}

#[test]
fn what_names_another_match_is_not_matched() {
    let mut world = World::new(1, 5);
    let (a, b) = pair(&mut world);
    let old = match_id(&world, a);
    assert_eq!(
        ask(&mut world, a, &json!(["leave_match", {"matchId": old}])),
        "ok"
    );
    let c = world.join(0);
    meet(&mut world, [c, a]);
    for args in [
        json!(["leave_match", {"matchId": old}]),
        json!(["next_match", {"matchId": old}]),
        json!(["block_peer", {"matchId": old}]),
        json!(["report_peer", {"matchId": old}]),
        json!(["chat_message", {"text": "late", "matchId": old}]),
        json!(["webrtc_ice_candidate", {"candidate": "", "matchId": old}]),
        json!(["ice_state", {"state": "connected", "matchId": old}]),
    ] {
        assert_eq!(ask(&mut world, a, &args), "not_matched", "{args}");
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.clients[c].count("chat_message"), 0);
    let present = match_id(&world, a);
    assert_eq!(
        ask(
            &mut world,
            a,
            &json!(["chat_message", {"text": "x", "matchId": present}])
        ),
        "ok"
    );
    // Idle, b may still report the last partner by that match, and by no other.
    assert_eq!(
        ask(&mut world, b, &json!(["report_peer", {"matchId": present}])),
        "not_matched"
    );
    assert_eq!(
        ask(&mut world, b, &json!(["report_peer", {"matchId": old}])),
        "ok"
    );
}

#[test]
fn a_block_ends_the_match_and_the_partner_is_told_left() {
    let mut world = World::new(1, 6);
    let (a, b) = pair(&mut world);
    assert_eq!(
        ask(&mut world, a, &json!(["block_peer", {"reason": "rude"}])),
        "ok"
    );
    assert_eq!(world.clients[b].last("peer_disconnected")["reason"], "left");
    assert_eq!(world.clients[a].count("peer_disconnected"), 0);
    assert_eq!(ask(&mut world, a, &text("gone")), "not_matched");
}

#[test]
fn a_report_leaves_the_match_as_it_is_and_the_two_never_meet_again() {
    let mut world = World::new(1, 7);
    let (a, b) = pair(&mut world);
    assert_eq!(ask(&mut world, a, &json!(["report_peer"])), "ok");
    assert_eq!(ask(&mut world, a, &text("still here")), "ok");
    assert_eq!(ask(&mut world, a, &json!(["leave_match"])), "ok");
    for person in [a, b] {
        assert_eq!(ask(&mut world, person, &json!(["find_match"])), "ok");
    }
    world.run(Duration::from_secs(30));
    assert_eq!(world.clients[a].count("match_found"), 1);
}

#[test]
fn the_last_partner_may_be_blocked_within_five_minutes() {
    for (seconds, code) in [(299, "ok"), (301, "not_matched")] {
        let mut world = World::new(1, 8);
        let (a, b) = pair(&mut world);
        assert_eq!(ask(&mut world, b, &json!(["leave_match"])), "ok");
        world.run(Duration::from_secs(seconds));
        assert_eq!(ask(&mut world, a, &json!(["block_peer"])), code, "{seconds} s");
    }
}

#[test]
fn blocking_the_last_partner_while_about_to_meet_them_again_calls_it_off() {
    // Whatever the moment of the block, there is no second match after it.
    for delay in 0..12 {
        let mut world = World::new(2, 9);
        let (a, b) = (world.join(0), world.join(1));
        for person in [a, b] {
            world.emit(person, FIND, false);
        }
        world.run(Duration::from_millis(300));
        world.emit(b, r#"["leave_match"]"#, false);
        for person in [a, b] {
            world.emit(person, FIND, false);
        }
        // They become acceptable again after 15 seconds.
        world.run(Duration::from_millis(14_995 + delay));
        let id = world.emit(a, r#"["block_peer"]"#, true).unwrap();
        world.run(Duration::from_secs(20));
        assert_eq!(world.clients[a].code(id), "ok");
        let (of_a, of_b) = (
            world.clients[a].count("match_found"),
            world.clients[b].count("match_found"),
        );
        let ended = world.clients[b].count("peer_disconnected");
        assert!(of_a == 1 || of_a == 2 && ended == 1, "after {delay} ms");
        assert_eq!(
            of_b,
            1 + ended,
            "after {delay} ms: nobody is left in a match alone"
        );
    }
}

#[test]
fn a_users_blocks_hold_for_the_users_next_session_even_if_the_pool_did_not_hear_at_once() {
    let mut world = World::new(1, 10);
    let alice = || User::Known("alice".into());
    let a = world.client(true);
    world.connect_as(a, 0, alice());
    world.run(TICK);
    let b = world.join(0);
    for person in [a, b] {
        world.emit(person, FIND, false);
        world.run(TICK);
    }
    world.faults.pool_loss = 1.0;
    assert_eq!(ask(&mut world, a, &json!(["block_peer"])), "ok");
    world.run(Duration::from_secs(5));
    world.faults.pool_loss = 0.0;
    world.run(Duration::from_secs(3));
    world.disconnect(a, Closed::Left);
    let again = world.client(true);
    world.connect_as(again, 0, alice());
    world.run(TICK);
    for person in [again, b] {
        world.emit(person, FIND, false);
    }
    world.run(Duration::from_secs(40));
    assert_eq!(world.clients[again].count("match_found"), 0);
}

#[test]
fn an_answer_before_the_partners_offer_is_invalid_state() {
    let mut world = World::new(1, 11);
    let (a, b) = pair(&mut world);
    assert_eq!(ask(&mut world, b, &answer("b")), "invalid_state");
    assert_eq!(ask(&mut world, a, &offer("a")), "ok");
    assert_eq!(
        ask(&mut world, a, &answer("a")),
        "invalid_state",
        "one's own offer is none"
    );
    assert_eq!(ask(&mut world, b, &answer("b")), "ok");
    // An offer of the side that did not begin is relayed as well.
    assert_eq!(ask(&mut world, b, &offer("b2")), "ok");
    assert_eq!(ask(&mut world, a, &answer("a")), "ok");
    assert_eq!(world.clients[a].count("webrtc_offer"), 1);
    assert_eq!(world.clients[b].count("webrtc_answer"), 1);
}

#[test]
fn a_candidate_waits_for_the_description_that_it_belongs_to() {
    let mut world = World::new(1, 12);
    let (a, b) = pair(&mut world);
    assert_eq!(ask(&mut world, a, &candidate("one", 1)), "ok");
    assert!(marks(&world, b).is_empty());
    assert_eq!(ask(&mut world, a, &offer("one")), "ok");
    assert_eq!(marks(&world, b), [1]);
    let order: Vec<&str> = world.clients[b].names();
    assert_eq!(order[order.len() - 2..], ["webrtc_offer", "webrtc_ice_candidate"]);
    // An ICE restart: the new candidates are ahead of the offer, the old ones still pass.
    assert_eq!(ask(&mut world, a, &candidate("two", 2)), "ok");
    assert_eq!(ask(&mut world, a, &candidate("one", 3)), "ok");
    assert_eq!(marks(&world, b), [1, 3]);
    assert_eq!(ask(&mut world, a, &offer("two")), "ok");
    assert_eq!(marks(&world, b), [1, 3, 2]);
    let numbers: Vec<u64> = ["webrtc_offer", "webrtc_ice_candidate"]
        .iter()
        .flat_map(|name| world.clients[b].payloads(name))
        .map(|payload| payload["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 4, 2, 3, 5]);
}

#[test]
fn candidates_of_the_last_match_never_reach_the_next_partner() {
    let mut world = World::new(1, 13);
    let (a, _) = pair(&mut world);
    assert_eq!(ask(&mut world, a, &offer("old")), "ok");
    let c = world.join(0);
    assert_eq!(ask(&mut world, c, &json!(["find_match"])), "ok");
    assert_eq!(ask(&mut world, a, &json!(["next_match"])), "ok");
    assert_eq!(world.clients[a].count("match_found"), 2);
    assert_eq!(ask(&mut world, a, &candidate("old", 1)), "ok");
    assert_eq!(ask(&mut world, a, &offer("new")), "ok");
    assert_eq!(ask(&mut world, a, &candidate("new", 2)), "ok");
    assert_eq!(marks(&world, c), [2]);
}

#[test]
fn candidates_are_held_up_to_64_or_64_kib_and_gone_with_the_match() {
    let mut world = World::new(1, 14);
    let (a, b) = pair(&mut world);
    for number in 0..64 {
        assert_eq!(ask(&mut world, a, &candidate("late", number)), "ok");
    }
    assert_eq!(ask(&mut world, a, &candidate("late", 64)), "invalid_state");
    assert_eq!(ask(&mut world, a, &offer("late")), "ok");
    assert_eq!(marks(&world, b), (0..64).collect::<Vec<u64>>());
    // By size.
    let large = json!(["webrtc_ice_candidate",
        {"candidate": "x".repeat(4_000), "usernameFragment": "large", "mark": 0}]);
    let mut held = 0;
    while ask(&mut world, a, &large) == "ok" {
        held += 1;
    }
    assert_eq!(held, 64 * 1024 / (large[1].to_string().len()));
    // Gone with the match.
    assert_eq!(ask(&mut world, a, &json!(["leave_match"])), "ok");
    let c = world.join(0);
    meet(&mut world, [c, a]);
    assert_eq!(ask(&mut world, a, &offer("large")), "ok");
    assert!(marks(&world, c).is_empty());
}

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
fn waiting_comes_at_most_once_a_second_whatever_changes() {
    let mut world = World::new(1, 20);
    let a = world.join(0);
    for mode in ["video", "audio", "text", "video", "audio"] {
        assert_eq!(ask(&mut world, a, &json!(["find_match", {"mode": mode}])), "ok");
        world.run(Duration::from_millis(80));
    }
    assert_eq!(world.clients[a].count("waiting"), 1);
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.clients[a].count("waiting"),
        2,
        "the new criteria have a place of their own"
    );
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
