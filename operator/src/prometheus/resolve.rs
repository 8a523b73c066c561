//! `tls.serverName`: the certificate is checked against that name, while the connection goes to the address.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds `host`, whatever name it is asked for.
pub(super) struct Elsewhere {
    pub(super) host: String,
}

impl Resolve for Elsewhere {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.host.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let addresses: Addrs = Box::new(found.collect::<Vec<_>>().into_iter());
            Ok(addresses)
        })
    }
}
