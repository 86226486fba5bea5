//! `spec.turn` and `spec.auth`, resolved.

use crds::{ConfigMapKeyRef, SecretKeyRef};

use super::invalid::Invalid;

/// The servers that help two browsers find a way to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// TURN servers, at least one, and the secret that is shared with them.
    pub relays: Option<(Vec<String>, SecretKeyRef)>,
    /// How many seconds TURN credentials are good for.
    pub ttl_seconds: i32,
    /// STUN servers; none given: STUN is off.
    pub stun_urls: Vec<String>,
}

/// What people's tokens are checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// The key.
    pub key: JwtKey,
    /// The audience that a token must name.
    pub audience: Option<String>,
    /// The issuer that a token must name.
    pub issuer: Option<String>,
}

/// The key that people's tokens are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKey {
    /// The secret that they are signed with.
    Secret(SecretKeyRef),
    /// The public key of whoever signs them.
    PublicKey(SecretKeyRef),
    /// The key set of whoever signs them.
    KeySet(ConfigMapKeyRef),
}

pub(super) fn turn(spec: &crds::Turn) -> Result<Turn, Invalid> {
    let urls: Vec<_> = spec.urls.iter().map(|url| url.0.clone()).collect();
    let relays = match (urls.is_empty(), &spec.secret_ref) {
        (true, _) => None,
        (false, Some(secret)) => Some((urls, secret.clone())),
        (false, None) => {
            return Err(Invalid::missing(
                "spec.turn.secretRef",
                "is required with turn.urls: add the Secret that holds the TURN servers' static-auth-secret",
            ));
        }
    };
    Ok(Turn {
        relays,
        ttl_seconds: spec.ttl_seconds,
        stun_urls: spec.stun_urls.iter().map(|url| url.0.clone()).collect(),
    })
}

pub(super) fn jwt(spec: &crds::Jwt) -> Result<Jwt, Invalid> {
    let key = match (
        &spec.secret_ref,
        &spec.public_key_secret_ref,
        &spec.jwks_config_map_ref,
    ) {
        (Some(secret), None, None) => JwtKey::Secret(secret.clone()),
        (None, Some(key), None) => JwtKey::PublicKey(key.clone()),
        (None, None, Some(set)) => JwtKey::KeySet(set.clone()),
        _ => {
            return Err(Invalid::value(
                "spec.auth.jwt",
                "takes exactly one of secretRef, publicKeySecretRef and jwksConfigMapRef: keep one, or take auth.jwt out",
            ));
        }
    };
    Ok(Jwt {
        key,
        audience: spec.audience.clone(),
        issuer: spec.issuer.clone(),
    })
}
