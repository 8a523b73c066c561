//! Readiness: whether the process could lead at once.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// Returns when every cache is complete, and says until then which are not. Kinds that may be missing are not waited for.
pub async fn complete(
    mut filling: watch::Receiver<BTreeSet<&'static str>>,
    waiting: &watch::Sender<Vec<String>>,
) {
    loop {
        let reasons = reasons(&filling.borrow_and_update());
        let done = reasons.is_empty();
        waiting.send_replace(reasons);
        if done {
            return;
        }
        if filling.changed().await.is_err() {
            // Nobody fills them any more: whoever watches the watches ends the process.
            return std::future::pending().await;
        }
    }
}

fn reasons(filling: &BTreeSet<&str>) -> Vec<String> {
    let kinds = filling.iter();
    kinds
        .map(|kind| format!("the first list of {kind} objects is not complete"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn says_what_is_missing_until_nothing_is() {
        let filling = watch::Sender::new(BTreeSet::from(["Pod", "Service"]));
        let (waiting, mut reasons) = watch::channel(vec!["not asked yet".to_owned()]);
        let complete = complete(filling.subscribe(), &waiting);
        let steps = async {
            reasons.changed().await.unwrap();
            assert_eq!(reasons.borrow_and_update().len(), 2);
            filling.send_modify(|filling| {
                filling.remove("Service");
            });
            reasons.changed().await.unwrap();
            assert_eq!(
                *reasons.borrow_and_update(),
                ["the first list of Pod objects is not complete"]
            );
            filling.send_modify(BTreeSet::clear);
        };
        tokio::join!(complete, steps);
        assert!(waiting.borrow().is_empty());
    }
}
