//! The rules of leaving, losing and coming back, each broken once in the way that it exists to survive.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod stale;
#[path = "../world/mod.rs"]
mod world;

use std::time::Duration;

use serde_json::Value;
use signaling_core::worker::Closed;
use world::{ClientId, Seen, World};

const FIND: &str = r#"["find_match"]"#;
const TICK: Duration = Duration::from_millis(30);

/// Two people in a match: the first on worker 0, the second on the last one.
fn pair(world: &mut World, recovery: bool) -> (ClientId, ClientId) {
    let people = [0, world.workers() - 1].map(|worker| {
        let client = world.client(recovery);
        world.connect(client, worker);
        world.run(TICK);
        world.emit(client, FIND, false);
        client
    });
    world.run(Duration::from_millis(250));
    for person in people {
        assert_eq!(world.clients[person].payloads("match_found").len(), 1);
    }
    (people[0], people[1])
}

fn text(number: usize) -> String {
    format!(r#"["chat_message",{{"text":"{number}"}}]"#)
}

fn heard(world: &World, client: ClientId) -> Vec<String> {
    let texts = world.clients[client].payloads("chat_message");
    texts
        .iter()
        .map(|payload| payload["text"].as_str().unwrap().to_owned())
        .collect()
}

fn last<'a>(world: &'a World, client: ClientId, event: &str) -> &'a Value {
    world.clients[client]
        .payloads(event)
        .last()
        .copied()
        .unwrap_or(&Value::Null)
}

#[test]
fn what_was_missed_is_replayed_in_order_on_any_worker() {
    for (workers, back_at) in [(1, 0), (2, 0), (2, 1), (3, 1)] {
        for recovery in [true, false] {
            let mut world = World::new(workers, 20);
            let (a, b) = pair(&mut world, recovery);
            world.emit(b, &text(1), true);
            world.run(TICK);
            world.disconnect(a, Closed::Lost);
            world.run(TICK);
            assert_eq!(world.clients[b].payloads("peer_reconnecting").len(), 1);
            for number in 2..6 {
                world.emit(b, &text(number), true);
            }
            world.run(TICK);
            world.connect(a, back_at);
            world.run(Duration::from_millis(100));
            assert_eq!(
                heard(&world, a),
                ["1", "2", "3", "4", "5"],
                "{workers} workers, back at {back_at}"
            );
            let session = last(&world, a, "session");
            assert_eq!(
                (&session["resumed"], &session["state"]),
                (&Value::Bool(true), &"matched".into())
            );
            assert!(last(&world, b, "peer_resumed").is_object());
            // And the match goes on both ways.
            world.emit(a, &text(7), false);
            world.emit(b, &text(6), false);
            world.run(TICK);
            assert_eq!(heard(&world, a).last().unwrap(), "6");
            assert_eq!(heard(&world, b), ["7"]);
        }
    }
}

#[test]
fn a_signal_lost_on_the_dead_connection_is_replayed_from_the_clients_offset() {
    let mut world = World::new(2, 21);
    let (a, b) = pair(&mut world, true);
    world.emit(b, &text(1), true);
    world.run(TICK);
    world.emit(b, &text(2), true);
    // It has reached a's owner, who wrote it to a connection that is about to break.
    world.run(Duration::from_millis(4));
    world.disconnect(a, Closed::Lost);
    world.run(TICK);
    world.connect(a, 0);
    world.run(Duration::from_millis(100));
    assert_eq!(heard(&world, a), ["1", "2"]);
}

#[test]
fn a_resume_into_a_match_that_the_partner_left_says_so() {
    for back_at in [0, 1, 2] {
        let mut world = World::new(3, 22);
        let (a, b) = pair(&mut world, true);
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.emit(b, r#"["leave_match"]"#, false);
        world.run(TICK);
        world.connect(a, back_at);
        world.run(Duration::from_millis(100));
        assert_eq!(last(&world, a, "session")["state"], "idle");
        assert_eq!(last(&world, a, "peer_disconnected")["reason"], "left");
    }
}

#[test]
fn the_partner_leaves_while_the_session_is_being_handed_over() {
    for delay in 0..12 {
        let mut world = World::new(3, 23);
        let (a, b) = pair(&mut world, true);
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.connect(a, 1);
        world.run(Duration::from_millis(delay));
        world.emit(b, r#"["leave_match"]"#, false);
        world.run(Duration::from_secs(1));
        assert_eq!(
            last(&world, a, "peer_disconnected")["reason"],
            "left",
            "after {delay} ms"
        );
        assert_eq!(world.clients[a].payloads("peer_disconnected").len(), 1);
    }
}

#[test]
fn both_sides_move_at_the_same_time_and_find_each_other() {
    for delay in 0..8 {
        let mut world = World::new(4, 24);
        let (a, b) = pair(&mut world, true);
        world.disconnect(a, Closed::Lost);
        world.disconnect(b, Closed::Lost);
        world.run(TICK);
        world.connect(a, 1);
        world.run(Duration::from_millis(delay));
        world.connect(b, 2);
        world.run(Duration::from_secs(2));
        for (from, to) in [(a, b), (b, a)] {
            assert_eq!(
                last(&world, from, "session")["state"],
                "matched",
                "after {delay} ms"
            );
            world.emit(from, &text(from), true);
            world.run(TICK);
            assert_eq!(heard(&world, to), [from.to_string()], "after {delay} ms");
        }
    }
}

#[test]
fn who_does_not_come_back_within_the_window_is_reported_as_timeout() {
    let mut world = World::new(2, 25);
    let (a, b) = pair(&mut world, true);
    world.disconnect(a, Closed::Lost);
    world.run(Duration::from_secs(59));
    assert!(world.clients[b].payloads("peer_disconnected").is_empty());
    world.run(Duration::from_secs(2));
    assert_eq!(last(&world, b, "peer_disconnected")["reason"], "timeout");
    world.connect(a, 0);
    world.run(Duration::from_secs(1));
    assert_eq!(last(&world, a, "session")["resumed"], false);
}

#[test]
fn a_client_that_leaves_is_gone_at_once() {
    let mut world = World::new(2, 26);
    let (a, b) = pair(&mut world, true);
    world.disconnect(a, Closed::Left);
    world.run(TICK);
    assert_eq!(last(&world, b, "peer_disconnected")["reason"], "left");
}

#[test]
fn an_offset_of_another_session_counts_as_none() {
    // Whether it is of the session before, as a client keeps it that has not handled the new one's first event, or its own.
    for foreign in [true, false] {
        let mut world = World::new(1, 27);
        let (a, b) = pair(&mut world, true);
        world.emit(b, &text(1), true);
        world.run(TICK);
        world.disconnect(a, Closed::Clean);
        world.run(TICK);
        let offset = world.clients[a].offset.clone().unwrap();
        let (tag, numbers) = offset.split_once('.').unwrap();
        let tag = if foreign { "zzzzzz" } else { tag };
        world.clients[a].offset = Some(format!("{tag}.{numbers}"));
        world.connect(a, 0);
        world.run(TICK);
        let session = last(&world, a, "session");
        assert_eq!(
            (&session["resumed"], &session["renegotiate"]),
            (&Value::Bool(true), &Value::Bool(foreign)),
            "its numbers mean nothing here, and nobody knows what was missed"
        );
    }
}

#[test]
fn renegotiation_is_asked_for_unless_the_end_was_clean_or_all_was_acknowledged() {
    let cases = [
        (Closed::Clean, false, false, false),
        (Closed::Lost, true, true, false),
        (Closed::Lost, true, false, true),
        (Closed::Lost, false, true, true),
    ];
    for (how, sends, acknowledged, renegotiate) in cases {
        let mut world = World::new(2, 28);
        let (a, b) = pair(&mut world, true);
        if sends {
            world.emit(a, &text(1), acknowledged);
        }
        world.run(TICK);
        world.disconnect(a, how);
        world.run(TICK);
        world.connect(a, 0);
        world.run(Duration::from_millis(100));
        assert_eq!(
            last(&world, a, "session")["renegotiate"],
            renegotiate,
            "{how:?} {sends} {acknowledged}"
        );
        assert_eq!(last(&world, b, "peer_resumed")["renegotiate"], renegotiate);
    }
}

#[test]
fn match_found_is_sent_again_but_never_to_who_has_signalled() {
    for signals in [false, true] {
        let mut world = World::new(2, 29);
        let (a, _) = pair(&mut world, false);
        if signals {
            world.emit(a, r#"["webrtc_offer",{"type":"offer","sdp":"v=0"}]"#, true);
        }
        world.run(TICK);
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.connect(a, 1);
        world.run(Duration::from_millis(100));
        let times = world.clients[a].payloads("match_found").len();
        assert_eq!(times, if signals { 1 } else { 2 });
    }
}

#[test]
fn a_session_that_is_taken_over_tells_the_old_client_to_give_up() {
    for worker in [0, 1] {
        let mut world = World::new(2, 30);
        let (a, b) = pair(&mut world, true);
        let thief = world.client(true);
        world.clients[thief].pid = world.clients[a].pid.clone();
        world.connect(thief, worker);
        world.run(Duration::from_millis(100));
        assert!(world.clients[a].given_up);
        assert_eq!(last(&world, thief, "session")["state"], "matched");
        world.emit(thief, &text(1), false);
        world.run(TICK);
        assert_eq!(heard(&world, b), ["1"]);
        world.emit(b, r#"["leave_match"]"#, false);
        world.run(TICK);
        assert_eq!(world.clients[thief].payloads("peer_disconnected").len(), 1);
    }
}

#[test]
fn a_session_that_nobody_has_is_not_recovered_after_everyone_was_asked_once() {
    let mut world = World::new(3, 31);
    let a = world.join(0);
    world.disconnect(a, Closed::Lost);
    world.kill_worker(0);
    world.connect(a, 1);
    world.run(Duration::from_millis(400));
    assert!(!world.clients[a].accepted, "others may still answer");
    world.run(Duration::from_millis(200));
    assert_eq!(last(&world, a, "session")["resumed"], false);
}

#[test]
fn a_session_is_found_where_it_went_not_only_where_it_was_made() {
    let mut world = World::new(4, 32);
    let (a, b) = pair(&mut world, true);
    for worker in [1, 2, 1, 0, 2] {
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.connect(a, worker);
        world.run(Duration::from_millis(100));
        assert_eq!(last(&world, a, "session")["state"], "matched", "at {worker}");
    }
    world.emit(b, &text(1), true);
    world.run(TICK);
    assert_eq!(heard(&world, a), ["1"]);
}

#[test]
fn a_lost_worker_costs_no_match_at_once_its_people_are_waited_for() {
    let mut world = World::new(2, 33);
    let (_, b) = pair(&mut world, true);
    world.kill_worker(0);
    world.announce_lost(0);
    world.run(TICK);
    assert_eq!(world.clients[b].payloads("peer_reconnecting").len(), 1);
    assert!(world.clients[b].payloads("peer_disconnected").is_empty());
    world.run(Duration::from_secs(75));
    assert_eq!(last(&world, b, "peer_disconnected")["reason"], "timeout");
}

#[test]
fn a_signal_acknowledged_to_a_lost_worker_is_told_by_renegotiation_or_the_end() {
    let mut world = World::new(3, 34);
    let (a, b) = pair(&mut world, true);
    world.kill_worker(2);
    let id = world.emit(a, &text(1), true).unwrap();
    world.run(TICK);
    assert_eq!(world.clients[a].ack(id).unwrap()["ok"], true);
    world.announce_lost(2);
    world.connect(b, 1);
    world.run(Duration::from_secs(80));
    assert_eq!(last(&world, b, "session")["resumed"], false, "it died unwritten");
    assert_eq!(last(&world, a, "peer_disconnected")["reason"], "timeout");
}

#[test]
fn a_link_that_begins_anew_confirms_what_still_stands() {
    let mut world = World::new(2, 35);
    let (a, b) = pair(&mut world, true);
    // The two workers take each other for lost and are not: both links begin anew.
    world.announce_lost(0);
    world.announce_lost(1);
    world.emit(a, &text(1), true);
    world.emit(b, &text(2), true);
    world.run(Duration::from_secs(5));
    assert_eq!(
        (heard(&world, a), heard(&world, b)),
        (vec!["2".to_owned()], vec!["1".to_owned()])
    );
    for person in [a, b] {
        assert!(
            last(&world, person, "peer_resumed")["renegotiate"]
                .as_bool()
                .unwrap()
        );
    }
    world.run(Duration::from_secs(100));
    assert!(world.clients[a].payloads("peer_disconnected").is_empty());
}

#[test]
fn an_expired_user_resumes_a_live_session_and_no_other() {
    use signaling_core::worker::User;
    let mut world = World::new(2, 36);
    let alice = || User::Known("alice".into());
    let late = || User::Expired("alice".into());
    let a = world.client(true);
    world.connect_as(a, 0, alice());
    world.run(TICK);
    world.disconnect(a, Closed::Lost);
    world.run(TICK);
    world.connect_as(a, 1, late());
    world.run(Duration::from_millis(100));
    assert_eq!(last(&world, a, "session")["resumed"], true);
    world.disconnect(a, Closed::Lost);
    world.run(TICK);
    world.connect_as(a, 1, User::Expired("mallory".into()));
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients[a].seen.last().unwrap().1, Seen::Refused);
}

#[test]
fn who_comes_back_to_a_partner_on_a_lost_worker_waits_for_them_no_longer_than_the_window() {
    let mut world = World::new(4, 37);
    let people = [0, 1].map(|worker| {
        let client = world.client(true);
        world.connect(client, worker);
        world.run(TICK);
        world.emit(client, FIND, false);
        client
    });
    world.run(Duration::from_millis(250));
    // Worker 2 knows that worker 1 is lost; worker 0, from where the session comes, does not.
    world.kill_worker(1);
    world.announce_lost_to(1, 2);
    world.disconnect(people[0], Closed::Lost);
    world.connect(people[0], 2);
    world.run(TICK);
    assert_eq!(last(&world, people[0], "session")["state"], "matched");
    assert_eq!(world.clients[people[0]].count("peer_reconnecting"), 1);
    world.run(Duration::from_secs(75));
    assert_eq!(last(&world, people[0], "peer_disconnected")["reason"], "timeout");
}

#[test]
fn a_client_that_claims_to_have_seen_more_than_was_sent_misses_nothing_later() {
    for seq in [3, u64::MAX] {
        let mut world = World::new(2, 38);
        let (a, b) = pair(&mut world, false);
        world.disconnect(a, Closed::Lost);
        world.run(TICK);
        world.clients[a].heard = seq;
        world.connect(a, 0);
        world.run(Duration::from_millis(100));
        assert_eq!(last(&world, a, "session")["renegotiate"], true);
        world.emit(b, &text(1), true);
        world.run(TICK);
        assert_eq!(heard(&world, a), ["1"], "{seq}");
    }
}

#[test]
fn a_second_connect_on_one_connection_begins_no_second_session() {
    let mut world = World::new(1, 39);
    let a = world.join(0);
    world.connect_again(a);
    world.run(TICK);
    assert_eq!(world.worker(0).unwrap().census().sessions, 1);
    world.disconnect(a, Closed::Left);
    world.run(TICK);
    assert_eq!(world.worker(0).unwrap().census().sessions, 0);
}
