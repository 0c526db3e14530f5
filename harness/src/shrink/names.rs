//! Which processes and hosts a fault is about. Read from how the fault is written, so that a new
//! kind of fault needs no word here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fault::action::FaultAction;
use crate::plan::Plan;

/// Names in a fault's parameters: `worker-2`, `host-a`, `broker-1`.
#[must_use]
pub fn of(action: &FaultAction) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let written = serde_json::to_value(action).unwrap_or(Value::Null);
    collect(None, &written, &mut names);
    names
}

fn collect(key: Option<&str>, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(name) => {
            names.insert(name.clone());
        }
        // A broker goes by its id.
        Value::Number(id) if matches!(key, Some("id" | "broker")) => {
            names.insert(format!("broker-{id}"));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(key, value, names)),
        Value::Object(fields) => fields
            .iter()
            // The kind of fault is a word, not a name.
            .filter(|(key, _)| *key != "kind")
            .for_each(|(key, value)| collect(Some(key), value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Removes the faults of a plan that are about someone who is not in it (any more).
pub fn drop_faults_of_the_absent(plan: &mut Plan) {
    let mut present: BTreeSet<String> = BTreeSet::new();
    for worker in &plan.workers {
        present.insert(worker.name.clone());
        present.insert(worker.host.clone());
    }
    present.extend((1..=plan.cluster.brokers).map(|id| format!("broker-{id}")));
    let is_absent = |name: &String| {
        let is_somebody = ["worker-", "host-", "broker-"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        is_somebody && !present.contains(name)
    };
    plan.faults
        .retain(|fault| !of(&fault.action).iter().any(is_absent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let names = |written: Value| {
            let action: FaultAction = serde_json::from_value(written).expect("a fault");
            of(&action).into_iter().collect::<Vec<_>>().join(" ")
        };
        let cut = json!({
            "kind": "network-cut", "from": "worker-2", "to": "broker-3", "both_ways": true
        });
        assert_eq!(names(cut), "broker-3 worker-2");
        let broker = json!({ "kind": "broker-kill", "broker": { "id": 2 } });
        assert_eq!(names(broker), "broker-2");
        assert_eq!(
            names(json!({ "kind": "rewind-committed", "records": 3 })),
            ""
        );
    }
}
