//! Sessions: what renews them and what their end does.

use super::script::check;

#[test]
fn heartbeats_need_the_member_and_the_generation() {
    check(
        "
        a heartbeat id=ghost gen=1
          a heartbeat UNKNOWN_MEMBER_ID
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a heartbeat
          a heartbeat NONE
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a heartbeat
          a heartbeat NONE
        a heartbeat gen=0
          a heartbeat ILLEGAL_GENERATION
        a heartbeat gen=2
          a heartbeat ILLEGAL_GENERATION
        a heartbeat id=ghost
          a heartbeat UNKNOWN_MEMBER_ID
        a heartbeat id=none
          a heartbeat UNKNOWN_MEMBER_ID
        a heartbeat group=none
          a heartbeat INVALID_GROUP_ID
        a heartbeat group=elsewhere
          a heartbeat NOT_COORDINATOR
    ",
    );
}

#[test]
fn a_silent_member_is_removed_after_its_session_timeout() {
    check(
        "
        a join v=3 session=10000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 session=30000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        advance 9999
        b heartbeat
          b heartbeat NONE
        advance 1
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        b heartbeat
          b heartbeat REBALANCE_IN_PROGRESS
    ",
    );
}

#[test]
fn heartbeats_and_commits_renew_a_session() {
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
        advance 9000
        a heartbeat
          a heartbeat NONE
        advance 9000
        a commit t-0=1
          a commit t-0 NONE
        advance 9999
        advance 1
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
          PreparingRebalance -> Empty: no members left
    ",
    );
}

#[test]
fn a_commit_without_a_known_partition_does_not_renew_a_session() {
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
        advance 9000
        a commit nowhere-0=1
          a commit nowhere-0 UNKNOWN_TOPIC_OR_PARTITION
        a commit
          a commit
        advance 1000
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
          PreparingRebalance -> Empty: no members left
    ",
    );
}

#[test]
fn a_heartbeat_during_a_rebalance_renews_the_session_too() {
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
        b join v=3
          Stable -> PreparingRebalance: b#1 joins
        advance 9000
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
        advance 9000
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
        advance 10000
          expired: session of a#1 expired
          PreparingRebalance -> CompletingRebalance: every member has joined
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
    ",
    );
}

#[test]
fn a_parked_rejoin_keeps_a_member_alive_beyond_its_session_timeout() {
    check(
        "
        a join v=3 session=10000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 session=45000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        a join
          Stable -> PreparingRebalance: leader a#1 rejoins
        advance 40000
        b join session=45000
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=2 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn a_parked_sync_keeps_a_member_alive_and_its_answer_renews_the_session() {
    check(
        "
        a join v=3 session=45000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 session=10000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        advance 40000
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
          b sync [y]
        advance 9999
        a heartbeat
          a heartbeat NONE
        advance 1
          expired: session of b#1 expired
          Stable -> PreparingRebalance: session of b#1 expired
    ",
    );
}

#[test]
fn a_new_members_parked_join_is_given_up_after_five_minutes() {
    check(
        "
        a join v=3 rebalance=600000 session=1800000
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b join v=3 rebalance=600000
          Stable -> PreparingRebalance: b#1 joins
        advance 299999
        advance 1
          b join UNKNOWN_MEMBER_ID
          expired: b#1 waited too long for its first generation
        a heartbeat
          a heartbeat REBALANCE_IN_PROGRESS
        a join rebalance=600000 session=1800000
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn the_leaders_session_may_end_during_the_sync_phase() {
    check(
        "
        a join v=3 session=10000
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 session=10000
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        advance 10000
          expired: session of a#1 expired
          b sync REBALANCE_IN_PROGRESS
          CompletingRebalance -> PreparingRebalance: session of a#1 expired
        b join
          PreparingRebalance -> CompletingRebalance: every member has joined
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
    ",
    );
}
