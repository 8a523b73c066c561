//! On a real listener, by a real client.

use std::future::Future;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;

/// Serves while `ask` runs, and until it has shut down.
async fn with_service<F: Future<Output = ()>>(
    ask: impl FnOnce(String, watch::Sender<Vec<String>>, Metrics) -> F,
) {
    let metrics = Metrics::new().unwrap();
    let (sender, waiting) = watch::channel(vec!["the API server was not asked yet".to_owned()]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = Service {
        metrics: metrics.clone(),
        waiting,
    };
    let (end, ended) = oneshot::channel::<()>();
    let serving = service.serve(listener, async {
        let _asked = ended.await;
    });
    let asking = async {
        ask(base, sender, metrics).await;
        end.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(serving, asking);
    served.unwrap();
}

fn client() -> reqwest::Client {
    let _said_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn readiness_is_told_with_its_reasons() {
    with_service(async |base, waiting, _| {
        let client = client();
        let ready = async || {
            let answer = client.get(format!("{base}/readyz")).send().await.unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
            )
        };
        let not_yet = json!({ "ready": false, "reasons": ["the API server was not asked yet"] });
        assert_eq!(ready().await, (503, not_yet));
        waiting.send_replace(Vec::new());
        assert_eq!(
            ready().await,
            (200, json!({ "ready": true, "reasons": [] }))
        );
    })
    .await;
}

#[tokio::test]
async fn a_process_that_waits_lives() {
    with_service(async |base, _waiting, _| {
        let client = client();
        let answer = client.get(format!("{base}/livez")).send().await.unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (200, "ok\n")
        );
        let answer = client.get(format!("{base}/other")).send().await.unwrap();
        assert_eq!(answer.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn metrics_are_the_text_of_prometheus() {
    with_service(async |base, _waiting, metrics| {
        metrics.leads("carillon-operator", true);
        let answer = client()
            .get(format!("{base}/metrics"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()[CONTENT_TYPE],
            "text/plain; version=0.0.4; charset=utf-8"
        );
        let text = answer.text().await.unwrap();
        let line = "leader_election_master_status{name=\"carillon-operator\"} 1";
        assert!(text.lines().any(|found| found == line), "{text}");
    })
    .await;
}
