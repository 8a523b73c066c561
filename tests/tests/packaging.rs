//! How our programs are shipped: images, the files of container hosts, versions in step, the workflow of a release.

mod charts;
mod hosts;
mod image;
mod sbom;
mod skaffold;
mod version;

use std::process::Command;

use carillon_tests::gateway::workspace;
use carillon_tests::packaging;

/// By actionlint: expressions, inputs of actions, names of jobs.
#[test]
fn workflows_are_well_formed() {
    let mut command = Command::new(packaging::tools().join("workflow"));
    command.current_dir(workspace());
    packaging::run(command.args(["-no-color", ".github/workflows/release.yaml"]));
}
