//! Faults of a configuration, gathered so that one start names them all.

use std::fmt;

/// One thing that is wrong, with the name under which it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable or flag as its user wrote it; empty for what concerns no single one.
    pub setting: String,
    /// The value as given; absent for secrets and for what has none.
    pub value: Option<String>,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.setting.as_str(), &self.value) {
            ("", _) => {}
            (setting, Some(value)) => write!(f, "{setting} ({value:?}): ")?,
            (setting, None) => write!(f, "{setting}: ")?,
        }
        f.write_str(&self.problem)
    }
}

/// At least one [`Fault`]. The process prints it and exits with [`Faults::EXIT_CODE`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The exit code of a process whose configuration is bad.
    pub const EXIT_CODE: u8 = 2;
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "the configuration has {count} fault{plural}:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n- {fault}"))
    }
}
