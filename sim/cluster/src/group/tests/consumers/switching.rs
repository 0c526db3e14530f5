//! An empty group changes its protocol; one with members does not.

use super::super::script::check;

#[test]
fn an_empty_classic_group_becomes_a_consumer_group() {
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
        b subscribe
          b beat GROUP_ID_NOT_FOUND
        b beat epoch=1
          b beat GROUP_ID_NOT_FOUND
        b quit
          b beat GROUP_ID_NOT_FOUND
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        b subscribe
          Empty -> Dead: empty, and taken over by the consumer protocol
          Dead -> Stable: b joins
          b beat b epoch=2 [t:0,1,2,3]
        admin fetch t-0
          admin fetch g: t-0=5
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        admin list v=5
          admin list [g:consumer:Stable]
        admin list v=5 type=classic
          admin list []
    ",
    );
}

#[test]
fn a_simple_group_becomes_a_consumer_group() {
    check(
        "
        admin commit gen=-1 t-0=4
          admin commit t-0 NONE
        a subscribe
          Empty -> Dead: empty, and taken over by the consumer protocol
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        admin fetch t-0
          admin fetch g: t-0=4
    ",
    );
}

#[test]
fn an_empty_consumer_group_becomes_a_classic_group() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a commit t-0=5
          a commit t-0 NONE
        b join v=3
          b join INCONSISTENT_GROUP_PROTOCOL
        b join v=3 id=b
          b join INCONSISTENT_GROUP_PROTOCOL
        b sync id=a
          b sync UNKNOWN_MEMBER_ID
        b heartbeat id=a
          b heartbeat UNKNOWN_MEMBER_ID
        a quit
          left: a
          Stable -> Empty: a leaves
          a beat a epoch=-1
        c join v=3 id=c
          c join UNKNOWN_MEMBER_ID c
        b join v=3
          Empty -> Dead: empty, and taken over by the classic protocol
          Empty -> PreparingRebalance: b#1 joins
        admin describe-consumers g
          admin describe-consumers g GROUP_ID_NOT_FOUND state= epoch=0 assignment-epoch=0 assignor= members=[]
        admin fetch t-0
          admin fetch g: t-0=5
        a beat epoch=2
          a beat GROUP_ID_NOT_FOUND
    ",
    );
}

#[test]
fn a_consumer_group_without_offsets_goes_when_it_is_empty() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a quit
          left: a
          Stable -> Empty: a leaves
          a beat a epoch=-1
        advance 600000
          Empty -> Dead: empty and without offsets
        admin describe-consumers g
          admin describe-consumers g GROUP_ID_NOT_FOUND state= epoch=0 assignment-epoch=0 assignor= members=[]
        b subscribe
          Dead -> Stable: b joins
          b beat b epoch=2 [t:0,1,2,3]
        admin delete g
          admin delete g NON_EMPTY_GROUP
        b quit
          left: b
          Stable -> Empty: b leaves
          b beat b epoch=-1
        admin delete g
          Empty -> Dead: deleted
          admin delete g NONE
    ",
    );
}
