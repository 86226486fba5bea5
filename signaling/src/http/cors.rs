//! Cross-origin resource sharing (the Fetch standard's "CORS protocol"): which pages may read what this pod answers.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};

/// Which origins may connect. Cheap to share, pure to ask.
#[derive(Clone, Debug)]
pub struct Cors {
    any: bool,
    origins: Vec<String>,
    localhost: bool,
}

impl Cors {
    /// From `CLIENT_URL`: `*`, or URLs whose origin counts. Outside production pages of any localhost may connect, too.
    #[must_use]
    pub fn new(client_origins: &[String], production: bool) -> Self {
        Self {
            any: client_origins.iter().any(|origin| origin == "*"),
            origins: client_origins.iter().filter_map(|url| origin_of(url)).collect(),
            localhost: !production,
        }
    }

    /// Whether pages of any origin may connect, without credentials.
    #[must_use]
    pub fn allows_any(&self) -> bool {
        self.any
    }

    /// Whether pages of `origin` (the value of an `Origin` header) may connect.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.any
            || self.origins.iter().any(|allowed| allowed == origin)
            || (self.localhost && is_localhost(origin))
    }

    /// Adds what an answer to a request with these headers says about sharing. `*` never goes with credentials.
    pub fn share(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.any {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        answer.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = request.get(ORIGIN) else { return };
        if origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Whether this is a browser's question before the request itself. The answer is 204 with [`Self::permit`].
    #[must_use]
    pub fn is_preflight(method: &Method, request: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && request.contains_key(ORIGIN)
            && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds the answer to a preflight: what [`Self::share`] says, the methods, and the headers that were asked for.
    pub fn permit(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        self.share(request, answer);
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        answer.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, OPTIONS"),
        );
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if let Some(headers) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
    }
}

/// The origin of a URL as browsers write it: scheme, host and port in lower case, the scheme's own port left out.
fn origin_of(url: &str) -> Option<String> {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest
        .split(['/', '?', '#'])
        .next()
        .filter(|authority| !authority.is_empty())?;
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(own_port).unwrap_or(authority);
    Some(format!("{scheme}://{authority}"))
}

/// `localhost`, its subdomains and the loopback addresses, on any port.
fn is_localhost(origin: &str) -> bool {
    let Some(authority) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn cors(origins: &[&str], production: bool) -> Cors {
        Cors::new(
            &origins
                .iter()
                .map(|&origin| origin.to_owned())
                .collect::<Vec<_>>(),
            production,
        )
    }

    fn shared(cors: &Cors, origin: Option<&str>) -> HeaderMap {
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(ORIGIN, origin.parse().unwrap());
        }
        let mut answer = HeaderMap::new();
        cors.share(&request, &mut answer);
        answer
    }

    #[test]
    fn a_listed_origin_is_echoed_with_credentials() {
        let cors = cors(
            &["https://Chat.example.com:443/app", "http://localhost:3001"],
            true,
        );
        let answer = shared(&cors, Some("https://chat.example.com"));
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "https://chat.example.com");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(answer[VARY], "Origin");
    }

    #[test]
    fn another_origin_gets_nothing_but_vary() {
        let cors = cors(&["https://chat.example.com"], true);
        for origin in [
            Some("https://evil.example.com"),
            Some("http://localhost:3001"),
            Some("null"),
            None,
        ] {
            let answer = shared(&cors, origin);
            assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin:?}");
            assert_eq!(answer[VARY], "Origin");
        }
    }

    #[test]
    fn outside_production_every_localhost_may() {
        let cors = cors(&["https://chat.example.com"], false);
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:3001",
            "http://a.localhost",
        ] {
            assert!(cors.allows(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.com",
            "http://127.0.0.1.evil.com:80",
            "localhost",
            "file://localhost",
        ] {
            assert!(!cors.allows(origin), "{origin}");
        }
    }

    #[test]
    fn a_star_is_a_star_and_never_goes_with_credentials() {
        let answer = shared(&cors(&["*"], true), Some("https://anyone.example.com"));
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn a_preflight_is_granted_to_those_who_may() {
        let cors = cors(&["https://chat.example.com"], true);
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, "https://chat.example.com".parse().unwrap());
        assert!(!Cors::is_preflight(&Method::OPTIONS, &request));
        request.insert(ACCESS_CONTROL_REQUEST_METHOD, "POST".parse().unwrap());
        request.insert(ACCESS_CONTROL_REQUEST_HEADERS, "x-mine".parse().unwrap());
        assert!(Cors::is_preflight(&Method::OPTIONS, &request));
        let mut answer = HeaderMap::new();
        cors.permit(&request, &mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_HEADERS], "x-mine");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, POST, OPTIONS");

        request.insert(ORIGIN, "https://evil.example.com".parse().unwrap());
        let mut answer = HeaderMap::new();
        cors.permit(&request, &mut answer);
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_METHODS));
    }
}
