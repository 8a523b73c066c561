//! The results: a file of JSON lines, first the machine, then one line a run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::cluster::Leg;
use super::metric::{Metric, number};
use crate::report::Report;

/// Where and what was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) commit: String,
}

/// One run of one scenario on one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) scenario: String,
    pub(super) arguments: String,
    pub(super) server: String,
    pub(super) repeat: usize,
    /// Only the runs of a cluster have one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) leg: Option<Leg>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) report: Option<Report>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) error: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Machine(Header),
    Run(Box<Run>),
}

/// The runs of a comparison, in memory and in their file.
pub(super) struct Results {
    path: PathBuf,
    file: File,
    header: Header,
    runs: Vec<Run>,
}

impl Header {
    pub(super) fn read(root: &Path) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let git = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["describe", "--always", "--dirty"])
            .output();
        Self {
            processor: model
                .map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            cores: cpuinfo
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            commit: git.map_or_else(
                |_| String::new(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            ),
        }
    }
}

impl Results {
    /// A new file, named by what it holds and its number in the folder.
    pub(super) fn create(folder: &Path, kind: &str, header: &Header) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut number = 1;
        let (path, file) = loop {
            let path = folder.join(format!("{kind}-{number:03}.jsonl"));
            match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                outcome => break (path, outcome?),
            }
        };
        let mut results = Self {
            path,
            file,
            header: header.clone(),
            runs: Vec::new(),
        };
        results.write(&Line::Machine(header.clone()))?;
        Ok(results)
    }

    pub(super) fn add(&mut self, run: Run) -> io::Result<()> {
        self.write(&Line::Run(Box::new(run.clone())))?;
        self.runs.push(run);
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Run {
    /// What to say while the comparison goes on.
    pub(super) fn line(&self) -> String {
        let Self {
            scenario,
            server,
            repeat,
            leg,
            ..
        } = self;
        let leg = leg.map_or_else(String::new, |leg| format!(" {}", leg.name()));
        let start = format!("{scenario} #{repeat} {server}{leg}:");
        let Some(report) = &self.report else {
            return format!("{start} {}", self.error.as_deref().unwrap_or("no report"));
        };
        let cpu = Metric::CpuUs
            .of(report)
            .map_or_else(|| "-".to_owned(), number);
        let rate = number(report.units_per_s);
        let faults = if report.faults.is_clean() {
            String::new()
        } else {
            format!(", {:?}", report.faults)
        };
        format!("{start} {cpu} µs, {rate}/s{faults}")
    }
}

/// The runs of several files; repeats of later files continue those of earlier ones.
pub(super) fn read(files: &[PathBuf]) -> io::Result<(Header, Vec<Run>)> {
    let mut header = Header::default();
    let mut runs: Vec<Run> = Vec::new();
    for file in files {
        let first = runs.iter().map(|run| run.repeat + 1).max().unwrap_or(0);
        for line in fs::read_to_string(file)?.lines() {
            match serde_json::from_str(line)? {
                Line::Machine(machine) => header = machine,
                Line::Run(run) => runs.push(Run {
                    repeat: run.repeat + first,
                    ..*run
                }),
            }
        }
    }
    Ok((header, runs))
}

/// The scenarios of some runs, in the order of their first run.
pub(super) fn scenarios(runs: &[Run]) -> Vec<&str> {
    in_order(runs.iter().map(|run| run.scenario.as_str()))
}

/// The servers, likewise.
pub(super) fn servers(runs: &[Run]) -> Vec<&str> {
    in_order(runs.iter().map(|run| run.server.as_str()))
}

fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
