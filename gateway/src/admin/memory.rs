//! How much memory this process may use: the tightest limit of its control groups.

use std::fs;

/// The limit of the control groups that this process is in; `None` if there is none.
pub fn limit() -> Option<u64> {
    limit_by(&|path| fs::read_to_string(path).ok())
}

/// `percent` of the limit, or `None` where there is no limit.
pub fn share_of_limit(percent: u64) -> Option<u64> {
    limit().map(|bytes| bytes / 100 * percent)
}

const ROOT: &str = "/sys/fs/cgroup";
/// Version 1 writes "no limit" as a number near 2^63.
const NO_LIMIT: u64 = 1 << 62;

fn limit_by(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let groups = read("/proc/self/cgroup")?;
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if controllers.is_empty() {
            tightest(read, ROOT, path, "memory.max")
        } else if controllers
            .split(',')
            .any(|controller| controller == "memory")
        {
            tightest(
                read,
                &format!("{ROOT}/memory"),
                path,
                "memory.limit_in_bytes",
            )
        } else {
            None
        }
    });
    limits.min()
}

/// Every group up to the root limits those below; in a container the path of the host is not there,
/// and the root itself is the container's group.
fn tightest(
    read: &dyn Fn(&str) -> Option<String>,
    root: &str,
    path: &str,
    file: &str,
) -> Option<u64> {
    let mut path = path.trim_end_matches('/');
    let mut tightest: Option<u64> = None;
    loop {
        let limit = read(&format!("{root}{path}/{file}"))
            .and_then(|text| text.trim().parse::<u64>().ok())
            .filter(|limit| *limit < NO_LIMIT);
        tightest = limit.into_iter().chain(tightest).min();
        match path.rfind('/') {
            Some(parent) => path = &path[..parent],
            None => return tightest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let read = |path: &str| {
            files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(_, text)| (*text).to_owned())
        };
        assert_eq!(limit_by(&read), expected, "{files:?}");
    }

    #[test]
    fn version_2() {
        let own = ("/proc/self/cgroup", "0::/pods/one\n");
        let pod = "/sys/fs/cgroup/pods/one/memory.max";
        check(&[own, (pod, "536870912\n")], Some(536_870_912));
        check(&[own, (pod, "max\n")], None);
        let above = ("/sys/fs/cgroup/pods/memory.max", "1000\n");
        check(&[own, (pod, "2000\n"), above], Some(1000));
        check(&[own, (pod, "max\n"), above], Some(1000));
        let container = ("/sys/fs/cgroup/memory.max", "4096\n");
        check(&[("/proc/self/cgroup", "0::/\n"), container], Some(4096));
        check(&[own, container], Some(4096));
    }

    #[test]
    fn version_1() {
        let groups = (
            "/proc/self/cgroup",
            "5:cpu,memory:/docker/x\n4:pids:/\n0::/\n",
        );
        let file = "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes";
        check(&[groups, (file, "1048576\n")], Some(1_048_576));
        check(&[groups, (file, "9223372036854771712\n")], None);
    }

    #[test]
    fn none() {
        check(&[], None);
        check(&[("/proc/self/cgroup", "nonsense\n")], None);
    }
}
