//! The conditions: each says whether something holds, why, and what a person should do.
//!
//! Reasons never change their meaning. Messages change only with what they tell of, so that a service at rest writes none.

use crate::build::{Built, ConnectionsSource, Kind, Missing};
use crate::contents::Source;
use crate::names::Component;
use crate::replicas::{Decision, Held};
use crate::status::observed::{Health, Observed, Rollout};
use crate::validate::{Autoscaler, Brokers, ExposedBy, Invalid, RedisServer, ValidatedChatService};

/// The types of all conditions, in the order in which they are shown.
pub const TYPES: [&str; 8] = [
    "Ready",
    "Progressing",
    "RedisReady",
    "KafkaReady",
    "Exposed",
    "AutoscalingActive",
    "UpdateAvailable",
    "Paused",
];

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

impl State {
    fn new(status: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn yes(reason: &str, message: impl Into<String>) -> Self {
        Self::new("True", reason, message)
    }

    fn no(reason: &str, message: impl Into<String>) -> Self {
        Self::new("False", reason, message)
    }

    fn unknown(reason: &str, message: impl Into<String>) -> Self {
        Self::new("Unknown", reason, message)
    }
}

/// Everything that conditions tell of.
pub(super) struct Scene<'a> {
    pub(super) chat: &'a ValidatedChatService,
    pub(super) built: &'a Built,
    pub(super) decision: &'a Decision,
    pub(super) seen: &'a Observed,
    /// Where people connect.
    pub(super) url: Option<&'a str>,
}

/// What `Ready` says of a ChatService that cannot be acted upon.
pub(super) fn not_valid(invalid: &Invalid) -> State {
    State::no(
        &invalid.reason.to_string(),
        format!("{invalid}. Until then everything stays as it is."),
    )
}

impl Scene<'_> {
    /// One state for each of [`TYPES`].
    pub(super) fn states(&self) -> [State; 8] {
        [
            self.ready(),
            self.progressing(),
            self.redis(),
            self.kafka(),
            self.exposed(),
            self.autoscaling(),
            self.update(),
            self.paused(),
        ]
    }

    fn ready(&self) -> State {
        let (pods, desired, name) = (self.seen.pods, self.seen.desired, &self.chat.name);
        let namespace = &self.chat.namespace;
        if desired == 0 && pods.ready == 0 {
            return State::no(
                "ScaledToZero",
                format!(
                    "spec.replicas is 0: kubectl -n {namespace} scale chatservice/{name} --replicas={}",
                    self.chat.sizing.row.workers
                ),
            );
        }
        if pods.ready == 0 {
            if let Some(missing) = self.missing() {
                return State::no("ReferenceMissing", missing);
            }
            if let Some(failure) = &self.seen.replica_failure {
                return State::no("PodsRefused", format!("Kubernetes makes no pods: {failure}"));
            }
            return State::no(
                "NoPodReady",
                format!(
                    "None of {desired} pods is ready: see kubectl -n {namespace} describe pods -l {}",
                    crate::names::selector_text(name)
                ),
            );
        }
        if matches!(self.seen.redis, Health::Down(_)) {
            return State::yes(
                "RedisAway",
                "Only people of one pod are matched: see the condition RedisReady.",
            );
        }
        if pods.ready < desired {
            return State::yes(
                "SomePodsNotReady",
                format!("{} of {desired} pods are ready.", pods.ready),
            );
        }
        State::yes("PodsReady", format!("{} pods are ready.", pods.ready))
    }

    fn missing(&self) -> Option<String> {
        let missing = self.built.missing.iter().map(|Missing { source, key }| {
            let cure = self.maker(source);
            match key {
                Some(key) => format!("{source} has no key {key}: {}", cure.unwrap_or("add it")),
                None => format!("{source} does not exist: {}", cure.unwrap_or("make it")),
            }
        });
        let missing: Vec<_> = missing.collect();
        (!missing.is_empty()).then(|| {
            format!(
                "{}. Pods that need it do not start until then.",
                missing.join("; ")
            )
        })
    }

    /// Where to look for a Secret that no person makes.
    fn maker(&self, source: &Source) -> Option<&'static str> {
        let Brokers::Strimzi(cluster) = &self.chat.kafka.brokers else {
            return None;
        };
        let user = Source::secret(crate::names::events(&self.chat.name));
        let authority = Source::secret(crate::credentials::strimzi_authority(cluster));
        let is_strimzis = *source == user || *source == authority;
        is_strimzis.then_some("Strimzi makes it, see the KafkaUser and its Kafka")
    }

    fn progressing(&self) -> State {
        let (pods, desired) = (self.seen.pods, self.seen.desired);
        if self.chat.paused {
            return State::no("Paused", "spec.paused is true: nothing is changed.");
        }
        if let Some(failure) = &self.seen.apply_failure {
            return State::no("ApplyFailed", format!("{failure}. It is tried again."));
        }
        if let Rollout::Stopped(reason) = &self.seen.rollout {
            return State::no("RolloutStopped", reason);
        }
        if let Some(missing) = self.missing() {
            return State::no("ReferenceMissing", missing);
        }
        if let Some(failure) = &self.seen.replica_failure {
            return State::no("PodsRefused", format!("Kubernetes makes no pods: {failure}"));
        }
        let (updated, current) = (pods.updated, pods.current);
        match (&self.seen.rollout, self.decision.held) {
            (Rollout::Stalled, _) => State::no(
                "RolloutStalled",
                format!(
                    "{updated} of {desired} pods are new, and it does not go on: see why new pods are not ready, and change the spec back if it was that"
                ),
            ),
            (_, Some(Held::RollingOut)) => State::yes(
                "ScaleInWaits",
                "Pods are being replaced; the number is lowered when that has ended.",
            ),
            (Rollout::Running, _) => State::yes(
                "RollingOut",
                format!("{updated} of {desired} pods are of the newest version."),
            ),
            (_, Some(Held::Ranking)) => State::yes("ScalingIn", "The emptiest pods are being found."),
            (Rollout::Ended, None) if pods.draining > 0 => State::yes(
                "Draining",
                format!("{} pods hand their people over.", pods.draining),
            ),
            (Rollout::Ended, None) if current != desired || pods.ready < desired => {
                State::yes("Scaling", format!("{} of {desired} pods are ready.", pods.ready))
            }
            _ => self
                .unknown_kind()
                .unwrap_or_else(|| State::no("AsSpecified", "Everything is as the spec says.")),
        }
    }

    /// A kind that no other condition tells of.
    fn unknown_kind(&self) -> Option<State> {
        let is_unknown = self.built.unknown_kinds.contains(&Kind::ServiceMonitor);
        is_unknown.then(|| {
            State::no(
                "KindUnknown",
                "The cluster has no ServiceMonitor: install the Prometheus operator, or set monitoring.serviceMonitor: Auto",
            )
        })
    }

    fn redis(&self) -> State {
        let whose = match self.chat.redis.server {
            RedisServer::Managed(_) => "The managed Redis",
            RedisServer::External(_) => "The Redis",
        };
        let name = crate::names::redis(&self.chat.name);
        match &self.seen.redis {
            Health::Unknown => State::unknown("NotYetKnown", format!("{whose} has not been heard of yet.")),
            Health::Down(reason) => State::no(
                "NotReachable",
                format!("{reason}. Calls, and matches within a pod, go on meanwhile."),
            ),
            Health::Up if self.built.keeps_old_volume => State::yes(
                "VolumeUnchanged",
                format!(
                    "Its volume is as it was made, not as redis.managed.storage says: kubectl -n {} delete statefulset {name} has it made anew, with an empty Redis",
                    self.chat.namespace
                ),
            ),
            Health::Up => State::yes("Reachable", format!("{whose} is reachable.")),
        }
    }

    fn kafka(&self) -> State {
        if self.chat.kafka.brokers == Brokers::Disabled {
            return State::no("Disabled", "kafka.mode is Disabled: events are counted only.");
        }
        if self.built.unknown_kinds.contains(&Kind::KafkaTopic) {
            return State::no(
                "KindUnknown",
                "The cluster has no KafkaTopic and KafkaUser: install Strimzi, or set kafka.mode to something else",
            );
        }
        match &self.seen.kafka {
            Health::Unknown => State::unknown("NotYetKnown", "Kafka has not been heard of yet."),
            Health::Up => State::yes("Reachable", "Kafka is reachable."),
            Health::Down(reason) => State::no(
                "NotReachable",
                format!("{reason}. People notice nothing; events are kept for a while."),
            ),
        }
    }

    fn exposed(&self) -> State {
        let url = self.url.unwrap_or_default();
        let kind = match &self.chat.exposure.by {
            ExposedBy::Nothing => {
                return State::no(
                    "NotExposed",
                    format!("expose.type is None: pods of the cluster connect to {url}."),
                );
            }
            ExposedBy::Ingress { .. } => "Ingress",
            ExposedBy::Gateway(_) => "HTTPRoute",
            ExposedBy::LoadBalancer { .. } => "Service of type LoadBalancer",
        };
        if self.built.unknown_kinds.contains(&Kind::HttpRoute) {
            return State::no(
                "KindUnknown",
                "The cluster has no HTTPRoute: install the Gateway API, or set expose.type to something else",
            );
        }
        match &self.seen.exposure {
            Health::Up => State::yes("Accepted", format!("People connect to {url}.")),
            Health::Down(reason) => State::no("NotAccepted", format!("The {kind}: {reason}")),
            Health::Unknown => State::unknown(
                "NotYetAccepted",
                format!(
                    "The {kind} has no address yet: see whether its controller runs and knows its class."
                ),
            ),
        }
    }

    fn autoscaling(&self) -> State {
        if let Some(foreign) = &self.seen.foreign_autoscaler {
            return State::no(
                "ForeignAutoscaler",
                format!(
                    "HorizontalPodAutoscaler {foreign} scales the Deployment, and spec.replicas does nothing meanwhile: let its scaleTargetRef name this ChatService, or delete it"
                ),
            );
        }
        let kind = match self.chat.autoscaler {
            Autoscaler::None => {
                return State::no("Disabled", "autoscaling.mode is None: people set spec.replicas.");
            }
            Autoscaler::Hpa(_) => "HorizontalPodAutoscaler",
            Autoscaler::Keda(_) => "ScaledObject",
        };
        if self.built.unknown_kinds.contains(&Kind::ScaledObject) {
            return State::no(
                "KindUnknown",
                "The cluster has no ScaledObject: install KEDA, or set autoscaling.mode: HPA",
            );
        }
        if self.built.connections_from == Some(ConnectionsSource::Nowhere) {
            return State::no(
                "NoConnections",
                "Nothing in the cluster tells the number of connections: install the operator's chart with externalMetrics.enabled=true, or an adapter that serves webrtc_active_connections",
            );
        }
        let signal = match self.built.connections_from {
            Some(source) => format!(" Connections come from {source}."),
            None => String::new(),
        };
        match &self.seen.autoscaler {
            Health::Up => State::yes("Active", format!("The {kind} sets spec.replicas.{signal}")),
            Health::Down(reason) => State::no("NotActive", format!("The {kind}: {reason}.{signal}")),
            Health::Unknown => State::unknown(
                "NotYetActive",
                format!("The {kind} has not said anything yet.{signal}"),
            ),
        }
    }

    fn update(&self) -> State {
        if self.built.updates.is_empty() {
            return State::no("UpToDate", "Pods are as this operator builds them.");
        }
        let parts = self.built.updates.iter().map(|update| {
            let part = match update.component {
                Component::Signaling => "signaling pods",
                Component::Redis => "Redis",
                Component::Kafka => "Kafka",
            };
            match update.from == update.to {
                true => format!("{part} in another way"),
                false => format!("{part} from {} instead of {}", update.to, update.from),
            }
        });
        let parts: Vec<_> = parts.collect();
        State::yes(
            "OperatorUpgraded",
            format!(
                "This operator builds {}: the next change of the spec, or updatePolicy: Immediate, replaces the pods.",
                parts.join(", ")
            ),
        )
    }

    fn paused(&self) -> State {
        match self.chat.paused {
            true => State::yes(
                "SpecPaused",
                "Nothing of this service is changed: set spec.paused: false to go on.",
            ),
            false => State::no("NotPaused", "The operator acts on this service."),
        }
    }
}
