//! One cluster for all tests of a process, and the thread inside its network that each runs on.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{OnceLock, PoisonError, RwLock};

use tokio::runtime::Runtime;

use super::Kubernetes;
use crate::network;

/// Tests that stand being run together hold it for reading, one that disturbs the cluster for writing.
static TURN: RwLock<()> = RwLock::new(());

/// Runs a test on the shared cluster, beside others.
pub fn test<F: Future<Output = ()>>(run: impl FnOnce(&'static Kubernetes) -> F + Send + 'static) {
    let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
    inside(run);
}

/// Runs a test that disturbs the cluster: no other runs meanwhile.
pub fn alone<F: Future<Output = ()>>(run: impl FnOnce(&'static Kubernetes) -> F + Send + 'static) {
    let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
    inside(run);
}

/// Runs a test on a cluster of its own, which no other sees.
pub fn apart(name: &str, run: impl AsyncFnOnce(&Kubernetes) + Send + 'static) {
    let cluster = Kubernetes::start(&format!("{name}-{}", std::process::id()));
    let thread = std::thread::spawn(move || {
        cluster.enter_network();
        runtime().block_on(run(&cluster));
        // It ends outside of its network.
        cluster
    });
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

/// The cluster of this process, started by whoever asks first. It ends with the process, which
/// closes the pipe that holds it up.
fn shared() -> &'static Kubernetes {
    static SHARED: OnceLock<Kubernetes> = OnceLock::new();
    SHARED.get_or_init(|| Kubernetes::start(&format!("test-{}", std::process::id())))
}

fn inside<F: Future<Output = ()>>(run: impl FnOnce(&'static Kubernetes) -> F + Send + 'static) {
    let cluster = shared();
    // A thread enters a network for good, and its children and their processes with it.
    let thread = std::thread::spawn(move || {
        cluster.enter_network();
        runtime().block_on(run(cluster));
    });
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be made")
}

impl Kubernetes {
    /// Moves the calling thread, and what it starts from now on, into the cluster's network.
    pub fn enter_network(&self) {
        let init = std::fs::read_to_string(self.folder().join("init")).expect("the cluster is up");
        network::enter(init.trim());
    }
}
