//! Joining: member ids, who may join, the initial delay, the protocol vote.

use super::script::{check, check_with};
use crate::config::BrokerSettings;

#[test]
fn a_dynamic_member_must_know_its_id_before_it_joins() {
    check(
        "
        a join
          a join MEMBER_ID_REQUIRED a#1
        a join
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn before_version_4_a_member_joins_at_once() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn version_0_waits_for_the_session_timeout_as_rebalance_timeout() {
    // After the first delay of 3 s there remain 4.5: an extension of 3 and one of 1.5.
    check(
        "
        a join v=0 session=7500 rebalance=-1
          Empty -> PreparingRebalance: a#1 joins
        advance 1000
        b join v=0 session=7500 rebalance=-1
        advance 2500
        c join v=0 session=7500 rebalance=-1
        advance 3999
        advance 1
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1 c#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
          c join c#1 gen=1 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn an_id_that_does_not_join_is_forgotten_after_the_session_timeout() {
    check(
        "
        a join session=10000
          a join MEMBER_ID_REQUIRED a#1
        advance 10000
        a join
          a join UNKNOWN_MEMBER_ID a#1
    ",
    );
}

#[test]
fn a_pending_member_holds_up_a_rebalance_until_its_id_expires() {
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
        b join session=7000
          b join MEMBER_ID_REQUIRED b#1
        a join
          Stable -> PreparingRebalance: leader a#1 rejoins
        advance 6999
        advance 1
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn joining_with_an_id_needs_the_group_and_the_member() {
    check(
        "
        a join id=ghost
          a join UNKNOWN_MEMBER_ID ghost
        a join
          a join MEMBER_ID_REQUIRED a#1
        a join id=ghost
          a join UNKNOWN_MEMBER_ID ghost
        admin describe g
          admin describe g NONE state=Empty type= protocol= members=[]
    ",
    );
}

#[test]
fn the_group_must_have_a_name_and_the_session_must_be_within_bounds() {
    check(
        "
        a join group=none
          a join INVALID_GROUP_ID
        a join session=5999
          a join INVALID_SESSION_TIMEOUT
        a join session=1800001
          a join INVALID_SESSION_TIMEOUT
        a join group=elsewhere
          a join NOT_COORDINATOR
        a join session=6000
          a join MEMBER_ID_REQUIRED a#1
        b join session=1800000
          b join MEMBER_ID_REQUIRED b#1
    ",
    );
}

#[test]
fn a_member_without_protocols_or_with_a_strange_one_does_not_fit() {
    check(
        "
        a join protocols= type=consumer
          a join INCONSISTENT_GROUP_PROTOCOL
        a join type=
          a join INCONSISTENT_GROUP_PROTOCOL
        a join protocols=range,roundrobin
          a join MEMBER_ID_REQUIRED a#1
        a join protocols=range,roundrobin
          Empty -> PreparingRebalance: a#1 joins
        b join protocols=sticky
          b join INCONSISTENT_GROUP_PROTOCOL
        b join protocols=range type=connect
          b join INCONSISTENT_GROUP_PROTOCOL
        b join protocols=sticky,roundrobin
          b join MEMBER_ID_REQUIRED b#1
    ",
    );
}

#[test]
fn the_protocol_with_most_votes_among_the_common_ones_is_selected() {
    check(
        "
        a join v=3 protocols=range,roundrobin,sticky
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 protocols=sticky,roundrobin,range
        c join v=3 protocols=cooperative,sticky,roundrobin
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=sticky leader=a#1 members=[a#1 b#1 c#1]
          b join b#1 gen=1 protocol=sticky leader=a#1 members=[]
          c join c#1 gen=1 protocol=sticky leader=a#1 members=[]
    ",
    );
}

#[test]
fn the_oldest_member_decides_a_tie() {
    check(
        "
        a join v=3 protocols=range,roundrobin
          Empty -> PreparingRebalance: a#1 joins
        b join v=3 protocols=roundrobin,range
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn new_members_extend_the_initial_delay_up_to_the_rebalance_timeout() {
    check(
        "
        a join v=3 rebalance=8000
          Empty -> PreparingRebalance: a#1 joins
        advance 2000
        b join v=3 rebalance=8000
        advance 3000
        c join v=3 rebalance=8000
        advance 2999
        d join v=3 rebalance=8000
        advance 1
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1 c#1 d#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
          c join c#1 gen=1 protocol=range leader=a#1 members=[]
          d join d#1 gen=1 protocol=range leader=a#1 members=[]
    ",
    );
}

#[test]
fn without_an_initial_delay_the_first_generation_is_there_at_once() {
    let settings = BrokerSettings {
        group_initial_rebalance_delay_ms: 0,
        ..BrokerSettings::default()
    };
    check_with(
        &settings,
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 0
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn a_full_group_takes_nobody_new() {
    let settings = BrokerSettings {
        group_max_size: 2,
        ..BrokerSettings::default()
    };
    check_with(
        &settings,
        "
        a join
          a join MEMBER_ID_REQUIRED a#1
        b join
          b join MEMBER_ID_REQUIRED b#1
        c join
          c join MEMBER_ID_REQUIRED c#1
        a join
          Empty -> PreparingRebalance: a#1 joins
        b join
        c join
          c join GROUP_MAX_SIZE_REACHED
        c join id=none
          c join GROUP_MAX_SIZE_REACHED
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        c join id=none
          c join GROUP_MAX_SIZE_REACHED
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        c join id=none
          c join GROUP_MAX_SIZE_REACHED
        a heartbeat
          a heartbeat NONE
    ",
    );
}

#[test]
fn of_a_full_group_the_last_to_rejoin_is_put_out() {
    let settings = BrokerSettings {
        group_max_size: 2,
        ..BrokerSettings::default()
    };
    check_with(
        &settings,
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
        a join
          Stable -> PreparingRebalance: leader a#1 rejoins
        c join v=3
        b join
          expired: no room for b#1: the group is full
          b join GROUP_MAX_SIZE_REACHED
        b heartbeat
          b heartbeat UNKNOWN_MEMBER_ID
        advance 60000
          PreparingRebalance -> CompletingRebalance: rebalance timeout
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 c#1]
          c join c#1 gen=2 protocol=range leader=a#1 members=[]
    ",
    );
}
