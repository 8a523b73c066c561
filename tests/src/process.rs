//! A child process whose output is kept for the report of a failure.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::wait::{self, PATIENCE};

/// A running child; it is killed when this value is dropped.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command` and collects what it prints.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut process = Self::spawn(name, command.stdin(Stdio::null()));
        collect(process.child.stdout.take(), &process.output);
        process
    }

    /// Starts `command` for a caller who writes to it and reads it; only its stderr is collected.
    pub fn interactive(name: &str, command: &mut Command) -> (Self, ChildStdin, ChildStdout) {
        let mut process = Self::spawn(name, command.stdin(Stdio::piped()));
        let input = process.child.stdin.take().expect("stdin is a pipe");
        let output = process.child.stdout.take().expect("stdout is a pipe");
        (process, input, output)
    }

    fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take(), &output);
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, both streams.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The exit status if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be asked")
    }

    /// Waits for the end; panics with the output when it does not come.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.exited() {
                return status;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("{} does not end:\n{}", self.name, self.output())
    }

    /// Sends a signal by its name (`TERM`, `INT`, `KILL`, `STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .expect("kill can be run");
        assert!(status.success(), "kill -s {name} of {} failed", self.name);
    }

    /// Waits until the output contains `text`.
    pub fn wait_for_output(&self, text: &str) {
        wait::until(&format!("{} prints {text:?}", self.name), || {
            self.output().contains(text).then_some(())
        });
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        resident(self.id())
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} printed:\n{}---", self.name, tail(&self.output()));
        }
    }
}

/// Resident memory of a process in bytes.
pub fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn collect(stream: Option<impl Read + Send + 'static>, output: &Arc<Mutex<String>>) {
    let (Some(stream), output) = (stream, Arc::clone(output)) else {
        return;
    };
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = write!(kept, "{}", String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

/// The last lines: enough to see a cause, not a whole flood.
fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let from = lines.len().saturating_sub(60);
    lines[from..].join("\n") + "\n"
}
