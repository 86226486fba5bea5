//! How many files the process may have open: each client's socket is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open beside the clients' sockets, and sockets of clients that are about to be refused.
const OTHERS: u64 = 128;

/// Raises the soft limit to the hard one, for shells and service managers start processes with a soft limit of 1,024.
/// Answers the limit when it is too low for this many connections nevertheless.
#[must_use]
pub fn raise(connections: u64) -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    limit.filter(|limit| *limit < connections.saturating_add(OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(200),
            ..before
        };
        setrlimit(Resource::Nofile, low).unwrap();
        assert_eq!(raise(1), None);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }

    #[test]
    fn what_no_limit_allows_is_told() {
        assert_eq!(raise(u64::MAX), getrlimit(Resource::Nofile).maximum);
    }
}
