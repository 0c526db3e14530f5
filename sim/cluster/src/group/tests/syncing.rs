//! The sync phase: parked until the leader's assignment, and what may not sync.

use super::script::check;

#[test]
fn followers_wait_for_the_leaders_assignment() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        c join v=3
        advance 9000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1 c#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
          c join c#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        c sync
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
          b sync [y]
          c sync []
    ",
    );
}

#[test]
fn in_a_stable_group_a_sync_is_answered_at_once() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        b sync
          b sync [y]
    ",
    );
}

#[test]
fn a_sync_needs_the_member_the_generation_and_the_agreed_protocol() {
    check(
        "
        a sync id=ghost
          a sync UNKNOWN_MEMBER_ID
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        a sync
          a sync UNKNOWN_MEMBER_ID
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync id=ghost
          a sync UNKNOWN_MEMBER_ID
        a sync gen=0
          a sync ILLEGAL_GENERATION
        a sync gen=2
          a sync ILLEGAL_GENERATION
        a sync v=5 type=connect protocol=range
          a sync INCONSISTENT_GROUP_PROTOCOL
        a sync v=5 type=consumer protocol=sticky
          a sync INCONSISTENT_GROUP_PROTOCOL
        a sync group=none
          a sync INVALID_GROUP_ID
        a sync group=elsewhere
          a sync NOT_COORDINATOR
        a sync v=5 type=consumer protocol=range a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
    ",
    );
}

#[test]
fn while_members_rejoin_a_sync_must_wait() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b join v=3
          Stable -> PreparingRebalance: b#1 joins
        a sync
          a sync REBALANCE_IN_PROGRESS
    ",
    );
}

#[test]
fn members_that_do_not_sync_in_time_are_removed() {
    check(
        "
        a join v=3 rebalance=20000 session=60000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 rebalance=20000 session=60000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a heartbeat
          a heartbeat NONE
        advance 19999
        a heartbeat
          a heartbeat NONE
        advance 1
          expired: b#1 did not sync in time
          Stable -> PreparingRebalance: sync timeout: b#1 did not sync
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
    ",
    );
}

#[test]
fn a_leader_that_never_syncs_is_removed_and_the_parked_followers_are_told() {
    check(
        "
        a join v=3 rebalance=20000 session=60000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 rebalance=20000 session=60000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        advance 20000
          expired: a#1 did not sync in time
          b sync REBALANCE_IN_PROGRESS
          CompletingRebalance -> PreparingRebalance: sync timeout: a#1 did not sync
        b join session=60000 rebalance=20000
          PreparingRebalance -> CompletingRebalance: every member has joined
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
    ",
    );
}
