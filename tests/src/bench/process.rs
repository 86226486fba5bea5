//! What the kernel knows of a process: its time on a core, its memory. And what it may use.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use procfs::process::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who runs where: the generator on one core, the server that is measured on another.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Cores {
    pub(super) generator: usize,
    pub(super) server: usize,
}

impl Cores {
    /// Takes two of the cores that this thread may use; the same one twice, where it is the only one.
    pub(super) fn share() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let generator = allowed.next().context("a thread runs on some core")?;
        let server = allowed.next().unwrap_or(generator);
        Ok(Self { generator, server })
    }
}

/// Keeps the calling thread, and what it starts from now on, on one core.
pub(super) fn pin(core: usize) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}

/// Starts a process on the servers' core: a process is born where its parent is.
pub(super) fn elsewhere<R>(cores: Cores, start: impl FnOnce() -> R) -> anyhow::Result<R> {
    pin(cores.server)?;
    let started = start();
    pin(cores.generator)?;
    Ok(started)
}

/// Allows this process, and what it starts, as many file descriptors as may be, and tells how many.
pub(super) fn allow_sockets() -> anyhow::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, most)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// How long all threads of a process have been on a core, in user and kernel mode.
pub(super) fn cpu_time(pid: i32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for task in Process::new(pid)?.tasks()? {
        nanoseconds += task?.schedstat()?.sum_exec_runtime;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The process's own memory in bytes: anonymous pages, that is heap and stacks, without mapped files and the kernel's
/// share of a socket.
pub(super) fn anonymous_memory(pid: i32) -> anyhow::Result<u64> {
    let memory = Process::new(pid)?.smaps_rollup()?.memory_map_rollup;
    let values: HashMap<String, u64> = memory.into_iter().flat_map(|map| map.extension.map).collect();
    values
        .get("Pss_Anon")
        .copied()
        .context("the kernel does not tell Pss_Anon (Linux 5.4 does)")
}
