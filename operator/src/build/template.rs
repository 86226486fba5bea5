//! Whether pods keep the template that they have.
//!
//! A template is only built anew when the spec says something else than when it was last built. An upgrade of the operator,
//! or an autoscaler's writes, never replace a pod; a `kubectl rollout restart`, and a changed Secret, always do.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::json;

use crate::contents::{canonical, hash};
use crate::facts::Workload;
use crate::names::{CONTENT_ANNOTATION, RESTART_ANNOTATION, SHAPE_ANNOTATION, TEMPLATE_ANNOTATION};

/// What shapes the pods of a workload.
pub(super) struct Shape<'a> {
    /// The hash of what in the spec shapes them.
    pub(super) spec: &'a str,
    /// The hash of the contents that they read.
    pub(super) content: String,
    /// Whether all of these exist. What has just been deleted, perhaps to be made anew, replaces no pod: a new one could not
    /// start.
    pub(super) is_complete: bool,
    /// Whether a template that would be built in another way is built at once (`updatePolicy: Immediate`).
    pub(super) immediate: bool,
}

/// The template that a workload gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chosen {
    pub(super) template: PodTemplateSpec,
    /// What is to be remembered on the workload.
    pub(super) annotations: BTreeMap<String, String>,
    /// Whether pods are made anew.
    pub(super) replaces_pods: bool,
    /// Whether it would be built in another way now.
    pub(super) is_stale: bool,
}

/// Chooses between the template of the `live` workload and the one that was just `built`.
pub(super) fn choose(live: Option<&Workload>, built: PodTemplateSpec, shape: &Shape<'_>) -> Chosen {
    let built_hash = hash([canonical(&json!(built)).as_bytes()]);
    let noted = |annotation: &str| live.and_then(|live| live.annotations.get(annotation));
    let is_as_built = noted(TEMPLATE_ANNOTATION) == Some(&built_hash);
    let is_as_specified = noted(SHAPE_ANNOTATION).map(String::as_str) == Some(shape.spec);
    let kept = live.filter(|_| is_as_built || (is_as_specified && !shape.immediate));
    let mut template = kept.map_or(built, |live| live.template.clone());
    let annotations = annotations_of(&mut template);
    if let Some(restart) = live.and_then(|live| annotation(live, RESTART_ANNOTATION)) {
        annotations.insert(RESTART_ANNOTATION.to_owned(), restart.clone());
    }
    let content = live
        .and_then(|live| annotation(live, CONTENT_ANNOTATION))
        .filter(|_| !shape.is_complete)
        .unwrap_or(&shape.content);
    annotations.insert(CONTENT_ANNOTATION.to_owned(), content.clone());
    let mut remembered = BTreeMap::from([(SHAPE_ANNOTATION.to_owned(), shape.spec.to_owned())]);
    let template_hash = match kept {
        Some(_) => noted(TEMPLATE_ANNOTATION).cloned(),
        None => Some(built_hash),
    };
    remembered.extend(template_hash.map(|hash| (TEMPLATE_ANNOTATION.to_owned(), hash)));
    Chosen {
        replaces_pods: live.is_none_or(|live| live.template != template),
        is_stale: kept.is_some() && !is_as_built,
        template,
        annotations: remembered,
    }
}

fn annotations_of(template: &mut PodTemplateSpec) -> &mut BTreeMap<String, String> {
    template
        .metadata
        .get_or_insert_default()
        .annotations
        .get_or_insert_default()
}

fn annotation<'a>(live: &'a Workload, name: &str) -> Option<&'a String> {
    live.template.metadata.as_ref()?.annotations.as_ref()?.get(name)
}

/// The image of a template's first container.
pub(super) fn image(template: &PodTemplateSpec) -> Option<&str> {
    template.spec.as_ref()?.containers.first()?.image.as_deref()
}
