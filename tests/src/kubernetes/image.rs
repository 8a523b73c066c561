//! Images of our programs, made once for this run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::Kubernetes;
use crate::gateway::{builder, target, workspace};

/// A program of ours that has an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `carillon-gateway`.
    Gateway,
    /// `carillon-operator`.
    Operator,
}

/// An image in the cluster's container runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `carillon/gateway` or `carillon/operator`, or what it was renamed to.
    pub repository: &'static str,
    /// Its tag.
    pub tag: String,
}

impl Image {
    /// `repository:tag`, as a pod names it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// The same with what a container runtime adds to a name without a registry.
    fn full(&self) -> String {
        match self.repository.split_once('/') {
            None => format!("docker.io/library/{}", self.name()),
            Some((registry, _)) if registry.contains('.') => self.name(),
            Some(_) => format!("docker.io/{}", self.name()),
        }
    }
}

impl Program {
    fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Operator => "operator",
        }
    }

    fn repository(self) -> &'static str {
        match self {
            Self::Gateway => "carillon/gateway",
            Self::Operator => "carillon/operator",
        }
    }

    /// The archive of the image with the tag `test`.
    fn archive(self) -> PathBuf {
        static GATEWAY: OnceLock<PathBuf> = OnceLock::new();
        static OPERATOR: OnceLock<PathBuf> = OnceLock::new();
        let archive = match self {
            Self::Gateway => &GATEWAY,
            Self::Operator => &OPERATOR,
        };
        archive.get_or_init(|| make(self.word())).clone()
    }
}

fn make(program: &str) -> PathBuf {
    let mut command = builder(workspace().join("scripts/image"));
    command.args(["--profile", "test-image", "--tag", "test", program]);
    let status = command.status();
    assert!(
        status.expect("a shell can be run").success(),
        "the image of {program} cannot be made: see above"
    );
    let archive = target().join("image").join(format!("{program}.tar"));
    workspace().join(archive)
}

/// The libraries that a program of this machine loads, its loader among them.
fn libraries(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output();
    let output = output.expect("ldd can be run").stdout;
    let words = String::from_utf8_lossy(&output).into_owned();
    let paths = words
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    paths.map(str::to_owned).collect()
}

impl Kubernetes {
    /// An image of this machine's `redis-server`, in the cluster.
    pub fn redis_image(&self) -> Image {
        const SERVER: &str = "/usr/bin/redis-server";
        let image = Image {
            repository: "carillon/redis",
            tag: "test".to_owned(),
        };
        let archive = workspace().join(target()).join("image/redis.tar");
        let mut command = builder(workspace().join("scripts/oci-image"));
        command.arg(&archive).arg(image.name());
        for file in libraries(SERVER).into_iter().chain([SERVER.to_owned()]) {
            command.args(["--file", &format!("{file}:{file}")]);
        }
        let status = command.status().expect("Python can be run");
        assert!(
            status.success(),
            "the image of Redis cannot be made: see above"
        );
        self.ctr(&["images", "import", &archive.to_string_lossy()]);
        image
    }

    /// The image of a program, in the cluster under the tag `test`.
    pub fn image(&self, program: Program) -> Image {
        let image = Image {
            repository: program.repository(),
            tag: "test".to_owned(),
        };
        let archive = program.archive();
        self.ctr(&["images", "import", &archive.to_string_lossy()]);
        image
    }

    /// The same image under one more tag: another image to everything that compares names.
    pub fn retag(&self, image: &Image, tag: &str) -> Image {
        self.rename(image, image.repository, tag)
    }

    /// The same image under one more name, which may be somebody else's.
    pub fn rename(&self, image: &Image, repository: &'static str, tag: &str) -> Image {
        let other = Image {
            repository,
            tag: tag.to_owned(),
        };
        self.ctr(&["images", "tag", "--force", &image.full(), &other.full()]);
        other
    }
}
