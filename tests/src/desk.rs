//! A desk at which the commands of the documentation are typed: a folder that looks like the workspace, and a shell
//! that finds our programs.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::gateway::{binary, operator, workspace};
use crate::process::Process;

/// A folder with all that the workspace has, and with what is written beside it; it is removed when this value is
/// dropped.
pub struct Desk {
    folder: PathBuf,
}

impl Desk {
    /// An empty one, but for the workspace.
    pub fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("carillon-desk-{}-{number}", std::process::id());
        let desk = Self {
            folder: std::env::temp_dir().join(name),
        };
        fs::create_dir_all(&desk.folder)?;
        for entry in fs::read_dir(workspace())? {
            let entry = entry?;
            symlink(entry.path(), desk.folder.join(entry.file_name()))?;
        }
        Ok(desk)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file there that the workspace does not have.
    pub fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = fs::File::create_new(self.folder.join(name))?;
        file.write_all(text.as_bytes())
    }

    /// A shell with these commands, which ends with the first that fails. It finds our programs, and knows of the
    /// environment of this process no more than where programs are.
    pub fn shell(&self, commands: &str) -> Command {
        self.dressed(Command::new("sh"), commands)
    }

    /// The same shell by another program that ends in one.
    fn dressed(&self, mut command: Command, commands: &str) -> Command {
        command
            .args(["-ec", commands])
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("PATH", path(&[]));
        command
    }

    /// What commands print that succeed.
    pub fn run(&self, commands: &str) -> String {
        self.run_with(commands, &[])
    }

    /// As [`Desk::run`], with variables that were set before.
    pub fn run_with(&self, commands: &str, variables: &[(&str, &str)]) -> String {
        let mut shell = self.shell(commands);
        let output = shell.envs(variables.iter().copied()).output();
        said(commands, &output.expect("a shell can be run"))
    }

    /// Starts commands that go on, as in another terminal.
    pub fn start(&self, commands: &str) -> Background {
        let commands = commands.trim_end();
        // What it prints is collected for the report of a failure; it ends with the input of its shell.
        let commands = format!("exec >&2\n{commands} &\nread -r _ || true\nkill -KILL 0");
        let mut command = Command::new("setsid");
        command.arg("sh");
        let mut shell = self.dressed(command, &commands);
        let (process, input, _) = Process::interactive("the commands", &mut shell);
        Background {
            input: Some(input),
            process,
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What runs in the background, until this value is dropped.
pub struct Background {
    input: Option<ChildStdin>,
    process: Process,
}

impl Background {
    /// What it has printed so far.
    pub fn output(&self) -> String {
        self.process.output()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.input.take();
        self.process.wait();
    }
}

/// Where programs are: in these folders, ours, those of the machine.
pub(crate) fn path(first: &[&Path]) -> String {
    let programs = [binary(), operator()];
    let ours = programs.iter().filter_map(|program| program.parent());
    let machine = std::env::var("PATH").expect("there is a PATH");
    let folders = first.iter().copied().chain(ours);
    let folders = folders.map(|folder| folder.display().to_string());
    let all = folders.chain([machine, "/usr/sbin".to_owned()]);
    all.collect::<Vec<_>>().join(":")
}

/// What commands print that succeed; panics with all of it if they do not.
pub(crate) fn said(commands: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}\n{commands}\n--- printed:\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
