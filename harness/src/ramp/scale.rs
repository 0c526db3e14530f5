//! A plan at several times its load.

use crate::plan::bound;
use crate::plan::costs::Costs;
use crate::plan::draw::records_sent;
use crate::plan::{Plan, Source};

/// The plan with so many times its records, in the same time; without its faults, and with what
/// work costs. A file that has fewer rows ends early.
#[must_use]
pub fn scaled(plan: &Plan, factor: u64, costs: Option<Costs>) -> Plan {
    let mut plan = Plan {
        faults: Vec::new(),
        costs,
        ..plan.clone()
    };
    plan.load.rate_per_s = plan.load.rate_per_s.saturating_mul(factor);
    match &mut plan.load.source {
        Source::Generator { records, .. } => *records = records.saturating_mul(factor),
        Source::File { take, .. } => *take = take.saturating_mul(factor),
    }
    plan.liveness_ms = bound::liveness_ms(&plan.settings, &plan.cluster, records_sent(&plan.load));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::of_the_repository;

    #[test]
    fn a_step_lasts_as_long_as_the_scenario() {
        for scenario in of_the_repository() {
            let plan = Plan::draw(&scenario, 3);
            let step = scaled(&plan, 10, None);
            assert_eq!(step.safety_ms, plan.safety_ms, "{}", scenario.name);
            // Repetitions are shares, rounded up once.
            let sent = records_sent(&step.load);
            assert!(sent.abs_diff(10 * records_sent(&plan.load)) < 10, "{sent}");
            assert_eq!(step.load.rate_per_s, plan.load.rate_per_s * 10);
            assert!(step.faults.is_empty() && step.liveness_ms > plan.liveness_ms);
        }
    }
}
