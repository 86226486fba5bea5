//! `spec.turn`: the servers that help two browsers find a way to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_refs::SecretKeyRef;
use crate::rules::{host, port, rules};

/// The servers that help two browsers find a way to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.urls) || self.urls.size() == 0 || has(self.secretRef)",
        "turn.secretRef is required with turn.urls: add the Secret that holds the TURN servers' static-auth-secret",
    ),
    (
        "!has(self.secretRef) || (has(self.urls) && self.urls.size() > 0)",
        "turn.secretRef is only used with turn.urls: add turn.urls, or take turn.secretRef out",
    ),
])))]
pub struct Turn {
    /// TURN servers that share `secretRef` (coturn's `use-auth-secret`), which relay calls where no direct way is found. They
    /// should be reachable by TCP or TLS as well. Default: none; about one call in ten then fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub urls: Vec<TurnUrl>,
    /// The secret that is shared with the TURN servers; two, separated by a comma, while it is changed: the first one signs.
    /// Required with `urls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// How many seconds TURN credentials are good for. People in a call get fresh ones at 80 % of it.
    #[schemars(range(min = 60, max = 604_800))]
    pub ttl_seconds: i32,
    /// STUN servers, which tell a browser its own address. An empty list turns them off.
    #[schemars(length(max = 16))]
    pub stun_urls: Vec<StunUrl>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            secret_ref: None,
            ttl_seconds: 3600,
            stun_urls: vec![StunUrl("stun:stun.l.google.com:19302".to_owned())],
        }
    }
}

/// A TURN server, RFC 7065.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TurnUrl(
    #[schemars(length(max = 512), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^turns?:", host!(), "(:", port!(), ")?([?]transport=(udp|tcp))?$')"),
        "an item of turn.urls begins with turn: or turns:, such as turns:turn.example.com:443?transport=tcp",
    )])))]
    pub String,
);

/// A STUN server, RFC 7064.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StunUrl(
    #[schemars(length(max = 512), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^stuns?:", host!(), "(:", port!(), ")?$')"),
        "an item of turn.stunUrls begins with stun: or stuns:, such as stun:stun.example.com:3478",
    )])))]
    pub String,
);
