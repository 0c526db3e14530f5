//! A plan as a failure leaves it: one file that needs nothing else to be replayed, compared and kept
//! as a regression.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FORMAT, Plan, PlanError};
use crate::checker::violation::ViolationKind;
use crate::shrink::target::Target;
use crate::verdict::{CheckerName, Verdict};

/// A plan, what its run found, and what it was shrunk from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// [`FORMAT`].
    pub format: u32,
    /// What its run found; none for a plan that nobody has run.
    pub found: Option<Found>,
    /// The plan. It names the commit and the lock file of the build that ran it.
    pub plan: Plan,
    /// The plan that this one was shrunk from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk_from: Option<Box<Whole>>,
}

/// A plan before it was shrunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// What its run found.
    pub found: Option<Found>,
    /// The plan.
    pub plan: Plan,
}

/// What a run of a plan found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The checker that found it; none for a run without a violation.
    pub checker: Option<CheckerName>,
    /// What it found. Shrinking keeps it.
    pub kind: Option<ViolationKind>,
    /// Hash of the whole trace. Same build, same plan: same hash.
    pub trace_hash: String,
    /// How often each kind of fault took effect.
    pub fault_hits: BTreeMap<String, u64>,
    /// How often each probe was reached.
    pub probes: BTreeMap<String, u64>,
}

impl Found {
    /// What a verdict holds, about the violation that is looked at.
    #[must_use]
    pub fn of(verdict: &Verdict, target: Option<&Target>) -> Self {
        let kind = target.map(Target::kind);
        Self {
            checker: kind.map(ViolationKind::checker),
            kind,
            trace_hash: verdict.trace_hash.clone(),
            fault_hits: verdict.fault_hits.clone(),
            probes: verdict.probes.clone(),
        }
    }
}

impl SavedPlan {
    /// A plan that nobody has run.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            format: FORMAT,
            found: None,
            plan,
            shrunk_from: None,
        }
    }

    /// Reads a saved plan, or a plan alone.
    ///
    /// # Errors
    /// It is neither, or of another format; the format is looked at first.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Outline {
            format: u32,
            plan: Option<serde::de::IgnoredAny>,
        }
        let Outline { format, plan } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(PlanError::Format { found: format });
        }
        if plan.is_none() {
            return Plan::from_json(text).map(Self::new);
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The file's text.
    ///
    /// # Panics
    /// Never: it holds only what JSON can say.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan has text keys and plain values") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::Violation;
    use crate::scenario::tests::of_the_repository;
    use crate::verdict::Outcome;

    #[test]
    fn a_saved_plan_reads_back_and_so_does_a_plan_alone() {
        let scenarios = of_the_repository();
        let plan = Plan::draw(&scenarios[0], 37);
        let alone = SavedPlan::from_json(&plan.to_json()).expect("a plan");
        assert_eq!(alone, SavedPlan::new(plan.clone()));

        let mut verdict = Verdict::unknown("");
        verdict.outcome = Outcome::of(vec![Violation::new(ViolationKind::Lost, "lost")]);
        let found = Found::of(&verdict, Target::of(&verdict, None).as_ref());
        assert_eq!(found.checker, Some(CheckerName::Completeness));
        let mut small = plan.clone();
        small.faults.clear();
        let saved = SavedPlan {
            found: Some(found.clone()),
            shrunk_from: Some(Box::new(Whole {
                found: Some(found),
                plan,
            })),
            ..SavedPlan::new(small)
        };
        let text = saved.to_json();
        assert_eq!(SavedPlan::from_json(&text).expect("a saved plan"), saved);
        let newer = text.replacen("\"format\": 1", "\"format\": 9", 1);
        assert!(matches!(
            SavedPlan::from_json(&newer),
            Err(PlanError::Format { found: 9 })
        ));
    }
}
