//! Joining, the assignment interval, leaving.

use super::super::script::check;

#[test]
fn the_first_member_is_assigned_everything_at_once() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=2 assignment-epoch=2 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1,2,3]]
        a beat owned=t:0,1,2,3
          a beat a epoch=2
    ",
    );
}

#[test]
fn members_that_join_together_wait_for_one_assignment() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        b subscribe
          Stable -> Assigning: b joins
          b beat b epoch=2 []
        c subscribe
          c beat c epoch=2 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Assigning epoch=4 assignment-epoch=2 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1,2,3] b@2 []->[] c@2 []->[]]
        a beat
          a beat a epoch=2
        advance 999
        a beat
          a beat a epoch=2
        advance 1
        a beat
          Assigning -> Reconciling: a heartbeats
          a beat a epoch=2 [t:0,1]
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1] b@2 []->[t:2] c@2 []->[t:3]]
        b beat
          b beat b epoch=4
        c beat
          c beat c epoch=4
        a beat owned=t:0,1
          a beat a epoch=4
        b beat
          b beat b epoch=4 [t:2]
        c beat
          Reconciling -> Stable: c heartbeats
          c beat c epoch=4 [t:3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=4 assignment-epoch=4 assignor=uniform members=[a@4 [t:0,1]->[t:0,1] b@4 [t:2]->[t:2] c@4 [t:3]->[t:3]]
    ",
    );
}

#[test]
fn an_empty_group_assigns_whoever_joins_next_at_once() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a quit
          left: a
          Stable -> Empty: a leaves
          a beat a epoch=-1
        admin describe-consumers g
          admin describe-consumers g NONE state=Empty epoch=3 assignment-epoch=3 assignor=uniform members=[]
        b subscribe
          Empty -> Stable: b joins
          b beat b epoch=4 [t:0,1,2,3]
        b quit
          left: b
          Stable -> Empty: b leaves
          b beat b epoch=-1
        admin list v=5
          admin list [g:consumer:Empty]
        admin describe v=5 g
          admin describe g NONE state=Dead type= protocol= members=[]
        admin describe v=6 g
          admin describe g GROUP_ID_NOT_FOUND state=Dead type= protocol= members=[]
    ",
    );
}

#[test]
fn a_member_may_join_anew_at_any_epoch() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a subscribe
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        a beat owned=t:0,1
          a beat a epoch=3
        a subscribe
          a beat a epoch=3 [t:0,1]
        a beat
          a beat a epoch=3
    ",
    );
}

#[test]
fn a_request_that_says_everything_is_answered_with_the_assignment() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a beat
          a beat a epoch=2
        a beat rebalance=60000 topics=t owned=t:0,1,2,3
          a beat a epoch=2 [t:0,1,2,3]
    ",
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    check(
        "
        a subscribe group=none
          a beat INVALID_REQUEST
        a subscribe id=none
          a beat INVALID_REQUEST
        a beat epoch=0 topics=t owned=none
          a beat INVALID_REQUEST
        a beat epoch=0 topics=t rebalance=1000
          a beat INVALID_REQUEST
        a beat epoch=0 topics=t rebalance=1000 owned=t:0
          a beat INVALID_REQUEST
        a beat epoch=0 rebalance=1000 owned=none
          a beat INVALID_REQUEST
        a beat epoch=-3
          a beat INVALID_REQUEST
        a beat epoch=-2
          a beat INVALID_REQUEST
        a subscribe assignor=sticky
          a beat UNSUPPORTED_ASSIGNOR
        a subscribe static=
          a beat INVALID_REQUEST
        a subscribe rack=
          a beat INVALID_REQUEST
        a subscribe regex=t.*
          a beat INVALID_REQUEST
        a beat id=none epoch=1
          a beat INVALID_REQUEST
        a subscribe group=elsewhere
          a beat NOT_COORDINATOR
        admin describe-consumers g elsewhere
          admin describe-consumers g GROUP_ID_NOT_FOUND state= epoch=0 assignment-epoch=0 assignor= members=[]; elsewhere NOT_COORDINATOR state= epoch=0 assignment-epoch=0 assignor= members=[]
    ",
    );
}

#[test]
fn before_version_1_the_coordinator_gives_the_id() {
    check(
        "
        a subscribe id=none v=0
          Dead -> Stable: a#1 joins
          a beat a#1 epoch=2 [t:0,1,2,3]
    ",
    );
}

#[test]
fn a_group_without_topics_stays_at_its_first_epoch() {
    check(
        "
        a subscribe topics=
          Dead -> Stable: a joins
          a beat a epoch=1 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=1 assignment-epoch=1 assignor=uniform members=[a@1 []->[]]
    ",
    );
}

#[test]
fn any_member_can_be_removed_by_leave_group() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        b subscribe static=i
          Stable -> Assigning: b joins
          b beat b epoch=2 []
        admin leave v=3 member=a member=nobody member=/i
          left: a
          left: b
          Assigning -> Empty: b leaves
          admin leave NONE (a/ NONE) (nobody/ UNKNOWN_MEMBER_ID) (/i NONE)
        admin describe-consumers g
          admin describe-consumers g NONE state=Empty epoch=5 assignment-epoch=5 assignor=uniform members=[]
        a beat
          a beat UNKNOWN_MEMBER_ID
    ",
    );
}
