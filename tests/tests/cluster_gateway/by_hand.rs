//! The commands of docs/cluster.md, as a new user types them: only the ports are other ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};

use carillon_tests::clients::Clients;
use carillon_tests::gateway::{binary, workspace};
use carillon_tests::http::Request;
use carillon_tests::process::Process;
use carillon_tests::{ports, wait};
use serde_json::json;

/// Every port that the commands and the configuration of nginx name.
const PORTS: [&str; 10] = [
    "6379", "3101", "3102", "3103", "9101", "3201", "3202", "3203", "9201", "3001",
];

/// The shell blocks under a heading of a document.
fn blocks(document: &str, heading: &str) -> Vec<String> {
    let (_, section) = document.split_once(heading).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// A folder like the one that the commands are typed in, with ports that are free.
struct Desk {
    folder: PathBuf,
    ports: BTreeMap<&'static str, u16>,
}

impl Desk {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-by-hand-{}", std::process::id()));
        fs::create_dir_all(folder.join("examples")).unwrap();
        let ports = PORTS.map(|port| (port, ports::free()));
        let desk = Self {
            folder,
            ports: BTreeMap::from(ports),
        };
        for name in ["nginx.conf", "chat.yaml"] {
            let name = Path::new("examples").join(name);
            let text = fs::read_to_string(workspace().join(&name)).unwrap();
            let pid = desk.folder.join("nginx.pid");
            let text = text.replace("/tmp/carillon-nginx.pid", pid.to_str().unwrap());
            fs::write(desk.folder.join(&name), desk.with_ports(&text)).unwrap();
        }
        desk
    }

    /// Every number that is one of the ports is another one.
    fn with_ports(&self, text: &str) -> String {
        let is_digit = |c: char| c.is_ascii_digit();
        let mut rest = text;
        let mut out = String::new();
        while let Some(start) = rest.find(is_digit) {
            let (before, number) = rest.split_at(start);
            let end = number.find(|c| !is_digit(c)).unwrap_or(number.len());
            let (number, after) = number.split_at(end);
            out += before;
            match self.ports.get(number) {
                Some(port) => out += &port.to_string(),
                None => out += number,
            }
            rest = after;
        }
        out + rest
    }

    /// A shell that finds the programs.
    fn shell(&self, program: &str, commands: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let ours = binary();
        let ours = ours.parent().unwrap().display();
        let mut command = Command::new(program);
        command
            .args(["sh", "-c", &self.with_ports(commands)])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{ours}:{path}:/usr/sbin"));
        command
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What runs in the background; it ends with the input of its shell.
struct Background {
    input: Option<ChildStdin>,
    process: Process,
}

impl Background {
    fn start(desk: &Desk, commands: &str) -> Self {
        // Where it is collected for the report of a failure.
        let commands = format!("exec >&2\n{commands}\nread -r _\nkill -KILL 0");
        let mut shell = desk.shell("setsid", &commands);
        let (process, input, _) = Process::interactive("the commands", &mut shell);
        let input = Some(input);
        Self { input, process }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.input.take();
        self.process.wait();
    }
}

#[test]
fn two_nodes_behind_nginx() {
    let document = fs::read_to_string(workspace().join("docs/cluster.md")).unwrap();
    let nginx = "nginx -c \"$PWD/examples/nginx.conf\"";
    assert!(document.contains(nginx));
    let [start, emit] = <[String; 2]>::try_from(blocks(&document, "## Two nodes by hand")).unwrap();
    let desk = Desk::new();
    let _background = Background::start(&desk, &format!("{start}{nginx} &"));
    for port in ["9101", "9201"] {
        wait::until("a node is ready", || {
            let ready = Request::get("/readyz").try_send(desk.ports[port]).ok()?;
            (ready.status == 200).then_some(())
        });
    }
    wait::until("nginx passes requests on", || {
        let path = "/socket.io/?EIO=4&transport=polling";
        let opened = Request::get(path).try_send(desk.ports["3001"]).ok()?;
        (opened.status == 200).then_some(())
    });
    let clients = Clients::start();
    let transports = json!({ "transports": ["polling", "websocket"] });
    clients.connect_with("browser", desk.ports["3001"], "/", &transports);
    let told = desk.shell("env", &emit).output().unwrap();
    let answer = String::from_utf8_lossy(&told.stdout);
    assert!(answer.contains("\"accepted\":true"), "{answer}");
    let message = json!(["message", { "from": "a backend", "text": "hello" }]);
    wait::until("the browser has the event", || {
        let ledgers = clients.ledgers();
        ledgers["browser"].contains(&message).then_some(())
    });
}
