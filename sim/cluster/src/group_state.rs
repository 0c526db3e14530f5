//! The states of a group.

use std::fmt;

/// A group's state, by Kafka's names (`ClassicGroupState.java`, `ConsumerGroupState` in
/// `ConsumerGroup.java`). Empty, Stable and Dead are states of both protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// No members; may hold offsets.
    Empty,
    /// Classic: waiting for the members to (re)join.
    PreparingRebalance,
    /// Classic: waiting for the leader's assignment.
    CompletingRebalance,
    /// Consumer protocol: the target assignment of the present group epoch is not made yet.
    Assigning,
    /// Consumer protocol: members are on their way to the target assignment.
    Reconciling,
    /// Every member has its assignment.
    Stable,
    /// Removed, or about to be.
    Dead,
}

impl GroupState {
    /// The name that DescribeGroups and ListGroups show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
