//! Judging while it goes on comes to what judging at the end does.

use super::*;

/// Every observation of all people in the order of time.
fn in_order(script: &Script) -> Vec<(Millis, usize, Seen)> {
    let mut all: Vec<_> = script
        .histories
        .iter()
        .enumerate()
        .flat_map(|(person, history)| {
            let observations = history.observations().iter();
            observations.map(move |observation| (observation.at, person, observation.seen))
        })
        .collect();
    all.sort_by_key(|(at, ..)| *at);
    all
}

/// Takes the script as it goes on, and settles after each observation what is older than ten seconds.
fn settled(script: &Script) -> Ledger {
    let rules = Rules::default();
    let mut ledger = Ledger::new(script.histories.len());
    for (at, person, seen) in in_order(script) {
        ledger.see(person, at, seen);
        ledger.settle(Millis(at.0.saturating_sub(10_000)), &rules);
    }
    ledger
}

/// Many matches one after the other, each with a fault of its own kind or with none.
fn eventful() -> Script {
    let mut script = Script::new(6);
    for person in 0..6 {
        script.see(person, Seen::Connected);
    }
    for turn in 0..60 {
        let persons = [turn % 3, 3 + turn / 3 % 3];
        script.ask(persons[0]);
        script.ask(persons[1]);
        let pairing = script.meet(persons);
        let body = 100 * turn as u64;
        script.relayed(pairing, 0, 1, Kind::Offer, body);
        script.relayed(pairing, 1, 1, Kind::Answer, body + 1);
        match turn % 6 {
            0 => script.received(pairing, 0, 1, Kind::Answer, body + 1),
            1 => script.sent(pairing, 0, Kind::Text, body + 2),
            2 => script.received(pairing, 0, 2, Kind::Text, body + 3),
            3 => script.received(pairing, 0, 5, Kind::Text, body + 1),
            4 => script.pass(7_000),
            _ => {}
        }
        script.parted(pairing);
        if turn % 6 == 5 {
            script.received(pairing, 1, 2, Kind::Text, body + 4);
        }
        script.pass(1_500);
    }
    script
}

#[test]
fn judging_while_it_goes_on_comes_to_the_same() {
    let script = eventful();
    let at_the_end = script.report();
    assert!(at_the_end.count(Law::Duplicated) >= 10 && at_the_end.count(Law::Lost) == 10);
    let report = settled(&script).finish(&Rules::default());
    assert_eq!(report.counts, at_the_end.counts);
    assert_eq!(
        (report.matches, report.observations, report.sent, report.received),
        (
            at_the_end.matches,
            at_the_end.observations,
            at_the_end.sent,
            at_the_end.received
        )
    );
}

#[test]
fn what_is_settled_is_forgotten() {
    let ledger = settled(&eventful());
    let kept: usize = ledger.trail.over.values().flatten().count();
    assert!(kept <= 2 * 7, "{kept} stays of 120 are kept");
    assert!(ledger.trail.waits.is_empty(), "nobody waited long");
}

#[test]
fn what_is_acknowledged_later_counts_even_after_the_match() {
    let mut script = Script::new(2);
    let pairing = script.matched([0, 1]);
    let match_id = pairing.match_id;
    let mut ledger = Ledger::new(2);
    let mut now = Millis(0);
    for (at, person, seen) in in_order(&script) {
        ledger.see(person, at, seen);
        now = at;
    }
    let unsure = |body| Seen::Sent {
        match_id,
        kind: Kind::Text,
        body,
        acknowledged: false,
    };
    for body in 1..=3 {
        ledger.see(0, now, unsure(body));
    }
    ledger.acknowledge(0, match_id, 1);
    ledger.see(0, now, Seen::Left { match_id });
    ledger.see(1, now, Seen::PeerDisconnected { match_id });
    ledger.acknowledge(0, match_id, 2);
    let report = ledger.finish(&Rules::default());
    assert_eq!((report.sent, report.acknowledged), (3, 2));
    assert_eq!(
        report.count(Law::Lost),
        2,
        "both that were acknowledged, and not the third"
    );
}
