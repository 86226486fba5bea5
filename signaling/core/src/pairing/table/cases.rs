//! The cases, one rule each.

use std::sync::Arc;
use std::time::Duration;

use super::{Case, Expected, Script, person};
use crate::id::{Epoch, WorkerId};
use crate::pairing::{Criteria, Mode, Request, STALE_AFTER, Ticket};

pub(super) const ALL: &[fn() -> Case] = &[
    two_who_want_the_same_are_paired_and_gone,
    a_session_has_one_ticket,
    who_has_left_is_not_paired,
    an_earlier_epoch_changes_nothing,
    a_later_epoch_takes_the_ticket_over,
    a_user_is_not_paired_with_the_users_other_session,
    who_has_blocked_and_who_is_blocked_are_not_paired,
    a_users_block_holds_for_all_sessions,
    a_recent_partner_will_do_after_15_seconds_of_both,
    unset_criteria_match_all,
    the_mode_never_widens,
    one_common_interest_is_wanted_for_5_seconds,
    the_region_is_wanted_for_10_seconds,
    the_language_is_wanted_for_15_seconds,
    first_come_first_served_among_the_compatible,
    new_criteria_keep_the_place,
    the_position_counts_those_who_want_the_same,
    no_more_than_64_tickets_are_looked_at,
    who_is_of_the_same_pod_is_preferred_for_a_while,
    a_ticket_that_is_not_put_again_is_stale,
    the_estimate_is_the_usual_wait_of_the_same_criteria,
];

fn mode(mode: Mode) -> Criteria {
    Criteria {
        mode: Some(mode),
        ..Criteria::default()
    }
}

fn two_who_want_the_same_are_paired_and_gone() -> Case {
    let mut script = Script::new("two who want the same are paired, the asker first, and gone");
    let (a, b) = (script.ticket(1), script.ticket(2));
    script.waits(&a, 1);
    script.finds(&b, &a);
    let c = script.ticket(3);
    script.waits(&c, 1);
    script.case
}

fn a_session_has_one_ticket() -> Case {
    let mut script = Script::new("a session has one ticket, and is never paired with itself");
    let a = script.ticket(1);
    script.waits(&a, 1);
    script.pass(Duration::from_secs(2));
    script.waits(&a, 1);
    let b = script.ticket(2);
    script.finds(&b, &a);
    let c = script.ticket(3);
    script.waits(&c, 1);
    script.case
}

fn who_has_left_is_not_paired() -> Case {
    let mut script =
        Script::new("who has left is not paired; to leave twice, or never to have come, is no fault");
    let (a, b) = (script.ticket(1), script.ticket(2));
    script.waits(&a, 1);
    script.leaves(&a);
    script.leaves(&a);
    script.waits(&b, 1);
    script.case
}

fn an_earlier_epoch_changes_nothing() -> Case {
    let mut script = Script::new("a request of an earlier owner changes nothing");
    let old = script.ticket(1);
    let new = Ticket {
        epoch: Epoch(2),
        worker: WorkerId::new("other", 0),
        ..old.clone()
    };
    script.waits(&new, 1);
    script.ask(Request::Enter(Box::new(old.clone())), Expected::Nothing);
    script.leaves(&old);
    let b = script.ticket(2);
    script.finds(&b, &new);
    script.case
}

fn a_later_epoch_takes_the_ticket_over() -> Case {
    let mut script = Script::new("a later owner takes the ticket over, at its place, and takes it out");
    let (old, b) = (script.ticket(1), script.ticket(2));
    let new = Ticket {
        epoch: Epoch(2),
        ..old.clone()
    };
    script.waits(&old, 1);
    script.waits(&new, 1);
    script.leaves(&new);
    script.waits(&b, 1);
    script.case
}

fn a_user_is_not_paired_with_the_users_other_session() -> Case {
    let mut script =
        Script::new("a user is not paired with the user's other session, however long both wait");
    let a = script.ticket(1);
    script.pass(Duration::from_millis(1));
    let twin = Ticket {
        person: a.person,
        ..script.ticket(2)
    };
    script.waits(&a, 1);
    script.waits(&twin, 2);
    for _ in 0..10 {
        script.pass(Duration::from_secs(2));
        script.waits(&a, 1);
        script.waits(&twin, 2);
    }
    script.case
}

fn who_has_blocked_and_who_is_blocked_are_not_paired() -> Case {
    let mut script = Script::new("who has blocked and who is blocked are not paired, whoever asks");
    let a = Ticket {
        blocked: vec![person(2)],
        ..script.ticket(1)
    };
    script.pass(Duration::from_millis(1));
    let b = script.ticket(2);
    script.waits(&a, 1);
    script.waits(&b, 2);
    for _ in 0..10 {
        script.pass(Duration::from_secs(2));
        script.waits(&b, 2);
        script.waits(&a, 1);
    }
    let c = script.ticket(3);
    script.finds(&c, &a);
    script.case
}

fn a_users_block_holds_for_all_sessions() -> Case {
    let mut script =
        Script::new("a user's block is answered, and holds for all sessions of both, either way");
    script.blocks(1, 2);
    script.blocks(1, 2);
    let a = script.ticket(1);
    let next_session = Ticket {
        person: person(2),
        ..script.ticket(12)
    };
    script.waits(&a, 1);
    script.waits(&next_session, 2);
    script.leaves(&a);
    script.waits(&a, 1);
    script.case
}

fn a_recent_partner_will_do_after_15_seconds_of_both() -> Case {
    let mut script = Script::new("a recent partner will do once both who mind have waited for 15 seconds");
    let a = Ticket {
        recent: vec![person(2)],
        ..script.ticket(1)
    };
    script.waits(&a, 1);
    script.pass(Duration::from_secs(6));
    let b = Ticket {
        recent: vec![person(1)],
        ..script.ticket(2)
    };
    script.waits(&a, 1);
    script.waits(&b, 2);
    script.pass(Duration::from_millis(6_000));
    script.waits(&b, 2);
    script.pass(Duration::from_millis(3_000));
    script.waits(&a, 1);
    script.pass(Duration::from_millis(5_999));
    script.waits(&b, 2);
    script.pass(Duration::from_millis(1));
    script.finds(&b, &a);
    script.case
}

fn unset_criteria_match_all() -> Case {
    let mut script = Script::new("what is unset matches all, and the two agree in what either demands");
    let demands = Criteria::new(
        Some(Mode::Audio),
        Some("en".into()),
        Some("eu".into()),
        vec!["go".into()],
    );
    let a = script.wanting(1, demands);
    let b = script.ticket(2);
    script.waits(&a, 1);
    script.agrees(&b, &a, r#"{"mode":"audio","language":"en","region":"eu"}"#);
    script.case
}

fn the_mode_never_widens() -> Case {
    let mut script = Script::new("the mode never widens");
    let (a, b) = (
        script.wanting(1, mode(Mode::Video)),
        script.wanting(2, mode(Mode::Text)),
    );
    for _ in 0..15 {
        script.waits(&a, 1);
        script.waits(&b, 1);
        script.pass(Duration::from_secs(4));
    }
    script.case
}

/// Two demands that differ are dropped once both have waited for so long.
fn widens(rule: &'static str, demands: [Criteria; 2], after: Duration) -> Case {
    let mut script = Script::new(rule);
    let [one, other] = demands;
    let a = script.wanting(1, one);
    script.waits(&a, 1);
    script.pass(Duration::from_secs(3));
    let b = script.wanting(2, other);
    script.waits(&b, 1);
    let mut left = after - Duration::from_millis(1);
    while left > Duration::ZERO {
        let step = left.min(Duration::from_secs(2));
        script.pass(step);
        left -= step;
        // The first one has waited long enough by now; the second one still minds.
        script.waits(&a, 1);
        script.waits(&b, 1);
    }
    script.pass(Duration::from_millis(1));
    script.finds(&b, &a);
    script.case
}

fn one_common_interest_is_wanted_for_5_seconds() -> Case {
    let interests = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Criteria::new(None, None, None, words)
    };
    let mut case = widens(
        "one common interest is enough, and wanted for 5 seconds of both",
        [interests(&["go", "jazz"]), interests(&["chess"])],
        Duration::from_secs(5),
    );
    let mut script = Script::new(case.rule);
    script.pass(Duration::from_secs(60));
    let (c, d) = (
        script.wanting(3, interests(&["go", "jazz"])),
        script.wanting(4, interests(&["chess", "jazz"])),
    );
    script.waits(&c, 1);
    script.agrees(&d, &c, r#"{"interests":["jazz"]}"#);
    case.steps.append(&mut script.case.steps);
    case
}

fn the_region_is_wanted_for_10_seconds() -> Case {
    let region = |word: &str| Criteria::new(None, None, Some(word.into()), Vec::new());
    widens(
        "the region is wanted for 10 seconds of both",
        [region("eu"), region("us")],
        Duration::from_secs(10),
    )
}

fn the_language_is_wanted_for_15_seconds() -> Case {
    let language = |word: &str| Criteria::new(None, Some(word.into()), None, Vec::new());
    widens(
        "the language is wanted for 15 seconds of both",
        [language("en"), language("fi")],
        Duration::from_secs(15),
    )
}

fn first_come_first_served_among_the_compatible() -> Case {
    let mut script = Script::new("first come, first served among the compatible");
    let text = script.wanting(1, mode(Mode::Text));
    script.waits(&text, 1);
    script.pass(Duration::from_millis(10));
    let first = script.wanting(2, mode(Mode::Video));
    script.waits(&first, 1);
    script.pass(Duration::from_millis(10));
    let second = script.wanting(3, mode(Mode::Video));
    // Put again, the later one does not get ahead.
    let blocks = Ticket {
        blocked: vec![second.person],
        ..first.clone()
    };
    script.waits(&blocks, 1);
    script.waits(&second, 2);
    script.pass(Duration::from_millis(10));
    let asker = script.wanting(4, mode(Mode::Video));
    script.agrees(&asker, &first, r#"{"mode":"video"}"#);
    let asker = script.wanting(5, mode(Mode::Video));
    script.agrees(&asker, &second, r#"{"mode":"video"}"#);
    script.case
}

fn new_criteria_keep_the_place() -> Case {
    let mut script = Script::new("new criteria keep the place");
    let a = script.wanting(1, mode(Mode::Text));
    script.waits(&a, 1);
    script.pass(Duration::from_secs(1));
    let b = Ticket {
        blocked: vec![a.person],
        ..script.wanting(2, mode(Mode::Video))
    };
    script.waits(&b, 1);
    script.pass(Duration::from_secs(1));
    let changed = Ticket {
        criteria: Arc::clone(&b.criteria),
        ..a.clone()
    };
    script.waits(&changed, 1);
    let asker = script.wanting(3, mode(Mode::Video));
    script.agrees(&asker, &a, r#"{"mode":"video"}"#);
    script.case
}

fn the_position_counts_those_who_want_the_same() -> Case {
    let mut script = Script::new("the position counts those who want the same");
    let shy = |script: &Script, number: u64, wish: Mode| Ticket {
        // Nobody is paired, so that a queue forms.
        blocked: (0..10).filter(|other| *other != number).map(person).collect(),
        ..script.wanting(number, mode(wish))
    };
    for (number, wish, position) in [
        (1, Mode::Text, 1),
        (2, Mode::Video, 1),
        (3, Mode::Text, 2),
        (4, Mode::Text, 3),
    ] {
        let ticket = shy(&script, number, wish);
        script.waits(&ticket, position);
        script.pass(Duration::from_millis(10));
    }
    let first = shy(&script, 1, Mode::Text);
    script.leaves(&first);
    let last = Ticket {
        since: script.now - Duration::from_millis(10),
        ..shy(&script, 4, Mode::Text)
    };
    script.waits(&last, 2);
    script.case
}

fn no_more_than_64_tickets_are_looked_at() -> Case {
    let mut script = Script::new("no more than 64 tickets are looked at");
    let crowd: Vec<Ticket> = (0..64)
        .map(|number| Ticket {
            since: script.now + Duration::from_millis(number),
            // They are of one user, so that they do not take each other.
            person: person(900),
            ..script.ticket(100 + number)
        })
        .collect();
    script.pass(Duration::from_secs(1));
    for (place, ticket) in (1..).zip(&crowd) {
        script.waits(ticket, place);
    }
    let asker = Ticket {
        blocked: vec![person(900)],
        ..script.ticket(1)
    };
    script.pass(Duration::from_millis(1));
    // The 65th would do.
    let behind = Ticket {
        blocked: vec![person(900)],
        ..script.ticket(2)
    };
    script.waits(&behind, 65);
    script.pass(Duration::from_millis(1));
    script.waits(&asker, 65);
    script.leaves(&crowd[0]);
    script.finds(&asker, &behind);
    script.case
}

fn who_is_of_the_same_pod_is_preferred_for_a_while() -> Case {
    let mut script =
        Script::new("who is of the same pod is preferred, until one of the two has waited enough");
    let hopeful = |script: &Script, number: u64, worker: &str| Ticket {
        worker: worker.into(),
        anywhere_from: script.now + Duration::from_millis(150),
        ..script.ticket(number)
    };
    let far = hopeful(&script, 1, "a/0");
    script.waits(&far, 1);
    script.pass(Duration::from_millis(10));
    let near = hopeful(&script, 2, "b/0");
    script.waits(&near, 2);
    script.pass(Duration::from_millis(10));
    let neighbour = hopeful(&script, 3, "b/1");
    script.finds(&neighbour, &near);
    script.pass(Duration::from_millis(130));
    let newcomer = hopeful(&script, 4, "b/0");
    script.finds(&newcomer, &far);
    script.case
}

fn a_ticket_that_is_not_put_again_is_stale() -> Case {
    let mut script = Script::new("a ticket that is not put again is stale, for its owner is gone");
    let (a, b) = (script.ticket(1), script.wanting(2, mode(Mode::Text)));
    script.waits(&a, 1);
    let demanding = Ticket {
        blocked: vec![a.person],
        ..b.clone()
    };
    script.waits(&demanding, 1);
    script.pass(Duration::from_secs(4));
    script.waits(&demanding, 1);
    script.pass(STALE_AFTER - Duration::from_secs(3));
    let asker = script.ticket(3);
    script.agrees(&asker, &b, r#"{"mode":"text"}"#);
    script.case
}

fn the_estimate_is_the_usual_wait_of_the_same_criteria() -> Case {
    let mut script =
        Script::new("the estimate is the usual wait of those who want the same, less what has passed");
    for number in 0..4 {
        let a = script.wanting(10 + number, mode(Mode::Text));
        script.pass(Duration::from_millis(1));
        let b = script.wanting(20 + number, mode(Mode::Text));
        let shy = Ticket {
            blocked: vec![b.person],
            ..a.clone()
        };
        script.waits(&shy, 1);
        script.waits(&b, 2);
        script.pass(Duration::from_secs(6));
        // Both have waited for six seconds when the block is gone from the ticket.
        script.agrees(&a, &b, r#"{"mode":"text"}"#);
    }
    let text = script.wanting(1, mode(Mode::Text));
    let expected = Expected::Estimate {
        at_least: 4_000,
        at_most: 8_000,
    };
    script.ask(Request::Enter(Box::new(text.clone())), expected);
    script.pass(Duration::from_secs(2));
    let expected = Expected::Estimate {
        at_least: 2_000,
        at_most: 6_000,
    };
    script.ask(Request::Enter(Box::new(text)), expected);
    script.case
}
