//! The servers that take part.

use std::path::{Path, PathBuf};

use crate::wire::Dialect;

/// A server that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) command: Vec<String>,
    pub(super) dialect: Dialect,
}

/// What this project builds.
pub(super) const GATEWAY: &str = "carillon";

/// The servers of these names or `NAME=COMMAND`s; without any, all that are built.
pub(super) fn select(names: &[String], root: &Path) -> Result<Vec<Contestant>, String> {
    if names.is_empty() {
        let (built, missing): (Vec<Contestant>, Vec<Contestant>) =
            known(root).into_iter().partition(Contestant::is_built);
        missing
            .iter()
            .for_each(|contestant| eprintln!("{} is not built and left out", contestant.name));
        return Ok(built);
    }
    names.iter().map(|name| parse(name, root)).collect()
}

fn parse(text: &str, root: &Path) -> Result<Contestant, String> {
    if let Some((name, command)) = text.split_once('=') {
        let command = command
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        return Ok(Contestant {
            name: name.to_owned(),
            command,
            dialect: Dialect::SocketIo,
        });
    }
    let found = known(root)
        .into_iter()
        .find(|contestant| contestant.name == text);
    let contestant = found.ok_or_else(|| format!("no server `{text}`"))?;
    if contestant.is_built() {
        Ok(contestant)
    } else {
        Err(format!("{text} is not built; bench/run builds it"))
    }
}

pub(super) fn known(root: &Path) -> Vec<Contestant> {
    let peers = root.join("bench/peers");
    let contestant = |name: &str, command: &[PathBuf], dialect| Contestant {
        name: name.to_owned(),
        command: command
            .iter()
            .map(|word| word.display().to_string())
            .collect(),
        dialect,
    };
    let socketioxide = peers.join("socketioxide/target/release/bench-peer-socketioxide");
    let node = [PathBuf::from("node"), peers.join("node-socketio/server.js")];
    vec![
        contestant(GATEWAY, &[gateway(root)], Dialect::SocketIo),
        contestant("socketioxide", &[socketioxide], Dialect::SocketIo),
        contestant("node", &node, Dialect::SocketIo),
        contestant(
            "centrifuge",
            &[peers.join("centrifuge/peer-centrifuge")],
            Dialect::Centrifuge,
        ),
    ]
}

/// The gateway that was built beside this program.
fn gateway(root: &Path) -> PathBuf {
    let own =
        std::env::current_exe().unwrap_or_else(|_| root.join("target/release/carillon-bench"));
    own.with_file_name("carillon-gateway")
}

impl Contestant {
    pub(super) fn is_built(&self) -> bool {
        let script = |word: &String| Path::new(word).with_file_name("node_modules").exists();
        match self.command.as_slice() {
            [interpreter, file] if interpreter == "node" => script(file),
            [program, ..] => Path::new(program).exists(),
            [] => false,
        }
    }
}

/// What every server is told besides its ports; each reads what it knows.
pub(super) fn environment(rules: &Path, ping_interval: Option<u32>) -> Vec<(&'static str, String)> {
    let mut environment = vec![
        ("CARILLON_RULES", rules.display().to_string()),
        ("CARILLON_API_PORT", "off".to_owned()),
        ("CARILLON_BIND", "127.0.0.1".to_owned()),
    ];
    environment.extend(ping_interval.map(|millis| ("PING_INTERVAL", millis.to_string())));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_its_own() {
        let contestant = parse("before=/old/gateway --flag", Path::new("."));
        let command = vec!["/old/gateway".to_owned(), "--flag".to_owned()];
        let expected = Contestant {
            name: "before".to_owned(),
            command,
            dialect: Dialect::SocketIo,
        };
        assert_eq!(contestant, Ok(expected));
        assert!(parse("nobody", Path::new(".")).is_err());
    }
}
