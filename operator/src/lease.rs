//! Leader election over a Lease of `coordination.k8s.io/v1`.
//!
//! [`elector`] decides; here are the requests and the waiting. Only this module writes past the [`Gate`].

pub mod elector;
pub mod times;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use rand::RngExt;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::elector::{Elector, Step};
use self::times::Times;
use crate::clock::{monotonic, wall};
use crate::gate::Gate;

/// Another process leads, or nobody knows.
#[derive(Debug, Error)]
#[error("the leadership is lost: {reason}")]
pub struct Lost {
    /// Why.
    pub reason: String,
}

/// One candidate.
pub struct Candidate {
    /// The Leases of the operator's namespace, asked by a client without the gate.
    pub leases: Api<Lease>,
    /// The name of the Lease.
    pub name: String,
    /// With whom the Lease goes, in its namespace.
    pub owner: Option<OwnerReference>,
    /// What the Lease will name: different for every process that ever runs.
    pub identity: String,
    /// How long and how often.
    pub times: Times,
    /// Opened by each renewal.
    pub gate: Arc<Gate>,
}

impl Candidate {
    /// Competes, says by `elected` when it leads, renews until `release` is done, and then gives the Lease back.
    ///
    /// Ends with an error as soon as the leadership is lost: the process has to end, since what it decided is no longer its business.
    pub async fn run(
        self,
        elected: oneshot::Sender<()>,
        release: impl Future<Output = ()>,
    ) -> Result<(), Lost> {
        let Self {
            leases,
            name,
            owner,
            identity,
            times,
            gate,
        } = self;
        let mut election = Election {
            elector: Elector::new(identity, times),
            leases: leases.clone(),
            name: name.clone(),
            owner,
            times,
            gate,
            elected: Some(elected),
            last_error: None,
        };
        let mut watch = std::pin::pin!(watch_object(leases, &name).default_backoff());
        let mut release = std::pin::pin!(release);
        loop {
            // A renewal is never cancelled: whether it was done has to be known.
            let until = match election.step().await? {
                Some(until) => until,
                None => continue,
            };
            tokio::select! {
                () = &mut release => return election.release().await,
                seen = watch.next() => election.watched(seen),
                () = tokio::time::sleep_until(until.into()) => {}
            }
        }
    }
}

struct Election {
    elector: Elector,
    leases: Api<Lease>,
    name: String,
    owner: Option<OwnerReference>,
    times: Times,
    gate: Arc<Gate>,
    elected: Option<oneshot::Sender<()>>,
    last_error: Option<kube::Error>,
}

impl Election {
    /// Does the next step; the moment until which there is nothing to do, if it was to wait.
    async fn step(&mut self) -> Result<Option<std::time::Instant>, Lost> {
        match self.elector.next(monotonic(), wall()) {
            Step::Wait(until) => return Ok(Some(until)),
            Step::Lost => return Err(self.lost()),
            Step::Read => {
                let read = timeout(self.times.write_timeout(), self.leases.get_opt(&self.name));
                match read.await.unwrap_or_else(|_| Err(late())) {
                    Ok(lease) => self.elector.saw(monotonic(), lease),
                    Err(error) => self.failed(error),
                }
            }
            Step::Create(mut lease) => {
                lease.metadata.name = Some(self.name.clone());
                lease.metadata.owner_references = self.owner.clone().map(|owner| vec![owner]);
                let params = PostParams::default();
                let leases = self.leases.clone();
                self.write(leases.create(&params, &lease)).await;
            }
            Step::Update(lease) => {
                let params = PostParams::default();
                let (leases, name) = (self.leases.clone(), self.name.clone());
                self.write(leases.replace(&name, &params, &lease)).await;
            }
        }
        Ok(None)
    }

    async fn write(&mut self, request: impl Future<Output = Result<Lease, kube::Error>>) {
        let sent = monotonic();
        let answer = timeout(self.times.write_timeout(), request).await;
        match answer.unwrap_or_else(|_| Err(late())) {
            Ok(lease) => {
                let until = self.elector.wrote(sent, monotonic(), lease);
                self.gate.open_until(until);
                if let Some(elected) = self.elected.take() {
                    tracing::info!(lease = self.name, "this process leads");
                    let _nobody_waits = elected.send(());
                }
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                self.elector.conflicted()
            }
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: kube::Error) {
        let text = told(&error);
        tracing::warn!(
            lease = self.name,
            error = text,
            "the lease could not be read or written"
        );
        let pause = self
            .times
            .retry()
            .mul_f64(rand::rng().random_range(0.5..1.0));
        self.elector.failed(monotonic(), pause);
        self.last_error = Some(error);
    }

    fn watched(&mut self, seen: Option<Result<Option<Lease>, kube::runtime::watcher::Error>>) {
        match seen {
            Some(Ok(lease)) => self.elector.saw(monotonic(), lease),
            Some(Err(error)) => tracing::debug!(%error, "the watch of the lease is made anew"),
            None => {}
        }
    }

    fn lost(&mut self) -> Lost {
        self.gate.shut();
        let holder = self
            .elector
            .holder()
            .map(|holder| format!("{holder} holds the lease"));
        let error = self
            .last_error
            .take()
            .map(|error| format!("not renewed in time: {}", told(&error)));
        Lost {
            reason: holder
                .or(error)
                .unwrap_or_else(|| "the lease was not renewed in time".to_owned()),
        }
    }

    /// The gate is shut first: whoever sees the Lease free may write at once.
    async fn release(&mut self) -> Result<(), Lost> {
        self.gate.shut();
        let Some(lease) = self.elector.released(wall()) else {
            return Ok(());
        };
        let params = PostParams::default();
        let request = self.leases.replace(&self.name, &params, &lease);
        match timeout(RELEASE_TIMEOUT, request).await {
            Ok(Ok(_)) => tracing::info!(lease = self.name, "the lease is released"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not released, it will expire"),
            Err(_) => tracing::warn!("the lease was not released in time, it will expire"),
        }
        Ok(())
    }
}

/// A refusal in the API server's words: all that came with it says no more.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.message),
        other => other.to_string(),
    }
}

fn late() -> kube::Error {
    kube::Error::Service("no answer in time".into())
}

const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
