//! A script of `tests/node` that is told what to do, line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::process::Process;
use crate::scripts::node_command;
use crate::wait::PATIENCE;

/// A running script: it reads one JSON document a line, and answers each by one line, in order:
/// `{"ok": …}` or `{"error": "…"}`. It ends when this value is dropped.
pub struct Driver {
    script: String,
    process: Process,
    pipes: Mutex<(ChildStdin, Receiver<String>)>,
}

impl Driver {
    /// Starts the script with its parameters as one JSON argument.
    pub fn start(script: &str, parameters: &Value) -> Self {
        let mut command = node_command(script);
        command.arg(parameters.to_string());
        let (process, input, output) = Process::interactive(script, &mut command);
        let (to, from) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for line in lines {
                if to.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            script: script.to_owned(),
            process,
            pipes: Mutex::new((input, from)),
        }
    }

    /// Has one thing done; panics when the script reports an error.
    pub fn call(&self, operation: &Value) -> Value {
        let name = &self.script;
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, answers) = &mut *pipes;
        writeln!(input, "{operation}").unwrap_or_else(|error| panic!("{name} is gone: {error}"));
        let line = answers.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!(
                "{name} does not answer {operation}: {error}\n{}",
                self.process.output()
            )
        });
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{name} answers {line:?}: {error}"));
        match answer.get_mut("ok") {
            Some(value) => value.take(),
            None => panic!("{name} cannot do {operation}: {answer}"),
        }
    }
}
