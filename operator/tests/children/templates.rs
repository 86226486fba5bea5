//! What keeps pods as they are, and what replaces them.

use operator::build::{Built, Kind, build};
use operator::contents::{Content, Source};
use operator::facts::Facts;
use operator::names::{
    CONTENT_ANNOTATION, Component, RESTART_ANNOTATION, SHAPE_ANNOTATION, TEMPLATE_ANNOTATION,
};
use operator::validate::ValidatedChatService;
use serde_json::{Value, json};

use crate::examples::{acme, applied, child, entropy, nothing_yet};

fn built(chat: &ValidatedChatService, facts: &Facts) -> Built {
    build(chat, facts, &entropy()).unwrap()
}

/// The ChatService, applied once.
fn running(chat: &ValidatedChatService) -> Facts {
    let facts = nothing_yet(4);
    applied(chat, &built(chat, &facts), &facts)
}

fn template(built: &Built) -> Value {
    child(built, Kind::Deployment, "acme")["spec"]["template"].clone()
}

fn live_template(facts: &Facts) -> Value {
    json!(facts.deployment.as_ref().unwrap().template)
}

fn upgraded(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    facts.operator.signaling_tag = "2.0.0".to_owned();
    facts.operator.redis_image = "redis:9".to_owned();
    facts
}

#[test]
fn what_was_applied_is_applied_again_as_it_is() {
    let chat = acme("");
    let facts = running(&chat);
    let again = built(&chat, &facts);
    assert_eq!(template(&again), live_template(&facts));
    assert_eq!(template(&again)["spec"]["dnsPolicy"], "ClusterFirst");
    assert!(!again.replaces_pods);
    assert_eq!(again, built(&chat, &applied(&chat, &again, &facts)));
}

#[test]
fn an_autoscalers_write_moves_the_number_of_pods_alone() {
    let chat = acme("");
    let facts = running(&chat);
    let more = Facts {
        replicas: 9,
        ..facts.clone()
    };
    let (before, after) = (built(&chat, &facts), built(&chat, &more));
    let mut expected = child(&before, Kind::Deployment, "acme");
    expected["spec"]["replicas"] = 9.into();
    assert_eq!(child(&after, Kind::Deployment, "acme"), expected);
    let others = |built: &Built| {
        let children = built.children.iter().cloned();
        children
            .filter(|child| child.kind != Kind::Deployment)
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&before), others(&after));
}

#[test]
fn an_upgrade_of_the_operator_replaces_no_pod_and_says_what_it_would_change() {
    let chat = acme("");
    let facts = upgraded(&running(&chat));
    let after = built(&chat, &facts);
    assert_eq!(template(&after), live_template(&facts));
    assert!(!after.replaces_pods);
    let updates: Vec<_> = after
        .updates
        .iter()
        .map(|update| (update.component, &*update.from, &*update.to))
        .collect();
    assert_eq!(
        updates,
        [
            (
                Component::Signaling,
                "localhost/chat-signaling:1.0.0",
                "localhost/chat-signaling:2.0.0"
            ),
            (Component::Redis, "docker.io/valkey/valkey:8.1-alpine", "redis:9"),
        ]
    );
    // It says so for as long as it is so.
    assert_eq!(
        built(&chat, &applied(&chat, &after, &facts)).updates,
        after.updates
    );
}

#[test]
fn an_upgrade_replaces_pods_at_once_where_the_spec_says_so() {
    let chat = acme("updatePolicy: Immediate");
    let facts = upgraded(&running(&chat));
    let after = built(&chat, &facts);
    assert!(after.replaces_pods && after.updates.is_empty());
    let image = &template(&after)["spec"]["containers"][0]["image"];
    assert_eq!(image, "localhost/chat-signaling:2.0.0");
    let settled = applied(&chat, &after, &facts);
    assert!(!built(&chat, &settled).replaces_pods);
}

#[test]
fn the_next_change_of_the_spec_brings_the_upgrade_with_it() {
    let facts = upgraded(&running(&acme("")));
    let chat = acme("signaling: {logLevel: debug}");
    let after = built(&chat, &facts);
    assert!(after.replaces_pods);
    let image = &template(&after)["spec"]["containers"][0]["image"];
    assert_eq!(image, "localhost/chat-signaling:2.0.0");
    // The other parts were not changed.
    assert_eq!(after.updates.len(), 1);
    assert_eq!(after.updates[0].component, Component::Redis);
}

#[test]
fn what_comes_to_the_same_pods_replaces_none() {
    let chat = acme("expose: {type: Ingress, hostnames: [a.example.com]}");
    let facts = running(&chat);
    let moved =
        acme("expose: {type: Gateway, hostnames: [a.example.com], gateway: {parentRefs: [{name: public}]}}");
    assert_ne!(chat.shape, moved.shape);
    let after = built(&moved, &facts);
    assert!(!after.replaces_pods);
    let annotations = &child(&after, Kind::Deployment, "acme")["metadata"]["annotations"];
    assert_eq!(annotations[SHAPE_ANNOTATION], moved.shape.as_str());
}

#[test]
fn a_restart_that_a_person_asked_for_is_kept_always() {
    let chat = acme("");
    let mut facts = running(&chat);
    let live = &mut facts.deployment.as_mut().unwrap().template;
    let annotations = live.metadata.as_mut().unwrap().annotations.as_mut().unwrap();
    annotations.insert(RESTART_ANNOTATION.to_owned(), "2026-01-01T00:00:00Z".to_owned());
    for chat in [&chat, &acme("signaling: {demoPage: true}")] {
        let template = template(&built(chat, &facts));
        assert_eq!(
            template["metadata"]["annotations"][RESTART_ANNOTATION],
            "2026-01-01T00:00:00Z"
        );
    }
    assert!(!built(&chat, &facts).replaces_pods);
}

#[test]
fn a_deployment_without_our_notes_is_built_anew() {
    let chat = acme("");
    let mut facts = running(&chat);
    facts.deployment.as_mut().unwrap().annotations.clear();
    let after = built(&chat, &facts);
    assert!(template(&after)["spec"].get("dnsPolicy").is_none());
    let annotations = &child(&after, Kind::Deployment, "acme")["metadata"]["annotations"];
    assert!(annotations[TEMPLATE_ANNOTATION].is_string());
}

const WITH_TURN: &str = "turn: {urls: ['turn:a.example.com'], secretRef: {name: turn, key: secret}}";

fn with_turn(facts: &Facts, content: Option<&str>) -> Facts {
    let mut facts = facts.clone();
    let content = content.map(|hash| (Source::secret("turn"), Content::Hash(hash.to_owned())));
    facts.contents = content.into_iter().collect();
    facts
}

#[test]
fn a_changed_secret_replaces_pods_and_nothing_else_of_them() {
    let chat = acme(WITH_TURN);
    let facts = with_turn(&nothing_yet(4), Some("one"));
    let facts = applied(&chat, &built(&chat, &facts), &facts);
    assert!(!built(&chat, &with_turn(&facts, Some("one"))).replaces_pods);
    let after = built(&chat, &with_turn(&facts, Some("two")));
    assert!(after.replaces_pods);
    let (mut old, mut new) = (live_template(&facts), template(&after));
    for template in [&mut old, &mut new] {
        template["metadata"]["annotations"][CONTENT_ANNOTATION] = Value::Null;
    }
    assert_eq!(old, new);
}

#[test]
fn a_secret_that_is_gone_replaces_no_pod_and_is_named() {
    let chat = acme(WITH_TURN);
    let facts = with_turn(&nothing_yet(4), Some("one"));
    let facts = applied(&chat, &built(&chat, &facts), &facts);
    let gone = built(&chat, &with_turn(&facts, None));
    assert!(!gone.replaces_pods);
    assert_eq!(gone.missing.len(), 1);
    assert_eq!(gone.missing[0].source, Source::secret("turn"));
    let mut without_key = facts.clone();
    let content = Content::MissingKey("secret".to_owned());
    without_key.contents = [(Source::secret("turn"), content)].into();
    let without_key = built(&chat, &without_key);
    assert!(!without_key.replaces_pods);
    assert_eq!(without_key.missing[0].key.as_deref(), Some("secret"));
    // It has come back as it was.
    assert!(!built(&chat, &with_turn(&facts, Some("one"))).replaces_pods);
}

#[test]
fn a_managed_redis_keeps_its_volume_whatever_the_spec_says_later() {
    let chat = acme("redis: {managed: {storage: {size: 1Gi}}}");
    let mut facts = running(&chat);
    // The API server fills in more than was asked for.
    let claim = &mut facts.redis.as_mut().unwrap().claims[0];
    claim.spec.as_mut().unwrap().volume_mode = Some("Filesystem".to_owned());
    assert!(!built(&chat, &facts).keeps_old_volume);
    let claims = json!(facts.redis.as_ref().unwrap().claims);
    for other in ["redis: {managed: {storage: {size: 2Gi}}}", ""] {
        let after = built(&acme(other), &facts);
        assert!(after.keeps_old_volume, "{other:?}");
        let set = child(&after, Kind::StatefulSet, "acme-redis");
        assert_eq!(set["spec"]["volumeClaimTemplates"], claims);
    }
}

#[test]
fn nothing_replaces_the_managed_kafka_of_a_service_at_rest() {
    let chat = acme("kafka: {mode: Managed}");
    let facts = running(&chat);
    let again = built(&chat, &facts);
    let set = child(&again, Kind::StatefulSet, "acme-kafka");
    assert_eq!(
        set["spec"]["template"],
        json!(facts.kafka.as_ref().unwrap().template)
    );
}
