//! The Ingress or HTTPRoute: `/socket.io/`, and everything with the demo page.

use serde_json::{Value, json};

use super::services::client_port_of_service;
use super::{BuildError, Building, Kind};
use crate::names::Component;
use crate::validate::{ExposedBy, ValidatedChatService};

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let chat = building.chat;
    match &chat.exposure.by {
        ExposedBy::Ingress {
            class,
            annotations,
            tls,
        } => {
            let spec = json!({ "spec": ingress(chat, class.as_deref(), tls.as_ref()) });
            let child = building.add(Kind::Ingress, &chat.name, Component::Signaling, spec)?;
            if !annotations.is_empty() {
                child.object.metadata.annotations = Some(annotations.clone());
            }
        }
        ExposedBy::Gateway(_) if !building.facts.apis.gateway => {
            building.built.unknown_kinds.push(Kind::HttpRoute);
        }
        ExposedBy::Gateway(parents) => {
            let spec = json!({ "spec": {
                "parentRefs": parents,
                "hostnames": chat.exposure.hostnames,
                "rules": [{
                    "matches": paths(chat).map(|path| json!({
                        "path": { "type": "PathPrefix", "value": path },
                    })).collect::<Vec<_>>(),
                    "backendRefs": [{ "name": chat.name, "port": client_port_of_service(chat).1 }],
                }],
            }});
            building.add(Kind::HttpRoute, &chat.name, Component::Signaling, spec)?;
        }
        ExposedBy::Nothing | ExposedBy::LoadBalancer { .. } => {}
    }
    Ok(())
}

fn paths(chat: &ValidatedChatService) -> impl Iterator<Item = &'static str> {
    let page = chat.pods.demo_page.then_some("/");
    std::iter::once("/socket.io/").chain(page)
}

fn ingress(chat: &ValidatedChatService, class: Option<&str>, tls: Option<&Option<String>>) -> Value {
    let (port, _) = client_port_of_service(chat);
    let backend = json!({ "service": { "name": chat.name, "port": { "name": port } } });
    let paths: Vec<_> = paths(chat)
        .map(|path| json!({ "path": path, "pathType": "Prefix", "backend": backend }))
        .collect();
    let hosts = &chat.exposure.hostnames;
    let rules: Vec<_> = hosts
        .iter()
        .map(|host| json!({ "host": host, "http": { "paths": paths } }))
        .collect();
    let mut spec = json!({ "rules": rules });
    if let Some(class) = class {
        spec["ingressClassName"] = class.into();
    }
    match tls {
        Some(Some(secret)) => spec["tls"] = json!([{ "hosts": hosts, "secretName": secret }]),
        Some(None) => spec["tls"] = json!([{ "hosts": hosts }]),
        None => {}
    }
    spec
}
