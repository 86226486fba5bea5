//! Secrets: drawn once, kept, changed without a person noticing, and seen nowhere else.

use k8s_openapi::ByteString;
use operator::build::{Built, Entropy, Kind, build};
use operator::contents::{Content, Source, hex};
use operator::facts::Facts;
use operator::validate::ValidatedChatService;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::examples::{acme, all, applied, child, data, entropy, nothing_yet};

fn built(chat: &ValidatedChatService, facts: &Facts) -> Built {
    build(chat, facts, &entropy()).unwrap()
}

fn text(value: &ByteString) -> &str {
    std::str::from_utf8(&value.0).unwrap()
}

fn users(built: &Built) -> String {
    text(&data(built, "acme-redis")["users.acl"]).to_owned()
}

fn digest(password: &str) -> String {
    hex(&Sha256::digest(password))
}

#[test]
fn what_exists_is_kept_whatever_randomness_says() {
    let chat = acme("");
    let first = built(&chat, &nothing_yet(4));
    let facts = applied(&chat, &first, &nothing_yet(4));
    let other = build(&chat, &facts, &Entropy([7; 64])).unwrap();
    for name in ["acme-pod-secret", "acme-redis"] {
        assert_eq!(data(&first, name), data(&other, name), "{name}");
    }
    let drawn = build(&chat, &nothing_yet(4), &Entropy([7; 64])).unwrap();
    assert_ne!(data(&first, "acme-pod-secret"), data(&drawn, "acme-pod-secret"));
    let of_pods = &data(&drawn, "acme-pod-secret")["secret"];
    let of_redis = &data(&first, "acme-redis")["password"];
    assert_eq!((of_pods.0.len(), of_redis.0.len()), (64, 64));
    assert_ne!(
        data(&first, "acme-pod-secret")["secret"],
        data(&first, "acme-redis")["password"]
    );
}

#[test]
fn a_secret_that_somebody_emptied_is_drawn_anew() {
    let chat = acme("");
    let mut facts = applied(&chat, &built(&chat, &nothing_yet(4)), &nothing_yet(4));
    facts.pod_secret = Some([("secret".to_owned(), ByteString::default())].into());
    let again = built(&chat, &facts);
    assert_eq!(data(&again, "acme-pod-secret")["secret"].0.len(), 64);
}

#[test]
fn redis_accepts_the_password_before_until_no_pod_has_it() {
    let chat = acme("");
    let first = built(&chat, &nothing_yet(4));
    let old = text(&data(&first, "acme-redis")["password"]).to_owned();
    assert_eq!(
        users(&first),
        format!("user default on #{} ~* &* +@all\n", digest(&old))
    );

    // A person writes another password into the Secret; with a line break, as `kubectl create secret --from-file` would.
    let mut facts = applied(&chat, &first, &nothing_yet(4));
    let secret = facts.redis_secret.as_mut().unwrap();
    secret.insert("password".to_owned(), ByteString(b"another\n".to_vec()));
    let changed = built(&chat, &facts);
    let both = format!(
        "user default on #{} #{} ~* &* +@all\n",
        digest("another"),
        digest(&old)
    );
    assert_eq!(users(&changed), both);
    assert!(changed.replaces_pods);

    // The new template is there, older pods are too.
    let mut facts = applied(&chat, &changed, &facts);
    facts.rolled_out = false;
    let during = built(&chat, &facts);
    assert_eq!(users(&during), both);
    assert!(!during.replaces_pods);

    facts.rolled_out = true;
    let settled = built(&chat, &facts);
    assert_eq!(
        users(&settled),
        format!("user default on #{} ~* &* +@all\n", digest("another"))
    );
    assert!(!settled.replaces_pods);
    let redis = |built: &Built| child(built, Kind::StatefulSet, "acme-redis")["spec"]["template"].clone();
    assert_ne!(
        redis(&settled),
        redis(&during),
        "Redis reads its users when it starts"
    );
}

#[test]
fn no_secret_value_is_in_any_child_but_its_secret() {
    for example in all() {
        let mut facts = nothing_yet(4);
        let sources = operator::credentials::sources(&example.chat).0.into_keys();
        facts.contents = sources
            .map(|source| (source, Content::Hash("0123456789abcdef".to_owned())))
            .collect();
        let built = built(&example.chat, &facts);
        let of = |kind: Kind| built.children.iter().filter(move |child| child.kind == kind);
        let values: Vec<String> = of(Kind::Secret)
            .flat_map(|secret| data(&built, secret.name()).into_values())
            .flat_map(|value| {
                let words = text(&value).split_whitespace().map(str::to_owned);
                words.filter(|word| word.len() > 16).collect::<Vec<_>>()
            })
            .collect();
        assert!(!values.is_empty());
        for child in built.children.iter().filter(|child| child.kind != Kind::Secret) {
            let text = serde_json::to_string(&child.object).unwrap();
            for value in &values {
                let value = value.trim_start_matches('#');
                assert!(
                    !text.contains(value),
                    "{}: {} {}",
                    example.name,
                    child.kind,
                    child.name()
                );
            }
        }
    }
}

#[test]
fn who_reads_the_hash_of_contents_cannot_try_out_passwords() {
    // The same contents of other Secrets have another hash in a service whose own secret is another one.
    let chat = acme("turn: {urls: ['turn:a.example.com'], secretRef: {name: turn, key: secret}}");
    let mut facts = nothing_yet(4);
    facts.contents = [(Source::secret("turn"), Content::Hash("one".to_owned()))].into();
    let hash = |entropy: &Entropy| -> Value {
        let built = build(&chat, &facts, entropy).unwrap();
        let deployment = child(&built, Kind::Deployment, "acme");
        deployment["spec"]["template"]["metadata"]["annotations"]["chat.webrtc.io/content-hash"].clone()
    };
    assert!(hash(&entropy()).is_string());
    assert_ne!(hash(&entropy()), hash(&Entropy([9; 64])));
}
