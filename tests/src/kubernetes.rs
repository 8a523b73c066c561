//! A whole Kubernetes of one node (`tests/cluster`), and what a test does with it.
//!
//! A test says `test` (beside others) or [`alone`] (when it disturbs the cluster), and gets the
//! cluster that this process shares. It runs on a thread inside the cluster's network: sockets that
//! it opens and processes that it starts reach pods and Services by their addresses, and pods reach
//! them at [`NODE`]. So clients, Redis and Prometheus of these helpers work as they do elsewhere.

mod audit;
mod browser;
mod chart;
mod daemon;
mod definition;
mod external;
mod figures;
mod fleet;
mod helm;
mod image;
mod ingress;
mod keeper;
mod kubectl;
mod load;
mod lookout;
mod made_up;
mod namespace;
mod operator;
mod prometheus;
mod shared;
mod shot;
mod typed;
mod wait;

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

pub use audit::{Audit, Request};
pub use browser::Browser;
pub use daemon::Daemon;
pub use definition::Optional;
pub use external::ExternalMetrics;
pub use figures::Figures;
pub use fleet::{Fleet, Pod, redis};
pub use helm::{Helm, MAJORS};
pub use image::{Image, Program};
pub use ingress::Ingress;
pub use load::{Backend, Client as LoadClient, Load, Published, Trace};
pub use made_up::MadeUp;
pub use namespace::Namespace;
pub use operator::{LeaseTimes, Operator, metric};
pub use prometheus::Prometheus;
pub use shared::{alone, apart, test};
pub use shot::Shot;
pub use wait::until;

use keeper::Keeper;

/// The address of the node, at which pods reach what a test starts.
pub const NODE: &str = "10.9.0.1";

/// A running cluster; it is removed when this value is dropped, and when this process ends in
/// any other way.
pub struct Kubernetes {
    keeper: Keeper,
}

impl Kubernetes {
    /// Starts a cluster beside any other.
    pub fn start(name: &str) -> Self {
        Self {
            keeper: Keeper::start(name),
        }
    }

    /// The folder of its state: `pki`, `conf`, `log`.
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// The client configuration of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("pki/admin.conf")
    }

    /// A client as the administrator.
    pub async fn client(&self) -> Client {
        client_of(&self.kubeconfig(), |_| ()).await
    }

    /// A client as the service account `account` of `namespace`, by a token of its own.
    pub async fn client_of(&self, namespace: &str, account: &str) -> Client {
        let config = self.config_of(namespace, account).await;
        Client::try_from(config).expect("it makes a client")
    }

    /// What such a client is made of.
    pub async fn config_of(&self, namespace: &str, account: &str) -> Config {
        let token = self.kubectl(&["create", "token", account, "--namespace", namespace]);
        config(&self.kubeconfig(), |kubeconfig| {
            for user in &mut kubeconfig.auth_infos {
                user.auth_info = Some(
                    serde_json::from_value(serde_json::json!({ "token": token.trim() }))
                        .expect("a token is a way to log in"),
                );
            }
        })
        .await
    }
}

/// A client by a configuration file that is changed first.
async fn client_of(file: &Path, change: impl FnOnce(&mut Kubeconfig)) -> Client {
    Client::try_from(config(file, change).await).expect("it makes a client")
}

async fn config(file: &Path, change: impl FnOnce(&mut Kubeconfig)) -> Config {
    let mut kubeconfig = Kubeconfig::read_from(file).expect("the cluster has written it");
    change(&mut kubeconfig);
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.expect("it is whole")
}
