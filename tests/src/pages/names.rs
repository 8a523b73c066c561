//! The pages that have commands.

/// The front page.
pub const README: &str = "README.md";
/// The first minutes.
pub const QUICKSTART: &str = "docs/quickstart.md";
/// Several nodes by hand.
pub const CLUSTER: &str = "docs/cluster.md";
/// The resource.
pub const RESOURCE: &str = "docs/resource.md";
/// Metrics and health.
pub const METRICS: &str = "docs/metrics.md";
/// By symptom.
pub const TROUBLESHOOTING: &str = "docs/troubleshooting.md";
/// Operations.
pub const OPERATIONS: &str = "docs/operations.md";
/// The HTTP API.
pub const HTTP_API: &str = "docs/http-api.md";
/// Autoscaling.
pub const AUTOSCALING: &str = "docs/autoscaling.md";
/// The operator.
pub const OPERATOR: &str = "docs/operator.md";
/// Container hosts.
pub const HOSTS: &str = "docs/container-hosts.md";
/// The operator's chart.
pub const CHART: &str = "charts/carillon/README.md";
/// A fleet's chart.
pub const FLEET_CHART: &str = "charts/carillon-cluster/README.md";
