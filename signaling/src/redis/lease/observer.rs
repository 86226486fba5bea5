//! Who lives, by the leases that are seen: without I/O, and with time as an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signaling_core::id::WorkerId;
use signaling_core::time::Millis;

/// A pod's word that it lives, as it lies in Redis: JSON. A field may be added, and must then have a default: pods of two
/// releases share Redis in every rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Where other pods reach it, `host:port`.
    pub address: String,
    /// Whether it speaks TLS there.
    #[serde(default)]
    pub tls: bool,
    /// How many workers it has.
    pub workers: u16,
    /// When the process began: another one under the same name has another.
    pub since: u64,
    /// Counts the renewals.
    pub renewal: u64,
    /// It goes, and its sessions are to be taken over at once.
    #[serde(default)]
    pub leaving: bool,
    /// How many connections it has.
    #[serde(default)]
    pub connections: u64,
    /// Whether all its workers hear what is published to the shard of their channel.
    #[serde(default)]
    pub sharded: bool,
}

impl Lease {
    /// Where other pods send requests to: `http://host:port` or `https://host:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

/// What one pod knows of the others.
#[derive(Debug)]
pub struct Observer {
    own: String,
    /// How long a lease is good for.
    period: Duration,
    /// Since when Redis has answered without a break.
    unbroken_since: Option<Millis>,
    pods: BTreeMap<String, Seen>,
    /// Leases of pods that were lost, and when: seen again, they mean nothing.
    lost: BTreeMap<String, (String, Millis)>,
}

#[derive(Debug)]
struct Seen {
    text: String,
    lease: Lease,
    /// When it was seen to change.
    changed: Millis,
}

impl Observer {
    /// The observer of the pod `own`.
    #[must_use]
    pub fn new(own: &str, period: Duration) -> Self {
        Self {
            own: own.to_owned(),
            period,
            unbroken_since: None,
            pods: BTreeMap::new(),
            lost: BTreeMap::new(),
        }
    }

    /// Redis has not answered: whoever was not heard of meanwhile may have renewed a lease all the same.
    pub fn interrupted(&mut self) {
        self.unbroken_since = None;
    }

    /// The pods that live, but this one, with their leases.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &Lease)> {
        self.pods.iter().map(|(pod, seen)| (&**pod, &seen.lease))
    }

    /// Takes in all leases, as they were answered when this pod's own was renewed. Answers the workers that are lost.
    pub fn look(&mut self, leases: impl IntoIterator<Item = (String, String)>, now: Millis) -> Vec<WorkerId> {
        let unbroken_since = *self.unbroken_since.get_or_insert(now);
        let mut lost = Vec::new();
        for (pod, text) in leases {
            if pod == self.own || self.lost.get(&pod).is_some_and(|(known, _)| *known == text) {
                continue;
            }
            if let Ok(lease) = serde_json::from_str::<Lease>(&text) {
                self.see(pod, text, lease, now, &mut lost);
            }
        }
        let patience = self.period * 2;
        let silent = |seen: &Seen| now.since(seen.changed.max(unbroken_since)) >= patience;
        let gone = self
            .pods
            .iter()
            .filter(|(_, seen)| seen.lease.leaving || silent(seen));
        let gone: Vec<String> = gone.map(|(pod, _)| pod.clone()).collect();
        for pod in gone {
            if let Some(seen) = self.pods.remove(&pod) {
                lost.extend(workers(&pod, &seen.lease));
                self.lost.insert(pod, (seen.text, now));
            }
        }
        lost
    }

    /// The leases that nobody needs any more: of pods that were lost long enough ago for all to have noticed. They are
    /// named once.
    pub fn to_forget(&mut self, now: Millis) -> Vec<(String, String)> {
        let patience = self.period * 2;
        let lost = self.lost.extract_if(.., |_, (_, at)| now.since(*at) >= patience);
        lost.map(|(pod, (text, _))| (pod, text)).collect()
    }

    fn see(&mut self, pod: String, text: String, lease: Lease, now: Millis, lost: &mut Vec<WorkerId>) {
        match self.pods.get_mut(&pod) {
            Some(seen) if seen.text == text => {}
            Some(seen) => {
                if seen.lease.since != lease.since {
                    // Another process of that name: what the last one had is lost, where it had more workers.
                    let kept = workers(&pod, &lease).count();
                    lost.extend(workers(&pod, &seen.lease).skip(kept));
                }
                *seen = Seen {
                    text,
                    lease,
                    changed: now,
                };
            }
            None => {
                let changed = now;
                self.pods.insert(pod, Seen { text, lease, changed });
            }
        }
    }
}

/// The workers of a pod.
pub fn workers(pod: &str, lease: &Lease) -> impl Iterator<Item = WorkerId> {
    (0..lease.workers).map(move |number| WorkerId::new(pod, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(5);

    fn lease(since: u64, renewal: u64) -> String {
        let lease = Lease {
            address: "10.0.0.1:3000".to_owned(),
            tls: false,
            workers: 1,
            since,
            renewal,
            leaving: false,
            connections: 0,
            sharded: false,
        };
        serde_json::to_string(&lease).unwrap()
    }

    /// Looks at the leases of `pods`, each with its renewal.
    fn look(observer: &mut Observer, pods: &[(&str, u64)], seconds: u64) -> Vec<String> {
        let leases = pods
            .iter()
            .map(|&(pod, renewal)| (pod.to_owned(), lease(1, renewal)));
        let lost = observer.look(leases, Millis(seconds * 1000));
        lost.iter().map(WorkerId::to_string).collect()
    }

    const NOBODY: [&str; 0] = [];

    #[test]
    fn a_pod_that_does_not_renew_its_lease_is_lost_after_two_periods() {
        let mut observer = Observer::new("a", PERIOD);
        assert_eq!(look(&mut observer, &[("a", 1), ("b", 1)], 0), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 2), ("b", 2)], 2), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 3), ("b", 2)], 11), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 4), ("b", 2)], 12), ["b/0"]);
        assert_eq!(
            look(&mut observer, &[("a", 5), ("b", 2)], 30),
            NOBODY,
            "once is enough"
        );
        assert_eq!(observer.pods().count(), 0);
        assert_eq!(look(&mut observer, &[("a", 5), ("b", 3)], 31), NOBODY);
        assert_eq!(observer.pods().count(), 1, "it has only been stopped");
    }

    #[test]
    fn a_restarted_redis_with_all_leases_gone_makes_nobody_lost() {
        let mut observer = Observer::new("a", PERIOD);
        look(&mut observer, &[("a", 1), ("b", 1)], 0);
        observer.interrupted();
        assert_eq!(look(&mut observer, &[("a", 2)], 60), NOBODY, "the first one back");
        assert_eq!(look(&mut observer, &[("a", 3)], 69), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 4), ("b", 2)], 69), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 5)], 78), NOBODY);
        assert_eq!(look(&mut observer, &[("a", 6)], 79), ["b/0"]);
    }

    #[test]
    fn time_without_redis_does_not_count() {
        let mut observer = Observer::new("a", PERIOD);
        look(&mut observer, &[("b", 1)], 0);
        assert_eq!(look(&mut observer, &[("b", 1)], 8), NOBODY);
        observer.interrupted();
        assert_eq!(look(&mut observer, &[("b", 1)], 12), NOBODY);
        assert_eq!(look(&mut observer, &[("b", 1)], 21), NOBODY);
        assert_eq!(look(&mut observer, &[("b", 1)], 22), ["b/0"]);
    }

    #[test]
    fn who_says_goodbye_is_lost_at_once() {
        let mut observer = Observer::new("a", PERIOD);
        look(&mut observer, &[("b", 1)], 0);
        let text = lease(1, 2).replace("\"leaving\":false", "\"leaving\":true");
        let lost = observer.look([("b".to_owned(), text.clone())], Millis(1));
        assert_eq!(lost, [WorkerId::new("b", 0)]);
        assert_eq!(observer.to_forget(Millis(10_000)), []);
        assert_eq!(observer.to_forget(Millis(10_001)), [("b".to_owned(), text)]);
    }

    #[test]
    fn a_lease_that_nobody_understands_is_nobodys() {
        let mut observer = Observer::new("a", PERIOD);
        let lost = observer.look([("b".to_owned(), "{}".to_owned())], Millis(0));
        assert_eq!(lost, []);
        assert_eq!(observer.pods().count(), 0);
    }
}
