//! The demo page: a backend that emits, and browsers that receive, on one page.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// The page at `/`, and its parts. All of it is in the binary; it needs no key and tells nothing.
pub fn router() -> Router {
    let mut router = Router::new();
    for File { path, kind, text } in FILES {
        router = router.route(path, get(move || async move { serve(kind, text) }));
    }
    router
}

struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const FILES: [File; 5] = [
    File {
        path: "/",
        kind: "text/html; charset=utf-8",
        text: include_str!("../../demo/index.html"),
    },
    File {
        path: "/demo/demo.css",
        kind: "text/css; charset=utf-8",
        text: include_str!("../../demo/demo.css"),
    },
    File {
        path: "/demo/demo.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../demo/demo.js"),
    },
    File {
        path: "/demo/socket.io.min.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../demo/socket.io.min.js"),
    },
    File {
        path: "/demo/socket.io-client.LICENSE",
        kind: "text/plain; charset=utf-8",
        text: include_str!("../../demo/socket.io-client.LICENSE"),
    },
];

fn serve(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Nothing but its own scripts and styles, nothing inline, and no frame around it: the page may hold a key.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_part_that_the_page_names_is_served() {
        let (_, page) = get("/").await;
        let parts = page
            .split(['"', '\''])
            .filter(|part| part.starts_with("/demo/"));
        let parts: Vec<&str> = parts.collect();
        assert_eq!(parts.len(), 3);
        for part in parts {
            assert_eq!(get(part).await.0, 200, "{part}");
        }
    }

    #[tokio::test]
    async fn nothing_is_inline() {
        let (_, page) = get("/").await;
        for banned in ["<script>", "<style", "style=", "onclick", "javascript:"] {
            assert!(!page.contains(banned), "{banned}");
        }
    }
}
