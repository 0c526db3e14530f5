//! Topics that come, grow and go.

use super::super::script::check;

#[test]
fn more_partitions_raise_the_group_epoch() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        partitions t 6
        a beat
          a beat a epoch=3 [t:0,1,2,3,4,5]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=3 assignment-epoch=3 assignor=uniform members=[a@3 [t:0,1,2,3,4,5]->[t:0,1,2,3,4,5]]
    ",
    );
}

#[test]
fn a_change_within_the_assignment_interval_waits() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        partitions t 5
        a beat
          Stable -> Assigning: a heartbeats
          a beat a epoch=2
        admin describe-consumers g
          admin describe-consumers g NONE state=Assigning epoch=3 assignment-epoch=2 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1,2,3]]
        advance 1000
        a beat
          Assigning -> Stable: a heartbeats
          a beat a epoch=3 [t:0,1,2,3,4]
    ",
    );
}

#[test]
fn a_topic_that_comes_later_is_assigned() {
    check(
        "
        a subscribe topics=later
          Dead -> Stable: a joins
          a beat a epoch=2 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=2 assignment-epoch=2 assignor=uniform members=[a@2 []->[]]
        partitions later 3
        advance 1000
        a beat
          a beat a epoch=3 [l:0,1,2]
    ",
    );
}

#[test]
fn a_topic_that_is_deleted_is_given_up() {
    check(
        "
        a subscribe topics=t,u
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3/u:0,1,2,3]
        advance 1000
        partitions u 0
        a beat
          Stable -> Reconciling: a heartbeats
          a beat a epoch=2 [t:0,1,2,3]
        a beat owned=t:0,1,2,3
          Reconciling -> Stable: a heartbeats
          a beat a epoch=3
    ",
    );
}
