//! Static members (KIP-345, KIP-814).

use super::script::check;

#[test]
fn a_static_member_joins_at_once_and_its_id_starts_with_its_instance_id() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1]
    ",
    );
}

#[test]
fn a_static_follower_that_returns_takes_its_place_without_a_rebalance() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        b join static=B
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        b join static=B id=none
          expired: B#2 took its place under the same group.instance.id
          b join B#2 gen=1 protocol=range leader=A#1 members=[]
        b sync static=B
          b sync [y]
        b2 heartbeat id=B#1 gen=1 static=B
          b2 heartbeat FENCED_INSTANCE_ID
        b2 commit id=B#1 gen=1 static=B t-0=1
          b2 commit t-0 FENCED_INSTANCE_ID
        b2 sync id=B#1 gen=1 static=B
          b2 sync FENCED_INSTANCE_ID
        b2 join id=B#1 static=B
          b2 join FENCED_INSTANCE_ID B#1
        b2 heartbeat id=B#1 gen=1
          b2 heartbeat UNKNOWN_MEMBER_ID
        b2 heartbeat id=B#1 gen=1 static=nobody
          b2 heartbeat UNKNOWN_MEMBER_ID
        b heartbeat static=B
          b heartbeat NONE
    ",
    );
}

#[test]
fn before_version_9_a_returning_static_leader_is_told_that_its_old_id_leads() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        b join static=B
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        a join static=A id=none
          expired: A#2 took its place under the same group.instance.id
          a join A#2 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A
          a sync [x]
    ",
    );
}

#[test]
fn since_version_9_a_returning_static_leader_is_told_not_to_assign() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        b join static=B
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        a join static=A id=none v=9
          expired: A#2 took its place under the same group.instance.id
          a join A#2 gen=1 protocol=range leader=A#2 members=[A#2 B#1] skip-assignment
        a sync static=A
          a sync [x]
        b join static=B id=none v=9
          expired: B#2 took its place under the same group.instance.id
          b join B#2 gen=1 protocol=range leader=A#2 members=[]
    ",
    );
}

#[test]
fn a_static_member_that_returns_with_another_protocol_rebalances() {
    check(
        "
        a join static=A protocols=range,sticky
          Empty -> PreparingRebalance: A#1 joins
        b join static=B protocols=range,sticky
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        b join static=B id=none protocols=sticky
          expired: B#2 took its place under the same group.instance.id
          Stable -> PreparingRebalance: protocol changes as static member B#2 joins
        a join static=A protocols=range,sticky
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join A#1 gen=2 protocol=sticky leader=A#1 members=[A#1 B#2]
          b join B#2 gen=2 protocol=sticky leader=A#1 members=[]
    ",
    );
}

#[test]
fn a_static_member_that_returns_during_the_sync_phase_rebalances() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        b join static=B
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        b sync static=B
        b join static=B id=none
          b sync FENCED_INSTANCE_ID
          expired: B#2 took its place under the same group.instance.id
          CompletingRebalance -> PreparingRebalance: static member B#2 joins in place of B#1
        a join static=A
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join A#1 gen=2 protocol=range leader=A#1 members=[A#1 B#2]
          b join B#2 gen=2 protocol=range leader=A#1 members=[]
    ",
    );
}

#[test]
fn the_parked_join_of_the_older_instance_is_fenced() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        a2 join static=A
          a join FENCED_INSTANCE_ID A#1
          expired: A#2 took its place under the same group.instance.id
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a2 join A#2 gen=1 protocol=range leader=A#2 members=[A#2]
    ",
    );
}

#[test]
fn a_static_member_that_does_not_rejoin_keeps_its_place_until_its_session_ends() {
    check(
        "
        a join v=3 rebalance=20000 session=60000
          Empty -> PreparingRebalance: a#1 joins
        b join static=B rebalance=20000 session=30000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 B#1]
          b join B#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x B#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        a join session=60000 rebalance=20000
          Stable -> PreparingRebalance: leader a#1 rejoins
        advance 20000
          PreparingRebalance -> CompletingRebalance: rebalance timeout
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 B#1]
        a sync a#1=x B#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        advance 20000
          expired: B#1 did not sync in time
          Stable -> PreparingRebalance: sync timeout: B#1 did not sync
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
    ",
    );
}

#[test]
fn while_no_static_member_rejoins_the_rebalance_waits_for_their_sessions() {
    check(
        "
        a join static=A rebalance=10000 session=25000
          Empty -> PreparingRebalance: A#1 joins
        b join static=B rebalance=10000 session=25000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        admin leave v=3 member=/A
          left: A#1
          Stable -> PreparingRebalance: A#1 leaves
          admin leave NONE (/A NONE)
        advance 24000
        advance 1000
          expired: session of B#1 expired
          PreparingRebalance -> Empty: no members left
    ",
    );
}

#[test]
fn a_static_member_leaves_no_tracks_when_its_session_ends() {
    check(
        "
        a join static=A session=10000
          Empty -> PreparingRebalance: A#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1]
        a sync static=A A#1=x
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        advance 10000
          expired: session of A#1 expired
          Stable -> PreparingRebalance: session of A#1 expired
          PreparingRebalance -> Empty: no members left
        a join static=A id=A#1
          a join UNKNOWN_MEMBER_ID A#1
        a join static=A id=none
          Empty -> PreparingRebalance: A#2 joins
    ",
    );
}

#[test]
fn a_static_member_replaced_before_it_synced_is_still_waited_for() {
    check(
        "
        a join static=A rebalance=20000 session=60000
          Empty -> PreparingRebalance: A#1 joins
        b join static=B rebalance=20000 session=60000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1 B#1]
          b join B#1 gen=1 protocol=range leader=A#1 members=[]
        a sync static=A A#1=x B#1=y
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        b join static=B id=none rebalance=20000 session=60000
          expired: B#2 took its place under the same group.instance.id
          b join B#2 gen=1 protocol=range leader=A#1 members=[]
        b sync static=B
          b sync [y]
        advance 20000
          Stable -> PreparingRebalance: sync timeout: B#1 did not sync
    ",
    );
}
