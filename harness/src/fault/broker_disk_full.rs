//! `broker-disk-full`: a log dir of a broker has little room left, or none: the load fills it, or a
//! neighbour has. Later somebody frees it and starts the broker again.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::{kafka::ClusterHandle, process};

use super::action::{ActsOn, BrokerChoice, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::BrokerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Lets the disk behind a broker's log dir run full.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerDiskFull {
    #[serde(default = "BrokerTarget::any")]
    target: BrokerTarget,
    /// What can still be written before it is full, in KiB.
    #[serde(default = "little")]
    room_kib: Range<u64>,
    /// Until there is room again.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

fn little() -> Range<u64> {
    Range { low: 0, high: 16 }
}

impl Fault for BrokerDiskFull {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let room_kib = self.room_kib.draw(random);
        let log_dir = Range {
            low: 0,
            high: site.log_dirs.max(1) - 1,
        };
        let log_dir = log_dir.draw(random);
        let broker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::BrokerDiskFull(Action {
                broker,
                log_dir,
                room_kib,
            }),
            lasts: Some(lasts),
        })
    }
}

/// The log dir of the broker holds no more than now, and so much. The append that does not fit
/// fails it, and ends the broker if it can't do without. At the end there is room again; a broker
/// that has met the full disk is started anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The broker.
    pub broker: BrokerChoice,
    /// Which of its log dirs, from 0; that of the partition if its leader is hit.
    pub log_dir: u64,
    /// What can still be written, in KiB.
    pub room_kib: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.broker.to_string()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let id = on.broker_id(&self.broker);
        let log_dir = self.log_dir_now(&on.cluster);
        let failures = failures(&on.cluster, id);
        let used = on
            .cluster
            .with(|cluster| cluster.log_dir_bytes(id, log_dir));
        let full_at = used + self.room_kib * 1_024;
        set_capacity(&on.cluster, id, log_dir, Some(full_at));
        let site = on.clone();
        Begun::armed(async move {
            let cluster = &site.cluster;
            set_capacity(cluster, id, log_dir, None);
            if cluster.with(|cluster| cluster.has_offline_log_dir(id)) {
                process::kill(cluster.broker_process(id));
                site.start_broker(id);
            }
            self::failures(cluster, id) > failures
        })
    }
}

#[cfg(madsim)]
impl Action {
    /// The directory of the partition whose leader was asked for, else the one drawn.
    fn log_dir_now(&self, cluster: &ClusterHandle) -> usize {
        let of_leader = match &self.broker {
            BrokerChoice::Id(_) => None,
            BrokerChoice::LeaderOf { topic, partition } => cluster.with(|cluster| {
                let partition = cluster.topic(topic)?.partition(*partition)?;
                Some(partition.log_dir)
            }),
        };
        of_leader.unwrap_or(usize::try_from(self.log_dir).unwrap_or(0))
    }
}

#[cfg(madsim)]
fn failures(cluster: &ClusterHandle, broker: i32) -> u64 {
    cluster.with(|cluster| cluster.log_dir_failures(broker))
}

#[cfg(madsim)]
fn set_capacity(cluster: &ClusterHandle, broker: i32, log_dir: usize, capacity_bytes: Option<u64>) {
    cluster.administer(|cluster, _| {
        cluster.set_log_dir_capacity(broker, log_dir, capacity_bytes);
        Vec::new()
    });
}
