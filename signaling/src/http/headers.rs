//! Security headers, with the values of Helmet 8.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Helmet's default policy, with the sources that the page's socket connects to, and without
/// `upgrade-insecure-requests`, which would break the page on plain HTTP.
const POLICY: &str = "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';\
frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';\
style-src 'self' https: 'unsafe-inline';connect-src 'self' ws: wss:";

const HEADERS: [(&str, &str); 11] = [
    ("content-security-policy", POLICY),
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

/// Adds the headers that an answer does not have yet. `tls`: browsers are told to come back by HTTPS only.
pub(super) fn secure(answer: &mut HeaderMap, tls: bool) {
    for (name, value) in HEADERS {
        answer
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    if tls {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        answer.entry("strict-transport-security").or_insert(value);
    }
}
