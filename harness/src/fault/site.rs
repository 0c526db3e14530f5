//! The place where faults happen, as far as drawing them needs it: who is there, and who is
//! down already.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::action::BrokerChoice;
use super::target::{BrokerTarget, ClockTarget, HostTarget, LinkEnd, WorkerTarget};

/// A worker process of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWorker {
    /// Its name.
    pub name: String,
    /// The name of its host.
    pub host: String,
    /// Whether it is there from the start; others only join by `member-churn`.
    pub at_start: bool,
}

/// Who can be hit. A target that a fault has taken down is not hit again until it is back, so
/// that every planned fault has an effect.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The workers, in plan order.
    pub workers: Vec<SiteWorker>,
    /// The number of brokers; their ids count from 1.
    pub brokers: u64,
    /// How many log dirs each of them has.
    pub log_dirs: u64,
    /// The topic that the load is sent to.
    pub topic: String,
    taken: BTreeMap<String, Vec<(Duration, Duration)>>,
}

impl Site {
    /// A site where nobody is down.
    #[must_use]
    pub fn new(workers: Vec<SiteWorker>, brokers: u64) -> Self {
        Self {
            workers,
            brokers,
            log_dirs: 1,
            topic: String::new(),
            taken: BTreeMap::new(),
        }
    }

    /// Whether nothing has taken `target` down between these times.
    #[must_use]
    pub fn is_free(&self, target: &str, from: Duration, until: Duration) -> bool {
        self.taken.get(target).is_none_or(|spans| {
            spans
                .iter()
                .all(|&(taken_from, taken_until)| until < taken_from || taken_until < from)
        })
    }

    /// Notes that a fault takes `target` down between these times.
    pub fn take(&mut self, target: &str, from: Duration, until: Duration) {
        self.taken
            .entry(target.to_owned())
            .or_default()
            .push((from, until));
    }

    /// Takes down one of the candidates that is free, drawn at random.
    pub fn take_one_of(
        &mut self,
        candidates: Vec<String>,
        from: Duration,
        until: Duration,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        let free: Vec<String> = candidates
            .into_iter()
            .filter(|name| self.is_free(name, from, until))
            .collect();
        let chosen = free.choose(random)?.clone();
        self.take(&chosen, from, until);
        Some(chosen)
    }

    /// As [`Site::take_one_of`] for a part of a candidate only: the room on a disk, say.
    fn take_part_of(
        &mut self,
        candidates: Vec<String>,
        part: &str,
        from: Duration,
        until: Duration,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        let suffix = format!(": {part}");
        let parts = candidates.iter().map(|name| format!("{name}{suffix}"));
        let taken = self.take_one_of(parts.collect(), from, until, random)?;
        taken.strip_suffix(&suffix).map(str::to_owned)
    }

    /// Names of the workers there from the start.
    #[must_use]
    pub fn started_workers(&self) -> Vec<String> {
        self.workers
            .iter()
            .filter(|worker| worker.at_start)
            .map(|worker| worker.name.clone())
            .collect()
    }

    /// Names of the hosts of the workers there from the start, each once.
    #[must_use]
    pub fn worker_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for worker in self.workers.iter().filter(|worker| worker.at_start) {
            if !hosts.contains(&worker.host) {
                hosts.push(worker.host.clone());
            }
        }
        hosts
    }

    /// The id of a broker, drawn at random; none if there is no broker.
    pub fn any_broker(&self, random: &mut ChaCha8Rng) -> Option<u64> {
        (self.brokers > 0).then(|| random.random_range(1..=self.brokers))
    }
}

impl WorkerTarget {
    pub(super) fn any() -> Self {
        Self::Any
    }

    /// Takes down a worker of this description that is up.
    pub(super) fn take(
        &self,
        from: Duration,
        until: Duration,
        site: &mut Site,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        site.take_one_of(self.candidates(site), from, until, random)
    }

    /// Takes a part of a worker of this description: its CPU, say. The worker itself is free for
    /// other faults, and may be down.
    pub(super) fn take_part(
        &self,
        part: &str,
        from: Duration,
        until: Duration,
        site: &mut Site,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        site.take_part_of(self.candidates(site), part, from, until, random)
    }

    fn candidates(&self, site: &Site) -> Vec<String> {
        let mut names = site.started_workers();
        if let Self::Named(wanted) = self {
            names.retain(|name| name == wanted);
        }
        names
    }
}

impl HostTarget {
    pub(super) fn any() -> Self {
        Self::Any
    }

    /// Takes a part of a host of this description: the room on its disk, say. The host itself is
    /// free for other faults, and may be down.
    pub(super) fn take_part(
        &self,
        part: &str,
        from: Duration,
        until: Duration,
        site: &mut Site,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        let mut hosts = site.worker_hosts();
        if let Self::Named(name) = self {
            hosts.retain(|host| host == name);
        }
        site.take_part_of(hosts, part, from, until, random)
    }
}

impl BrokerTarget {
    pub(super) fn any() -> Self {
        Self::Any
    }

    /// Takes down a broker of this description that is up; who leads a partition is known only when
    /// the fault begins.
    pub(super) fn take(
        &self,
        from: Duration,
        until: Duration,
        site: &mut Site,
        random: &mut ChaCha8Rng,
    ) -> Option<BrokerChoice> {
        if let Self::Chosen(leader @ BrokerChoice::LeaderOf { .. }) = self {
            return Some(leader.clone());
        }
        let mut candidates: Vec<String> = (1..=site.brokers)
            .map(|id| format!("broker-{id}"))
            .collect();
        if let Self::Chosen(BrokerChoice::Id(id)) = self {
            candidates.retain(|name| *name == format!("broker-{id}"));
        }
        let name = site.take_one_of(candidates, from, until, random)?;
        Some(BrokerChoice::Id(
            name.strip_prefix("broker-")?.parse().ok()?,
        ))
    }
}

impl ClockTarget {
    pub(super) fn any() -> Self {
        Self::Any
    }

    /// The name of a host of this description. A clock can be wrong in several ways at once, and
    /// while its host is down.
    pub(super) fn pick(&self, site: &Site, random: &mut ChaCha8Rng) -> Option<String> {
        let brokers = (1..=site.brokers).map(|id| format!("broker-{id}"));
        let mut hosts: Vec<String> = match self {
            Self::AnyBroker => brokers.collect(),
            Self::Any | Self::Named(_) => {
                let loader = ["loader".to_owned()];
                let all = site.worker_hosts().into_iter().chain(brokers);
                all.chain(loader).collect()
            }
        };
        if let Self::Named(wanted) = self {
            hosts.retain(|host| host == wanted);
        }
        hosts.choose(random).cloned()
    }
}

impl LinkEnd {
    /// The names of the processes at both ends of a link; none where they are one and the same.
    pub(super) fn pick_two(
        [first, second]: &[Self; 2],
        site: &Site,
        random: &mut ChaCha8Rng,
    ) -> Option<(String, String)> {
        let (from, to) = (first.pick(site, random)?, second.pick(site, random)?);
        (from != to).then_some((from, to))
    }

    /// The name of a process of this description.
    fn pick(&self, site: &Site, random: &mut ChaCha8Rng) -> Option<String> {
        match self {
            Self::Worker(worker) => worker.candidates(site).choose(random).cloned(),
            Self::Broker(Some(id)) => (*id <= site.brokers).then(|| format!("broker-{id}")),
            Self::Broker(None) => Some(format!("broker-{}", site.any_broker(random)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_is_down_is_not_taken_again() {
        let mut site = Site::default();
        site.take("worker-1", s(10), s(20));
        assert!(!site.is_free("worker-1", s(20), s(25)));
        assert!(!site.is_free("worker-1", s(5), s(10)));
        assert!(site.is_free("worker-1", s(21), s(25)));

        let mut random = ChaCha8Rng::seed_from_u64(1);
        let both = vec!["worker-1".to_owned(), "worker-2".to_owned()];
        let first = site.take_one_of(both.clone(), s(12), s(13), &mut random);
        assert_eq!(first.as_deref(), Some("worker-2"));
        assert_eq!(site.take_one_of(both, s(12), s(13), &mut random), None);
    }
}
