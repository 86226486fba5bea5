//! `operator plan`: every object that a ChatService would have, without a cluster, and why it is sized as it is.

mod explanation;

use std::fmt::Write as _;

use crds::admission;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::build::{BuildError, Built, Child, Entropy, Kind, build};
use crate::facts::{Apis, Facts};
use crate::names;
use crate::replicas::{State, decide};
use crate::sizing::signed;
use crate::validate::{Autoscaler, ValidatedChatService, validate};
use crate::yaml::{YamlError, to_yaml};

/// What a file of ChatServices comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// YAML documents, with explanations as comments.
    pub text: String,
    /// What is wrong: one line each, with the path of the field and what to write instead.
    pub faults: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not YAML.
    #[error("not YAML: {0}")]
    NotYaml(Box<serde_saphyr::Error>),
    /// A child could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A child could not be written.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

/// Plans every ChatService of a YAML text, which may have several documents; other kinds are passed over. `namespace` is
/// that of a ChatService that names none.
///
/// # Errors
/// [`PlanError`]; a ChatService that would be refused is no error, but in [`Plan::faults`].
pub fn plan(text: &str, namespace: &str) -> Result<Plan, PlanError> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| PlanError::NotYaml(Box::new(error)))?;
    let mut plan = Plan::default();
    let mut planned = 0;
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        match Document::of(&document) {
            Document::ChatService => {
                planned += 1;
                plan_one(&mut plan, document, namespace)?;
            }
            Document::Other(kind) => {
                let _ = writeln!(plan.text, "# {kind}: not a ChatService, left out");
            }
            Document::OtherVersion(version) => plan.faults.push(format!(
                "apiVersion: {version} is not known: write {}",
                names::API_VERSION
            )),
        }
    }
    if planned == 0 && plan.faults.is_empty() {
        plan.faults.push(format!(
            "kind: there is no ChatService here: begin with apiVersion: {} and kind: {}",
            names::API_VERSION,
            names::KIND
        ));
    }
    Ok(plan)
}

enum Document {
    ChatService,
    OtherVersion(String),
    Other(String),
}

impl Document {
    fn of(document: &Value) -> Self {
        let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or("none");
        match (text("kind"), text("apiVersion")) {
            (names::KIND, names::API_VERSION) => Self::ChatService,
            (names::KIND, version) => Self::OtherVersion(version.to_owned()),
            (kind, _) => Self::Other(kind.to_owned()),
        }
    }
}

fn plan_one(plan: &mut Plan, mut object: Value, namespace: &str) -> Result<(), PlanError> {
    if object.pointer("/metadata/namespace").is_none()
        && let Some(Value::Object(metadata)) = object.get_mut("metadata")
    {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    let name = name.unwrap_or("without a name").to_owned();
    let admitted = match admission::admit(&object) {
        Ok(admitted) => admitted,
        Err(faults) => {
            let faults = faults.iter().map(|fault| format!("ChatService {name}: {fault}"));
            plan.faults.extend(faults);
            return Ok(());
        }
    };
    match validate(&admitted) {
        Ok(chat) => write(plan, &chat),
        Err(invalid) => {
            plan.faults.push(format!("ChatService {name}: {invalid}"));
            Ok(())
        }
    }
}

fn write(plan: &mut Plan, chat: &ValidatedChatService) -> Result<(), PlanError> {
    let state = State {
        spec: chat.replicas,
        row: signed(chat.sizing.row.workers),
        autoscaled: chat.autoscaler != Autoscaler::None,
        ..State::default()
    };
    // Without a Deployment the time plays no part.
    let decision = decide(&state, Timestamp::UNIX_EPOCH);
    let facts = Facts {
        apis: Apis::all(),
        replicas: decision.replicas,
        ..Facts::default()
    };
    // Secrets are not shown, so that none that everybody knows is ever applied.
    let built: Built = build(chat, &facts, &Entropy([0; 64]))?;
    explanation::write(&mut plan.text, chat, decision.replicas, &built);
    for child in built.children {
        plan.text.push_str("---\n");
        if let Some(comment) = comment(child.kind) {
            let _ = writeln!(plan.text, "# {comment}");
        }
        plan.text.push_str(&to_yaml(&shown(child))?);
    }
    Ok(())
}

fn comment(kind: Kind) -> Option<String> {
    match kind {
        Kind::Secret => Some("Its values are drawn when it is first applied, and never change.".to_owned()),
        _ if kind.is_built_in() => None,
        _ => Some(format!("Where the cluster knows the kind {kind}.")),
    }
}

fn shown(child: Child) -> Value {
    let mut object = serde_json::to_value(child.object).unwrap_or_default();
    if child.kind == Kind::Secret
        && let Some(Value::Object(data)) = object.get_mut("data")
    {
        data.clear();
    }
    object
}
