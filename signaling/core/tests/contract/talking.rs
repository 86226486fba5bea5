//! What two people send each other, and what is refused.

use std::time::Duration;

use serde_json::json;

use crate::world::{Seen, World};
use crate::{TICK, answer, ask, candidate, marks, match_id, meet, offer, pair, text};

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
