//! `spec.image`: which image the signaling pods run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_refs::SecretRef;
use crate::rules::{image_digest, image_name, image_tag, rules};

/// Which image the signaling pods run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Image {
    /// Where the image is, without a tag. Default: the signaling image of the operator's own release.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^", image_name!(), "$')"),
        "image.repository is a name such as registry.example.com/chat/signaling: write its tag into image.tag",
    )])))]
    pub repository: Option<String>,
    /// The image's tag, or its digest (`sha256:` and 64 hexadecimal digits). Default: the operator's own version when the
    /// ChatService was made; a later version of the operator does not change it by itself (see `updatePolicy`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^(", image_tag!(), "|", image_digest!(), ")$')"),
        "image.tag is a tag such as 1.4.0, or a digest such as sha256: and 64 hexadecimal digits",
    )])))]
    pub tag: Option<String>,
    /// When nodes fetch the image: `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: PullPolicy,
    /// Secrets in the same namespace with the registry's credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub pull_secrets: Vec<SecretRef>,
}

/// When nodes fetch an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// At each start of a pod.
    Always,
    /// Where a node does not have it yet.
    #[default]
    IfNotPresent,
    /// Never: it must be there already.
    Never,
}
