//! How offsets and groups end.

use super::script::{check, check_with};
use crate::config::BrokerSettings;

fn one_hour_of_retention() -> BrokerSettings {
    BrokerSettings {
        offsets_retention_minutes: 60,
        ..BrokerSettings::default()
    }
}

#[test]
fn an_empty_group_without_offsets_is_removed_at_the_next_check() {
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
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        advance 596999
        admin list
          admin list [g:consumer:Empty]
        advance 1
          Empty -> Dead: empty and without offsets
        admin list
          admin list []
        restart
        admin list
          admin list []
    ",
    );
}

#[test]
fn the_offsets_of_an_empty_group_expire_together_since_it_became_empty() {
    check_with(
        &one_hour_of_retention(),
        "
        a join v=3 session=600000
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a commit t-0=5
          a commit t-0 NONE
        advance 300000
        a commit t-1=6
          a commit t-1 NONE
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        advance 3600000
        a fetch
          a fetch g: t-0=5 t-1=6
        advance 600000
          Empty -> Dead: empty and without offsets
        a fetch
          a fetch g:
        admin list
          admin list []
    ",
    );
}

#[test]
fn a_stable_group_only_loses_offsets_of_topics_it_left() {
    check_with(
        &one_hour_of_retention(),
        "
        a join v=3 session=1800000 topics=t
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a commit t-0=5 u-0=6
          a commit t-0 NONE u-0 NONE
        advance 1500000
        a heartbeat
          a heartbeat NONE
        advance 1500000
        a heartbeat
          a heartbeat NONE
        advance 590000
        a heartbeat
          a heartbeat NONE
        a fetch
          a fetch g: t-0=5 u-0=6
        advance 610000
        a fetch
          a fetch g: t-0=5
    ",
    );
}

#[test]
fn offsets_of_a_group_with_unreadable_subscriptions_stay() {
    check_with(
        &one_hour_of_retention(),
        "
        a join v=3 session=1800000 topics=junk
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a commit t-0=5 u-0=6
          a commit t-0 NONE u-0 NONE
        advance 1500000
        a heartbeat
          a heartbeat NONE
        advance 1500000
        a heartbeat
          a heartbeat NONE
        advance 590000
        a heartbeat
          a heartbeat NONE
        a fetch
          a fetch g: t-0=5 u-0=6
        advance 610000
        a fetch
          a fetch g: t-0=5 u-0=6
    ",
    );
}

#[test]
fn offsets_of_a_simple_group_expire_since_their_commit() {
    check_with(
        &one_hour_of_retention(),
        "
        a commit gen=-1 t-0=5
          a commit t-0 NONE
        advance 1800000
        a commit gen=-1 t-1=6
          a commit t-1 NONE
        advance 1800000
        a fetch
          a fetch g: t-1=6
        advance 1800000
          Empty -> Dead: empty and without offsets
        a fetch
          a fetch g:
        admin list
          admin list []
    ",
    );
}

#[test]
fn a_retention_time_in_the_request_wins() {
    check(
        "
        a commit v=4 gen=-1 t-0=5 retention=1000
          a commit t-0 NONE
        advance 600000
          Empty -> Dead: empty and without offsets
        a fetch
          a fetch g:
    ",
    );
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    check(
        "
        a commit gen=-1 t-0=5 t-1=6 u-0=7
          a commit t-0 NONE t-1 NONE u-0 NONE
        b commit gen=-1 group=h t-0=8
          b commit t-0 NONE
        delete-topic t
        a fetch groups=g,h
          a fetch g: u-0=7 h:
        restart
          Dead -> Empty: loaded, members: 0
          Dead -> Empty: loaded, members: 0
        a fetch groups=g,h
          a fetch g: u-0=7 h:
    ",
    );
}

#[test]
fn only_an_empty_group_can_be_deleted() {
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
        a commit t-0=5
          a commit t-0 NONE
        admin delete g nobody elsewhere
          admin delete g NON_EMPTY_GROUP; nobody GROUP_ID_NOT_FOUND; elsewhere NOT_COORDINATOR
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        admin delete g
          Empty -> Dead: deleted
          admin delete g NONE
        a fetch
          a fetch g:
        admin describe g
          admin describe g NONE state=Dead type= protocol= members=[]
        restart
        admin list
          admin list []
    ",
    );
}
