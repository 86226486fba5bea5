//! What must hold: by the histories of all people, at rest, and once everyone has gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use signaling_core::history::{History, Report, Rules, check};
use signaling_core::id::{MatchId, SessionId};
use signaling_core::time::Millis;
use signaling_core::worker::{Record, User};

use crate::person::{Person, Phase};
use crate::plan::{Break, MATCH_TIMEOUT, PING_TIME, RESUME_WINDOW};
use crate::run::Stage;

/// When a recent partner becomes acceptable.
const RECENT_AFTER: Duration = Duration::from_secs(15);
/// How long a partner without word from any owner is waited for on top of the window.
const GRACE: Duration = Duration::from_secs(10);

/// Judges the histories so far.
pub(crate) fn histories(stage: &Stage) -> Report {
    let histories: Vec<History> = stage.people.iter().map(|person| person.history.clone()).collect();
    let people = &stage.people;
    let compatible = |one: usize, other: usize| {
        let (one, other) = (&people[one], &people[other]);
        if one.unsteady
            || other.unsteady
            || same_user(one, other)
            || blocks(one, people)
            || blocks(other, people)
        {
            return None;
        }
        let after = one.wish.agrees_after(&other.wish)?;
        // Who has met a user's other session has met the user.
        let twins = [one, other].into_iter().any(|person| {
            let twin = |another: &&Person| !std::ptr::eq(*another, person) && same_user(another, person);
            people.iter().any(|another| twin(&another))
        });
        Some(if twins { after.max(RECENT_AFTER) } else { after })
    };
    let faults = stage.plan.fault_moments(stage.start);
    let worker_faults = |kind: &Break| matches!(kind, Break::Kill(_) | Break::Cut(..) | Break::Lose(_));
    let told_within = if stage.plan.has(worker_faults) {
        Duration::from_secs(25)
    } else if stage.plan.has(|kind| matches!(kind, Break::Bus(_))) {
        Duration::from_secs(12)
    } else {
        Duration::from_secs(2)
    };
    let rules = Rules {
        compatible: &compatible,
        faults: &faults,
        told_within,
        unmet_within: PING_TIME + told_within,
        lost_within: PING_TIME + RESUME_WINDOW + GRACE + told_within,
        answered_within: MATCH_TIMEOUT + Duration::from_secs(5),
        delivered_within: Duration::from_secs(5),
        ..Rules::default()
    };
    check(&histories, &rules)
}

fn same_user(one: &Person, other: &Person) -> bool {
    matches!((&one.user, &other.user), (User::Known(one), User::Known(other)) if one == other)
}

/// This person, or the same user in another session, has blocked someone: whom is not told here, so it may be anybody.
fn blocks(person: &Person, people: &[Person]) -> bool {
    let same = |other: &&Person| std::ptr::eq(*other, person) || same_user(other, person);
    people
        .iter()
        .filter(same)
        .any(|other| other.may_block || !other.blocks.is_empty())
}

/// What must hold when all has come to rest.
pub(crate) fn at_rest(stage: &Stage) -> Vec<String> {
    let mut defects = Vec::new();
    for (number, person) in stage.people.iter().enumerate().filter(|(_, person)| !person.gone) {
        if !stage.world.is_accepted(number) {
            defects.push(format!("client {number} is not back"));
        } else if !person.errands.is_empty() {
            defects.push(format!("client {number} has no answer to {:?}", person.errands));
        }
        if let Phase::Calling(call) = &person.phase {
            let match_id = call.match_id;
            let sides = stage.people.iter().filter(|other| is_in(other, match_id)).count();
            if sides != 2 {
                defects.push(format!("client {number} is alone in match {match_id}"));
            }
        }
    }
    defects.extend(at_odds(&stage.people));
    // A block may be lost with the pool, or with a worker whom the pool did not hear.
    let pool = stage.plan.has(|kind| *kind == Break::Pool);
    let unheard = stage.plan.has(|kind| matches!(kind, Break::PoolLine(_)));
    let killed = stage.plan.has(|kind| matches!(kind, Break::Kill(_)));
    if !(pool || unheard && killed) {
        defects.extend(blocked_and_met(&stage.people));
    }
    defects
}

fn is_in(person: &Person, match_id: MatchId) -> bool {
    matches!(&person.phase, Phase::Calling(call) if call.match_id == match_id)
}

/// Nobody is matched with somebody whose mode is another, however long both have waited.
fn at_odds(people: &[Person]) -> Vec<String> {
    let mut defects = Vec::new();
    for (number, one) in people.iter().enumerate().filter(|(_, one)| !one.unsteady) {
        for other in people[number + 1..].iter().filter(|other| !other.unsteady) {
            let met = |(_, id, _): &&(Millis, MatchId, String)| {
                other.matches.iter().any(|(_, known, _)| known == id)
            };
            if one.wish.agrees_after(&other.wish).is_none()
                && let Some((at, match_id, _)) = one.matches.iter().find(met)
            {
                defects.push(format!(
                    "{at}: {:?} and {:?} in match {match_id}",
                    one.wish, other.wish
                ));
            }
        }
    }
    defects
}

/// What may happen to people whose owner was lost before it could write down the last that it knew: defects that have
/// these words.
pub(crate) const DIES_UNWRITTEN: [&str; 2] = ["match_found came again after a signal", " met "];

/// Whether a session was taken over from its record.
pub(crate) fn someone_was_taken(stage: &Stage) -> bool {
    let taken = |record: &Record| matches!(record, Record::SessionTaken { .. });
    stage.world.records.iter().any(|(.., record)| taken(record))
}

/// Nobody who was blocked is met again.
fn blocked_and_met(people: &[Person]) -> Vec<String> {
    let partner = |of: &str, in_match: MatchId| {
        let sides = people.iter().flat_map(|person| &person.matches);
        sides
            .filter(|(_, match_id, who)| *match_id == in_match && who != of)
            .map(|(.., who)| who.clone())
            .next()
    };
    let mut defects = Vec::new();
    for block in people.iter().flat_map(|person| &person.blocks) {
        let Some(blocked) = partner(&block.by, block.in_match) else {
            continue;
        };
        let later = people.iter().flat_map(|person| &person.matches);
        for (at, match_id, _) in later.filter(|(at, _, who)| *who == block.by && *at > block.at) {
            if partner(&block.by, *match_id).is_some_and(|who| who == blocked) {
                defects.push(format!(
                    "{at}: {} met {blocked} again in match {match_id}, blocked at {}",
                    block.by, block.at
                ));
            }
        }
    }
    defects
}

/// What must hold when everyone has gone and all windows have passed.
pub(crate) fn when_all_have_gone(stage: &Stage) -> Vec<String> {
    let mut defects = Vec::new();
    for index in 0..stage.world.workers() {
        let Some(worker) = stage.world.worker(index) else {
            continue;
        };
        let census = worker.census();
        if census != Default::default() {
            defects.push(format!("worker {index} still has {census:?}"));
        }
        if let Some(at) = worker.deadline() {
            defects.push(format!("worker {index} still waits for {at}"));
        }
    }
    if !stage.world.pool.is_empty() && stage.plan.is_calm() {
        defects.push(format!("the pool still has {} tickets", stage.world.pool.len()));
    }
    defects.extend(outcomes(stage));
    defects
}

/// Every question has exactly one outcome, but for those that died with their worker.
fn outcomes(stage: &Stage) -> Vec<String> {
    // What dies with a worker, or on the way to one that is cut off, leaves no record.
    let torn = stage
        .plan
        .has(|kind| matches!(kind, Break::Kill(_) | Break::Cut(..)));
    let mut open: BTreeMap<SessionId, Millis> = BTreeMap::new();
    let mut matched: BTreeMap<SessionId, MatchId> = BTreeMap::new();
    let mut defects = Vec::new();
    // Who was taken from a record had an owner who could not tell what had become of them since, or still thought so.
    let taken: BTreeSet<SessionId> = (stage.world.records.iter())
        .filter_map(|(.., record)| match record {
            Record::SessionTaken { session } => Some(*session),
            _ => None,
        })
        .collect();
    for (at, _, record) in &stage.world.records {
        let breach = match record {
            Record::MatchRequested { session } => {
                let twice = open.insert(*session, *at).is_some();
                twice.then(|| format!("{session} asked twice"))
            }
            Record::WaitEnded { session, how, .. } => {
                let closed = open.remove(session).is_none();
                closed.then(|| format!("a wait of {session} ended twice, {how:?}"))
            }
            Record::MatchMade {
                session, match_id, ..
            } => {
                let unasked = open.remove(session).is_none();
                let other = matched.insert(*session, *match_id);
                (unasked || other.is_some())
                    .then(|| format!("{session} was matched without a question, or while in {other:?}"))
            }
            Record::MatchEnded {
                session, match_id, ..
            } => {
                let never = matched.remove(session) != Some(*match_id);
                never.then(|| format!("{session} left {match_id} without having been in it"))
            }
            _ => None,
        };
        let breach = breach.filter(|_| !concerns(record).is_some_and(|session| taken.contains(&session)));
        defects.extend(breach.map(|words| format!("{at}: {words}")));
    }
    if !torn {
        defects.extend(
            open.iter()
                .filter(|(session, _)| !taken.contains(session))
                .map(|(session, at)| format!("{session} has waited since {at}")),
        );
        defects.extend(
            matched
                .iter()
                .filter(|(session, _)| !taken.contains(session))
                .map(|(session, id)| format!("{session} is in {id} for ever")),
        );
    }
    defects
}

/// The session whose search or match a record is about.
fn concerns(record: &Record) -> Option<SessionId> {
    match record {
        Record::MatchRequested { session }
        | Record::WaitEnded { session, .. }
        | Record::MatchMade { session, .. }
        | Record::MatchEnded { session, .. } => Some(*session),
        _ => None,
    }
}
