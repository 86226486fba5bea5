//! What is relayed within a match.

use super::*;

#[test]
fn who_is_told_of_the_match_anew_and_that_signals_may_be_missing_is_told_all_again() {
    for renegotiate in [true, false] {
        let mut script = Script::new(2);
        let pairing = script.matched([0, 1]);
        script.relayed(pairing, 0, 1, Kind::Offer, 1);
        script.see(1, Seen::TransportLost);
        let state = State::Matched(pairing.match_id);
        script.see(1, Seen::Resumed { state, renegotiate });
        script.now.0 -= 1;
        script.found(pairing, 1, false);
        script.received(pairing, 1, 1, Kind::Offer, 1);
        assert_eq!(script.report().is_clean(), renegotiate);
    }
}

#[test]
fn a_signal_of_another_match_is_crossed() {
    let mut script = Script::new(3);
    let old = script.matched([0, 1]);
    script.relayed(old, 0, 1, Kind::Offer, 1);
    script.sent(old, 0, Kind::Candidate, 2);
    script.parted(old);
    script.ask(1);
    script.join(2);
    let new = script.meet([1, 2]);
    script.relayed(new, 0, 1, Kind::Offer, 1);
    script.received(old, 1, 2, Kind::Candidate, 2);
    assert_eq!(script.report().count(Law::Crossed), 1);
}

#[test]
fn a_signal_of_somebody_else_is_crossed() {
    let mut script = Script::new(4);
    let one = script.matched([0, 1]);
    let other = script.matched([2, 3]);
    script.sent(other, 0, Kind::Offer, 9);
    // Inside the match by its name, but from another sender, then with another's content.
    let stranger = Pairing {
        peers: other.peers,
        ..one
    };
    script.received(stranger, 1, 1, Kind::Offer, 9);
    script.received(one, 1, 1, Kind::Offer, 9);
    assert_eq!(script.broken(), [(Law::Crossed, 2)]);
}

#[test]
fn an_acknowledged_signal_that_never_comes_is_lost() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 0, Kind::Offer, 1);
    script.pass(4_000);
    assert_eq!(script.broken(), [], "it may be under way");
    script.pass(4_000);
    script.relayed(pairing, 1, 1, Kind::Text, 2);
    assert_eq!(script.broken(), [(Law::Lost, 1)]);
    script.see(
        0,
        Seen::PeerResumed {
            match_id: pairing.match_id,
            renegotiate: true,
        },
    );
    assert_eq!(script.broken(), [], "both were told to renegotiate");
}

#[test]
fn what_was_sent_before_leaving_comes_before_the_end() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 0, Kind::Offer, 1);
    script.parted(pairing);
    assert_eq!(script.broken(), [(Law::Lost, 1)]);
    let rules = Rules {
        faults: &[Millis(1_008)],
        ..Rules::default()
    };
    assert!(
        check(&script.histories, &rules).is_clean(),
        "a fault may end a match"
    );
}

#[test]
fn what_was_sent_to_someone_about_to_leave_may_be_lost() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 1, Kind::Offer, 1);
    script.pass(4_000);
    script.parted(pairing);
    assert_eq!(script.broken(), []);
}

#[test]
fn what_was_sent_long_before_the_other_left_is_lost() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 1, Kind::Offer, 1);
    script.pass(6_000);
    script.parted(pairing);
    assert_eq!(script.broken(), [(Law::Lost, 1)]);
}

#[test]
fn numbers_come_in_sequence() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    for body in 1..=3 {
        script.sent(pairing, 0, Kind::Text, body);
    }
    script.received(pairing, 1, 1, Kind::Text, 1);
    let mut gap = Script {
        histories: script.histories.clone(),
        rng: script.rng.clone(),
        ..script
    };
    gap.received(pairing, 1, 3, Kind::Text, 3);
    assert_eq!(gap.broken(), [(Law::Reordered, 1)]);
    script.see(
        1,
        Seen::Resumed {
            state: State::Matched(pairing.match_id),
            renegotiate: true,
        },
    );
    script.received(pairing, 1, 3, Kind::Text, 3);
    assert_eq!(script.broken(), [], "a gap that was told is none");
    script.received(pairing, 1, 3, Kind::Text, 3);
    assert_eq!(
        script.broken(),
        [(Law::Duplicated, 2)],
        "by number and by content"
    );
}

#[test]
fn contents_come_in_the_order_in_which_they_were_sent() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 0, Kind::Text, 1);
    script.sent(pairing, 0, Kind::Text, 2);
    script.received(pairing, 1, 1, Kind::Text, 2);
    script.received(pairing, 1, 2, Kind::Text, 1);
    assert_eq!(script.broken(), [(Law::Reordered, 1)]);
}

#[test]
fn a_candidate_may_be_held_until_its_description_but_not_longer() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.sent(pairing, 0, Kind::Candidate, 1);
    script.sent(pairing, 0, Kind::Offer, 2);
    script.sent(pairing, 0, Kind::Candidate, 3);
    script.received(pairing, 1, 1, Kind::Offer, 2);
    script.received(pairing, 1, 2, Kind::Candidate, 1);
    script.received(pairing, 1, 3, Kind::Candidate, 3);
    assert_eq!(script.broken(), []);
    script.sent(pairing, 0, Kind::Candidate, 4);
    script.sent(pairing, 0, Kind::Candidate, 5);
    script.received(pairing, 1, 4, Kind::Candidate, 5);
    script.received(pairing, 1, 5, Kind::Candidate, 4);
    assert_eq!(script.broken(), [(Law::Reordered, 1)]);
}
