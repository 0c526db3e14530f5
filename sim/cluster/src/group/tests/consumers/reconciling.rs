//! Revocation before assignment.

use super::super::script::{check, check_with_steps};

#[test]
fn a_partition_is_handed_on_once_it_was_given_up() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1] b@3 []->[t:2,3]]
        b beat
          b beat b epoch=3
        a beat
          a beat a epoch=2 [t:0,1]
        a beat
          a beat a epoch=2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1] b@3 []->[t:2,3]]
        b beat
          b beat b epoch=3
        a beat owned=t:0,1
          a beat a epoch=3
        b beat
          Reconciling -> Stable: b heartbeats
          b beat b epoch=3 [t:2,3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=3 assignment-epoch=3 assignor=uniform members=[a@3 [t:0,1]->[t:0,1] b@3 [t:2,3]->[t:2,3]]
    ",
    );
}

#[test]
fn what_a_leaving_member_had_is_free_at_once() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a quit
          left: a
          Reconciling -> Assigning: a leaves
          a beat a epoch=-1
        b beat
          b beat b epoch=3 [t:2,3]
        advance 1000
        b beat
          Assigning -> Stable: b heartbeats
          b beat b epoch=4 [t:0,1,2,3]
    ",
    );
}

#[test]
fn what_is_no_longer_subscribed_to_is_given_up_before_there_is_a_target() {
    check(
        "
        a subscribe topics=t
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a beat topics=u
          Stable -> Assigning: a heartbeats
          a beat a epoch=2 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Assigning epoch=3 assignment-epoch=2 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1,2,3]]
        advance 1000
        a beat
          Assigning -> Reconciling: a heartbeats
          a beat a epoch=2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3]->[u:0,1,2,3]]
        a beat owned=none
          Reconciling -> Stable: a heartbeats
          a beat a epoch=3 [u:0,1,2,3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=3 assignment-epoch=3 assignor=uniform members=[a@3 [u:0,1,2,3]->[u:0,1,2,3]]
    ",
    );
}

#[test]
fn a_revocation_before_there_is_a_target_brings_nothing_back() {
    check(
        "
        a subscribe topics=t
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a beat topics=u
          Stable -> Assigning: a heartbeats
          a beat a epoch=2 []
        a beat owned=none
          a beat a epoch=2
        a beat
          a beat a epoch=2
        advance 1000
        a beat
          Assigning -> Stable: a heartbeats
          a beat a epoch=3 [u:0,1,2,3]
    ",
    );
}

#[test]
fn a_member_that_still_revokes_is_not_moved_on() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        advance 1000
        c subscribe
          c beat c epoch=4 []
        a beat owned=t:0,1,2
          a beat a epoch=2
        a beat owned=t:0,1
          a beat a epoch=4
        c beat
          c beat c epoch=4 [t:3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=uniform members=[a@4 [t:0,1]->[t:0,1] b@3 []->[t:2] c@4 [t:3]->[t:3]]
    ",
    );
}

#[test]
fn each_step_of_a_member_is_told_once() {
    check_with_steps(
        "
        a subscribe static=i
          a@2 Stable [t-0,t-1,t-2,t-3] gives up []
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a beat
          a beat a epoch=2
        advance 1000
        b subscribe
          b@3 UnreleasedPartitions [] gives up []
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat static=i
          a@2 UnrevokedPartitions [t-0,t-1] gives up [t-2,t-3]
          a beat a epoch=2 [t:0,1]
        b beat
          b beat b epoch=3
        a beat static=i owned=t:0,1
          a@3 Stable [t-0,t-1] gives up []
          a beat a epoch=3
        b beat
          b@3 Stable [t-2,t-3] gives up []
          Reconciling -> Stable: b heartbeats
          b beat b epoch=3 [t:2,3]
        a quit static=i epoch=-2
          a@-2 Stable [t-0,t-1] gives up []
          Stable -> Reconciling: a is away
          a beat a epoch=-2
    ",
    );
}
