//! A coordinator that starts from its records.

use super::script::check;

#[test]
fn a_stable_group_comes_back_with_its_members_and_fresh_sessions() {
    check("
        a join v=3 session=10000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 session=10000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        a commit t-0=5
          a commit t-0 NONE
        advance 9000
        restart
          Dead -> Stable: loaded, members: 2
        admin describe g
          admin describe g NONE state=Stable type=consumer protocol=range members=[a#1@a/10.0.0.1:x b#1@b/10.0.0.1:y]
        a fetch t-0
          a fetch g: t-0=5
        advance 9999
        a heartbeat
          a heartbeat NONE
        b heartbeat
          b heartbeat NONE
        b sync
          b sync [y]
        advance 9999
        advance 1
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
          expired: session of b#1 expired
          PreparingRebalance -> Empty: no members left
    ");
}

#[test]
fn a_rebalance_under_way_is_forgotten_and_starts_anew() {
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
        restart
          Dead -> Stable: loaded, members: 1
        a heartbeat
          a heartbeat NONE
        b heartbeat id=b#1 gen=1
          b heartbeat UNKNOWN_MEMBER_ID
        b join id=none v=3
          Stable -> PreparingRebalance: b#2 joins
        a join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#2]
          b join b#2 gen=2 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn a_generation_that_was_never_assigned_is_forgotten() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        restart
          Dead -> Empty: loaded, members: 0
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        a join
          a join UNKNOWN_MEMBER_ID a#1
        a join id=none v=3
          Empty -> PreparingRebalance: a#2 joins
    ",
    );
}

#[test]
fn a_static_member_is_still_known_by_its_instance_id() {
    check(
        "
        a join static=A
          Empty -> PreparingRebalance: A#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join A#1 gen=1 protocol=range leader=A#1 members=[A#1]
        a sync static=A A#1=x
          CompletingRebalance -> Stable: leader A#1 has assigned
          a sync [x]
        a join static=A id=none
          expired: A#2 took its place under the same group.instance.id
          a join A#2 gen=1 protocol=range leader=A#1 members=[]
        restart
          Dead -> Stable: loaded, members: 1
        a heartbeat id=A#1 static=A
          a heartbeat FENCED_INSTANCE_ID
        a heartbeat static=A
          a heartbeat NONE
    ",
    );
}

#[test]
fn a_pending_id_does_not_survive_and_is_not_given_out_again() {
    check(
        "
        a join
          a join MEMBER_ID_REQUIRED a#1
        restart
          Dead -> Empty: loaded, members: 0
        a join
          a join UNKNOWN_MEMBER_ID a#1
        a join id=none
          a join MEMBER_ID_REQUIRED a#2
        a join
          Empty -> PreparingRebalance: a#2 joins
    ",
    );
}

#[test]
fn a_loaded_group_that_is_too_large_rebalances() {
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
        restart 1
          Dead -> Stable: loaded, members: 2
          Stable -> PreparingRebalance: loaded, members: 2, allowed: 1
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
        a join
        b join
          expired: no room for b#1: the group is full
          b join GROUP_MAX_SIZE_REACHED
    ",
    );
}

#[test]
fn an_unloaded_coordinator_sends_its_members_elsewhere() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        c join group=h v=3
          Empty -> PreparingRebalance: c#1 joins
        unload
          b sync NOT_COORDINATOR
          c join NOT_COORDINATOR c#1
        admin list
          admin list []
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        advance 600000
    ",
    );
}
