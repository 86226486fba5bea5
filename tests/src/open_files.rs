//! How many sockets this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a process has open beside its sockets.
const OTHER_FILES: u64 = 64;

/// The system does not allow as many open files as sockets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{sockets} connections need {needed} open files, and the limit is {limit}; raise it (ulimit -n {needed}, or \
     LimitNOFILE= of the unit, or nofile in /etc/security/limits.conf)"
)]
pub struct TooFew {
    /// The sockets that are wanted.
    pub sockets: u64,
    /// The open files that they need.
    pub needed: u64,
    /// The hard limit, RLIMIT_NOFILE.
    pub limit: u64,
}

/// Sees to it that this many sockets can be open at once: raises the soft limit where the hard one allows.
///
/// # Errors
/// It does not.
pub fn allow(sockets: u64) -> Result<(), TooFew> {
    let needed = sockets + OTHER_FILES;
    let limits = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if enough(limits.current) {
        return Ok(());
    }
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    if enough(limits.maximum) && setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(());
    }
    Err(TooFew {
        sockets,
        needed,
        limit: limits.maximum.or(limits.current).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_does_not_allow_is_said_in_numbers() {
        assert_eq!(allow(1), Ok(()));
        // A system without a limit has nothing to say.
        if let Err(few) = allow(1 << 60) {
            let words = few.to_string();
            assert!(
                words.contains(&few.limit.to_string()) && words.contains("ulimit -n"),
                "{words}"
            );
        }
    }
}
