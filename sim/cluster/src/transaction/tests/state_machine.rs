//! Random producers, restarts and delays, and what must hold whatever they do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::producer::{Producer, TOPIC, committed_values, coordinator, lab, pass};
use crate::config::BrokerId;
use crate::testing::Lab;

const IDS: [&str; 2] = ["a", "b"];
const PARTITIONS: i32 = 3;

/// Longer than any transaction may last, and the scan after it.
const LONG_MS: u64 = 120_000;

#[derive(Debug, Clone)]
enum Step {
    /// A producer process is replaced; the old one becomes a zombie.
    Init {
        id: usize,
    },
    Add {
        id: usize,
        partition: i32,
    },
    Produce {
        id: usize,
        partition: i32,
    },
    End {
        id: usize,
        commit: bool,
    },
    /// A zombie goes on where it was: it writes, or tries to commit.
    Zombie {
        which: usize,
        writes: bool,
    },
    Stop {
        broker: BrokerId,
    },
    Start {
        broker: BrokerId,
    },
    Advance {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..IDS.len();
    let partition = 0..PARTITIONS;
    let broker = 1..=3;
    prop_oneof![
        2 => id.clone().prop_map(|id| Step::Init { id }),
        6 => (id.clone(), partition.clone()).prop_map(|(id, partition)| Step::Add { id, partition }),
        9 => (id.clone(), partition).prop_map(|(id, partition)| Step::Produce { id, partition }),
        4 => (id, any::<bool>()).prop_map(|(id, commit)| Step::End { id, commit }),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, writes)| Step::Zombie { which, writes }),
        1 => broker.clone().prop_map(|broker| Step::Stop { broker }),
        2 => broker.prop_map(|broker| Step::Start { broker }),
        5 => prop::sample::select(vec![1_u64, 2, 100, 5_000, 30_000])
            .prop_map(|ms| Step::Advance { ms }),
    ]
}

/// A producer and what it knows of its transaction.
#[derive(Debug, Clone)]
struct Client {
    producer: Producer,
    added: BTreeSet<i32>,
    written: Vec<(i32, i64, String)>,
}

#[derive(Default)]
struct Model {
    clients: BTreeMap<usize, Client>,
    zombies: Vec<Client>,
    /// By partition and offset, what a commit was confirmed for.
    committed: BTreeMap<(i32, i64), String>,
    values: usize,
}

impl Model {
    fn step(&mut self, lab: &mut Lab, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Init { id } => {
                if let Ok(producer) = Producer::try_init(lab, IDS[id]) {
                    let client = Client {
                        producer,
                        added: BTreeSet::new(),
                        written: Vec::new(),
                    };
                    self.zombies.extend(self.clients.insert(id, client));
                }
            }
            Step::Add { id, partition } => {
                if let Some(client) = self.clients.get_mut(&id)
                    && client.producer.add(lab, &[partition]).is_ok()
                {
                    client.added.insert(partition);
                }
            }
            Step::Produce { id, partition } => {
                self.values += 1;
                // A write between the decision and the marker belongs to the decided transaction.
                // A client does not do that: it ends one only when all its writes are answered.
                let ending = |id| {
                    let mut all = lab.cluster.transactions();
                    let transaction = all.find(|one| one.transactional_id == id);
                    transaction.is_none_or(|one| one.state.decision().is_some())
                };
                let is_idle = |client: &Client| client.added.is_empty() && ending(IDS[id]);
                if let Some(client) = self.clients.get_mut(&id).filter(|c| !is_idle(c)) {
                    let value = self.values.to_string();
                    let added = client.added.contains(&partition);
                    let written = client.producer.produce(lab, partition, &value);
                    prop_assert!(
                        added || written.is_err(),
                        "partition {partition} was not added"
                    );
                    if let Ok(offset) = written {
                        client.written.push((partition, offset, value));
                    }
                }
            }
            Step::End { id, commit } => {
                if let Some(client) = self.clients.get_mut(&id)
                    && !client.added.is_empty()
                    && client.producer.end(lab, commit).is_ok()
                {
                    client.added.clear();
                    for (partition, offset, value) in client.written.drain(..) {
                        if commit {
                            self.committed.insert((partition, offset), value);
                        }
                    }
                }
            }
            Step::Zombie { which, writes } => {
                if !self.zombies.is_empty() {
                    let which = which % self.zombies.len();
                    let zombie = &mut self.zombies[which].producer;
                    let refused = if writes {
                        zombie.produce(lab, 0, "zombie").is_err()
                    } else {
                        zombie.end(lab, true).is_err()
                    };
                    prop_assert!(refused, "a zombie got through");
                }
            }
            Step::Stop { broker } => {
                lab.cluster.stop_broker(lab.now, broker);
            }
            Step::Start { broker } => {
                lab.cluster.start_broker(lab.now, broker);
            }
            Step::Advance { ms } => pass(lab, ms),
        }
        Ok(())
    }
}

fn last_stable_offsets(lab: &Lab) -> Vec<i64> {
    let offsets = (0..PARTITIONS).map(|p| lab.cluster.last_stable_offset(TOPIC, p).unwrap());
    offsets.collect()
}

proptest! {
    #[test]
    fn readers_see_what_was_confirmed_and_nothing_else(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut lab = lab(3, &[1, 2, 3]);
        let mut model = Model::default();
        let mut stable = last_stable_offsets(&lab);
        for step in &steps {
            model.step(&mut lab, step)?;
            let now_stable = last_stable_offsets(&lab);
            let went_back = stable.iter().zip(&now_stable).any(|(before, now)| now < before);
            prop_assert!(!went_back, "{stable:?} to {now_stable:?} at {step:?}");
            stable = now_stable;
        }
        for broker in 1..=3 {
            lab.cluster.start_broker(lab.now, broker);
        }
        pass(&mut lab, LONG_MS);
        prop_assert_eq!(lab.next_client_timer(), None, "something is still open");
        for partition in 0..PARTITIONS {
            let expected = model.committed.range((partition, 0)..(partition + 1, 0));
            let expected: Vec<_> = expected.map(|(_, value)| value.clone()).collect();
            prop_assert_eq!(committed_values(&mut lab, partition), expected);
            let end = lab.cluster.log(TOPIC, partition).unwrap().log_end_offset();
            prop_assert_eq!(lab.cluster.last_stable_offset(TOPIC, partition), Some(end));
        }
        // Whoever comes next can work.
        for id in IDS {
            prop_assert!(coordinator(&mut lab, 1, id).is_ok());
            let mut producer = Producer::init(&mut lab, id);
            prop_assert_eq!(producer.add(&mut lab, &[0]), Ok(()));
            prop_assert!(producer.produce(&mut lab, 0, "last").is_ok());
            prop_assert_eq!(producer.end(&mut lab, true), Ok(()));
        }
    }
}
