//! The Secrets that the operator generates: what all pods share, and the managed Redis's password.
//!
//! What exists is never changed. The password may be: by a person who writes another one into the Secret. Redis then
//! accepts it and the one before it, until no pod is left that has only the old one.

use k8s_openapi::ByteString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{BuildError, Building, Entropy, Kind};
use crate::contents::{Content, hash, hex};
use crate::credentials::{self, PASSWORD_KEY, POD_SECRET_KEY};
use crate::facts::Facts;
use crate::names::{self, CONTENT_ANNOTATION, Component};
use crate::validate::{RedisServer, ValidatedChatService};

/// The key of the file with the managed Redis's users.
pub(super) const USERS_KEY: &str = "users.acl";

/// What the generated Secrets hold, as it was or as it will be.
pub(super) struct Generated {
    /// The hash of everything that signaling pods read.
    pub(super) content: String,
    /// The hash of the file with the managed Redis's users, where there is one.
    pub(super) users: Option<String>,
}

/// Adds the Secrets, with what exists as it is.
pub(super) fn add(building: &mut Building<'_>, entropy: &Entropy) -> Result<Generated, BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    let (for_pods, for_redis) = entropy.0.split_at(32);
    let shared = kept(facts.pod_secret.as_ref(), POD_SECRET_KEY)
        .unwrap_or_else(|| ByteString(hex(for_pods).into_bytes()));
    let name = names::pod_secret(&chat.name);
    let data = json!({ "type": "Opaque", "data": { POD_SECRET_KEY: shared } });
    building.add(Kind::Secret, &name, Component::Signaling, data)?;
    let RedisServer::Managed(_) = chat.redis.server else {
        return Ok(Generated {
            content: content(chat, facts, &[&shared.0]),
            users: None,
        });
    };
    let password = kept(facts.redis_secret.as_ref(), PASSWORD_KEY)
        .unwrap_or_else(|| ByteString(hex(for_redis).into_bytes()));
    let content = content(chat, facts, &[&shared.0, &password.0]);
    let users = users(facts, &password, &content);
    let data = json!({
        "type": "Opaque",
        "data": { PASSWORD_KEY: password, USERS_KEY: ByteString(users.clone().into_bytes()) },
    });
    building.add(Kind::Secret, &names::redis(&chat.name), Component::Redis, data)?;
    Ok(Generated {
        content,
        users: Some(hash([shared.0.as_slice(), users.as_bytes()])),
    })
}

fn kept(data: Option<&std::collections::BTreeMap<String, ByteString>>, key: &str) -> Option<ByteString> {
    data?.get(key).filter(|value| !value.0.is_empty()).cloned()
}

/// The hash of the `generated` values and of what the spec names.
///
/// What all pods share goes into it as it is, as into the hash of Redis's users: without that nobody who reads a hash can
/// try out passwords.
fn content(chat: &ValidatedChatService, facts: &Facts, generated: &[&[u8]]) -> String {
    let sources = credentials::sources(chat).0;
    let named = sources.keys().map(|source| {
        let content = match facts.contents.get(source) {
            Some(Content::Hash(hash)) => hash.as_str(),
            Some(Content::MissingKey(_)) | None => "",
        };
        (source.to_string(), content)
    });
    let named: Vec<_> = named.collect();
    let named = named
        .iter()
        .flat_map(|(source, content)| [source.as_bytes(), content.as_bytes()]);
    hash(generated.iter().copied().chain(named))
}

/// The file with the one user, who has this password, and the one before it for as long as a pod may have only that.
fn users(facts: &Facts, password: &ByteString, content: &str) -> String {
    let digest = |password: &[u8]| hex(&Sha256::digest(password));
    let current = digest(password.0.trim_ascii());
    let old = kept(facts.redis_secret.as_ref(), USERS_KEY).unwrap_or_default();
    let old = String::from_utf8_lossy(&old.0);
    let previous = old
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('#'))
        .find(|digest| *digest != current)
        .filter(|_| !is_settled(facts, content));
    let previous = previous.map(|digest| format!(" #{digest}"));
    format!(
        "user default on #{current}{} ~* &* +@all\n",
        previous.unwrap_or_default()
    )
}

/// Whether every pod has been started with these contents, or there is none.
fn is_settled(facts: &Facts, content: &str) -> bool {
    facts.deployment.as_ref().is_none_or(|live| {
        let metadata = live.template.metadata.as_ref();
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        let noted = annotations.and_then(|all| all.get(CONTENT_ANNOTATION));
        facts.rolled_out && noted.map(String::as_str) == Some(content)
    })
}
