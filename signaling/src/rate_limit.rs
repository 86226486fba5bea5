//! How many new connections and plain HTTP requests one client address has in a window.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signaling_core::time::Millis;

/// Locks are taken once for a connection or request, never for a message; this many keep workers out of each other's
/// way.
const SHARDS: usize = 16;
/// How many addresses a shard counts in one window. Those beyond pass uncounted: the pod's limit of connections holds
/// for them, and memory stays bounded (about 10 MB in all).
const ADDRESSES_PER_SHARD: usize = 8192;

/// The address that is counted: an IPv4 address, or the /64 network of an IPv6 address, of which one household has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

/// The address of whoever sent a request.
///
/// `forwarded_for` holds the values of its `X-Forwarded-For` headers in their order. Each of `trusted_hops` proxies
/// appended the address that it saw, so that many entries from the end are believed and the first of them is the
/// client; with fewer entries it is the first one. Without a trusted proxy, or where the entry is no address, it is
/// `peer`, the other end of the socket.
pub fn client_ip<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusted_hops: usize,
) -> IpAddr {
    let Some(last) = trusted_hops.checked_sub(1) else {
        return peer.to_canonical();
    };
    let believed = forwarded_for
        .rev()
        .flat_map(|header| header.rsplit(','))
        .take(last + 1)
        .last();
    believed.and_then(parse_address).unwrap_or(peer).to_canonical()
}

/// An entry of `X-Forwarded-For`: an address, with a port from some proxies.
fn parse_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    if let Ok(address) = entry.parse() {
        return Some(address);
    }
    if let Some((address, _)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return address.parse().ok();
    }
    entry
        .rsplit_once(':')
        .and_then(|(address, _)| address.parse().ok())
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// Too many, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many connections or requests from this address: try again in {} s", self.retry_after_seconds())]
pub struct Limited {
    /// When the window is over.
    pub retry_after: Duration,
}

impl Limited {
    /// For the `Retry-After` header: whole seconds, rounded up.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0)
    }
}

/// Counts per address, each in windows of its own that begin with its first request. Shared by all workers.
#[derive(Debug)]
pub struct RateLimiter {
    window: Duration,
    max_requests: u32,
    trusted_hops: usize,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// Two generations: what was touched since `since`, and in the window before. When a window has passed, nothing in the
/// older one can count any more, and it is dropped whole.
#[derive(Debug, Default)]
struct Shard {
    since: Millis,
    current: HashMap<Client, Window>,
    previous: HashMap<Client, Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Millis,
    count: u32,
}

impl RateLimiter {
    /// At most `max_requests` in each `window` (0: any number), from the address that `trusted_hops` proxies tell of.
    #[must_use]
    pub fn new(window: Duration, max_requests: u32, trusted_hops: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self {
            window,
            max_requests,
            trusted_hops,
            hasher: RandomState::new(),
            shards,
        }
    }

    /// Counts a new connection or request from `peer`, with the `X-Forwarded-For` headers that came with it, and answers
    /// whom it was counted for. One from this machine that no proxy passed on is not counted.
    ///
    /// # Errors
    /// The address has had its number; this one does not count.
    pub fn admit<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
        now: Millis,
    ) -> Result<Option<Client>, Limited> {
        let mut forwarded_for = forwarded_for.peekable();
        // `peek` looks at the first and leaves it in place.
        if peer.to_canonical().is_loopback() && forwarded_for.peek().is_none() {
            return Ok(None);
        }
        let client = client_ip(peer, forwarded_for, self.trusted_hops).into();
        self.count(client, now).map(|()| Some(client))
    }

    /// Takes back one that was counted for `client`: it turned out to be none that counts.
    pub fn forgive(&self, client: Client, now: Millis) {
        let mut shard = self.shard(client);
        shard.age(now, self.window);
        if let Some(counted) = shard.window_of(client, now, self.window) {
            counted.count = counted.count.saturating_sub(1);
        }
    }

    /// Counts one of `client`.
    ///
    /// # Errors
    /// The client has had its number; this one does not count.
    pub fn count(&self, client: Client, now: Millis) -> Result<(), Limited> {
        if self.max_requests == 0 {
            return Ok(());
        }
        let mut shard = self.shard(client);
        shard.age(now, self.window);
        let Some(counted) = shard.window_of(client, now, self.window) else {
            return Ok(());
        };
        if counted.count >= self.max_requests {
            return Err(Limited {
                retry_after: self.window.saturating_sub(now.since(counted.began)),
            });
        }
        counted.count += 1;
        Ok(())
    }

    fn shard(&self, client: Client) -> MutexGuard<'_, Shard> {
        let place = usize::try_from(self.hasher.hash_one(client) % SHARDS as u64).unwrap_or(0);
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Drops what is too old to count.
    fn age(&mut self, now: Millis, window: Duration) {
        let age = now.since(self.since);
        if age < window {
            return;
        }
        self.previous = std::mem::take(&mut self.current);
        if age >= window * 2 {
            self.previous.clear();
        }
        self.since = now;
    }

    /// The client's window: the one that still runs, else a new one. `None` where there is no room for it.
    fn window_of(&mut self, client: Client, now: Millis, window: Duration) -> Option<&mut Window> {
        let runs = |counted: &Window| now.since(counted.began) < window;
        let running = self
            .current
            .get(&client)
            .or_else(|| self.previous.get(&client))
            .copied()
            .filter(runs);
        if self.current.len() >= ADDRESSES_PER_SHARD && !self.current.contains_key(&client) {
            return None;
        }
        let counted = self
            .current
            .entry(client)
            .or_insert(Window { began: now, count: 0 });
        *counted = running.unwrap_or(Window { began: now, count: 0 });
        Some(counted)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, forwarded_for: &[&str], hops: usize) -> String {
        client_ip(ip(peer), forwarded_for.iter().copied(), hops).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_socket_alone_counts() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], 0), "203.0.113.9");
        assert_eq!(client("::ffff:203.0.113.9", &[], 0), "203.0.113.9");
    }

    #[test]
    fn each_trusted_hop_reaches_one_entry_further_back() {
        let headers = ["6.6.6.6, 198.51.100.1", "10.0.0.2"];
        assert_eq!(client("10.0.0.1", &headers, 1), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &headers, 2), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &headers, 3), "6.6.6.6");
        assert_eq!(client("10.0.0.1", &headers, 9), "6.6.6.6");
        assert_eq!(client("10.0.0.1", &[], 1), "10.0.0.1");
    }

    #[test]
    fn an_entry_may_have_a_port_and_garbage_counts_as_the_proxy() {
        assert_eq!(client("10.0.0.1", &["198.51.100.1:4711"], 1), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"], 1), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["unknown"], 1), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[""], 1), "10.0.0.1");
    }

    #[test]
    fn an_address_has_its_number_in_each_window() {
        let limiter = RateLimiter::new(WINDOW, 2, 0);
        let at = |ms: u64| limiter.count(ip("203.0.113.9").into(), Millis(1_000_000 + ms));
        assert_eq!((at(0), at(10)), (Ok(()), Ok(())));
        assert_eq!(
            at(500),
            Err(Limited {
                retry_after: Duration::from_millis(59_500)
            })
        );
        assert_eq!(at(500).unwrap_err().retry_after_seconds(), 60);
        assert!(at(59_999).is_err());
        assert_eq!((at(60_000), at(60_001)), (Ok(()), Ok(())));
        assert!(at(60_002).is_err());
        assert!(
            limiter
                .count(ip("203.0.113.10").into(), Millis(1_060_002))
                .is_ok()
        );
    }

    #[test]
    fn a_window_outlives_the_change_of_generations() {
        let limiter = RateLimiter::new(WINDOW, 1, 0);
        let late: Client = ip("203.0.113.9").into();
        // The first request of the limiter's life opens a generation; this client comes at its end.
        assert!(limiter.count(late, Millis(0)).is_ok());
        assert!(limiter.count(late, Millis(119_999)).is_ok());
        assert!(limiter.count(late, Millis(120_001)).is_err());
        assert!(limiter.count(late, Millis(179_998)).is_err());
        assert!(limiter.count(late, Millis(179_999)).is_ok());
    }

    #[test]
    fn a_household_is_one_client() {
        let limiter = RateLimiter::new(WINDOW, 1, 0);
        assert!(limiter.count(ip("2001:db8:1:2::1").into(), Millis(0)).is_ok());
        assert!(
            limiter
                .count(ip("2001:db8:1:2:ffff::9").into(), Millis(0))
                .is_err()
        );
        assert!(limiter.count(ip("2001:db8:1:3::1").into(), Millis(0)).is_ok());
    }

    #[test]
    fn this_machine_is_exempt_unless_a_proxy_passed_it_on() {
        let limiter = RateLimiter::new(WINDOW, 1, 1);
        let admit =
            |peer: &str, headers: &[&str]| limiter.admit(ip(peer), headers.iter().copied(), Millis(0));
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!((0..3).all(|_| admit(peer, &[]).is_ok()));
        }
        assert!(admit("127.0.0.1", &["198.51.100.1"]).is_ok());
        assert!(admit("127.0.0.1", &["198.51.100.1"]).is_err());
    }

    #[test]
    fn what_was_forgiven_may_come_again() {
        let limiter = RateLimiter::new(WINDOW, 2, 0);
        let admit = || limiter.admit(ip("203.0.113.9"), [].into_iter(), Millis(0));
        let counted = admit().unwrap().unwrap();
        assert!(admit().is_ok() && admit().is_err());
        limiter.forgive(counted, Millis(0));
        assert!(admit().is_ok() && admit().is_err());
        // A window that is over is not made longer by it.
        limiter.forgive(counted, Millis(60_000));
        assert!((0..2).all(|_| limiter.count(counted, Millis(60_001)).is_ok()));
        assert!(limiter.count(counted, Millis(60_002)).is_err());
    }

    #[test]
    fn no_limit_is_no_limit() {
        let limiter = RateLimiter::new(WINDOW, 0, 0);
        assert!((0..1000).all(|_| limiter.count(ip("203.0.113.9").into(), Millis(0)).is_ok()));
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_come() {
        let limiter = RateLimiter::new(WINDOW, 1, 0);
        for number in 0..(SHARDS * ADDRESSES_PER_SHARD * 2) as u32 {
            let client = Client(IpAddr::V4(number.into()));
            assert!(limiter.count(client, Millis(0)).is_ok());
        }
        for shard in &limiter.shards {
            assert!(shard.lock().unwrap().current.len() <= ADDRESSES_PER_SHARD);
        }
    }
}
