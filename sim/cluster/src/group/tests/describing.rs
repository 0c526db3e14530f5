//! DescribeGroups and ListGroups.

use super::script::check;

#[test]
fn a_group_is_described_as_its_state_allows() {
    check("
        admin describe g
          admin describe g NONE state=Dead type= protocol= members=[]
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        admin describe g
          admin describe g NONE state=PreparingRebalance type=consumer protocol= members=[a#1@a/10.0.0.1:]
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        admin describe g
          admin describe g NONE state=CompletingRebalance type=consumer protocol= members=[a#1@a/10.0.0.1:]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        admin describe g elsewhere
          admin describe g NONE state=Stable type=consumer protocol=range members=[a#1@a/10.0.0.1:x]; elsewhere NOT_COORDINATOR state= type= protocol= members=[]
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        admin describe g
          admin describe g NONE state=Empty type=consumer protocol= members=[]
    ");
}

#[test]
fn since_version_6_a_missing_group_is_an_error() {
    check(
        "
        admin describe v=5 nobody
          admin describe nobody NONE state=Dead type= protocol= members=[]
        admin describe v=6 nobody
          admin describe nobody GROUP_ID_NOT_FOUND state=Dead type= protocol= members=[]
    ",
    );
}

#[test]
fn groups_are_listed_by_state_and_type() {
    check(
        "
        a commit gen=-1 t-0=5
          a commit t-0 NONE
        b join v=3 group=h
          Empty -> PreparingRebalance: b#1 joins
        admin list
          admin list [g::Empty h:consumer:PreparingRebalance]
        admin list v=4 state=empty
          admin list [g::Empty]
        admin list v=5 state=PreparingRebalance type=Classic
          admin list [h:consumer:PreparingRebalance]
        admin list v=5 type=consumer
          admin list []
    ",
    );
}
