//! Why a ChatService is sized as it is, as comments.

use std::fmt::Write as _;

use crate::build::{Built, ConnectionsSource};
use crate::names;
use crate::quantity::{format_cpu, format_memory};
use crate::validate::{Autoscaler, ValidatedChatService};

pub(super) fn write(out: &mut String, chat: &ValidatedChatService, replicas: i32, built: &Built) {
    let lines = [
        vec![
            format!("{} {}/{}", names::KIND, chat.namespace, chat.name),
            String::new(),
        ],
        row(chat),
        pod(chat),
        pods(chat, replicas),
        autoscaling(chat, built.connections_from),
        vec![format!("{} objects:", built.children.len())],
        built
            .children
            .iter()
            .map(|child| format!("  {} {}", child.kind, child.name()))
            .collect(),
    ];
    for line in lines.concat() {
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    }
}

fn row(chat: &ValidatedChatService) -> Vec<String> {
    let (users, row) = (chat.sizing.users, &chat.sizing.row);
    let grown = match users > 2000 {
        true => "the last row of the scaling table, grown in proportion",
        false => "the first row of the scaling table that is large enough",
    };
    vec![format!(
        "capacity.users: {users} -> the row of {} users: {} pods, {} memory and {} CPU in all; {grown}",
        row.users,
        row.workers,
        format_memory(row.memory_mib),
        format_cpu(row.cpu_millis)
    )]
}

fn pod(chat: &ValidatedChatService) -> Vec<String> {
    let sizing = &chat.sizing;
    let is_overridden = |field: &str| sizing.overridden.contains(&field);
    let resources = match is_overridden("signaling.resources") {
        true => "each pod: memory and CPU as in signaling.resources".to_owned(),
        false => format!(
            "each pod: requests {} memory and {} CPU, its share of the row; a limit on memory only",
            format_memory(sizing.memory_mib_per_pod),
            format_cpu(sizing.cpu_millis_per_pod)
        ),
    };
    let connections = match is_overridden("signaling.maxConnectionsPerPod") {
        true => "as in signaling.maxConnectionsPerPod".to_owned(),
        false => format!(
            "the greater of 300 and 1.2 x {} users / {} pods, so that the loss of one turns nobody away",
            sizing.users,
            sizing.row.workers.saturating_sub(1).max(1)
        ),
    };
    let pool = match is_overridden("redis.poolSizePerPod") {
        true => "as in redis.poolSizePerPod",
        false => "from the row",
    };
    vec![
        resources,
        format!(
            "  takes {} connections: {connections}",
            sizing.connections_per_pod
        ),
        format!(
            "  asks Redis over {} connections: {pool}",
            sizing.pool_size_per_pod
        ),
    ]
}

fn pods(chat: &ValidatedChatService, replicas: i32) -> Vec<String> {
    let from = match chat.replicas {
        Some(_) => "as in spec.replicas",
        None => "from the row, unless others run already",
    };
    let good_for = chat.sizing.good_for(u32::try_from(replicas).unwrap_or(0));
    vec![format!("replicas: {replicas}, {from}; good for {good_for} users")]
}

fn autoscaling(chat: &ValidatedChatService, source: Option<ConnectionsSource>) -> Vec<String> {
    let Some(scaling) = chat.autoscaler.scaling() else {
        return Vec::new();
    };
    let by = match chat.autoscaler {
        Autoscaler::Keda(_) => "KEDA",
        _ => "a HorizontalPodAutoscaler",
    };
    let mut lines = vec![format!(
        "then set by {by}, from {} to {} pods:",
        scaling.min_replicas, scaling.max_replicas
    )];
    if let (Some(target), Some(source)) = (scaling.connections, source) {
        lines.push(format!(
            "  {target} connections a pod on average, as told by {source}"
        ));
    }
    for (name, percent) in [("CPU", scaling.cpu_percent), ("memory", scaling.memory_percent)] {
        if let Some(percent) = percent {
            lines.push(format!("  {percent} % of the requested {name} on average"));
        }
    }
    lines
}
