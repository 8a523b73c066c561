//! CPU and memory of the server under test, from `/proc`.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::clock;

/// The process that is accounted for; without one every figure is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server(pub(crate) Option<u32>);

/// CPU time up to a moment, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuMark {
    taken: u64,
    server: u64,
    generator: u64,
}

/// CPU time between two moments.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cpu {
    pub(crate) wall_s: f64,
    /// User and system, all threads.
    pub(crate) server_us: f64,
    /// Percent of one core.
    pub(crate) server_pct: f64,
    /// Percent of one core; near 100 the generator is what was measured.
    pub(crate) generator_pct: f64,
}

/// Bytes; a difference may be negative.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) rss: i64,
    pub(crate) pss: i64,
    /// The whole machine's kernel objects: both ends of every loopback connection are in it.
    pub(crate) slab: i64,
}

impl Server {
    pub(crate) fn cpu(self) -> CpuMark {
        CpuMark {
            taken: clock::now(),
            server: self.0.map_or(0, |pid| cpu_of(&pid.to_string())),
            generator: cpu_of("self"),
        }
    }

    pub(crate) fn memory(self) -> Memory {
        let Some(pid) = self.0 else {
            return Memory::default();
        };
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Memory {
            rss: kibibytes(&rollup, "Rss:"),
            pss: kibibytes(&rollup, "Pss:"),
            slab: kibibytes(&machine, "Slab:"),
        }
    }
}

impl CpuMark {
    pub(crate) fn since(&self, earlier: &Self) -> Cpu {
        let wall = (self.taken - earlier.taken).max(1) as f64;
        let share = |used: u64| (used as f64 / wall * 1e4).round() / 100.0;
        let server = self.server.saturating_sub(earlier.server);
        Cpu {
            wall_s: wall / 1e9,
            server_us: server as f64 / 1e3,
            server_pct: share(server),
            generator_pct: share(self.generator.saturating_sub(earlier.generator)),
        }
    }
}

impl Cpu {
    /// Server microseconds for each of `units`.
    pub(crate) fn per(&self, units: u64) -> f64 {
        if units == 0 {
            0.0
        } else {
            (self.server_us / units as f64 * 1e3).round() / 1e3
        }
    }
}

impl Memory {
    /// Growth since `earlier` for each of `count` connections.
    pub(crate) fn growth(&self, earlier: &Self, count: usize) -> Self {
        let each = |now: i64, before: i64| (now - before) / count.max(1) as i64;
        Self {
            rss: each(self.rss, earlier.rss),
            pss: each(self.pss, earlier.pss),
            slab: each(self.slab, earlier.slab),
        }
    }
}

/// Live threads are known to the nanosecond. The process's own count is cut to clock ticks but keeps
/// the threads that have ended, so the larger of the two is the better one.
fn cpu_of(process: &str) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let live = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    live.sum::<u64>()
        .max(ticks(&stat).unwrap_or(0) * NANOS_PER_TICK)
}

/// Linux reports to user space in hundredths of a second whatever its own tick is.
const NANOS_PER_TICK: u64 = 10_000_000;

/// `utime + stime`. The command's name may hold anything, so fields count from its last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn kibibytes(text: &str, name: &str) -> i64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.split_ascii_whitespace().next());
    number
        .and_then(|number| number.parse::<i64>().ok())
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_behind_an_odd_name() {
        let stat = "7 (a) b) S 3 7 7 0 -1 4194304 1 2 3 4 55 66 0 0 20 0 1 0 9 10 11";
        assert_eq!(ticks(stat), Some(121));
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(kibibytes("Rss:    12 kB\nPss:  7 kB\n", "Pss:"), 7 * 1024);
        assert_eq!(kibibytes("", "Pss:"), 0);
    }

    #[test]
    fn this_process_uses_something() {
        let server = Server(Some(std::process::id()));
        assert!(server.memory().rss > 0);
        let before = server.cpu();
        while server.cpu().since(&before).server_us < 20_000.0 {
            std::hint::black_box(fs::read_to_string("/proc/self/stat").ok());
        }
    }
}
