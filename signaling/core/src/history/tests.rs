//! Each judgement, by the smallest histories that keep and break it.

mod ledger;
mod signals;

use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::*;

/// Writes the histories of some people on one clock.
struct Script {
    histories: Vec<History>,
    now: Millis,
    rng: ChaCha12Rng,
}

/// One match as both sides see it: `peers[n]` is how the other side knows person `n`.
#[derive(Clone, Copy)]
struct Pairing {
    match_id: MatchId,
    persons: [usize; 2],
    peers: [PeerId; 2],
}

impl Script {
    fn new(persons: usize) -> Self {
        Self {
            histories: vec![History::new(); persons],
            now: Millis(1_000),
            rng: ChaCha12Rng::seed_from_u64(7),
        }
    }

    fn see(&mut self, person: usize, seen: Seen) -> usize {
        self.now.0 += 1;
        self.histories[person].record(self.now, seen)
    }

    fn pass(&mut self, millis: u64) {
        self.now.0 += millis;
    }

    fn join(&mut self, person: usize) {
        self.see(person, Seen::Connected);
        self.ask(person);
    }

    fn ask(&mut self, person: usize) {
        self.see(person, Seen::Asked);
        self.see(person, Seen::Waiting);
    }

    fn pairing(&mut self, persons: [usize; 2]) -> Pairing {
        Pairing {
            match_id: MatchId::random(&mut self.rng),
            persons,
            peers: [PeerId::random(&mut self.rng), PeerId::random(&mut self.rng)],
        }
    }

    fn found(&mut self, pairing: Pairing, side: usize, initiator: bool) {
        self.see(
            pairing.persons[side],
            Seen::Found {
                match_id: pairing.match_id,
                peer_id: pairing.peers[1 - side],
                initiator,
            },
        );
    }

    /// Two people connect, ask and find each other.
    fn matched(&mut self, persons: [usize; 2]) -> Pairing {
        for person in persons {
            self.join(person);
        }
        self.meet(persons)
    }

    /// Two people who have asked find each other.
    fn meet(&mut self, persons: [usize; 2]) -> Pairing {
        let pairing = self.pairing(persons);
        self.found(pairing, 0, true);
        self.found(pairing, 1, false);
        pairing
    }

    fn sent(&mut self, pairing: Pairing, side: usize, kind: Kind, body: u64) {
        self.see(
            pairing.persons[side],
            Seen::Sent {
                match_id: pairing.match_id,
                kind,
                body,
                acknowledged: true,
            },
        );
    }

    fn received(&mut self, pairing: Pairing, side: usize, seq: u64, kind: Kind, body: u64) {
        self.see(
            pairing.persons[side],
            Seen::Received {
                match_id: pairing.match_id,
                from: pairing.peers[1 - side],
                seq,
                kind,
                body,
            },
        );
    }

    fn relayed(&mut self, pairing: Pairing, side: usize, seq: u64, kind: Kind, body: u64) {
        self.sent(pairing, side, kind, body);
        self.received(pairing, 1 - side, seq, kind, body);
    }

    /// Side 0 leaves, side 1 is told.
    fn parted(&mut self, pairing: Pairing) {
        let match_id = pairing.match_id;
        self.see(pairing.persons[0], Seen::Left { match_id });
        self.see(pairing.persons[1], Seen::PeerDisconnected { match_id });
    }

    fn report(&self) -> Report {
        check(&self.histories, &Rules::default())
    }

    fn broken(&self) -> Vec<(Law, u64)> {
        self.report().counts.into_iter().collect()
    }
}

#[test]
fn a_whole_call_is_clean() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.relayed(pairing, 0, 1, Kind::Offer, 1);
    script.relayed(pairing, 1, 1, Kind::Answer, 2);
    script.relayed(pairing, 0, 2, Kind::Candidate, 3);
    script.relayed(pairing, 1, 2, Kind::Candidate, 4);
    script.relayed(pairing, 1, 3, Kind::Text, 5);
    script.parted(pairing);
    script.pass(200_000);
    script.see(0, Seen::Gone);
    script.see(1, Seen::Gone);
    let report = script.report();
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        (report.matches, report.sent, report.acknowledged, report.received),
        (1, 5, 5, 5)
    );
    assert!(report.to_string().contains("nothing doubled"));
}

#[test]
fn a_second_match_before_the_first_is_over_is_doubled() {
    let mut script = Script::new(4);
    script.matched([0, 1]);
    script.matched([2, 3]);
    script.ask(0);
    script.ask(2);
    script.meet([0, 2]);
    assert_eq!(script.broken(), [(Law::Doubled, 2)]);
}

#[test]
fn a_second_match_after_the_first_is_clean() {
    let mut script = Script::new(4);
    let (one, other) = (script.matched([0, 1]), script.matched([2, 3]));
    script.parted(one);
    script.parted(other);
    script.ask(0);
    script.ask(2);
    script.meet([0, 2]);
    assert_eq!(script.broken(), []);
}

#[test]
fn three_people_in_one_match_are_doubled() {
    let mut script = Script::new(3);
    let pairing = script.matched([0, 1]);
    script.join(2);
    let third = Pairing {
        persons: [2, 1],
        ..pairing
    };
    script.found(third, 0, true);
    assert_eq!(script.broken(), [(Law::Doubled, 1)]);
}

#[test]
fn one_initiator_is_required() {
    for initiator in [true, false] {
        let mut script = Script::new(2);
        script.join(0);
        script.join(1);
        let pairing = script.pairing([0, 1]);
        script.found(pairing, 0, initiator);
        script.found(pairing, 1, initiator);
        assert_eq!(script.broken(), [(Law::Doubled, 1)]);
    }
}

#[test]
fn a_match_with_oneself_is_doubled() {
    let mut script = Script::new(1);
    script.join(0);
    let pairing = script.pairing([0, 0]);
    script.found(pairing, 0, true);
    script.found(pairing, 1, false);
    assert_eq!(
        script.broken(),
        [(Law::Ghost, 0), (Law::Doubled, 1)].split_at(1).1
    );
}

#[test]
fn a_match_that_is_told_again_after_a_resume_is_the_same() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    script.see(0, Seen::TransportLost);
    script.see(
        1,
        Seen::PeerReconnecting {
            match_id: pairing.match_id,
        },
    );
    script.pass(10_000);
    script.see(
        0,
        Seen::Resumed {
            state: State::Matched(pairing.match_id),
            renegotiate: false,
        },
    );
    script.found(pairing, 0, true);
    script.see(
        1,
        Seen::PeerResumed {
            match_id: pairing.match_id,
            renegotiate: false,
        },
    );
    assert_eq!(script.broken(), []);
    script.found(pairing, 0, false);
    assert_eq!(script.broken(), [(Law::Doubled, 1)]);
}

#[test]
fn who_moves_with_the_transport_still_gets_the_answers_that_are_under_way() {
    let mut script = Script::new(3);
    let pairing = script.matched([0, 1]);
    script.join(2);
    script.see(0, Seen::Asked);
    let matched = State::Matched(pairing.match_id);
    script.see(
        0,
        Seen::Resumed {
            state: matched,
            renegotiate: true,
        },
    );
    script.parted(pairing);
    script.meet([0, 2]);
    assert_eq!(script.broken(), []);
}

#[test]
fn a_partner_who_never_got_the_match_is_a_ghost() {
    let mut script = Script::new(2);
    script.join(0);
    let pairing = script.pairing([0, 1]);
    script.found(pairing, 0, true);
    script.pass(4_000);
    let mut told = script;
    let histories = told.histories.clone();
    told.see(
        0,
        Seen::PeerDisconnected {
            match_id: pairing.match_id,
        },
    );
    told.pass(20_000);
    told.see(0, Seen::Asked);
    assert_eq!(told.broken(), []);
    let mut untold = Script { histories, ..told };
    untold.see(0, Seen::Asked);
    assert_eq!(untold.broken(), [(Law::Ghost, 1)]);
}

#[test]
fn a_partner_who_left_is_a_ghost_when_nobody_says_so() {
    let mut script = Script::new(2);
    let match_id = script.matched([0, 1]).match_id;
    script.see(0, Seen::Left { match_id });
    script.pass(4_000);
    assert_eq!(script.broken(), []);
    script.pass(4_000);
    script.see(1, Seen::PeerDisconnected { match_id });
    assert_eq!(script.broken(), [(Law::Ghost, 1)]);
}

#[test]
fn a_partner_who_is_lost_may_be_waited_for_but_not_for_ever() {
    let mut script = Script::new(2);
    let match_id = script.matched([0, 1]).match_id;
    script.see(0, Seen::TransportLost);
    script.see(1, Seen::PeerReconnecting { match_id });
    script.pass(100_000);
    script.see(
        1,
        Seen::PeerResumed {
            match_id,
            renegotiate: false,
        },
    );
    assert_eq!(script.broken(), []);
    script.pass(20_000);
    script.see(1, Seen::PeerDisconnected { match_id });
    assert_eq!(script.broken(), [(Law::Ghost, 1)]);
}

fn two_who_wait(millis: u64) -> Script {
    let mut script = Script::new(2);
    script.join(0);
    script.join(1);
    script.pass(millis);
    script.see(0, Seen::Cancelled);
    script.see(1, Seen::Cancelled);
    script
}

#[test]
fn compatible_people_who_wait_past_each_other_are_stranded() {
    assert_eq!(two_who_wait(4_000).broken(), []);
    assert_eq!(two_who_wait(6_000).broken(), [(Law::Stranded, 1)]);
}

#[test]
fn incompatible_people_may_wait_past_each_other() {
    let script = two_who_wait(6_000);
    let never: Compatible = &|_, _| None;
    let widening: Compatible = &|_, _| Some(Duration::from_secs(5));
    for compatible in [never, widening] {
        let rules = Rules {
            compatible,
            ..Rules::default()
        };
        assert!(check(&script.histories, &rules).is_clean());
    }
    let later = two_who_wait(11_000);
    let rules = Rules {
        compatible: widening,
        ..Rules::default()
    };
    assert_eq!(check(&later.histories, &rules).count(Law::Stranded), 1);
}

#[test]
fn a_fault_excuses_waiting_for_a_while() {
    let script = two_who_wait(8_000);
    let rules = Rules {
        faults: &[Millis(5_000)],
        ..Rules::default()
    };
    assert!(check(&script.histories, &rules).is_clean());
    let rules = Rules {
        faults: &[Millis(2_000)],
        ..Rules::default()
    };
    assert_eq!(check(&script.histories, &rules).count(Law::Stranded), 1);
}

#[test]
fn recent_partners_may_wait_past_each_other_for_longer() {
    for (millis, stranded) in [(15_000, 0), (21_000, 1)] {
        let mut script = Script::new(2);
        let pairing = script.matched([0, 1]);
        script.parted(pairing);
        script.ask(0);
        script.ask(1);
        script.pass(millis);
        script.see(0, Seen::Cancelled);
        script.see(1, Seen::Cancelled);
        assert_eq!(script.report().count(Law::Stranded), stranded);
    }
}

#[test]
fn who_is_offline_is_not_stranded() {
    let mut script = Script::new(2);
    script.join(0);
    script.join(1);
    script.see(1, Seen::TransportLost);
    script.pass(20_000);
    script.see(0, Seen::TimedOut);
    assert_eq!(script.broken(), []);
}

#[test]
fn a_question_without_an_answer_is_unanswered() {
    let mut script = Script::new(1);
    script.join(0);
    script.pass(64_000);
    script.see(0, Seen::Waiting);
    assert_eq!(script.broken(), []);
    script.pass(2_000);
    script.see(0, Seen::Waiting);
    assert_eq!(script.broken(), [(Law::Unanswered, 1)]);
    script.see(0, Seen::TransportLost);
    assert_eq!(script.broken(), [], "who is gone cannot be told");
}

#[test]
fn a_question_has_one_answer() {
    for answer in [Seen::TimedOut, Seen::Cancelled, Seen::Refused] {
        let mut script = Script::new(2);
        script.join(0);
        script.see(0, answer);
        script.pass(100_000);
        script.see(0, Seen::Connected);
        assert_eq!(script.broken(), []);
        script.ask(0);
        script.join(1);
        script.see(0, answer);
        script.meet([0, 1]);
        assert_eq!(script.broken(), [(Law::Unanswered, 1)]);
    }
    let mut script = Script::new(1);
    script.join(0);
    script.see(0, Seen::TimedOut);
    script.see(0, Seen::TimedOut);
    assert_eq!(script.broken(), [(Law::Unanswered, 1)]);
}

#[test]
fn a_report_is_readable_and_counts_what_it_leaves_out() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    for seq in 0..50 {
        script.relayed(pairing, 0, 2 * seq + 2, Kind::Text, seq);
    }
    let report = script.report();
    assert_eq!(report.count(Law::Reordered), 50);
    let text = report.to_string();
    assert!(
        text.contains("BROKEN: 50 reordered") && text.ends_with("and 30 more"),
        "{text}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["counts"]["reordered"], 50);
    assert_eq!(json["breaches"][0]["matchId"], pairing.match_id.to_string());
}

#[test]
fn a_hundred_thousand_observations_are_judged_at_once() {
    let mut script = Script::new(200);
    for person in 0..200 {
        script.see(person, Seen::Connected);
    }
    let mut observations = 0;
    let mut body = 0;
    while observations < 100_000 {
        let shift = script.rng.random_range(1..200);
        for person in 0..100 {
            let persons = [person, (person + shift) % 100 + 100];
            script.ask(persons[0]);
            script.ask(persons[1]);
            let pairing = script.meet(persons);
            for seq in 1..=20 {
                body += 1;
                script.relayed(pairing, 0, seq, Kind::Candidate, body);
            }
            script.parted(pairing);
        }
        observations = script
            .histories
            .iter()
            .map(|history| history.observations().len())
            .sum();
    }
    let start = Instant::now();
    let report = script.report();
    let took = start.elapsed();
    assert!(report.is_clean(), "{report}");
    assert!(
        took < Duration::from_secs(1),
        "{took:?} for {} observations",
        report.observations
    );
}
