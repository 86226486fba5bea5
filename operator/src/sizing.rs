//! From people to pods: the scaling table.
//!
//! A worker of the table is a pod here (`CLUSTER_WORKERS=1`), so that `kubectl scale --replicas` speaks the table's
//! language. Memory and CPU of a row are the whole service's; each pod has its share.

use crate::quantity::{format_cpu, format_memory};

/// What the rows above the table's last one are multiples of.
const LAST: Row = TABLE[TABLE.len() - 1];

/// The table; memory in MiB, CPU in thousandths of a core.
const TABLE: [Row; 4] = [
    Row::new(100, 1, 3, 512, 500),
    Row::new(500, 2, 5, 1024, 1000),
    Row::new(1000, 4, 8, 2048, 2000),
    Row::new(2000, 6, 10, 4096, 4000),
];

/// The fewest connections that a pod takes, unless the spec says fewer.
const MIN_CONNECTIONS: u32 = 300;

/// A row of the scaling table, or what it grew to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// How many people it is good for.
    pub users: u32,
    /// How many pods (the table's workers) it has.
    pub workers: u32,
    /// Over how many connections each pod asks Redis.
    pub redis_pool: u32,
    /// The memory of all pods together, in MiB.
    pub memory_mib: u64,
    /// The CPU of all pods together, in thousandths of a core.
    pub cpu_millis: u64,
}

impl Row {
    const fn new(users: u32, workers: u32, redis_pool: u32, memory_mib: u64, cpu_millis: u64) -> Self {
        Self {
            users,
            workers,
            redis_pool,
            memory_mib,
            cpu_millis,
        }
    }

    /// The first row for at least as many `users`; beyond the table, the last one grown in proportion. Its pool of
    /// connections is a pod's, and a pod's load stays the same, so that it is the service's connections that grow.
    #[must_use]
    pub fn of(users: u32) -> Self {
        let row = TABLE.into_iter().find(|row| users <= row.users);
        row.unwrap_or_else(|| {
            let grown = |figure: u64| (figure * u64::from(users)).div_ceil(u64::from(LAST.users));
            Self {
                users,
                workers: narrow(grown(LAST.workers.into())),
                redis_pool: LAST.redis_pool,
                memory_mib: grown(LAST.memory_mib),
                cpu_millis: grown(LAST.cpu_millis),
            }
        })
    }
}

/// What the spec says in place of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `spec.signaling.maxConnectionsPerPod`.
    pub connections_per_pod: Option<u32>,
    /// `spec.redis.poolSizePerPod`.
    pub pool_size_per_pod: Option<u32>,
    /// Whether there is a `spec.signaling.resources`.
    pub resources: bool,
}

/// What follows from `spec.capacity.users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// `spec.capacity.users`.
    pub users: u32,
    /// The row that was taken.
    pub row: Row,
    /// How many connections a pod takes.
    pub connections_per_pod: u32,
    /// Over how many connections a pod asks Redis.
    pub pool_size_per_pod: u32,
    /// The row's share of memory for one pod, in MiB, rounded up.
    pub memory_mib_per_pod: u64,
    /// The row's share of CPU for one pod, in thousandths of a core, rounded up.
    pub cpu_millis_per_pod: u64,
    /// The fields of the spec that replace a figure of the row; not `replicas`, which an autoscaler may write.
    pub overridden: Vec<&'static str>,
}

/// Sizes a service for `users`, which are 1 at least.
#[must_use]
pub fn size(users: u32, overrides: Overrides) -> Sizing {
    let users = users.max(1);
    let row = Row::of(users);
    let others = u64::from(row.workers).saturating_sub(1).max(1);
    // A pod that is lost leaves its people to the others, and they are never spread quite evenly.
    let share = narrow((u64::from(users) * 12).div_ceil(others * 10));
    let replaced = [
        (
            "signaling.maxConnectionsPerPod",
            overrides.connections_per_pod.is_some(),
        ),
        ("signaling.resources", overrides.resources),
        ("redis.poolSizePerPod", overrides.pool_size_per_pod.is_some()),
    ];
    let replaced = replaced.into_iter().filter(|(_, is_replaced)| *is_replaced);
    Sizing {
        users,
        row,
        connections_per_pod: overrides
            .connections_per_pod
            .unwrap_or(share.max(MIN_CONNECTIONS)),
        pool_size_per_pod: overrides.pool_size_per_pod.unwrap_or(row.redis_pool),
        memory_mib_per_pod: row.memory_mib.div_ceil(row.workers.into()),
        cpu_millis_per_pod: row.cpu_millis.div_ceil(row.workers.into()),
        overridden: replaced.map(|(field, _)| field).collect(),
    }
}

impl Sizing {
    /// How many people `replicas` pods of this size are good for: each pod's share of the row's people, and no more than
    /// still find room, with a sixth to spare, when one pod is lost.
    #[must_use]
    pub fn good_for(&self, replicas: u32) -> u32 {
        if replicas == 0 {
            return 0;
        }
        let replicas = u64::from(replicas);
        let by_size = u64::from(self.row.users) * replicas / u64::from(self.row.workers);
        let others = (replicas - 1).max(1);
        let by_connections = u64::from(self.connections_per_pod) * others * 10 / 12;
        narrow(by_size.min(by_connections))
    }

    /// The average number of people on a pod when all of the capacity is used: what an autoscaler aims for.
    #[must_use]
    pub fn users_per_pod(&self) -> u32 {
        self.users.div_ceil(self.row.workers)
    }

    /// As `status.sizing` shows it, with so many `replicas` wanted. `memory` and `cpu` are what a pod requests.
    #[must_use]
    pub fn shown(&self, replicas: u32, memory: String, cpu: String) -> crds::Sizing {
        let own = (replicas != self.row.workers).then_some("replicas");
        let overridden = own.into_iter().chain(self.overridden.iter().copied());
        crds::Sizing {
            row: crds::SizingRow {
                users: signed(self.row.users),
                workers: signed(self.row.workers),
                redis_pool: signed(self.row.redis_pool),
                memory: format_memory(self.row.memory_mib),
                cpu: format_cpu(self.row.cpu_millis),
            },
            replicas: signed(self.row.workers),
            connections_per_pod: signed(self.connections_per_pod),
            pool_size_per_pod: signed(self.pool_size_per_pod),
            memory_per_pod: memory,
            cpu_per_pod: cpu,
            overridden: overridden.map(str::to_owned).collect(),
            users: signed(self.good_for(replicas)),
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The API server knows signed numbers only.
pub(crate) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// users → row's users, pods, pool, MiB and millicores of all, connections per pod, MiB and millicores of one.
    type Case = (u32, (u32, u32, u32, u64, u64), u32, (u64, u64));

    const CASES: &[Case] = &[
        (1, (100, 1, 3, 512, 500), 300, (512, 500)),
        (100, (100, 1, 3, 512, 500), 300, (512, 500)),
        (101, (500, 2, 5, 1024, 1000), 300, (512, 500)),
        (250, (500, 2, 5, 1024, 1000), 300, (512, 500)),
        (251, (500, 2, 5, 1024, 1000), 302, (512, 500)),
        (500, (500, 2, 5, 1024, 1000), 600, (512, 500)),
        (501, (1000, 4, 8, 2048, 2000), 300, (512, 500)),
        (750, (1000, 4, 8, 2048, 2000), 300, (512, 500)),
        (1000, (1000, 4, 8, 2048, 2000), 400, (512, 500)),
        (1001, (2000, 6, 10, 4096, 4000), 300, (683, 667)),
        (2000, (2000, 6, 10, 4096, 4000), 480, (683, 667)),
        (2001, (2001, 7, 10, 4099, 4002), 401, (586, 572)),
        (4000, (4000, 12, 10, 8192, 8000), 437, (683, 667)),
        (10_000, (10_000, 30, 10, 20_480, 20_000), 414, (683, 667)),
        (
            1_000_000,
            (1_000_000, 3000, 10, 2_048_000, 2_000_000),
            401,
            (683, 667),
        ),
    ];

    #[test]
    fn each_number_of_users_has_the_row_of_the_table_and_a_pod_its_share() {
        for &(users, (of, workers, pool, memory, cpu), connections, (pod_memory, pod_cpu)) in CASES {
            let sizing = size(users, Overrides::default());
            assert_eq!(sizing.row, Row::new(of, workers, pool, memory, cpu), "{users}");
            assert_eq!(sizing.connections_per_pod, connections, "{users}");
            assert_eq!(sizing.pool_size_per_pod, pool, "{users}");
            assert_eq!(
                (sizing.memory_mib_per_pod, sizing.cpu_millis_per_pod),
                (pod_memory, pod_cpu)
            );
            assert_eq!(sizing.overridden, [""; 0], "{users}");
        }
    }

    #[test]
    fn the_pods_of_the_row_are_good_for_the_users_that_they_were_sized_for() {
        for users in (1..6000).chain([10_000, 123_457, 999_999, 1_000_000]) {
            let sizing = size(users, Overrides::default());
            assert!(sizing.good_for(sizing.row.workers) >= users, "{users}");
        }
    }

    #[test]
    fn the_loss_of_one_pod_turns_nobody_away() {
        for users in (1..6000).chain([10_000, 123_457, 1_000_000]) {
            let sizing = size(users, Overrides::default());
            let left = sizing.row.workers.saturating_sub(1).max(1);
            assert!(sizing.connections_per_pod * left >= users, "{users}");
        }
    }

    #[test]
    fn more_replicas_are_good_for_more_users() {
        let sizing = size(1000, Overrides::default());
        let good_for: Vec<_> = [0, 1, 2, 3, 4, 6, 8]
            .map(|replicas| sizing.good_for(replicas))
            .into();
        assert_eq!(good_for, [0, 250, 333, 666, 1000, 1500, 2000]);
    }

    #[test]
    fn what_the_spec_says_replaces_the_row_and_is_named() {
        let sizing = size(
            1000,
            Overrides {
                connections_per_pod: Some(250),
                pool_size_per_pod: Some(2),
                resources: true,
            },
        );
        assert_eq!((sizing.connections_per_pod, sizing.pool_size_per_pod), (250, 2));
        assert_eq!(
            sizing.shown(6, String::new(), String::new()).overridden,
            [
                "replicas",
                "signaling.maxConnectionsPerPod",
                "signaling.resources",
                "redis.poolSizePerPod"
            ]
        );
        assert_eq!(sizing.good_for(6), 1041);
        let shown = size(1000, Overrides::default()).shown(4, String::new(), String::new());
        assert_eq!(shown.overridden, [""; 0]);
    }

    #[test]
    fn the_status_shows_quantities_as_people_write_them() {
        let shown = size(1000, Overrides::default()).shown(4, "512Mi".to_owned(), "500m".to_owned());
        assert_eq!((&*shown.row.memory, &*shown.row.cpu), ("2Gi", "2"));
        assert_eq!((shown.replicas, shown.users), (4, 1000));
        let shown = size(2001, Overrides::default()).shown(7, String::new(), String::new());
        assert_eq!((&*shown.row.memory, &*shown.row.cpu), ("4099Mi", "4002m"));
    }
}
