use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::admin::metrics::GatheredNamespace;

fn admin(gather: Gather) -> Admin {
    let (metrics, health) = (Metrics::new(1), Health::default());
    Admin {
        metrics,
        health,
        rules: Arc::default(),
        gather,
    }
}

fn one_pending() -> Gathered {
    let namespace = GatheredNamespace {
        label: "/".into(),
        pending: 7,
        rooms: 2,
    };
    Gathered {
        namespaces: vec![namespace],
        recovery: Default::default(),
        backlog_bytes: 9,
    }
}

/// Status line and body of a real request to a real listener.
async fn get(admin: Admin, path: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, admin, async move {
        let _ = stopped.await;
    });
    let client = async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        drop(stop);
        response
    };
    let (served, response) = tokio::join!(server, client);
    served.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn readiness_names_its_reasons() {
    let admin = admin(Box::new(|| Box::pin(async { Gathered::default() })));
    let latch = admin.health.latch("draining");
    let (status, body) = get(admin, "/readyz").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, r#"{"ready":false,"reasons":["draining"]}"#);
    drop(latch);
}

#[tokio::test]
async fn ready_and_alive() {
    for path in ["/readyz", "/livez", "/rules"] {
        let admin = admin(Box::new(|| Box::pin(async { Gathered::default() })));
        assert_eq!(get(admin, path).await.0, "HTTP/1.1 200 OK", "{path}");
    }
}

#[tokio::test]
async fn a_scrape_asks_the_shards() {
    let admin = admin(Box::new(|| Box::pin(async { one_pending() })));
    let (status, body) = get(admin, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        "carillon_deliveries_pending{namespace=\"/\"} 7",
        "carillon_rooms{namespace=\"/\"} 2",
        "carillon_backlog_bytes 9",
        "carillon_bus_up 1",
    ] {
        assert!(
            body.lines().any(|found| found == line),
            "{line} is not in\n{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_hangs_hides_only_its_gauges() {
    let admin = admin(Box::new(|| Box::pin(std::future::pending())));
    let (status, body) = get(admin, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("process_resident_memory_bytes "));
    assert!(!body.contains("carillon_deliveries_pending"));
}
