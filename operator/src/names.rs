//! Names of the operator's own objects.

/// Its ServiceAccount, its roles and its Deployment.
pub const NAME: &str = "carillon-operator";
/// The Lease of the election, unless the process is told another name.
pub const LEASE: &str = "carillon-operator";
/// The namespace that the manifests and the docs take.
pub const NAMESPACE: &str = "carillon-system";
