//! What passes, by method and time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower::ServiceExt;

use super::*;

#[tokio::test(start_paused = true)]
async fn writes_pass_while_it_is_open_and_reads_always() {
    let check = async |open: bool, method: Method, answers: bool, expected: Result<(), Refused>| {
        let sent = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Gate::default());
        if open {
            gate.open_until(monotonic() + Duration::from_secs(10));
        }
        let timeout = Duration::from_secs(4);
        let counted = sent.clone();
        let service =
            GateLayer { gate, timeout }.layer(tower::service_fn(move |_: Request<Body>| {
                counted.fetch_add(1, Ordering::Relaxed);
                async move {
                    if !answers {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(())
                }
            }));
        let request = Request::builder()
            .method(&method)
            .body(Body::empty())
            .unwrap();
        let answer = service.oneshot(request).await;
        let answer = answer.map_err(|error| *error.downcast::<Refused>().unwrap());
        let reached = usize::from(expected != Err(Refused::Shut));
        assert_eq!(
            (answer, sent.load(Ordering::Relaxed)),
            (expected, reached),
            "{open} {method}"
        );
    };
    let late = Err(Refused::Late(Duration::from_secs(4)));
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        check(true, method.clone(), true, Ok(())).await;
        check(true, method.clone(), false, late.clone()).await;
        check(false, method, true, Err(Refused::Shut)).await;
    }
    check(false, Method::GET, true, Ok(())).await;
}

#[test]
fn it_shuts_at_the_deadline_and_on_request() {
    let start = monotonic();
    let gate = Gate::default();
    assert_eq!(gate.check(start), Err(Refused::Shut));
    gate.open_until(start + Duration::from_secs(10));
    assert_eq!(gate.check(start + Duration::from_millis(9_999)), Ok(()));
    assert_eq!(
        gate.check(start + Duration::from_secs(10)),
        Err(Refused::Shut)
    );
    gate.shut();
    assert_eq!(gate.check(start), Err(Refused::Shut));
}
