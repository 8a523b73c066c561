//! What the kernel knows of this process, read from `/proc`. Elsewhere than on Linux all is absent.

use std::{fs, io};

/// Facts for the `process_*` metrics; each is absent where it cannot be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessFacts {
    /// User and system time.
    pub cpu_seconds: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Virtual memory.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// The soft limit of file descriptors; absent if there is none.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Seconds from the epoch to the start.
    pub started_at: Option<f64>,
}

impl ProcessFacts {
    /// Reads them now.
    pub fn read() -> Self {
        let text = |path| fs::read_to_string(path).ok();
        let mut facts = Self {
            open_fds: open_fds(),
            max_fds: max_fds(),
            resident_bytes: resident_bytes(),
            ..Self::default()
        };
        if let Some(status) = text("/proc/self/status") {
            facts.virtual_bytes = kilobytes(&status, "VmSize:");
        }
        if let Some(stat) = text("/proc/self/stat").as_deref().and_then(parse_stat) {
            facts.cpu_seconds = Some(stat.cpu_ticks as f64 / TICKS);
            facts.threads = Some(stat.threads);
            let boot = text("/proc/stat").as_deref().and_then(boot_time);
            facts.started_at = boot.map(|boot| boot as f64 + stat.start_ticks as f64 / TICKS);
        }
        facts
    }
}

/// Resident memory of this process.
pub fn resident_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Open file descriptors of this process.
pub fn open_fds() -> Option<u64> {
    // Newer kernels tell the number as the size of the directory, which saves reading it.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok(),
        count => Some(count),
    }
}

/// The soft limit of file descriptors; `None` if there is none.
pub fn max_fds() -> Option<u64> {
    parse_max_fds(&fs::read_to_string("/proc/self/limits").ok()?)
}

/// Raises the soft limit of file descriptors to the hard one; returns what is then in force.
pub fn raise_max_fds() -> io::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
}

/// The kernel shows times in ticks of 100 Hz on every architecture that this is built for.
const TICKS: f64 = 100.0;

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

/// The name in parentheses may hold spaces and parentheses, so fields are counted from its end.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        cpu_ticks: number(11)? + number(12)?,
        threads: number(17)?,
        start_ticks: number(19)?,
    })
}

fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

fn parse_max_fds(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts() {
        let stat =
            "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 12345 1000 20 18446";
        let expected = Stat {
            cpu_ticks: 200,
            threads: 9,
            start_ticks: 12345,
        };
        assert_eq!(parse_stat(stat), Some(expected));
        assert_eq!(parse_stat("7 (a) S 1"), None);

        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t   12 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(12 * 1024));
        assert_eq!(kilobytes("Name:\tx\n", "VmRSS:"), None);

        let limits =
            |value: &str| format!("Limit  Soft\nMax open files            {value}  4096  files\n");
        assert_eq!(parse_max_fds(&limits("1024")), Some(1024));
        assert_eq!(parse_max_fds(&limits("unlimited")), None);
        assert_eq!(
            boot_time("cpu 1 2\nbtime 1700000000\n"),
            Some(1_700_000_000)
        );
    }

    #[test]
    fn this_process() {
        let facts = ProcessFacts::read();
        assert!(facts.resident_bytes > Some(100_000));
        assert!(facts.open_fds > Some(2));
        assert!(facts.threads >= Some(1));
        assert!(facts.started_at > Some(1.0e9));
        assert!(raise_max_fds().unwrap() >= facts.max_fds.unwrap_or(0));
    }
}
