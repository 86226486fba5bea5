//! The process and the machine that it runs on, as Linux tells.

use std::path::Path;
use std::time::Duration;

use procfs::process::LimitValue;
use procfs::{Current as _, LoadAverage, WithCurrentSystemInfo as _};
use serde::Serialize;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that this build was made from, where the build was told (`SOURCE_REVISION`), else `unknown`.
pub const REVISION: &str = match option_env!("SOURCE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// What the process uses.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Processor time since the start.
    pub cpu: Duration,
    /// Memory in RAM.
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many it may open.
    pub max_fds: u64,
    /// Threads.
    pub threads: u64,
    /// When it was started, in seconds since the Unix epoch.
    pub started_unix: f64,
}

impl Process {
    /// Reads `/proc/self`.
    ///
    /// # Errors
    /// Fails where there is no `/proc`, or it may not be read.
    pub fn read() -> procfs::ProcResult<Self> {
        let process = procfs::process::Process::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let max_fds = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit,
            LimitValue::Unlimited => u64::MAX,
        };
        Ok(Self {
            cpu: Duration::from_secs_f64((stat.utime + stat.stime) as f64 / ticks),
            resident_bytes: stat.rss_bytes().get(),
            virtual_bytes: stat.vsize,
            open_fds: process.fd_count()? as u64,
            max_fds,
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
            started_unix: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
        })
    }
}

/// Processor time of the calling thread since its start; none where the kernel does not account for it.
#[must_use]
pub fn thread_cpu_time() -> Option<Duration> {
    let accounts = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = accounts.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// What the process may use: the limits of its control group, where it has any, not the machine's size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// Processors, in fractions; none: no limit.
    pub cpus: Option<f64>,
    /// Memory; none: no limit.
    pub memory_bytes: Option<u64>,
}

impl Allowance {
    /// Reads the limits of the control group that is mounted at `/sys/fs/cgroup`, version 2 or 1.
    #[must_use]
    pub fn read() -> Self {
        Self::read_from(Path::new("/sys/fs/cgroup"))
    }

    fn read_from(root: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
        let number = |name: &str| read(name)?.trim().parse::<f64>().ok();
        let quota = |quota: f64, period: f64| (quota > 0.0 && period > 0.0).then(|| quota / period);
        let cpus = match read("cpu.max") {
            Some(max) => max
                .split_once(' ')
                .and_then(|(max, period)| quota(max.trim().parse().ok()?, period.trim().parse().ok()?)),
            None => number("cpu/cpu.cfs_quota_us")
                .zip(number("cpu/cpu.cfs_period_us"))
                .and_then(|(max, period)| quota(max, period)),
        };
        let memory = read("memory.max").or_else(|| read("memory/memory.limit_in_bytes"));
        // Version 1 says "no limit" with a number near 2^63.
        let memory_bytes = memory
            .and_then(|max| max.trim().parse().ok())
            .filter(|max: &u64| *max < 1 << 60);
        Self { cpus, memory_bytes }
    }
}

/// The load of the machine over 1, 5 and 15 minutes; none where `/proc` does not tell.
#[must_use]
pub fn load_average() -> Option<[f32; 3]> {
    LoadAverage::current()
        .ok()
        .map(|load| [load.one, load.five, load.fifteen])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_process_knows_what_it_uses() {
        let process = Process::read().unwrap();
        assert!(process.resident_bytes > 1_000_000 && process.virtual_bytes >= process.resident_bytes);
        assert!((1..=process.max_fds).contains(&process.open_fds) && process.threads >= 1);
        assert!(process.started_unix > 1.6e9);
    }

    #[test]
    fn the_allowance_is_the_control_groups() {
        let root = std::env::temp_dir().join(format!("cgroup-{}", std::process::id()));
        std::fs::create_dir_all(root.join("memory")).unwrap();
        let unlimited = Allowance {
            cpus: None,
            memory_bytes: None,
        };
        assert_eq!(Allowance::read_from(&root), unlimited);
        std::fs::write(root.join("memory/memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        std::fs::write(root.join("cpu.max"), "max 100000\n").unwrap();
        assert_eq!(Allowance::read_from(&root), unlimited);
        std::fs::write(root.join("memory.max"), "536870912\n").unwrap();
        std::fs::write(root.join("cpu.max"), "50000 100000\n").unwrap();
        let limited = Allowance {
            cpus: Some(0.5),
            memory_bytes: Some(536_870_912),
        };
        assert_eq!(Allowance::read_from(&root), limited);
        std::fs::remove_dir_all(root).unwrap();
    }
}
