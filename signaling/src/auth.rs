//! Who a client is: JSON Web Tokens (RFC 7519), checked with keys that may change while the pod runs.
//!
//! A key's file is read again at every connect, and parsed when its bytes have changed, so that a rotated key needs no
//! restart. One that cannot be read or parsed any more is logged, and the last good one stays.

use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use signaling_core::worker::User;

use crate::config::{self, Secret, SecretError, table};

/// The longest `sub` in bytes: as long as OpenID Connect lets it be.
const MAX_SUBJECT_BYTES: usize = 255;
/// How far the clocks of the token's maker and of this pod may be apart.
const LEEWAY_SECONDS: u64 = 30;

/// Checks tokens. Each worker has its own, so that nothing is shared.
#[derive(Clone, Debug)]
pub struct Authenticator {
    sources: Vec<Source>,
    audience: Option<String>,
    issuer: Option<String>,
}

/// A variable's keys, as they were read last.
#[derive(Clone, Debug)]
struct Source {
    origin: Origin,
    bytes: Vec<u8>,
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
enum Origin {
    Secret(Secret),
    PublicKey(PathBuf),
    Jwks(PathBuf),
}

#[derive(Clone)]
struct Key {
    /// A key of a set is found by its `kid`; another one takes any token.
    id: Option<String>,
    key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// Why keys are of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A key's file could not be read.
    #[error("{name}={path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file holds no key.
    #[error("{name}={path} is not allowed: it takes {allowed}", path = path.display())]
    NotAKey {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the file must hold.
        allowed: &'static str,
    },
}

/// Why a client is not let in; the sentence is for its developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// There is no token.
    #[error("a token is needed: auth.token")]
    Missing,
    /// It is no JWT, or of an algorithm that no key here is for.
    #[error("auth.token is not a JWT that one of the service's keys can check")]
    Malformed,
    /// It was signed by somebody else.
    #[error("the signature of auth.token is not valid")]
    Signature,
    /// Its time has passed, and there is no live session of this user to come back to.
    #[error("auth.token has expired")]
    Expired,
    /// Its time has not come.
    #[error("auth.token is not valid yet (nbf)")]
    Early,
    /// It is for another service.
    #[error("auth.token is for another audience (aud)")]
    Audience,
    /// It was issued by somebody else.
    #[error("auth.token is of another issuer (iss)")]
    Issuer,
    /// `exp` or `sub` is missing, or `sub` is empty or too long.
    #[error("auth.token needs the claims exp and sub (1 to 255 bytes)")]
    Claims,
}

impl Authenticator {
    /// With the keys of the configuration; `None` where none is configured and everyone is let in.
    ///
    /// # Errors
    /// When a key cannot be read, or is none.
    pub fn new(config: &config::Auth) -> Result<Option<Self>, KeyError> {
        let secret = config.secret.clone().map(Origin::Secret);
        let public_key = config.public_key.clone().map(Origin::PublicKey);
        let jwks = config.jwks.clone().map(Origin::Jwks);
        let sources = [secret, public_key, jwks]
            .into_iter()
            .flatten()
            .map(Source::new)
            .collect::<Result<Vec<_>, _>>()?;
        Ok((!sources.is_empty()).then(|| Self {
            sources,
            audience: config.audience.clone(),
            issuer: config.issuer.clone(),
        }))
    }

    /// Who shows this token. One that is valid but for its expiry names its user as [`User::Expired`].
    ///
    /// # Errors
    /// When the token does not let its bearer in.
    pub fn authenticate(&mut self, token: Option<&str>) -> Result<User, Unauthorized> {
        let token = token.ok_or(Unauthorized::Missing)?;
        let header = decode_header(token).map_err(|_| Unauthorized::Malformed)?;
        for source in &mut self.sources {
            source.refresh();
        }
        let mut refusal = Unauthorized::Malformed;
        for key in self.sources.iter().flat_map(|source| &source.keys) {
            let other_id = header.kid.is_some() && key.id.is_some() && header.kid != key.id;
            if other_id || !key.key.family().algorithms().contains(&header.alg) {
                continue;
            }
            match self.check(token, &key.key) {
                Ok(user) => return Ok(user),
                // Another key may be the one.
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn check(&self, token: &str, key: &DecodingKey) -> Result<User, Unauthorized> {
        let mut validation = self.validation(key.family());
        match decode::<Claims>(token, key, &validation) {
            Ok(token) => subject(token.claims).map(User::Known),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                validation.validate_exp = false;
                let token = decode::<Claims>(token, key, &validation).map_err(|error| refusal(&error))?;
                subject(token.claims).map(User::Expired)
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    fn validation(&self, family: AlgorithmFamily) -> Validation {
        let mut validation = Validation::new_for_family(family);
        let mut required = vec!["exp", "sub"];
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.validate_aud = self.audience.is_some();
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

fn subject(claims: Claims) -> Result<Arc<str>, Unauthorized> {
    let fits = (1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len());
    fits.then(|| claims.sub.into()).ok_or(Unauthorized::Claims)
}

fn refusal(error: &jsonwebtoken::errors::Error) -> Unauthorized {
    match error.kind() {
        ErrorKind::InvalidSignature => Unauthorized::Signature,
        ErrorKind::ExpiredSignature => Unauthorized::Expired,
        ErrorKind::ImmatureSignature => Unauthorized::Early,
        ErrorKind::InvalidAudience => Unauthorized::Audience,
        ErrorKind::InvalidIssuer => Unauthorized::Issuer,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            Unauthorized::Claims
        }
        _ => Unauthorized::Malformed,
    }
}

impl Source {
    fn new(origin: Origin) -> Result<Self, KeyError> {
        let bytes = origin.read()?;
        let keys = origin.parse(&bytes)?;
        Ok(Self { origin, bytes, keys })
    }

    fn refresh(&mut self) {
        if matches!(&self.origin, Origin::Secret(secret) if secret.path().is_none()) {
            return;
        }
        let read = self.origin.read().and_then(|bytes| {
            if bytes == self.bytes {
                return Ok(None);
            }
            let keys = self.origin.parse(&bytes)?;
            Ok(Some((bytes, keys)))
        });
        match read {
            Ok(None) => {}
            Ok(Some((bytes, keys))) => {
                (self.bytes, self.keys) = (bytes, keys);
                tracing::info!("the keys of authentication have changed");
            }
            Err(error) => tracing::warn!(%error, "the keys of authentication stay as they were"),
        }
    }
}

impl Origin {
    fn read(&self) -> Result<Vec<u8>, KeyError> {
        let (name, path) = match self {
            Self::Secret(secret) => return Ok(secret.read()?.into_bytes()),
            Self::PublicKey(path) => (table::AUTH_JWT_PUBLIC_KEY_FILE.name, path),
            Self::Jwks(path) => (table::AUTH_JWKS_FILE.name, path),
        };
        std::fs::read(path).map_err(|reason| KeyError::Unreadable {
            name,
            path: path.clone(),
            reason,
        })
    }

    fn parse(&self, bytes: &[u8]) -> Result<Vec<Key>, KeyError> {
        match self {
            Self::Secret(_) => Ok(vec![Key {
                id: None,
                key: DecodingKey::from_secret(bytes),
            }]),
            Self::PublicKey(path) => {
                let key = DecodingKey::from_rsa_pem(bytes)
                    .or_else(|_| DecodingKey::from_ec_pem(bytes))
                    .or_else(|_| DecodingKey::from_ed_pem(bytes));
                key.map(|key| vec![Key { id: None, key }])
                    .map_err(|_| KeyError::NotAKey {
                        name: table::AUTH_JWT_PUBLIC_KEY_FILE.name,
                        path: path.clone(),
                        allowed: "a public key in PEM (RSA, EC P-256 or P-384, or Ed25519)",
                    })
            }
            Self::Jwks(path) => key_set(bytes).ok_or_else(|| KeyError::NotAKey {
                name: table::AUTH_JWKS_FILE.name,
                path: path.clone(),
                allowed: "a JSON Web Key Set with a key that can check signatures",
            }),
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set that can check signatures (RFC 7517, section 5). Those of kinds that are not known here are left
/// out, as the section asks.
fn key_set(bytes: &[u8]) -> Option<Vec<Key>> {
    let set: KeySet = serde_json::from_slice(bytes).ok()?;
    let keys: Vec<Key> = set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
        .filter(|jwk| jwk.common.public_key_use != Some(PublicKeyUse::Encryption))
        .filter_map(|jwk| {
            Some(Key {
                key: DecodingKey::from_jwk(&jwk).ok()?,
                id: jwk.common.key_id,
            })
        })
        .collect();
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests;
