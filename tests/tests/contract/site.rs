//! What every answer has in common: security headers, CORS, and how long it may be kept.

use crate::client::{Answer, ask, get};
use crate::start;

/// Helmet's headers.
const SECURITY: [(&str, &str); 10] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];
const BUNDLE: &str = "/socket.io/socket.io.js";
const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

#[test]
fn every_page_and_refusal_has_the_headers_that_helmet_sets() {
    let pod = start(&[]);
    for path in ["/", "/health", "/metrics", "/nope"] {
        let answer = get(pod.address(), path);
        for (name, value) in SECURITY {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy
                .split(';')
                .any(|rule| rule.trim() == "connect-src 'self' ws: wss:"),
            "{policy}"
        );
        assert!(
            policy.contains("default-src 'self'") && policy.contains("object-src 'none'"),
            "{policy}"
        );
        // On plain HTTP, both would send browsers to a port that speaks no TLS.
        assert!(!policy.contains("upgrade-insecure-requests"), "{policy}");
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("x-powered-by"), None);
    }
}

#[test]
fn other_sites_may_load_the_client_bundle_and_keep_it_until_it_changes() {
    let pod = start(&[]);
    let bundle = get(pod.address(), BUNDLE);
    if bundle.status == 404 {
        // Built without Node, which it says.
        assert!(bundle.text().contains("socket.io-client"), "{bundle:?}");
        assert_eq!(
            std::env::var_os("CI"),
            None,
            "the page was not built into the pod"
        );
        return;
    }
    assert_eq!(
        bundle.header("cross-origin-resource-policy"),
        Some("cross-origin")
    );
    assert_eq!(
        bundle.header("content-type"),
        Some("application/javascript; charset=utf-8")
    );
    let tag = bundle.header("etag").expect("a tag").to_owned();
    let again = ask(
        pod.address(),
        &format!("GET {BUNDLE}"),
        &[&format!("If-None-Match: {tag}")],
        "",
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(&*tag));
    assert_eq!(again.header("cross-origin-resource-policy"), Some("cross-origin"));
    let head = ask(pod.address(), &format!("HEAD {BUNDLE}"), &[], "");
    assert_eq!(
        head.header("content-length"),
        Some(&*bundle.body.len().to_string())
    );
}

#[test]
fn the_demo_page_is_there_outside_production_or_where_it_is_asked_for() {
    for (settings, status) in [
        (&[][..], 200),
        (&[("DEMO_PAGE", "false")][..], 404),
        (&[("NODE_ENV", "production")][..], 404),
        (&[("NODE_ENV", "production"), ("DEMO_PAGE", "true")][..], 200),
    ] {
        let pod = start(settings);
        let page = get(pod.address(), "/");
        assert_eq!(page.status, status, "{settings:?}");
        if status == 200 {
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
            assert!(matches!(
                page.header("cache-control"),
                Some("no-cache" | "no-store")
            ));
        }
    }
}

/// Whether pages of an origin may read an answer, and with credentials.
fn shared(answer: &Answer) -> (Option<&str>, bool) {
    let credentials = answer.header("access-control-allow-credentials") == Some("true");
    (answer.header("access-control-allow-origin"), credentials)
}

#[test]
fn pages_of_the_listed_origins_may_connect_and_no_others() {
    let settings = [
        ("NODE_ENV", "production"),
        (
            "CLIENT_URL",
            "https://chat.example.com/app, http://localhost:3001",
        ),
    ];
    let pod = start(&settings);
    for path in [HANDSHAKE, "/health", BUNDLE, "/socket.io/?EIO=9"] {
        for origin in ["https://chat.example.com", "http://localhost:3001"] {
            let answer = ask(
                pod.address(),
                &format!("GET {path}"),
                &[&format!("Origin: {origin}")],
                "",
            );
            assert_eq!(shared(&answer), (Some(origin), true), "{path}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{path}");
        }
        for origin in [
            "https://evil.example.com",
            "http://chat.example.com",
            "http://localhost:3002",
            "null",
            "\u{e9}",
        ] {
            let answer = ask(
                pod.address(),
                &format!("GET {path}"),
                &[&format!("Origin: {origin}")],
                "",
            );
            assert_eq!(shared(&answer), (None, false), "{path} from {origin}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{path}");
        }
    }
}

#[test]
fn outside_production_any_localhost_may_connect() {
    let pod = start(&[("CLIENT_URL", "https://chat.example.com")]);
    for path in [HANDSHAKE, "/health"] {
        for origin in [
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "https://localhost",
            "http://[::1]:3001",
        ] {
            let answer = ask(
                pod.address(),
                &format!("GET {path}"),
                &[&format!("Origin: {origin}")],
                "",
            );
            assert_eq!(shared(&answer), (Some(origin), true), "{path}");
        }
        let answer = ask(
            pod.address(),
            &format!("GET {path}"),
            &["Origin: http://localhost.evil.com"],
            "",
        );
        assert_eq!(shared(&answer), (None, false), "{path}");
    }
}

#[test]
fn a_star_lets_any_page_connect_but_never_with_credentials() {
    let pod = start(&[("CLIENT_URL", "*"), ("NODE_ENV", "production")]);
    for path in [HANDSHAKE, "/health", BUNDLE] {
        let answer = ask(
            pod.address(),
            &format!("GET {path}"),
            &["Origin: https://anyone.example.com"],
            "",
        );
        assert_eq!(shared(&answer), (Some("*"), false), "{path}");
    }
}

#[test]
fn a_preflight_is_granted_to_those_who_may_and_costs_nothing() {
    let settings = [
        ("NODE_ENV", "production"),
        ("CLIENT_URL", "https://chat.example.com"),
        ("RATE_LIMIT_MAX_REQUESTS", "1"),
    ];
    let pod = start(&settings);
    let preflight = |path: &str, origin: &str| {
        let headers = [
            &format!("Origin: {origin}"),
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type,x-mine",
            "X-Forwarded-For: 203.0.113.1",
        ];
        ask(pod.address(), &format!("OPTIONS {path}"), &headers, "")
    };
    for path in [HANDSHAKE, "/socket.io/?EIO=4&transport=polling&sid=x", "/health"] {
        for _ in 0..3 {
            let granted = preflight(path, "https://chat.example.com");
            assert_eq!(
                (granted.status, shared(&granted)),
                (204, (Some("https://chat.example.com"), true)),
                "{path}"
            );
            assert!(
                granted
                    .header("access-control-allow-methods")
                    .is_some_and(|methods| methods.contains("POST"))
            );
            assert_eq!(
                granted.header("access-control-allow-headers"),
                Some("content-type,x-mine"),
                "{path}"
            );
            assert_eq!(granted.header("access-control-max-age"), Some("600"), "{path}");
        }
        let denied = preflight(path, "https://evil.example.com");
        assert_eq!((denied.status, shared(&denied)), (204, (None, false)), "{path}");
        assert_eq!(denied.header("access-control-allow-methods"), None, "{path}");
    }
}
