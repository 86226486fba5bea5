//! The demo page, embedded in the binary, and the client bundles for `<script>` users.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `npm run build` made of `signaling/web`; empty where it has not run.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// Served in the page's place when it was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>WebRTC chat</title>
<h1>The signaling pod is running.</h1>
<p>The demo page was not built into it. With Node.js 20 or newer installed, <code>make run</code> builds it.</p>
<p>Clients connect with any Socket.IO client; see <a href=\"/health\">/health</a>.</p>
</html>
";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The page at `/`.
pub fn page<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(index))
        .route(
            "/icon.svg",
            get(async |headers: HeaderMap| asset("icon.svg", &headers)),
        )
        .route(
            "/assets/{name}",
            get(async |Path(name): Path<String>, headers: HeaderMap| {
                asset(&format!("assets/{name}"), &headers)
            }),
        )
}

/// The client's bundles beside the Engine.IO endpoint, as socket.io's own server has them.
pub fn client<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/socket.io/{name}", get(bundle))
}

async fn index(headers: HeaderMap) -> Response<Body> {
    landing(Dist::get("index.html"), &headers)
}

/// The page, or the words that there is none in this build.
fn landing(page: Option<EmbeddedFile>, headers: &HeaderMap) -> Response<Body> {
    match page {
        Some(file) => respond(&file, headers, "no-cache"),
        None => {
            let page = Response::builder()
                .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
                .header(header::CACHE_CONTROL, "no-store");
            page.body(NOT_BUILT.into()).expect("a page of constants")
        }
    }
}

/// A file whose name changes with its content.
fn asset(name: &str, headers: &HeaderMap) -> Response<Body> {
    if name.contains("..") {
        return missing("there is no such file");
    }
    let caching = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    Dist::get(name).map_or_else(
        || missing("there is no such file"),
        |file| respond(&file, headers, caching),
    )
}

async fn bundle(Path(name): Path<String>, headers: HeaderMap) -> Response<Body> {
    let Some(file) = Dist::get(&format!("socket.io/{name}")) else {
        return missing(
            "the client bundle was not built into this pod: use the npm package socket.io-client",
        );
    };
    let mut response = respond(&file, &headers, "public, max-age=0");
    response.headers_mut().insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("cross-origin"),
    );
    response
}

fn missing(message: &str) -> Response<Body> {
    let body = serde_json::json!({"code": "not_found", "message": message}).to_string();
    let response = Response::builder()
        .status(StatusCode::NOT_FOUND)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store");
    response.body(body.into()).expect("an answer of constants")
}

/// The file, or 304 when the client has it.
fn respond(file: &EmbeddedFile, headers: &HeaderMap, caching: &'static str) -> Response<Body> {
    let hash: String = file.metadata.sha256_hash()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{hash}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let response = Response::builder()
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, caching)
        .header(header::CONTENT_TYPE, content_type(file.metadata.mimetype()));
    let response = if known {
        response.status(StatusCode::NOT_MODIFIED).body(Body::empty())
    } else {
        response.body(Body::from(file.data.to_vec()))
    };
    response.expect("an answer of constants and a hash")
}

/// Texts are UTF-8, which their type has to say.
fn content_type(kind: &str) -> String {
    match kind {
        "text/javascript" => "application/javascript; charset=utf-8".to_owned(),
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str, tag: Option<&str>) -> Response<Body> {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).expect("a request");
        page::<()>()
            .merge(client())
            .oneshot(request)
            .await
            .expect("an answer")
    }

    #[tokio::test]
    async fn there_is_always_a_page() {
        let answer = ask("/", None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[tokio::test]
    async fn a_pod_that_was_built_without_node_says_so_and_what_to_do() {
        let answer = landing(None, &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        let body = axum::body::to_bytes(answer.into_body(), 64 * 1024)
            .await
            .expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        assert!(body.contains("was not built"), "{body}");
        assert!(body.contains("<code>make run</code>"), "{body}");
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let answer = ask("/icon.svg", None).await;
        if Dist::get("icon.svg").is_none() {
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            return;
        }
        let tag = answer.headers()[header::ETAG].to_str().expect("ASCII").to_owned();
        assert_eq!(
            ask("/icon.svg", Some(&tag)).await.status(),
            StatusCode::NOT_MODIFIED
        );
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_404_with_words() {
        for path in ["/assets/no.js", "/socket.io/no.js", "/assets/..%2findex.html"] {
            assert_eq!(ask(path, None).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn other_sites_may_load_the_client() {
        let answer = ask("/socket.io/socket.io.js", None).await;
        if Dist::get("socket.io/socket.io.js").is_some() {
            assert_eq!(answer.headers()[CROSS_ORIGIN_RESOURCE_POLICY], "cross-origin");
            assert!(
                answer.headers()[header::CONTENT_TYPE]
                    .to_str()
                    .expect("ASCII")
                    .starts_with("application/javascript")
            );
        } else {
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        }
    }
}
