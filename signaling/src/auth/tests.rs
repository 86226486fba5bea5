#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;

const SECRET: &str = "a secret of more than thirty-two bytes";

fn configured(variables: &[(&str, &str)]) -> Result<Option<Authenticator>, KeyError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (config, _) = Config::from_env(variables).unwrap();
    Authenticator::new(&config.auth)
}

fn with(variables: &[(&str, &str)]) -> Authenticator {
    configured(variables).unwrap().unwrap()
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": "ada", "exp": in_seconds(600)});
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    claims
}

fn signed(claims: &Value) -> String {
    encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .unwrap()
}

fn known(name: &str) -> Result<User, Unauthorized> {
    Ok(User::Known(name.into()))
}

/// A file that is gone when the test is over.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("auth-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn without_keys_everyone_is_let_in() {
    assert!(configured(&[]).unwrap().is_none());
}

#[test]
fn a_token_names_its_user() {
    let mut auth = with(&[("AUTH_JWT_SECRET", SECRET)]);
    assert_eq!(auth.authenticate(Some(&signed(&claims(json!({}))))), known("ada"));
}

#[test]
fn an_expired_token_names_a_user_who_may_only_come_back() {
    let mut auth = with(&[("AUTH_JWT_SECRET", SECRET)]);
    let token = signed(&claims(json!({"exp": in_seconds(-60)})));
    assert_eq!(auth.authenticate(Some(&token)), Ok(User::Expired("ada".into())));
}

#[test]
fn each_refusal_says_what_is_wrong_with_the_token() {
    let mut auth = with(&[
        ("AUTH_JWT_SECRET", SECRET),
        ("AUTH_JWT_AUDIENCE", "chat"),
        ("AUTH_JWT_ISSUER", "acme"),
    ]);
    let right = json!({"aud": "chat", "iss": "acme"});
    assert_eq!(auth.authenticate(Some(&signed(&claims(right)))), known("ada"));
    let refused = [
        (json!({"iss": "acme"}), Unauthorized::Claims),
        (json!({"aud": "mail", "iss": "acme"}), Unauthorized::Audience),
        (json!({"aud": "chat", "iss": "evil"}), Unauthorized::Issuer),
        (
            json!({"aud": "chat", "iss": "acme", "nbf": in_seconds(600)}),
            Unauthorized::Early,
        ),
        (
            json!({"aud": "chat", "iss": "acme", "sub": ""}),
            Unauthorized::Claims,
        ),
        (
            json!({"aud": "chat", "iss": "acme", "sub": "a".repeat(256)}),
            Unauthorized::Claims,
        ),
        (
            json!({"aud": "chat", "iss": "acme", "sub": 7}),
            Unauthorized::Claims,
        ),
        // Whoever is expired is not let in for another audience either.
        (
            json!({"aud": "mail", "iss": "acme", "exp": in_seconds(-60)}),
            Unauthorized::Audience,
        ),
    ];
    for (more, refusal) in refused {
        assert_eq!(
            auth.authenticate(Some(&signed(&claims(more.clone())))),
            Err(refusal),
            "{more}"
        );
    }
    assert_eq!(auth.authenticate(None), Err(Unauthorized::Missing));
    assert_eq!(auth.authenticate(Some("a.b.c")), Err(Unauthorized::Malformed));
    let eternal = signed(&json!({"sub": "ada", "aud": "chat", "iss": "acme"}));
    assert_eq!(auth.authenticate(Some(&eternal)), Err(Unauthorized::Claims));
}

#[test]
fn a_token_of_another_key_or_of_none_is_refused() {
    let mut auth = with(&[("AUTH_JWT_SECRET", SECRET)]);
    let forged = encode(
        &Header::default(),
        &claims(json!({})),
        &EncodingKey::from_secret(b"guess"),
    )
    .unwrap();
    assert_eq!(auth.authenticate(Some(&forged)), Err(Unauthorized::Signature));
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", forged.split('.').nth(1).unwrap());
    assert_eq!(auth.authenticate(Some(&unsigned)), Err(Unauthorized::Malformed));
}

fn signed_by(pair: &KeyPair, algorithm: Algorithm, id: Option<&str>) -> String {
    let pem = pair.serialize_pem();
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        _ => EncodingKey::from_ec_pem(pem.as_bytes()),
    };
    let header = Header {
        kid: id.map(str::to_owned),
        ..Header::new(algorithm)
    };
    encode(&header, &claims(json!({})), &key.unwrap()).unwrap()
}

#[test]
fn public_keys_of_every_kind_check_their_own_algorithm_alone() {
    let pairs = [
        (
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
            Algorithm::ES256,
        ),
        (
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
            Algorithm::ES384,
        ),
        (
            KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
            Algorithm::EdDSA,
        ),
        (
            KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap(),
            Algorithm::RS256,
        ),
    ];
    for (number, (pair, algorithm)) in pairs.iter().enumerate() {
        let file = File::new(&format!("public-{number}"), &pair.public_key_pem());
        let mut auth = with(&[("AUTH_JWT_PUBLIC_KEY_FILE", file.path())]);
        assert_eq!(
            auth.authenticate(Some(&signed_by(pair, *algorithm, None))),
            known("ada"),
            "{algorithm:?}"
        );
        // The text of a public key is no secret, and must not serve as one.
        let confused = encode(
            &Header::default(),
            &claims(json!({})),
            &EncodingKey::from_secret(pair.public_key_pem().as_bytes()),
        );
        assert_eq!(
            auth.authenticate(Some(&confused.unwrap())),
            Err(Unauthorized::Malformed)
        );
    }
}

fn ed25519_jwk(pair: &KeyPair, id: &str) -> Value {
    use base64::Engine as _;
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig"})
}

#[test]
fn a_key_set_is_searched_by_kid_and_may_hold_keys_of_unknown_kinds() {
    let [old, new] = [(); 2].map(|()| KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    let set = json!({"keys": [{"kty": "lattice"}, ed25519_jwk(&old, "old"), ed25519_jwk(&new, "new")]});
    let file = File::new("jwks", &set.to_string());
    let mut auth = with(&[("AUTH_JWKS_FILE", file.path())]);
    for (pair, id) in [(&old, "old"), (&new, "new")] {
        assert_eq!(
            auth.authenticate(Some(&signed_by(pair, Algorithm::EdDSA, Some(id)))),
            known("ada")
        );
    }
    let mislabelled = signed_by(&old, Algorithm::EdDSA, Some("new"));
    assert_eq!(
        auth.authenticate(Some(&mislabelled)),
        Err(Unauthorized::Signature)
    );
    let unknown = signed_by(&old, Algorithm::EdDSA, Some("lost"));
    assert_eq!(auth.authenticate(Some(&unknown)), Err(Unauthorized::Malformed));
    let unlabelled = signed_by(&new, Algorithm::EdDSA, None);
    assert_eq!(auth.authenticate(Some(&unlabelled)), known("ada"));
}

#[test]
fn a_rotated_key_needs_no_restart_and_a_broken_file_keeps_the_last_one() {
    let file = File::new("rotated", SECRET);
    let mut auth = with(&[("AUTH_JWT_SECRET_FILE", file.path())]);
    let token = signed(&claims(json!({})));
    assert_eq!(auth.authenticate(Some(&token)), known("ada"));
    std::fs::write(&file.0, "\n").unwrap();
    assert_eq!(auth.authenticate(Some(&token)), known("ada"));
    std::fs::write(&file.0, "another secret of more than thirty-two bytes\n").unwrap();
    assert_eq!(auth.authenticate(Some(&token)), Err(Unauthorized::Signature));
}

#[test]
fn a_file_that_holds_no_key_stops_the_start_and_is_named() {
    let file = File::new("no-key", "{}");
    for name in ["AUTH_JWT_PUBLIC_KEY_FILE", "AUTH_JWKS_FILE"] {
        let error = configured(&[(name, file.path())]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}={}", file.path())), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let missing = Path::new("/nowhere/keys").to_str().unwrap();
    let error = configured(&[("AUTH_JWKS_FILE", missing)])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("AUTH_JWKS_FILE=/nowhere/keys cannot be read"),
        "{error}"
    );
}
