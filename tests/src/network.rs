//! Networks beside the machine's.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::Process;

/// Runs this on a thread in a network of its own, which has nothing but loopback: all ports are free, also for what
/// is started there.
pub fn apart<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-ec", "ip link set lo up; echo up; exec cat"]);
    let (process, input, output) = Process::interactive("a network", &mut command);
    let up = BufReader::new(output).lines().next();
    assert!(
        up.is_some_and(|line| line.is_ok_and(|line| line == "up")),
        "no network can be made (root is needed): {}",
        process.output()
    );
    let id = process.id().to_string();
    let thread = std::thread::spawn(move || {
        enter(&id);
        run()
    });
    let ended = thread.join();
    drop(input);
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Moves the calling thread, and what it starts from now on, into the network of a process, for good.
pub(crate) fn enter(process: &str) {
    let network = File::open(format!("/proc/{process}/ns/net"));
    let network = network.expect("the network of a process can be opened");
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("root may enter a network");
}
