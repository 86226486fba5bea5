//! Copies of a session that are not the last word on it: of a pod that was stopped, or out of a record.

use std::time::Duration;

use signaling_core::worker::Closed;

use crate::world::{ClientId, World};
use crate::{
    FIND, LEAVE, MATCHED, TICK, are_partners, found, is_free, kill, millis, pair, recording, say, searching,
    talk,
};

/// Two on these workers who have been matched for the second time. The first of them comes back by token and number: those of
/// the match before, in which it has heard 30 signals, may be mistaken for those of this one.
fn pair_again(world: &mut World, workers: [usize; 2]) -> [ClientId; 2] {
    let one = world.client(false);
    world.connect(one, workers[0]);
    world.emit(one, FIND, false);
    let [other] = searching(world, [workers[1]]);
    world.run(MATCHED);
    say(world, other, 30);
    world.emit(one, LEAVE, false);
    world.run(TICK);
    for client in [one, other] {
        world.emit(client, FIND, false);
    }
    // As recent partners are after a while.
    world.run(Duration::from_secs(20));
    assert!(are_partners(world, one, other), "not matched again");
    [one, other]
}

#[test]
fn a_stopped_pod_that_wakes_asks_who_owns_a_session_before_it_speaks_for_it() {
    for delay in [0, 1, 2, 5, 10, 15, 19, 20, 21, 25, 40] {
        let mut world = recording(2, 700 + delay);
        let [a, b] = pair(&mut world, [0, 1]);
        world.run(millis(100));
        // One worker stops, the other counts it as lost; its client goes on there, and is in another match,
        world.cut_off(0, true);
        world.announce_lost_to(0, 1);
        world.announce_workers();
        world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
        world.connect(a, 1);
        world.run(MATCHED);
        world.emit(a, LEAVE, false);
        let [c] = searching(&mut world, [1]);
        world.emit(a, FIND, false);
        world.run(MATCHED);
        assert!(are_partners(&world, a, c), "not matched");
        // when the worker goes on, and the client is there again before it has heard who owns what.
        world.cut_off(0, false);
        world.announce_workers();
        world.interrupt(0);
        world.disconnect(a, Closed::Lost);
        world.run(millis(delay));
        let welcomed = world.clients[a].count("session");
        world.connect(a, 0);
        world.run(Duration::from_secs(2));
        let case = format!("after {delay} ms");
        let session = world.clients[a].last("session").clone();
        assert_eq!(session["state"], "matched", "{case}");
        assert_eq!(
            world.clients[a].count("session"),
            welcomed + 1,
            "told once, {case}"
        );
        assert!(are_partners(&world, a, c) && is_free(&world, b), "{case}");
        talk(&mut world, a, c, &case);
    }
}

#[test]
fn a_stopped_pod_that_wakes_without_redis_answers_all_the_same() {
    let mut world = recording(1, 720);
    let [a, b] = pair(&mut world, [0, 0]);
    world.interrupt(0);
    world.faults.pool_loss = 1.0;
    world.disconnect(a, Closed::Lost);
    world.connect(a, 0);
    world.run(Duration::from_secs(3));
    assert_eq!(world.clients[a].last("session")["state"], "matched");
    talk(&mut world, a, b, "without Redis");
}

#[test]
fn what_a_stopped_pod_reads_when_it_wakes_is_no_sign_of_life() {
    for answers in [false, true] {
        let mut world = recording(1, 730);
        let a = world.join(0);
        world.run(TICK);
        // Said before the pod was stopped, and read after that; its client may have gone somewhere else since.
        world.interrupt(0);
        world.clients[a].responsive = answers;
        world.emit(a, FIND, false);
        let [b] = searching(&mut world, [0]);
        world.run(Duration::from_secs(4));
        assert_eq!(are_partners(&world, a, b), answers);
    }
}

#[test]
fn a_question_that_is_lost_with_the_connection_to_a_restarted_store_is_asked_again() {
    for delay in 0..10 {
        let mut world = recording(3, 1_000 + delay);
        let [a, b] = pair(&mut world, [0, 2]);
        world.run(millis(1_000));
        kill(&mut world, 0);
        world.connect(a, 1);
        world.run(millis(delay));
        world.faults.pool_loss = 1.0;
        world.run(millis(300));
        world.faults.pool_loss = 0.0;
        world.run(millis(2_000));
        let case = format!("after {delay} ms: {:?}", world.clients[a].names());
        assert_eq!(world.clients[a].last("session")["resumed"], true, "{case}");
        assert!(are_partners(&world, a, b), "{case}");
    }
}

#[test]
fn a_match_that_is_taken_from_a_record_and_moves_on_is_told_to_who_never_heard_of_it() {
    for delay in 0..12 {
        let mut world = recording(3, 740 + delay);
        let [a] = searching(&mut world, [0]);
        // The match is made while the client is gone, and its owner dies.
        world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
        let [b] = searching(&mut world, [2]);
        world.run(MATCHED);
        assert_eq!((found(&world, a), found(&world, b)), (0, 1));
        kill(&mut world, 0);
        // One pod takes the record, and the client is gone again before it is answered, to another one.
        world.connect(a, 1);
        world.run(millis(delay));
        world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
        world.connect(a, 2);
        world.run(Duration::from_secs(3));
        assert!(
            found(&world, a) > 0,
            "after {delay} ms: {:?}",
            world.clients[a].names()
        );
        talk(&mut world, a, b, "taken");
    }
}

#[test]
fn numbers_left_out_after_a_record_are_no_sign_that_its_client_knows_the_match() {
    let mut unheard = 0;
    for delay in 0..12 {
        let mut world = recording(3, 760 + delay);
        let [a] = searching(&mut world, [0]);
        // The match is made while the client is gone, and its owner dies.
        world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
        let [b] = searching(&mut world, [2]);
        world.run(MATCHED);
        kill(&mut world, 0);
        world.connect(a, 1);
        world.run(millis(delay));
        world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
        world.run(millis(100));
        if found(&world, a) > 0 {
            continue;
        }
        unheard += 1;
        // The partner asks the new owner where it stands, and says so when it is asked in turn.
        world.disconnect(b, Closed::Lost);
        world.connect(b, 2);
        world.run(millis(500));
        world.connect(a, 1);
        world.run(Duration::from_secs(3));
        let names = world.clients[a].names();
        assert_eq!(found(&world, a), 1, "after {delay} ms: {names:?}");
        talk(&mut world, a, b, "told");
    }
    assert!(unheard > 0, "its client was always told before it was gone again");
}

#[test]
fn an_owner_of_an_earlier_term_does_not_hand_over_what_the_record_gives_to_another() {
    let mut world = recording(4, 780);
    let [a, b] = pair_again(&mut world, [0, 3]);
    let before = world.clients[a].count("chat_message");
    // One worker is out of reach for long enough: its client goes on at another, which takes the record.
    world.cut_off(0, true);
    world.announce_lost(0);
    world.announce_workers();
    world.disconnect_noticed(a, Closed::Lost, Duration::from_secs(40));
    world.connect(a, 1);
    world.run(MATCHED);
    say(&mut world, b, 5);
    // It is back with its copy, and the other one ends before anybody has noticed.
    world.cut_off(0, false);
    world.announce_workers();
    world.run(millis(100));
    world.kill_worker(1);
    world.connect(a, 2);
    world.run(millis(100));
    world.announce_lost(1);
    world.announce_workers();
    world.run(Duration::from_secs(2));
    assert!(are_partners(&world, a, b), "{:?}", world.clients[a].names());
    let heard = world.clients[a].count("chat_message") - before;
    assert_eq!(heard, 5, "heard once: {:?}", world.clients[a].names());
    talk(&mut world, a, b, "from the record");
}

#[test]
fn who_comes_back_twice_from_an_old_record_gets_no_signal_twice() {
    let mut world = recording(4, 740);
    let [a, b] = pair_again(&mut world, [0, 1]);
    let before = world.clients[a].count("chat_message");
    say(&mut world, b, 20);
    // What it has heard is not in its record; and whoever takes that cannot ask the partner's worker,
    kill(&mut world, 0);
    world.announce_lost_to(1, 2);
    world.connect(a, 2);
    world.run(Duration::from_secs(1));
    // but the next one can.
    world.disconnect(a, Closed::Lost);
    world.announce_workers();
    world.connect(a, 3);
    world.run(Duration::from_secs(2));
    assert!(are_partners(&world, a, b));
    assert_eq!(world.clients[a].count("chat_message"), before + 20, "heard once");
}
