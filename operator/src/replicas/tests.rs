use k8s_openapi::api::apps::v1::DeploymentStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_000_000;

fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - seconds_ago).unwrap()
}

fn now() -> Timestamp {
    at(0)
}

fn live(replicas: i32) -> Option<LiveDeployment> {
    Some(LiveDeployment {
        replicas,
        is_rolling_out: false,
        has_foreign_autoscaler: false,
    })
}

fn pods(sessions: &[u64]) -> Vec<Pod> {
    let pods = sessions.iter().enumerate().map(|(index, &sessions)| Pod {
        name: format!("pod-{index}"),
        sessions: Some(sessions),
        deletion_cost: None,
    });
    pods.collect()
}

fn scale(replicas: i32, why: ScaleReason) -> Option<Scale> {
    Some(Scale { replicas, why })
}

#[test]
fn an_absent_number_is_filled_in_once_with_what_runs_or_with_the_row() {
    for (running, expected) in [(None, 4), (Some(7), 7), (Some(0), 0)] {
        let state = State {
            row: 4,
            deployment: running.and_then(live),
            ..State::default()
        };
        let decision = decide(&state, now());
        assert_eq!(decision.scale, scale(expected, ScaleReason::Absent));
        assert_eq!(decision.replicas, expected);
        let filled = State {
            spec: Some(expected),
            deployment: live(expected),
            ..state
        };
        let decision = decide(&filled, now());
        assert_eq!((decision.scale, decision.replicas), (None, expected));
    }
}

#[test]
fn a_number_that_is_removed_from_the_spec_changes_nothing_that_runs() {
    let state = State {
        spec: None,
        row: 4,
        last_row: Some(4),
        deployment: live(9),
        pods: pods(&[1; 9]),
        ..State::default()
    };
    let decision = decide(&state, now());
    assert_eq!(
        (decision.scale, decision.replicas),
        (scale(9, ScaleReason::Absent), 9)
    );
}

#[test]
fn replicas_follow_the_row_only_if_they_had_the_last_rows_number() {
    // spec, last row, row → spec.replicas that is written.
    for (spec, last_row, row, expected) in [
        (Some(4), Some(4), 6, Some(6)),
        (Some(6), Some(6), 4, Some(4)),
        (Some(5), Some(4), 6, None),
        (Some(4), Some(4), 4, None),
        (Some(4), None, 6, None),
        // The operator ended between writing the number and the status.
        (Some(6), Some(4), 6, None),
        (None, Some(4), 6, Some(6)),
    ] {
        let state = State {
            spec,
            row,
            last_row,
            deployment: live(spec.unwrap_or(4)),
            ..State::default()
        };
        let scale = decide(&state, now()).scale.map(|scale| scale.replicas);
        assert_eq!(scale, expected, "{spec:?} {last_row:?} {row}");
    }
}

#[test]
fn an_autoscaler_sees_to_the_capacity_itself() {
    let state = State {
        spec: Some(4),
        row: 6,
        last_row: Some(4),
        autoscaled: true,
        deployment: live(4),
        ..State::default()
    };
    let decision = decide(&state, now());
    assert_eq!((decision.scale, decision.replicas), (None, 4));
}

#[test]
fn scale_out_is_at_once_also_during_a_rollout() {
    let state = State {
        spec: Some(8),
        row: 4,
        deployment: Some(LiveDeployment {
            replicas: 4,
            is_rolling_out: true,
            has_foreign_autoscaler: false,
        }),
        pods: pods(&[10; 4]),
        ..State::default()
    };
    assert_eq!(
        decide(&state, now()),
        Decision {
            replicas: 8,
            ..Decision::default()
        }
    );
}

#[test]
fn scale_in_writes_deletion_costs_and_a_second_later_the_deployment() {
    let mut state = State {
        spec: Some(2),
        row: 4,
        deployment: live(4),
        pods: pods(&[30, 5, 0, 200]),
        ..State::default()
    };
    state.pods[0].deletion_cost = Some(30);
    state.pods[2].sessions = None;
    let first = decide(&state, now());
    let cost = |pod: &str, cost| DeletionCost {
        pod: pod.to_owned(),
        cost,
    };
    assert_eq!(
        first.ranking,
        Some(vec![
            cost("pod-1", 5),
            cost("pod-2", i32::MAX),
            cost("pod-3", 200)
        ])
    );
    assert_eq!((first.replicas, first.held), (4, Some(Held::Ranking)));
    assert_eq!(first.again_after, Some(SignedDuration::from_secs(1)));

    state.ranked_at = Some(now());
    let waiting = decide(&state, now());
    assert_eq!((waiting.replicas, waiting.ranking), (4, None));
    assert_eq!(waiting.again_after, Some(SignedDuration::from_secs(1)));

    state.ranked_at = Some(at(1));
    let second = decide(&state, now());
    assert_eq!(
        second,
        Decision {
            replicas: 2,
            ..Decision::default()
        }
    );
}

#[test]
fn deletion_costs_that_are_old_or_of_the_future_are_written_anew() {
    for seconds_ago in [11, 3600, -1] {
        let state = State {
            spec: Some(1),
            row: 4,
            deployment: live(2),
            pods: pods(&[3, 4]),
            ranked_at: Some(at(seconds_ago)),
            ..State::default()
        };
        let decision = decide(&state, now());
        assert!(decision.ranking.is_some(), "{seconds_ago}");
        assert_eq!(decision.replicas, 2, "{seconds_ago}");
    }
}

#[test]
fn scale_in_waits_for_a_rollout_to_end() {
    let state = State {
        spec: Some(2),
        row: 4,
        deployment: Some(LiveDeployment {
            replicas: 4,
            is_rolling_out: true,
            has_foreign_autoscaler: false,
        }),
        pods: pods(&[1, 2]),
        ranked_at: Some(at(2)),
        ..State::default()
    };
    let decision = decide(&state, now());
    assert_eq!((decision.replicas, decision.held), (4, Some(Held::RollingOut)));
    assert_eq!(decision.ranking, None);
}

#[test]
fn where_all_pods_go_none_goes_first() {
    let state = State {
        spec: Some(0),
        row: 4,
        deployment: live(4),
        pods: pods(&[1, 2, 3, 4]),
        ..State::default()
    };
    let decision = decide(&state, now());
    assert_eq!((decision.replicas, decision.ranking), (0, None));
}

#[test]
fn a_paused_service_keeps_what_it_has() {
    for (spec, running) in [(None, Some(3)), (Some(9), Some(3)), (Some(1), Some(3))] {
        let state = State {
            spec,
            row: 4,
            last_row: Some(3),
            paused: true,
            deployment: running.and_then(live),
            pods: pods(&[1, 2, 3]),
            ..State::default()
        };
        assert_eq!(
            decide(&state, now()),
            Decision {
                replicas: 3,
                ..Decision::default()
            }
        );
    }
}

#[test]
fn a_foreign_autoscaler_is_not_fought() {
    for spec in [Some(2), Some(12), None] {
        let state = State {
            spec,
            row: 4,
            deployment: Some(LiveDeployment {
                replicas: 7,
                is_rolling_out: false,
                has_foreign_autoscaler: true,
            }),
            pods: pods(&[0; 7]),
            ..State::default()
        };
        let decision = decide(&state, now());
        assert_eq!((decision.replicas, decision.ranking), (7, None), "{spec:?}");
    }
}

#[test]
fn a_rollout_lasts_until_no_older_pod_is_left() {
    let deployment = |generation, observed, replicas, updated| Deployment {
        metadata: ObjectMeta {
            generation: Some(generation),
            ..ObjectMeta::default()
        },
        status: Some(DeploymentStatus {
            observed_generation: Some(observed),
            replicas: Some(replicas),
            updated_replicas: Some(updated),
            unavailable_replicas: Some(1),
            ..DeploymentStatus::default()
        }),
        ..Deployment::default()
    };
    assert!(is_rolling_out(&Deployment::default()));
    assert!(is_rolling_out(&deployment(2, 1, 4, 4)));
    assert!(is_rolling_out(&deployment(2, 2, 5, 1)));
    assert!(!is_rolling_out(&deployment(2, 2, 4, 4)));
    assert!(!is_rolling_out(&deployment(2, 2, 0, 0)));
}

fn states() -> impl Strategy<Value = State> {
    let small = || proptest::option::of(0..12_i32);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (small(), 1..12_i32, small(), small(), flags, -3..15_i64).prop_map(
        |(spec, row, last_row, running, (autoscaled, paused, rolling, foreign), ranked)| State {
            spec,
            row,
            last_row,
            autoscaled,
            paused,
            deployment: running.map(|replicas| LiveDeployment {
                replicas,
                is_rolling_out: rolling,
                has_foreign_autoscaler: foreign,
            }),
            pods: pods(&vec![7; usize::try_from(running.unwrap_or(0)).unwrap()]),
            ranked_at: Some(at(ranked)),
        },
    )
}

proptest! {
    #[test]
    fn no_number_is_written_that_nobody_asked_for(state in states()) {
        let decision = decide(&state, now());
        let running = state.deployment.map(|live| live.replicas);
        let asked_for = [state.spec, running, Some(state.row)];
        prop_assert!(asked_for.contains(&Some(decision.replicas)));
        if let Some(scale) = decision.scale {
            prop_assert!(asked_for.contains(&Some(scale.replicas)));
            prop_assert!(!state.paused);
        }
    }

    #[test]
    fn a_decision_that_was_carried_out_leads_to_no_further_one(state in states()) {
        prop_assume!(!state.paused && !state.deployment.is_some_and(|live| live.has_foreign_autoscaler));
        let mut state = state;
        for _ in 0..4 {
            let decision = decide(&state, now());
            state.spec = decision.scale.map(|scale| scale.replicas).or(state.spec);
            state.last_row = Some(state.row);
            state.ranked_at = match decision.ranking {
                Some(_) => Some(at(1)),
                None if decision.held == Some(Held::Ranking) => Some(at(1)),
                None => state.ranked_at,
            };
            state.deployment = live(decision.replicas);
        }
        let last = decide(&state, now());
        prop_assert_eq!(last.scale, None);
        prop_assert_eq!(last.held, None);
        prop_assert_eq!(Some(last.replicas), state.spec);
    }
}
