//! Asking for a partner, and never again for this one.

use std::time::Duration;

use serde_json::json;
use signaling_core::worker::{Closed, User};

use crate::world::World;
use crate::{FIND, TICK, ask, pair, text};

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
