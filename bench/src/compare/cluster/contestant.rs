//! The servers of which two pods can form a cluster.

use std::net::SocketAddr;
use std::path::Path;

use super::super::contestant::{Contestant, GATEWAY, known};
use super::super::process::REDIS;

/// The format in which pods speak through Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Classic,
    Sharded,
    Streams,
}

/// A server and how its pods speak to one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pods {
    /// Its name holds the mode.
    pub(super) server: Contestant,
    pub(super) mode: Mode,
}

const MODES: [Mode; 3] = [Mode::Classic, Mode::Sharded, Mode::Streams];
const NODE: &str = "node";
const SOCKETIOXIDE: &str = "socketioxide";

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Sharded => "sharded",
            Self::Streams => "streams",
        }
    }
}

/// The pods of these names; without any, all that are built.
pub(super) fn select(
    names: &[String],
    root: &Path,
    gateway: Option<&Path>,
) -> Result<Vec<Pods>, String> {
    let all = all(root, gateway);
    if names.is_empty() {
        let (built, missing): (Vec<Pods>, Vec<Pods>) =
            all.into_iter().partition(|pods| pods.server.is_built());
        missing
            .iter()
            .for_each(|pods| eprintln!("{} is not built and left out", pods.server.name));
        return Ok(built);
    }
    let find = |name: &String| {
        let found = all.iter().find(|pods| pods.server.name == *name);
        let pods = found.ok_or_else(|| format!("no server `{name}`"))?;
        if pods.server.is_built() {
            Ok(pods.clone())
        } else {
            Err(format!("{name} is not built; bench/cluster builds it"))
        }
    };
    names.iter().map(find).collect()
}

fn all(root: &Path, gateway: Option<&Path>) -> Vec<Pods> {
    let mut all = Vec::new();
    for mut server in known(root) {
        if server.name == GATEWAY
            && let Some(path) = gateway
        {
            server.command = vec![path.display().to_string()];
        }
        if server.name == GATEWAY || server.name == NODE {
            all.extend(MODES.map(|mode| Pods {
                server: Contestant {
                    name: format!("{}-{}", server.name, mode.name()),
                    ..server.clone()
                },
                mode,
            }));
        } else if server.name == SOCKETIOXIDE {
            // Its one adapter sends to one channel a namespace, as the classic one does.
            all.push(Pods {
                server,
                mode: Mode::Classic,
            });
        }
    }
    all
}

impl Pods {
    /// What every pod is told besides its ports; each reads what it knows.
    pub(super) fn environment(
        &self,
        mut plain: Vec<(&'static str, String)>,
        redis: SocketAddr,
    ) -> Vec<(&'static str, String)> {
        let url = format!("redis://{redis}");
        let mode = self.mode.name().to_owned();
        plain.extend([
            ("REDIS_URL", url.clone()),
            ("REDIS_MODE", mode.clone()),
            (REDIS, url),
            ("CARILLON_REDIS_MODE", mode),
            ("CARILLON_REDIS_KEY_PREFIX", "bench".to_owned()),
        ]);
        plain
    }

    pub(super) fn is_gateway(&self) -> bool {
        is_gateway(&self.server.name)
    }
}

pub(super) fn is_gateway(name: &str) -> bool {
    name.split('-').next() == Some(GATEWAY)
}

/// Node with the adapter whose place these pods' own takes.
pub(super) fn counterpart(name: &str) -> String {
    let mode = name.split_once('-').map_or("classic", |(_, mode)| mode);
    format!("{NODE}-{mode}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_in_every_mode() {
        let all = all(Path::new("."), Some(Path::new("/gateway")));
        let names: Vec<&str> = all.iter().map(|pods| pods.server.name.as_str()).collect();
        let expected = [
            "carillon-classic",
            "carillon-sharded",
            "carillon-streams",
            "socketioxide",
            "node-classic",
            "node-sharded",
            "node-streams",
        ];
        assert_eq!(names, expected);
        assert_eq!(all[0].server.command, ["/gateway"]);
        assert!(all[2].is_gateway() && !all[3].is_gateway());
    }

    #[test]
    fn counterparts() {
        for (name, expected) in [
            ("carillon-streams", "node-streams"),
            ("socketioxide", "node-classic"),
            ("node-sharded", "node-sharded"),
        ] {
            assert_eq!(counterpart(name), expected);
        }
    }
}
