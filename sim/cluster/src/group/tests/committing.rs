//! Offset commits: who may commit, and when.

use super::script::check;

#[test]
fn a_commit_needs_member_and_generation() {
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
        a commit gen=0 t-0=6
          a commit t-0 ILLEGAL_GENERATION
        a commit gen=2 t-0=6
          a commit t-0 ILLEGAL_GENERATION
        a commit id=ghost t-0=6
          a commit t-0 UNKNOWN_MEMBER_ID
        a commit gen=-1 t-0=6
          a commit t-0 ILLEGAL_GENERATION
        a commit gen=-1 id=none t-0=6
          a commit t-0 UNKNOWN_MEMBER_ID
        a commit static=A t-0=6
          a commit t-0 UNKNOWN_MEMBER_ID
        a fetch t-0
          a fetch g: t-0=5
    ",
    );
}

#[test]
fn ownership_is_not_checked_and_an_offset_may_go_back() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=t-0 b#1=t-1
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [t-0]
        b sync
          b sync [t-1]
        a commit t-0=100
          a commit t-0 NONE
        b commit t-0=7
          b commit t-0 NONE
        a fetch t-0
          a fetch g: t-0=7
    ",
    );
}

#[test]
fn members_may_commit_while_others_are_still_to_rejoin() {
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
        a commit t-0=5
          a commit t-0 NONE
        a join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=2 protocol=range leader=a#1 members=[]
        a commit gen=1 t-0=6
          a commit t-0 ILLEGAL_GENERATION
        a commit gen=2 t-0=7
          a commit t-0 REBALANCE_IN_PROGRESS
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a commit gen=1 t-0=8
          a commit t-0 ILLEGAL_GENERATION
        a commit t-0=9
          a commit t-0 NONE
        a fetch t-0
          a fetch g: t-0=9
    ",
    );
}

#[test]
fn a_removed_member_cannot_commit() {
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
        advance 10000
          expired: session of a#1 expired
          Stable -> PreparingRebalance: session of a#1 expired
        a commit t-0=5
          a commit t-0 UNKNOWN_MEMBER_ID
        b join session=45000
          PreparingRebalance -> CompletingRebalance: every member has joined
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
        a commit t-0=5
          a commit t-0 UNKNOWN_MEMBER_ID
        a fetch t-0
          a fetch g: t-0=-1
    ",
    );
}

#[test]
fn simple_consumers_commit_to_a_group_without_members() {
    check(
        "
        a commit gen=-1 t-0=5 t-1=6
          a commit t-0 NONE t-1 NONE
        admin describe g
          admin describe g NONE state=Empty type= protocol= members=[]
        admin list
          admin list [g::Empty]
        a commit gen=-1 t-0=4
          a commit t-0 NONE
        a fetch
          a fetch g: t-0=4 t-1=6
        b join v=3
          Empty -> PreparingRebalance: b#1 joins
        a commit gen=-1 t-0=8
          a commit t-0 UNKNOWN_MEMBER_ID
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          b join b#1 gen=1 protocol=range leader=b#1 members=[b#1]
        a commit gen=-1 t-0=8
          a commit t-0 UNKNOWN_MEMBER_ID
        b sync b#1=x
          CompletingRebalance -> Stable: leader b#1 has assigned
          b sync [x]
        a commit gen=-1 t-0=8
          a commit t-0 UNKNOWN_MEMBER_ID
        b leave
          left: b#1
          Stable -> PreparingRebalance: b#1 leaves
          PreparingRebalance -> Empty: no members left
          b leave NONE
        a commit gen=-1 t-0=9
          a commit t-0 NONE
        a commit gen=2 t-0=10
          a commit t-0 UNKNOWN_MEMBER_ID
        a fetch t-0
          a fetch g: t-0=9
    ",
    );
}

#[test]
fn the_answer_for_a_missing_group_depends_on_the_version() {
    check(
        "
        a commit v=9 gen=1 id=ghost t-0=5
          a commit t-0 GROUP_ID_NOT_FOUND
        a commit v=8 gen=1 id=ghost t-0=5
          a commit t-0 ILLEGAL_GENERATION
        a commit group=elsewhere gen=1 t-0=5
          a commit t-0 NOT_COORDINATOR
    ",
    );
}

#[test]
fn unknown_partitions_and_long_metadata_are_refused_one_by_one() {
    check("
        a commit gen=-1 t-0=5 t-4=6 nowhere-0=7 u-3=8
          a commit nowhere-0 UNKNOWN_TOPIC_OR_PARTITION t-0 NONE t-4 UNKNOWN_TOPIC_OR_PARTITION u-3 NONE
        a commit gen=-1 t-1=5 metadata=4096
          a commit t-1 NONE
        a commit gen=-1 t-2=5 metadata=4097
          a commit t-2 OFFSET_METADATA_TOO_LARGE
        a commit gen=1 id=ghost nowhere-0=1
          a commit nowhere-0 UNKNOWN_TOPIC_OR_PARTITION
        a fetch
          a fetch g: t-0=5 t-1=5 u-3=8
    ");
}

#[test]
fn a_static_member_commits_under_its_instance_id() {
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
        a commit static=A t-0=5
          a commit t-0 NONE
        a commit t-0=6
          a commit t-0 NONE
        a commit static=A id=ghost t-0=7
          a commit t-0 FENCED_INSTANCE_ID
        a fetch t-0
          a fetch g: t-0=6
    ",
    );
}

#[test]
fn an_administrator_may_rewind_a_committed_offset() {
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
        a commit t-0=50
          a commit t-0 NONE
        rewind t-0=10
        a fetch t-0
          a fetch g: t-0=10
        restart
          Dead -> Stable: loaded, members: 1
        a fetch t-0
          a fetch g: t-0=10
    ",
    );
}
