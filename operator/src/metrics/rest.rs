//! `rest_client_…`: requests to the API server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, Response};
use kube::client::Body;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use tower::{BoxError, Layer, Service};

use crate::clock::monotonic;

/// How many requests, how they were answered, and how long that took.
#[derive(Clone, Debug)]
pub struct RestMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl RestMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "rest_client_requests_total",
                "Number of HTTP requests, partitioned by status code, method, and host",
            ),
            &["code", "method", "host"],
        )?;
        let options = HistogramOpts::new(
            "rest_client_request_duration_seconds",
            "Request latency in seconds. Broken down by verb, and host",
        )
        .buckets(vec![
            0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0,
        ]);
        let seconds = HistogramVec::new(options, &["verb", "host"])?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { requests, seconds })
    }

    /// A request was answered.
    pub(super) fn answered(&self, code: &str, method: &str, host: &str, took: Duration) {
        self.requests.with_label_values(&[code, method, host]).inc();
        let seconds = self.seconds.with_label_values(&[method, host]);
        seconds.observe(took.as_secs_f64());
    }
}

/// Puts the metrics into a client.
#[derive(Clone, Debug)]
pub struct RestLayer {
    /// Where requests are counted.
    pub metrics: RestMetrics,
    /// The API server: above the layer that completes URIs a request does not name it.
    pub host: String,
}

impl<S> Layer<S> for RestLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    layer: RestLayer,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().as_str().to_owned();
        let RestLayer { metrics, host } = self.layer.clone();
        let began = monotonic();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into);
            let code = match &answer {
                Ok(response) => response.status().as_u16().to_string(),
                Err(_) => "<error>".to_owned(),
            };
            let took = monotonic().saturating_duration_since(began);
            metrics.answered(&code, &method, &host, took);
            answer
        })
    }
}
