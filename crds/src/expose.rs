//! `spec.expose`: how people outside the cluster reach the pods.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{annotations, rules};

/// How people outside the cluster reach the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!(self.type in ['Ingress', 'Gateway']) || (has(self.hostnames) && self.hostnames.size() > 0)",
        "expose.hostnames is required when expose.type is Ingress or Gateway: add the name that people connect to, such as chat.example.com",
    ),
    (
        "self.type != 'Gateway' || has(self.gateway)",
        "expose.gateway is required when expose.type is Gateway: add expose.gateway.parentRefs",
    ),
    (
        "self.type in ['None', 'Ingress'] || !has(self.ingress)",
        "expose.ingress is only used when expose.type is Ingress: set expose.type: Ingress, or take expose.ingress out",
    ),
    (
        "self.type in ['None', 'Gateway'] || !has(self.gateway)",
        "expose.gateway is only used when expose.type is Gateway: set expose.type: Gateway, or take expose.gateway out",
    ),
    (
        "self.type in ['None', 'LoadBalancer'] || !has(self.loadBalancer)",
        "expose.loadBalancer is only used when expose.type is LoadBalancer: set expose.type: LoadBalancer, or take expose.loadBalancer out",
    ),
    (
        "self.type != 'Gateway' || !has(self.tls)",
        "expose.tls is not used when expose.type is Gateway: give the certificate to the Gateway's listener, and take expose.tls out",
    ),
    (
        "self.type != 'LoadBalancer' || !has(self.tls) || has(self.tls.secretName)",
        "expose.tls.secretName is required when expose.type is LoadBalancer: add a Secret of type kubernetes.io/tls, pods serve its certificate",
    ),
])))]
pub struct Expose {
    /// `None`: only from within the cluster. `Ingress`: an Ingress. `Gateway`: an HTTPRoute at a Gateway that is there already.
    /// `LoadBalancer`: a Service of that type. No session affinity is needed with any of them.
    #[serde(rename = "type")]
    pub kind: ExposeType,
    /// The names that people connect to. Required with `Ingress` and `Gateway`; the first one is in `status.url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub hostnames: Vec<Hostname>,
    /// Speak HTTPS. Default: no HTTPS at an Ingress or LoadBalancer; a Gateway's listener decides by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ExposeTls>,
    /// The Ingress. Default: one of the cluster's default class without annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// The Gateway. Required with `Gateway`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// The Service of type LoadBalancer. Default: one without annotations that everyone may reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
}

/// How people outside the cluster reach the pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExposeType {
    /// They do not.
    #[default]
    None,
    /// By an Ingress.
    Ingress,
    /// By an HTTPRoute.
    Gateway,
    /// By a Service of type LoadBalancer.
    LoadBalancer,
}

/// A DNS name without a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hostname(
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = rules(&[(
        "self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",
        "an item of expose.hostnames is a DNS name in lower case such as chat.example.com, without https://, port, path or *",
    )])))]
    pub String,
);

/// HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExposeTls {
    /// A Secret of type `kubernetes.io/tls` in the same namespace. Required with `LoadBalancer`. Default with `Ingress`: the
    /// Ingress controller's own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
}

/// The Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Ingress {
    /// Its IngressClass. Default: the cluster's own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Its annotations, such as those of cert-manager.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// The Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// The Gateways that the HTTPRoute joins.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentRef>,
}

/// A Gateway of `gateway.networking.k8s.io`, or one of its listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// The Gateway's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The Gateway's namespace. Default: that of the ChatService.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// The name of one listener. Default: every listener that lets the HTTPRoute in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
    /// The port of listeners. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<i32>,
}

/// The Service of type LoadBalancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancer {
    /// Its annotations, by which clouds are told what kind it is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// The networks that may reach it, such as `203.0.113.0/24`. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub source_ranges: Vec<SourceRange>,
}

/// A network in CIDR notation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRange(
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[(
        "isCIDR(self)",
        "an item of expose.loadBalancer.sourceRanges is a network in CIDR notation, such as 203.0.113.0/24 or 2001:db8::/32",
    )])))]
    pub String,
);
