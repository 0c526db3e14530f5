//! Group: in each generation a partition has one owner, and only its owner speaks for it.
//!
//! - *owned twice*: two members of one generation hold a partition (KAFKA-12984);
//! - *delivered unowned*: a process gets a record of a partition that it gave up, and did not
//!   start to fetch again;
//! - *committed unowned*: the group coordinator takes an offset commit for a partition from a
//!   member of a generation in which another one owns it. Kafka does not check this: a late
//!   acknowledgement then moves the owner's offset (vector#9587);
//! - *stale commit taken*: the coordinator takes an offset commit of a generation that is over.
//!
//! A member that the coordinator has given up on may not know it yet: it still holds partitions
//! of its old generation while others own them in the new one. That is Kafka's way, so holding is
//! compared within a generation only. Eager members give up everything between generations;
//! cooperative ones keep what they have, and are told the new generation by an assignment that
//! may be empty (KIP-429): what they still hold then, they hold in the new generation.
//!
//! In the consumer protocol (KIP-848) no generation is common to the group. There the coordinator is
//! held to what it tells of its members' steps, and to what the members hold: it gives a partition to
//! nobody while another member has it by its own account, or still holds it and is in the group.
//! Commits are judged by the epoch of their member.

use std::collections::{BTreeMap, BTreeSet};

use super::consumer_groups::{ConsumerGroups, Wrong};
use super::findings::Findings;
use super::observation::Observation;
use super::partitions::{Partitions, PerPartition};
use super::scan::{self, Assignment, At, Commit, Follower, Place, Reconciliation, Step};
use super::violation::{Violation, ViolationKind};
use crate::trace::{AssignmentChange, Event};

/// Who owned, read or committed what was not theirs.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    scan::follow::<Group<'_>>(observation)
}

/// The owners of all partitions as the members themselves know it.
#[derive(Default)]
pub(super) struct Group<'o> {
    members: Vec<Member<'o>>,
    /// Those of the consumer protocol as their coordinators know them.
    consumers: ConsumerGroups<'o>,
    /// The generation that each group's coordinator is in, as far as the trace tells.
    generations: BTreeMap<&'o str, i64>,
    given: BTreeMap<(&'o str, usize), Given<'o>>,
    /// The last commit of somebody who did not hold the partition.
    unheld_commits: BTreeMap<(&'o str, usize), (Commit<'o>, &'o Event)>,
    readers: PerPartition<Vec<Reader<'o>>>,
    found: Vec<Found<'o>>,
    /// Each pair of owners is reported once.
    reported: BTreeSet<(&'o str, usize, i64)>,
}

struct Member<'o> {
    group: &'o str,
    id: &'o str,
    process: &'o str,
    /// The last one that it was told; −1 for none.
    generation: i64,
    /// What it holds, and the event that gave it.
    holds: BTreeMap<usize, &'o Event>,
}

/// To whom a partition was given last.
#[derive(Clone, Copy)]
struct Given<'o> {
    member_id: &'o str,
    generation: i64,
    event: &'o Event,
}

/// How a process stands to a partition that it was once assigned.
struct Reader<'o> {
    process: &'o str,
    /// The event that took the partition; none while it is held, or fetched on the application's
    /// own account.
    gave_up: Option<&'o Event>,
}

enum Found<'o> {
    OwnedTwice {
        partition: usize,
        generation: i64,
        first: &'o Event,
        second: &'o Event,
    },
    DeliveredUnowned {
        place: Place,
        gave_up: &'o Event,
        delivery: &'o Event,
    },
    CommittedUnowned {
        commit: Commit<'o>,
        event: &'o Event,
        owner: &'o Event,
    },
    StaleCommitTaken {
        commit: Commit<'o>,
        event: &'o Event,
        current: Current,
    },
}

/// What a commit should have named.
#[derive(Clone, Copy)]
enum Current {
    /// The generation of the group.
    Group(i64),
    /// The epoch of the member; none if it is no member.
    Member(Option<i64>),
}

impl<'o> Follower<'o> for Group<'o> {
    fn begin(_: &'o Observation, _: &mut Partitions<'o>) -> Self {
        Self::default()
    }

    fn follow(&mut self, _: &Partitions<'o>, at: At<'o>, step: &Step<'o>) {
        match step {
            Step::Assignment(assignment) => match assignment.change {
                AssignmentChange::Assigned => self.assigned(at.event, assignment),
                AssignmentChange::Revoked | AssignmentChange::Lost => {
                    self.given_up(at.event, assignment);
                }
            },
            Step::Deliver(place) => self.delivered(at.event, *place),
            Step::FetchStart(place) => {
                if let Some(reader) = self.reader(place.partition, &at.event.process) {
                    reader.gave_up = None;
                }
            }
            Step::OffsetCommit(commit) if commit.generation >= 0 => {
                self.committed(at.event, *commit);
            }
            Step::GroupState {
                group,
                state,
                generation,
            } => self.changed(group, state, *generation),
            Step::Reconciled(step) => self.reconciled(at.event, step),
            Step::MemberGone { group, member_id } => self.consumers.gone(group, member_id),
            Step::Life => self.began_or_ended(&at.event.process),
            _ => {}
        }
    }

    fn finish(self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        for found in &self.found {
            report(found, partitions, findings);
        }
    }
}

impl<'o> Group<'o> {
    fn reader(&mut self, partition: usize, process: &str) -> Option<&mut Reader<'o>> {
        let readers = self.readers.of(partition);
        readers.iter_mut().find(|reader| reader.process == process)
    }

    fn member(&mut self, event: &'o Event, assignment: &Assignment<'o>) -> usize {
        let process: &'o str = &event.process;
        let is = |member: &Member<'_>| {
            member.process == process
                && member.group == assignment.group
                && member.id == assignment.member_id
        };
        self.members.iter().position(is).unwrap_or_else(|| {
            self.members.push(Member {
                group: assignment.group,
                id: assignment.member_id,
                process,
                generation: -1,
                holds: BTreeMap::new(),
            });
            self.members.len() - 1
        })
    }

    fn assigned(&mut self, event: &'o Event, assignment: &Assignment<'o>) {
        let this = self.member(event, assignment);
        self.members[this].generation = assignment.generation;
        for &partition in &assignment.partitions {
            self.members[this].holds.insert(partition, event);
            let process: &'o str = &event.process;
            match self.reader(partition, process) {
                Some(reader) => reader.gave_up = None,
                None => self.readers.of(partition).push(Reader {
                    process,
                    gave_up: None,
                }),
            }
        }
        if assignment.generation < 0 {
            // The member was put out of the group before its application was told.
            return;
        }
        if self.consumers.contains(assignment.group) {
            return;
        }
        self.compare_owners(this);
        for &partition in &assignment.partitions {
            self.compare_with_last(event, assignment, partition);
        }
        self.compare_with_commits(this);
    }

    /// Nobody else of this generation holds what the member holds.
    fn compare_owners(&mut self, this: usize) {
        let member = &self.members[this];
        let mut twice = Vec::new();
        for other in &self.members {
            if other.group != member.group
                || other.generation != member.generation
                || std::ptr::eq(other, member)
            {
                continue;
            }
            for (partition, event) in &member.holds {
                if let Some(first) = other.holds.get(partition) {
                    twice.push((*partition, *first, *event));
                }
            }
        }
        let (group, generation) = (member.group, member.generation);
        for (partition, first, second) in twice {
            self.owned_twice(group, partition, generation, first, second);
        }
    }

    /// A generation gives a partition to one member only, even if the first one lets go of it.
    fn compare_with_last(
        &mut self,
        event: &'o Event,
        assignment: &Assignment<'o>,
        partition: usize,
    ) {
        let given = Given {
            member_id: assignment.member_id,
            generation: assignment.generation,
            event,
        };
        let before = self.given.insert((assignment.group, partition), given);
        if let Some(before) = before
            && before.generation == given.generation
            && before.member_id != given.member_id
        {
            let (group, generation) = (assignment.group, given.generation);
            self.owned_twice(group, partition, generation, before.event, event);
        }
    }

    /// A step of a member of the consumer protocol gives it nothing that another one has.
    fn reconciled(&mut self, event: &'o Event, step: &Reconciliation<'o>) {
        for given in self.consumers.step(event, step) {
            let owner = given
                .owner
                .or_else(|| self.holder_but(step, given.partition));
            if let Some(first) = owner {
                self.owned_twice(step.group, given.partition, step.epoch, first, event);
            }
        }
    }

    /// How another member that its coordinator did not give up came to hold the partition.
    fn holder_but(&self, step: &Reconciliation<'o>, partition: usize) -> Option<&'o Event> {
        let is_another = |member: &&Member<'o>| {
            member.group == step.group
                && member.id != step.member_id
                && self.consumers.is_member(member.group, member.id)
        };
        let mut others = self.members.iter().filter(is_another);
        others.find_map(|member| member.holds.get(&partition).copied())
    }

    fn owned_twice(
        &mut self,
        group: &'o str,
        partition: usize,
        generation: i64,
        first: &'o Event,
        second: &'o Event,
    ) {
        if self.reported.insert((group, partition, generation)) {
            self.found.push(Found::OwnedTwice {
                partition,
                generation,
                first,
                second,
            });
        }
    }

    /// Commits of this generation that came before the owner knew that it was one.
    fn compare_with_commits(&mut self, this: usize) {
        let member = &self.members[this];
        for (&partition, &owner) in &member.holds {
            let key = (member.group, partition);
            let Some(&(commit, event)) = self.unheld_commits.get(&key) else {
                continue;
            };
            if commit.generation == member.generation && commit.client != member.process {
                self.unheld_commits.remove(&key);
                self.found.push(Found::CommittedUnowned {
                    commit,
                    event,
                    owner,
                });
            }
        }
    }

    fn given_up(&mut self, event: &'o Event, assignment: &Assignment<'o>) {
        let process: &'o str = &event.process;
        for &partition in &assignment.partitions {
            // A member that is out of the group has forgotten its id: then it is whoever of the
            // process holds the partition.
            let holder = self
                .members
                .iter_mut()
                .filter(|member| {
                    member.process == process
                        && member.group == assignment.group
                        && member.holds.contains_key(&partition)
                })
                .max_by_key(|member| member.id == assignment.member_id);
            if let Some(holder) = holder {
                holder.holds.remove(&partition);
            }
            let still_held = self
                .members
                .iter()
                .any(|member| member.process == process && member.holds.contains_key(&partition));
            if let (false, Some(reader)) = (still_held, self.reader(partition, process)) {
                reader.gave_up = Some(event);
            }
        }
    }

    fn delivered(&mut self, event: &'o Event, place: Place) {
        let Some(reader) = self.reader(place.partition, &event.process) else {
            return;
        };
        if let Some(gave_up) = reader.gave_up.take() {
            self.found.push(Found::DeliveredUnowned {
                place,
                gave_up,
                delivery: event,
            });
        }
    }

    fn committed(&mut self, event: &'o Event, commit: Commit<'o>) {
        if self.consumers.contains(commit.group) {
            for wrong in self.consumers.judge(&commit) {
                self.found.push(match wrong {
                    Wrong::Stale { current } => Found::StaleCommitTaken {
                        commit,
                        event,
                        current: Current::Member(current),
                    },
                    Wrong::Unowned { owner } => Found::CommittedUnowned {
                        commit,
                        event,
                        owner,
                    },
                });
            }
            return;
        }
        if let Some(&current) = self.generations.get(commit.group)
            && current != commit.generation
        {
            self.found.push(Found::StaleCommitTaken {
                commit,
                event,
                current: Current::Group(current),
            });
        }
        let (group, partition) = (commit.group, commit.place.partition);
        let holds =
            |member: &&Member<'o>| member.group == group && member.holds.contains_key(&partition);
        let mut holders = self.members.iter().filter(holds);
        if commit.client.is_empty()
            || holders
                .clone()
                .any(|member| member.process == commit.client)
        {
            return;
        }
        match holders.find(|member| member.generation == commit.generation) {
            Some(owner) => self.found.push(Found::CommittedUnowned {
                commit,
                event,
                owner: owner.holds[&partition],
            }),
            None => {
                self.unheld_commits
                    .insert((group, partition), (commit, event));
            }
        }
    }

    fn changed(&mut self, group: &'o str, state: &str, generation: i64) {
        if self.consumers.contains(group) {
            if state == "Dead" {
                self.consumers.forget(group);
            }
            return;
        }
        self.generations.insert(group, generation);
        if state == "Dead" {
            // Generations begin anew.
            self.given.retain(|(of, _), _| *of != group);
        }
    }

    fn began_or_ended(&mut self, process: &str) {
        let members = self.members.len();
        self.members.retain(|member| member.process != process);
        for readers in self.readers.iter_mut() {
            readers.retain(|reader| reader.process != process);
        }
        // A static member that starts again gets its partitions in the same generation.
        self.given
            .retain(|_, given| *given.event.process != *process);
        if members == self.members.len() {
            // It may have been the coordinator: another one knows what was written to its log.
            self.generations.clear();
        }
    }
}

fn report<'o>(found: &Found<'o>, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
    match *found {
        Found::OwnedTwice {
            partition,
            generation,
            first,
            second,
        } => {
            let name = partitions.name(partition);
            let (one, other) = (owner(first), owner(second));
            let (message, wrong_step) = if is_step(second) {
                (
                    format!("{name} is owned by {one} and given to {other}, at epoch {generation}"),
                    format!(
                        "the group coordinator gave {name} to {other} at epoch {generation}, while \
                         {one} has it"
                    ),
                )
            } else {
                (
                    format!("{name} is owned by {one} and by {other} in generation {generation}"),
                    format!(
                        "{other} was assigned {name} in generation {generation}, in which {one} \
                         owns it"
                    ),
                )
            };
            let violation = Violation::new(ViolationKind::OwnedTwice, message);
            findings.add(violation.in_process(other), &[first, second], wrong_step);
        }
        Found::DeliveredUnowned {
            place,
            gave_up,
            delivery,
        } => {
            let position = partitions.position(place.partition, place.offset);
            let name = partitions.name(place.partition);
            let message = format!("{} got {position} after {name} was taken", delivery.process);
            let wrong_step = format!(
                "{} received {position} although it does not own {name} any more",
                delivery.process
            );
            let violation = Violation::new(ViolationKind::DeliveredUnowned, message)
                .about(findings.record(position, None))
                .in_process(&delivery.process);
            findings.add(violation, &[gave_up, delivery], wrong_step);
        }
        Found::CommittedUnowned {
            commit,
            event,
            owner: given,
        } => {
            let name = partitions.name(commit.place.partition);
            let by = owner(given);
            let when = match given.int("member_epoch") {
                Some(epoch) => format!("since epoch {epoch}"),
                None => format!("in generation {}", commit.generation),
            };
            let message = format!(
                "{} committed offset {} of {name}, which {by} owns {when}",
                commit.client, commit.place.offset
            );
            let wrong_step = format!(
                "{} committed for {name} after it had lost it to {by}",
                commit.client
            );
            let violation = Violation::new(ViolationKind::CommittedUnowned, message);
            findings.add(
                violation.in_process(commit.client),
                &[given, event],
                wrong_step,
            );
        }
        Found::StaleCommitTaken {
            commit,
            event,
            current,
        } => {
            let name = partitions.name(commit.place.partition);
            let (offset, named) = (commit.place.offset, commit.generation);
            let (with, rest) = match current {
                Current::Group(current) => (
                    format!("generation {named}"),
                    format!("the group is in {current}"),
                ),
                Current::Member(Some(current)) => (
                    format!("member epoch {named}"),
                    format!("{} is in {current}", commit.client),
                ),
                Current::Member(None) => (
                    format!("member epoch {named}"),
                    format!("{} is no member", commit.client),
                ),
            };
            let message = format!("offset {offset} of {name} was taken with {with}, {rest}");
            let wrong_step =
                format!("the group coordinator took an offset commit of {with}: {rest}");
            let violation = Violation::new(ViolationKind::StaleCommitTaken, message);
            findings.add(violation.in_process(commit.client), &[event], wrong_step);
        }
    }
}

/// Whether the event is a coordinator's, about a member's step.
fn is_step(event: &Event) -> bool {
    event.kind == "member_reconciled"
}

/// Whom the event gave partitions to.
fn owner(event: &Event) -> &str {
    if is_step(event) {
        event.text("client").unwrap_or_default()
    } else {
        &event.process
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
pub(super) mod tests;
