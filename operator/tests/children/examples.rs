//! The examples: ChatServices that together have every mode, admitted and validated.

use std::collections::BTreeMap;
use std::path::Path;

use crds::admission::admit;
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::jiff::Timestamp;
use operator::build::{Built, Entropy, Kind, build};
use operator::facts::{Apis, Facts, Operator, Workload};
use operator::names;
use operator::replicas::{State, decide};
use operator::validate::{ValidatedChatService, validate};
use serde_json::{Value, json};

/// A ChatService in a file.
pub(crate) struct Example {
    /// The file's name, without its ending.
    pub(crate) name: String,
    /// What it comes to.
    pub(crate) chat: ValidatedChatService,
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let mut examples: Vec<_> = files
        .map(|path| Example {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            chat: read(&std::fs::read_to_string(&path).unwrap()),
        })
        .collect();
    examples.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!examples.is_empty());
    examples
}

/// The one of this name.
pub(crate) fn example(name: &str) -> ValidatedChatService {
    let mut all = all().into_iter();
    all.find(|example| example.name == name).unwrap().chat
}

/// A ChatService in YAML, as the API server would keep it in the namespace `chat`.
pub(crate) fn read(yaml: &str) -> ValidatedChatService {
    let mut object: Value = serde_saphyr::from_str(yaml).unwrap();
    object["metadata"]["namespace"] = "chat".into();
    object["metadata"]["uid"] = "5d1cc0a2-9a5c-4e0e-8a34-0b7f1a1f2c11".into();
    object["metadata"]["generation"] = json!(1);
    let admitted = admit(&object).unwrap_or_else(|faults| panic!("{yaml}\n{faults:?}"));
    validate(&admitted).unwrap_or_else(|invalid| panic!("{yaml}\n{invalid}"))
}

/// A ChatService called `acme` for 1000 users with this spec beside that.
pub(crate) fn acme(spec: &str) -> ValidatedChatService {
    read(&format!(
        "{{apiVersion: chat.webrtc.io/v1alpha1, kind: ChatService, metadata: {{name: acme}}, spec: {{capacity: {{users: 1000}}, {spec}}}}}"
    ))
}

/// A cluster that has everything, and no child yet.
pub(crate) fn nothing_yet(replicas: i32) -> Facts {
    Facts {
        operator: Operator {
            signaling_tag: "1.0.0".to_owned(),
            ..Operator::default()
        },
        apis: Apis::all(),
        replicas,
        ..Facts::default()
    }
}

/// Randomness that is always the same.
pub(crate) fn entropy() -> Entropy {
    Entropy(std::array::from_fn(|index| u8::try_from(index).unwrap()))
}

/// The children of an example where there are none yet.
pub(crate) fn build_from_nothing(example: &Example) -> Built {
    let state = State {
        spec: example.chat.replicas,
        row: i32::try_from(example.chat.sizing.row.workers).unwrap(),
        ..State::default()
    };
    let replicas = decide(&state, Timestamp::UNIX_EPOCH).replicas;
    let mut facts = nothing_yet(replicas);
    // An adapter would win over the operator's own endpoint.
    facts.apis.custom_connections = example.name == "hpa-custom-metrics";
    build(&example.chat, &facts, &entropy()).unwrap()
}

/// The child of this kind and name.
pub(crate) fn child(built: &Built, kind: Kind, name: &str) -> Value {
    let mut children = built.children.iter();
    let child = children.find(|child| child.kind == kind && child.name() == name);
    let child = child.unwrap_or_else(|| panic!("there is no {kind} {name}"));
    serde_json::to_value(&child.object).unwrap()
}

/// A workload as it would be read back from the cluster right after it was applied, with a default of the API server.
pub(crate) fn live(built: &Built, kind: Kind, name: &str) -> Workload {
    let mut object = child(built, kind, name);
    object["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst".into();
    match kind {
        Kind::Deployment => Workload::from(&serde_json::from_value::<Deployment>(object).unwrap()),
        _ => Workload::from(&serde_json::from_value::<StatefulSet>(object).unwrap()),
    }
}

/// The data of a Secret.
pub(crate) fn data(built: &Built, name: &str) -> BTreeMap<String, ByteString> {
    serde_json::from_value(child(built, Kind::Secret, name)["data"].clone()).unwrap()
}

/// The cluster after everything that was `built` has been applied, and all pods have been replaced.
pub(crate) fn applied(chat: &ValidatedChatService, built: &Built, before: &Facts) -> Facts {
    let has = |kind, name: &str| {
        let mut children = built.children.iter();
        children.any(|child| child.kind == kind && child.name() == name)
    };
    let (redis, kafka) = (names::redis(&chat.name), names::kafka(&chat.name));
    Facts {
        deployment: Some(live(built, Kind::Deployment, &chat.name)),
        redis: has(Kind::StatefulSet, &redis).then(|| live(built, Kind::StatefulSet, &redis)),
        kafka: has(Kind::StatefulSet, &kafka).then(|| live(built, Kind::StatefulSet, &kafka)),
        pod_secret: Some(data(built, &names::pod_secret(&chat.name))),
        redis_secret: has(Kind::Secret, &redis).then(|| data(built, &redis)),
        rolled_out: true,
        ..before.clone()
    }
}
