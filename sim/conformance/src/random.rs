//! Programs drawn from a seed: a group whose members come, go, read, seek, pause and commit.
//!
//! Steps are taken one after another, and after each the members read until nothing comes any
//! more: what is noted is the state at rest, which does not depend on how fast anybody was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset};

use crate::bench::{Bench, PATIENCE, Reader, positions};

/// Nothing comes any more if nothing came for so long.
const QUIET: Duration = Duration::from_millis(1500);
const POLL: Duration = Duration::from_millis(20);
const MEMBERS_MAX: usize = 3;

/// One step. Partitions and members are numbers that are taken modulo what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Produce {
        partition: i32,
        count: u32,
    },
    Join,
    Leave {
        member: usize,
    },
    Commit {
        member: usize,
    },
    CommitAt {
        member: usize,
        partition: i32,
        offset: i64,
    },
    Seek {
        member: usize,
        partition: i32,
        offset: i64,
    },
    Pause {
        member: usize,
    },
    Resume {
        member: usize,
    },
}

fn draw(random: &mut ChaCha8Rng) -> Step {
    let member = random.random_range(0..MEMBERS_MAX);
    let partition = random.random_range(0..4);
    let offset = random.random_range(0..8);
    match random.random_range(0..20) {
        0..=5 => Step::Produce {
            partition,
            count: random.random_range(1..=4),
        },
        6..=8 => Step::Join,
        9..=10 => Step::Leave { member },
        11..=13 => Step::Commit { member },
        14..=15 => Step::CommitAt {
            member,
            partition,
            offset,
        },
        16..=17 => Step::Seek {
            member,
            partition,
            offset,
        },
        18 => Step::Pause { member },
        _ => Step::Resume { member },
    }
}

/// Runs the program of this seed.
pub(crate) fn run(bench: &Bench<'_>, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let partitions = random.random_range(1..=4);
    let strategy = ["range", "roundrobin"][random.random_range(0..2)];
    bench.note(format!("{partitions} partitions, {strategy}"));
    let mut program = Group {
        bench,
        topic: bench.topic("t", partitions),
        partitions,
        strategy,
        members: BTreeMap::new(),
        joined: 0,
        produced: 0,
        seen: BTreeMap::new(),
        errors: BTreeSet::new(),
    };
    for _ in 0..random.random_range(4..=10) {
        program.take(draw(&mut random));
    }
    program.note_rest();
}

struct Member {
    reader: Reader,
    paused: bool,
    /// After the last message of each partition since it was assigned or sent elsewhere.
    expects: BTreeMap<i32, i64>,
}

struct Group<'a> {
    bench: &'a Bench<'a>,
    topic: String,
    partitions: i32,
    strategy: &'static str,
    members: BTreeMap<usize, Member>,
    joined: usize,
    produced: u32,
    /// Offsets that came since the last rest, by member and partition.
    seen: BTreeMap<(usize, i32), Vec<i64>>,
    errors: BTreeSet<String>,
}

impl Group<'_> {
    fn take(&mut self, step: Step) {
        match step {
            Step::Produce { partition, count } => self.produce(partition % self.partitions, count),
            Step::Join => self.join(),
            Step::Leave { member } => self.leave(member),
            _ => self.ask(step),
        }
        self.read();
    }

    fn produce(&mut self, partition: i32, count: u32) {
        let first = self.produced;
        self.produced += count;
        self.bench.note(format!("produce {count} to {partition}"));
        let payloads = (first..self.produced).map(|number| number.to_string());
        self.bench.fill(&self.topic, partition, payloads);
    }

    fn join(&mut self) {
        if self.members.len() == MEMBERS_MAX {
            return;
        }
        let member = self.joined;
        self.joined += 1;
        self.bench.note(format!("member {member} joins"));
        let strategy = [("partition.assignment.strategy", self.strategy)];
        let reader = self.bench.reader("g", &strategy);
        let subscribed = reader.subscribe(&[&self.topic]);
        self.bench.note_result("subscribe", &subscribed);
        let expects = BTreeMap::new();
        self.members.insert(
            member,
            Member {
                reader,
                paused: false,
                expects,
            },
        );
        self.settle();
    }

    /// The member that a drawn number means.
    fn chosen(&self, number: usize) -> Option<usize> {
        let count = self.members.len();
        let index = number.checked_rem(count)?;
        self.members.keys().nth(index).copied()
    }

    fn leave(&mut self, number: usize) {
        let Some(member) = self.chosen(number) else {
            return;
        };
        self.bench.note(format!("member {member} leaves"));
        self.members.remove(&member);
        if !self.members.is_empty() {
            self.settle();
        }
    }

    /// Waits until every member was assigned something anew, and nothing is left over. An eager
    /// rebalance asks all of them.
    fn settle(&mut self) {
        let mut told: BTreeSet<usize> = BTreeSet::new();
        for member in self.members.values_mut() {
            member.expects.clear();
            member.paused = false;
        }
        let (bench, partitions) = (self.bench, self.partitions as usize);
        bench.until("the group settles", || {
            // What comes meanwhile is part of what comes until the group is at rest.
            self.poll_all();
            let mut owned = 0;
            for (number, member) in &self.members {
                let lines = member.reader.context().take();
                if lines.iter().any(|line| line.starts_with("post assign")) {
                    told.insert(*number);
                }
                owned += member.reader.assignment().map_or(0, |list| list.count());
            }
            (told.len() == self.members.len() && owned == partitions).then_some(())
        });
        for (number, member) in &self.members {
            let owned = member.reader.assignment();
            bench.note_offsets(&format!("member {number} has"), &owned);
        }
    }

    /// What one member is asked to do.
    fn ask(&mut self, step: Step) {
        let (Step::Commit { member }
        | Step::CommitAt { member, .. }
        | Step::Seek { member, .. }
        | Step::Pause { member }
        | Step::Resume { member }) = step
        else {
            return;
        };
        let Some(number) = self.chosen(member) else {
            return;
        };
        let (bench, topic, count) = (self.bench, &self.topic, self.partitions);
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        let reader = &member.reader;
        match step {
            Step::Commit { .. } => {
                let result = reader.commit_consumer_state(CommitMode::Sync);
                bench.note_result(&format!("member {number} commits"), &result);
            }
            Step::CommitAt {
                partition, offset, ..
            } => {
                let list = positions(topic, &[(partition % count, Offset::Offset(offset))]);
                let result = reader.commit(&list, CommitMode::Sync);
                let what = format!(
                    "member {number} commits {} of {}",
                    offset,
                    partition % count
                );
                bench.note_result(&what, &result);
            }
            Step::Seek {
                partition, offset, ..
            } => {
                let partition = partition % count;
                let result = reader.seek(topic, partition, Offset::Offset(offset), PATIENCE);
                bench.note_result(
                    &format!("member {number} seeks {offset} of {partition}"),
                    &result,
                );
                if result.is_ok() {
                    member.expects.remove(&partition);
                }
            }
            Step::Pause { .. } | Step::Resume { .. } => {
                let Ok(owned) = reader.assignment() else {
                    return;
                };
                let pause = matches!(step, Step::Pause { .. });
                let result = if pause {
                    reader.pause(&owned)
                } else {
                    reader.resume(&owned)
                };
                member.paused = pause;
                let verb = if pause { "pauses" } else { "resumes" };
                bench.note_result(&format!("member {number} {verb}"), &result);
            }
            Step::Produce { .. } | Step::Join | Step::Leave { .. } => {}
        }
    }

    /// Has the members read until nothing comes any more, and notes what came.
    fn read(&mut self) {
        let bench = self.bench;
        let mut last = bench.now();
        while bench.now() < last + QUIET && !self.members.is_empty() {
            if self.poll_all() {
                last = bench.now();
            }
        }
        for ((member, partition), offsets) in std::mem::take(&mut self.seen) {
            bench.note(format!("member {member} reads {partition}: {offsets:?}"));
        }
        let errors = std::mem::take(&mut self.errors);
        errors.into_iter().for_each(|error| bench.note(error));
    }

    /// Polls each member once; says whether a message came.
    fn poll_all(&mut self) -> bool {
        let mut came = false;
        for (number, member) in &mut self.members {
            match member.reader.poll(POLL) {
                Some(Ok(message)) => {
                    came = true;
                    let (partition, offset) = (message.partition(), message.offset());
                    let expected = member.expects.insert(partition, offset + 1);
                    if expected.is_some_and(|expected| expected != offset) {
                        self.errors
                            .insert(format!("GAP before {partition}@{offset}"));
                    }
                    let seen = self.seen.entry((*number, partition)).or_default();
                    seen.push(offset);
                }
                Some(Err(error)) => {
                    self.errors.insert(format!("member {number}: {error:?}"));
                }
                None => {}
            }
        }
        came
    }

    fn note_rest(&self) {
        let bench = self.bench;
        for (number, member) in &self.members {
            bench.note_offsets(
                &format!("member {number} stands at"),
                &member.reader.position(),
            );
        }
        let observer = bench.reader("g", &[]);
        let all: Vec<(i32, Offset)> = (0..self.partitions).map(|p| (p, Offset::Invalid)).collect();
        // A broker that leads or coordinates only since a moment ago refuses for another one.
        let committed = bench.until("the group's coordinator", || {
            let list = positions(&self.topic, &all);
            let committed = observer.committed_offsets(list, PATIENCE);
            let passes = Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotCoordinator));
            (committed != passes).then_some(committed)
        });
        bench.note_offsets("committed", &committed);
        for partition in 0..self.partitions {
            let watermarks = bench.until("the partition's leader", || {
                let watermarks = observer.fetch_watermarks(&self.topic, partition, PATIENCE);
                let passes = Err(KafkaError::MetadataFetch(
                    RDKafkaErrorCode::NotLeaderForPartition,
                ));
                (watermarks != passes).then_some(watermarks)
            });
            bench.note(format!("watermarks of {partition}: {watermarks:?}"));
        }
    }
}
