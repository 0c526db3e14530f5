//! Static members: away for a while, back, in each other's way.

use super::super::script::check;

#[test]
fn a_static_member_that_is_back_has_what_it_had() {
    check(
        "
        a subscribe static=i
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        b subscribe static=i
          b beat UNRELEASED_INSTANCE_ID
        b beat epoch=2 static=i
          b beat FENCED_INSTANCE_ID
        a beat
          a beat a epoch=2
        a beat static=j
          a beat UNKNOWN_MEMBER_ID
        a quit epoch=-2 static=i
          Stable -> Reconciling: a is away
          a beat a epoch=-2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=2 assignment-epoch=2 assignor=uniform members=[a@-2 [t:0,1,2,3]->[t:0,1,2,3]]
        a beat epoch=2 static=i
          a beat FENCED_MEMBER_EPOCH
        b subscribe static=i
          expired: b took its place under the same group.instance.id
          Reconciling -> Stable: b joins
          b beat b epoch=2 [t:0,1,2,3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=2 assignment-epoch=2 assignor=uniform members=[b@2 [t:0,1,2,3]->[t:0,1,2,3]]
        a beat epoch=2 static=i
          a beat FENCED_INSTANCE_ID
        a commit id=a gen=2 t-0=5
          a commit t-0 UNKNOWN_MEMBER_ID
    ",
    );
}

#[test]
fn what_it_was_to_give_up_is_free_when_it_goes() {
    check(
        "
        a subscribe static=i
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        a quit epoch=-2 static=i
          a beat a epoch=-2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@-2 [t:0,1]->[t:0,1] b@3 []->[t:2,3]]
        c subscribe static=i
          expired: c took its place under the same group.instance.id
          c beat c epoch=3 [t:0,1]
        b beat
          Reconciling -> Stable: b heartbeats
          b beat b epoch=3 [t:2,3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=3 assignment-epoch=3 assignor=uniform members=[b@3 [t:2,3]->[t:2,3] c@3 [t:0,1]->[t:0,1]]
    ",
    );
}

#[test]
fn other_topics_under_the_same_instance_are_a_new_subscription() {
    check(
        "
        a subscribe static=i
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a quit epoch=-2 static=i
          Stable -> Reconciling: a is away
          a beat a epoch=-2
        b subscribe static=i topics=t,u
          expired: b took its place under the same group.instance.id
          Reconciling -> Assigning: b joins
          b beat b epoch=2 [t:0,1,2,3]
        advance 1000
        b beat
          Assigning -> Stable: b heartbeats
          b beat b epoch=3 [t:0,1,2,3/u:0,1,2,3]
    ",
    );
}

#[test]
fn a_static_member_that_stays_away_is_removed() {
    check(
        "
        a subscribe static=i
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 40000
        a quit epoch=-2 static=i
          Stable -> Reconciling: a is away
          a beat a epoch=-2
        advance 5000
          expired: session of a expired
          Reconciling -> Empty: session of a expired
        b subscribe static=i
          Empty -> Stable: b joins
          b beat b epoch=4 [t:0,1,2,3]
    ",
    );
}

#[test]
fn a_static_member_can_leave_for_good() {
    check(
        "
        a subscribe static=i
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a quit static=i
          left: a
          Stable -> Empty: a leaves
          a beat a epoch=-1
        a quit static=i
          a beat UNKNOWN_MEMBER_ID
        admin describe-consumers g
          admin describe-consumers g NONE state=Empty epoch=3 assignment-epoch=3 assignor=uniform members=[]
    ",
    );
}
