//! `spec.expose`, resolved.

use std::collections::BTreeMap;

use crds::{ExposeType, ParentRef};

use super::invalid::Invalid;

/// How people outside the cluster reach the pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// By which kind of object.
    pub by: ExposedBy,
    /// The names that people connect to; at least one with an Ingress or a Gateway.
    pub hostnames: Vec<String>,
}

/// By which kind of object people reach the pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExposedBy {
    /// None: from within the cluster only.
    Nothing,
    /// An Ingress.
    Ingress {
        /// Its IngressClass, where it is not the cluster's own default.
        class: Option<String>,
        /// Its annotations.
        annotations: BTreeMap<String, String>,
        /// Whether it speaks HTTPS, and the Secret of its certificate, where it is not the controller's own.
        tls: Option<Option<String>>,
    },
    /// An HTTPRoute at these Gateways.
    Gateway(Vec<ParentRef>),
    /// A Service of type LoadBalancer.
    LoadBalancer {
        /// Its annotations.
        annotations: BTreeMap<String, String>,
        /// The networks that may reach it; none given: all.
        source_ranges: Vec<String>,
        /// The Secret of the certificate that pods serve, where they speak HTTPS.
        tls: Option<String>,
    },
}

impl Exposure {
    /// How many proxies in front of the pods add to `X-Forwarded-For`, unless the spec says.
    pub(super) fn proxies(&self) -> i32 {
        match self.by {
            ExposedBy::Ingress { .. } | ExposedBy::Gateway(_) => 1,
            ExposedBy::Nothing | ExposedBy::LoadBalancer { .. } => 0,
        }
    }

    /// The Secret of the certificate that pods serve, where they speak HTTPS themselves.
    #[must_use]
    pub fn pod_certificate(&self) -> Option<&str> {
        match &self.by {
            ExposedBy::LoadBalancer { tls, .. } => tls.as_deref(),
            _ => None,
        }
    }
}

pub(super) fn resolve(spec: &crds::Expose) -> Result<Exposure, Invalid> {
    let hostnames: Vec<_> = spec.hostnames.iter().map(|name| name.0.clone()).collect();
    let needs_name = matches!(spec.kind, ExposeType::Ingress | ExposeType::Gateway);
    if needs_name && hostnames.is_empty() {
        return Err(Invalid::missing(
            "spec.expose.hostnames",
            "is required when expose.type is Ingress or Gateway: add the name that people connect to, such as chat.example.com",
        ));
    }
    let by = match spec.kind {
        ExposeType::None => ExposedBy::Nothing,
        ExposeType::Ingress => {
            let ingress = spec.ingress.clone().unwrap_or_default();
            ExposedBy::Ingress {
                class: ingress.class_name,
                annotations: ingress.annotations,
                tls: spec.tls.as_ref().map(|tls| tls.secret_name.clone()),
            }
        }
        ExposeType::Gateway => match &spec.gateway {
            Some(gateway) if !gateway.parent_refs.is_empty() => {
                ExposedBy::Gateway(gateway.parent_refs.clone())
            }
            _ => {
                return Err(Invalid::missing(
                    "spec.expose.gateway",
                    "is required when expose.type is Gateway: add expose.gateway.parentRefs",
                ));
            }
        },
        ExposeType::LoadBalancer => load_balancer(spec)?,
    };
    Ok(Exposure { by, hostnames })
}

fn load_balancer(spec: &crds::Expose) -> Result<ExposedBy, Invalid> {
    let tls = match &spec.tls {
        None => None,
        Some(crds::ExposeTls {
            secret_name: Some(secret),
        }) => Some(secret.clone()),
        Some(_) => {
            return Err(Invalid::missing(
                "spec.expose.tls.secretName",
                "is required when expose.type is LoadBalancer: add a Secret of type kubernetes.io/tls, pods serve its certificate",
            ));
        }
    };
    let balancer = spec.load_balancer.clone().unwrap_or_default();
    Ok(ExposedBy::LoadBalancer {
        annotations: balancer.annotations,
        source_ranges: balancer.source_ranges.into_iter().map(|range| range.0).collect(),
        tls,
    })
}
