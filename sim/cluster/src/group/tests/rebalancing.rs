//! What starts a rebalance, what ends it, and whom it leaves behind.

use super::script::check;

#[test]
fn a_new_member_makes_the_others_rejoin() {
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
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
        a sync
          a sync REBALANCE_IN_PROGRESS
        a join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=2 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        a heartbeat
          a heartbeat NONE
        b heartbeat
          b heartbeat NONE
    ",
    );
}

#[test]
fn a_leaders_rejoin_rebalances_a_followers_does_not() {
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
        b join
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
          b sync [y]
        a join
          Stable -> PreparingRebalance: leader a#1 rejoins
        b heartbeat
          b heartbeat REBALANCE_IN_PROGRESS
        b join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=2 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn changed_metadata_rebalances() {
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
        b join topics=t,u
          Stable -> PreparingRebalance: metadata of b#1 changed
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
    ",
    );
}

#[test]
fn a_member_that_missed_its_answer_gets_it_again_before_the_sync() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a join
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
        b join
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b join topics=u
          CompletingRebalance -> PreparingRebalance: metadata of b#1 changed
    ",
    );
}

#[test]
fn a_dynamic_member_that_does_not_rejoin_in_time_is_removed() {
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
        b sync
          b sync [y]
        c join v=3 rebalance=20000 session=60000
          Stable -> PreparingRebalance: c#1 joins
        a join session=60000 rebalance=20000
        b heartbeat
          b heartbeat REBALANCE_IN_PROGRESS
        advance 19999
        b heartbeat
          b heartbeat REBALANCE_IN_PROGRESS
        advance 1
          expired: b#1 did not rejoin in time
          PreparingRebalance -> CompletingRebalance: rebalance timeout: b#1 did not rejoin
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 c#1]
          c join c#1 gen=2 protocol=range leader=a#1 members=[]
        b heartbeat
          b heartbeat UNKNOWN_MEMBER_ID
    ",
    );
}

#[test]
fn a_leader_that_does_not_rejoin_is_replaced_by_one_that_has() {
    check(
        "
        a join v=3 rebalance=10000 session=60000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 rebalance=10000 session=60000
        c join v=3 rebalance=10000 session=60000
        advance 9000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1 c#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
          c join c#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y c#1=z
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        c sync
          c sync [z]
        c join topics=u rebalance=10000 session=60000
          Stable -> PreparingRebalance: metadata of c#1 changed
        advance 10000
          expired: a#1 did not rejoin in time
          expired: b#1 did not rejoin in time
          PreparingRebalance -> CompletingRebalance: rebalance timeout: a#1, b#1 did not rejoin
          c join c#1 gen=2 protocol=range leader=c#1 members=[c#1]
    ",
    );
}

#[test]
fn the_longest_rebalance_timeout_of_the_members_counts() {
    check(
        "
        a join v=3 rebalance=30000 session=60000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 rebalance=5000 session=60000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        b join topics=u rebalance=5000 session=60000
          Stable -> PreparingRebalance: metadata of b#1 changed
        advance 29999
        advance 1
          expired: a#1 did not rejoin in time
          PreparingRebalance -> CompletingRebalance: rebalance timeout: a#1 did not rejoin
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
    ",
    );
}

#[test]
fn a_rebalance_during_the_sync_phase_refuses_the_parked_syncs() {
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
        c join v=3
          b sync REBALANCE_IN_PROGRESS
          CompletingRebalance -> PreparingRebalance: c#1 joins
        a sync a#1=x b#1=y
          a sync REBALANCE_IN_PROGRESS
        a join
        b join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#1 c#1]
          b join b#1 gen=2 protocol=range leader=a#1 members=[]
          c join c#1 gen=2 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn a_group_whose_only_member_fails_becomes_empty_with_a_new_generation() {
    check(
        "
        a join v=3 session=10000
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        advance 10000
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
          PreparingRebalance -> Empty: no members left
        admin describe g
          admin describe g NONE state=Empty type=consumer protocol= members=[]
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        b join v=3
          Empty -> PreparingRebalance: b#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          b join b#1 gen=3 protocol=range leader=b#1 members=[b#1]
    ",
    );
}
