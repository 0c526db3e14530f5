//! What of a plan can be done to Apache Kafka in containers, and what can be judged there.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::{
    Checker, completeness, conservation, liveness, offsets, order, panic, resources, version,
};
use crate::fault::action::FaultAction;
use crate::plan::{Plan, PlannedFault};
use crate::verdict::CheckerName;

/// The checkers that see enough of a real run, in the order in which their findings are reported.
pub const CHECKERS: &[Checker] = &[
    completeness::check,
    conservation::check,
    order::check,
    // Of its end: nobody sees a sink commit.
    offsets::check,
    resources::check,
    version::check,
    liveness::check,
    panic::check,
];

/// The families that are not judged there, and why.
pub const NOT_JUDGED: &[(CheckerName, &str)] = &[
    (CheckerName::Group, UNSEEN_CLIENTS),
    (CheckerName::Log, UNSEEN_CLIENTS),
    (CheckerName::Lag, "nobody sees when a sink commits"),
    (CheckerName::Clock, "its clocks are the machine's"),
];

const UNSEEN_CLIENTS: &str = "nobody sees inside a real client";

/// The worker and the broker that a fault of the network is between, if it can be done: links of
/// other pairs run where nobody can relay them.
#[must_use]
pub fn link(action: &FaultAction) -> Option<(&str, i32)> {
    let (one, other) = match action {
        FaultAction::NetworkCut(cut) => (&cut.from, &cut.to),
        FaultAction::Delay(delay) => (&delay.from, &delay.to),
        FaultAction::LostReply(lost) => (&lost.worker, &lost.broker),
        _ => return None,
    };
    let broker = |name: &str| name.strip_prefix("broker-")?.parse().ok();
    match (broker(one), broker(other)) {
        (None, Some(id)) => Some((one, id)),
        (Some(id), None) => Some((other, id)),
        _ => None,
    }
}

/// The workers whose links to brokers faults of the plan hit.
#[must_use]
pub fn relayed_workers(plan: &Plan) -> BTreeSet<&str> {
    let done = plan.faults.iter().filter(|fault| why_not(fault).is_none());
    done.filter_map(|fault| Some(link(&fault.action)?.0))
        .collect()
}

/// Why a fault can't be done; none if it can.
#[must_use]
pub fn why_not(fault: &PlannedFault) -> Option<&'static str> {
    if fault.when.is_some() {
        return Some("nothing stops a real process at a probe");
    }
    match &fault.action {
        FaultAction::Kill(_)
        | FaultAction::Pause(_)
        | FaultAction::RestartLoop(_)
        | FaultAction::MemberChurn(_)
        | FaultAction::ForceRebalance(_)
        | FaultAction::PartitionGrowth(_)
        | FaultAction::BrokerKill(_)
        | FaultAction::BrokerPause(_)
        | FaultAction::BrokerDiskFull(_)
        | FaultAction::LoadBurst(_)
        | FaultAction::Upgrade(_) => None,
        FaultAction::NetworkCut(_) | FaultAction::Delay(_) | FaultAction::LostReply(_) => {
            match link(&fault.action) {
                Some(_) => None,
                None => Some("brokers' own links are theirs"),
            }
        }
        FaultAction::HangingTransaction(_) => Some("a log's last record is not told from a marker"),
        FaultAction::Loss(_) => Some("the kernel sends lost packets again"),
        FaultAction::ClockSkew(_) | FaultAction::ClockDrift(_) | FaultAction::ClockJump(_) => {
            Some("its clocks are the machine's")
        }
        FaultAction::PowerLoss(_) => Some("no machine loses power"),
        FaultAction::DiskError(_) | FaultAction::FsyncError(_) | FaultAction::FsyncSlow(_) => {
            Some("its disks are the machine's")
        }
        _ => Some("no container engine does it"),
    }
}

/// How many faults of each kind are left out, by kind; with the reason for the first of them.
#[must_use]
pub fn left_out(plan: &Plan) -> BTreeMap<&'static str, (usize, &'static str)> {
    let mut kinds = BTreeMap::new();
    for fault in &plan.faults {
        if let Some(why) = why_not(fault) {
            kinds.entry(fault.action.name()).or_insert((0, why)).0 += 1;
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker;

    #[test]
    fn every_family_is_judged_or_named_with_a_reason() {
        // One pass judges four families.
        let judged = CHECKERS.len();
        assert_eq!(judged + NOT_JUDGED.len(), checker::ALL.len() + 3);
    }
}
