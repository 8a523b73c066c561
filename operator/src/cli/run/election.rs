//! To compete, to work while leading, and to give the Lease back when the work is done.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use super::process::Ended;
use super::stop::Stop;
use crate::lease::Candidate;

/// Competes until `stop`, and does `work` while leading. The Lease is given back only when the work has ended:
/// what is still being written when the time is up must not meet another leader, so then the Lease expires instead.
pub async fn compete<W>(
    candidate: Candidate,
    work: impl FnOnce() -> W,
    stop: Stop,
) -> Result<(), Ended>
where
    W: Future<Output = ()> + Send + 'static,
{
    let gate = candidate.gate.clone();
    let (elected, leads) = oneshot::channel();
    let (finish, finished) = oneshot::channel();
    let release = async {
        if finished.await.is_err() {
            pending::<()>().await;
        }
    };
    let mut candidate = pin!(candidate.run(elected, release));
    let led = tokio::select! {
        ended = &mut candidate => return ended.map_err(Ended::Lost),
        led = lead(leads, work, stop) => led,
    };
    if let Err(ended) = led {
        gate.shut();
        return Err(ended);
    }
    let _candidate_listens = finish.send(());
    candidate.await.map_err(Ended::Lost)
}

/// Works from the election to the end.
async fn lead<W>(
    leads: oneshot::Receiver<()>,
    work: impl FnOnce() -> W,
    stop: Stop,
) -> Result<(), Ended>
where
    W: Future<Output = ()> + Send + 'static,
{
    let elected = async {
        if leads.await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = stop.clone().asked() => return Ok(()),
        () = elected => {}
    }
    // A task of its own, so that no reconcile keeps the Lease from being renewed.
    let mut tasks = JoinSet::new();
    tasks.spawn(work());
    let overdue = async {
        stop.clone().asked().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = tasks.join_next() => judge(ended, &stop),
        () = overdue => Err(Ended::Unfinished(GRACE)),
    }
}

fn judge(ended: Option<Result<(), JoinError>>, stop: &Stop) -> Result<(), Ended> {
    match ended {
        Some(Err(error)) => Err(Ended::Defect("the controller", error.to_string())),
        Some(Ok(())) | None if stop.is_asked() => Ok(()),
        Some(Ok(())) | None => Err(Ended::Defect(
            "the controller",
            "it ended by itself".to_owned(),
        )),
    }
}

/// How long reconciles may take to end.
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
