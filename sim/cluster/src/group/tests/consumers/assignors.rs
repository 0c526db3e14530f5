//! What the assignors of the coordinator make of a group.

use super::super::script::check;

#[test]
fn range_cuts_each_topic() {
    check(
        "
        a subscribe topics=t,u assignor=range
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3/u:0,1,2,3]
        advance 1000
        b subscribe topics=t,u assignor=range
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=range members=[a@2 [t:0,1,2,3/u:0,1,2,3]->[t:0,1/u:0,1] b@3 []->[t:2,3/u:2,3]]
        advance 1000
        c subscribe topics=t assignor=range
          c beat c epoch=4 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=range members=[a@2 [t:0,1,2,3/u:0,1,2,3]->[t:0,1/u:0,1] b@3 []->[t:2/u:2,3] c@4 []->[t:3]]
    ",
    );
}

#[test]
fn uniform_moves_as_little_as_possible() {
    check(
        "
        a subscribe topics=t,u
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3/u:0,1,2,3]
        advance 1000
        b subscribe topics=t,u
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3/u:0,1,2,3]->[t:0,1,2,3] b@3 []->[u:0,1,2,3]]
        a beat owned=t:0,1,2,3
          a beat a epoch=3 [t:0,1,2,3]
        advance 1000
        c subscribe topics=t,u
          c beat c epoch=4 [u:3]
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=uniform members=[a@3 [t:0,1,2,3]->[t:0,1,2] b@3 []->[u:0,1,2] c@4 [u:3]->[t:3/u:3]]
    ",
    );
}

#[test]
fn uniform_is_even_among_different_subscriptions() {
    check(
        "
        a subscribe topics=t,u
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3/u:0,1,2,3]
        advance 1000
        b subscribe topics=t
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3/u:0,1,2,3]->[u:0,1,2,3] b@3 []->[t:0,1,2,3]]
        advance 1000
        c subscribe topics=t
          c beat c epoch=4 []
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=uniform members=[a@2 [t:0,1,2,3/u:0,1,2,3]->[u:0,1,2,3] b@3 []->[t:2,3] c@4 []->[t:0,1]]
    ",
    );
}

#[test]
fn most_members_decide() {
    check(
        "
        a subscribe assignor=range
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        b subscribe
          Stable -> Assigning: b joins
          b beat b epoch=2 []
        c subscribe assignor=uniform
          c beat c epoch=2 []
        advance 1000
        a beat
          Assigning -> Reconciling: a heartbeats
          a beat a epoch=2 [t:0,1]
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=4 assignment-epoch=4 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1] b@2 []->[t:2] c@2 []->[t:3]]
        d subscribe assignor=range
          Reconciling -> Assigning: d joins
          d beat d epoch=4 []
        advance 1000
        a beat
          Assigning -> Reconciling: a heartbeats
          a beat a epoch=2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=5 assignment-epoch=5 assignor=range members=[a@2 [t:0,1,2,3]->[t:0] b@2 []->[t:1] c@2 []->[t:2] d@4 []->[t:3]]
    ",
    );
}
