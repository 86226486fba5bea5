//! `spec.auth`: who may connect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_refs::{ConfigMapKeyRef, SecretKeyRef};
use crate::rules::rules;

/// Who may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Auth {
    /// People show a JSON Web Token. Default: everyone may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
}

/// What a JSON Web Token is checked against: one key, and what it must name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "[has(self.secretRef), has(self.publicKeySecretRef), has(self.jwksConfigMapRef)].filter(given, given).size() == 1",
    "auth.jwt takes exactly one of secretRef, publicKeySecretRef and jwksConfigMapRef: keep one, or take auth.jwt out",
)])))]
pub struct Jwt {
    /// The secret that tokens are signed with (HS256, HS384 or HS512; 32 bytes at least are advised).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// The public key (PEM: RSA, EC P-256 or P-384, or Ed25519) of whoever signs tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key_secret_ref: Option<SecretKeyRef>,
    /// The JSON Web Key Set of whoever signs tokens; a key is found by the token's `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_config_map_ref: Option<ConfigMapKeyRef>,
    /// The audience that a token must name. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub audience: Option<String>,
    /// The issuer that a token must name. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub issuer: Option<String>,
}
