//! `validate`: every fault of the objects in a file, without a cluster. The file itself is read:
//! objects that went through an API server have lost what it drops.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use carillon_crds::fault::Faults;
use carillon_crds::names::kubernetes::KIND;
use carillon_crds::parse::text;
use carillon_crds::resource::check;
use serde_json::Value;

use crate::build::pod_template;

/// What to validate.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file of YAML documents or of JSON; `-` is the standard input. May be given several times.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What is told of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The lines, faults first.
    pub text: String,
    /// How many faults there are.
    pub faults: usize,
}

/// Validates the files; the exit code is 1 if anything is wrong.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let mut wrong = false;
    for path in &args.files {
        let name = path.display().to_string();
        match read(path) {
            Ok(input) => {
                let Report { text, faults } = report(&name, &input);
                print!("{text}");
                wrong |= faults > 0;
            }
            Err(error) => {
                println!("{name}: {error}");
                wrong = true;
            }
        }
    }
    if wrong {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        let mut input = String::new();
        std::io::stdin().read_to_string(&mut input)?;
        return Ok(input);
    }
    std::fs::read_to_string(path)
}

/// What is told of a file with this name and text.
#[must_use]
pub fn report(name: &str, input: &str) -> Report {
    let mut report = Report::default();
    let documents = match text::objects(input) {
        Ok(documents) => documents,
        Err(faults) => {
            report.tell(name, &faults);
            return report;
        }
    };
    let mut objects = 0;
    for (number, read) in documents {
        match read {
            Ok((object, faults)) if object["kind"] == KIND => {
                objects += 1;
                let place = format!("{name}: {}", title(&object, number));
                let before = report.faults;
                report.tell(&place, &faults);
                report.tell(&place, &check::object(&object));
                if let Some(Value::Object(template)) = object.pointer("/spec/podTemplate") {
                    let parsed = pod_template::parse(template, "spec.podTemplate");
                    report.tell(&place, &parsed.err().unwrap_or_default());
                }
                if report.faults == before {
                    report.line(&format!("{place}: valid"));
                }
            }
            Ok((object, _)) => {
                let place = format!("{name}: {}", title(&object, number));
                report.line(&format!("{place}: not a {KIND}, left aside"));
            }
            Err(faults) => report.tell(&format!("{name}: document {number}"), &faults),
        }
    }
    if objects == 0 && report.faults == 0 {
        report.tell(name, &Faults::document(format!("holds no {KIND}")));
    }
    report
}

impl Report {
    fn tell(&mut self, place: &str, faults: &Faults) {
        self.faults += faults.len();
        for fault in faults.iter() {
            self.line(&format!("{place}: {fault}"));
        }
    }

    fn line(&mut self, line: &str) {
        let _infallible = writeln!(self.text, "{line}");
    }
}

/// What a reader finds an object by.
fn title(object: &Value, number: usize) -> String {
    match object.pointer("/metadata/name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => format!("document {number}"),
    }
}

#[cfg(test)]
mod tests;
