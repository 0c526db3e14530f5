//! A coordinator that loads stands where the other one stood.

use super::super::script::check;

#[test]
fn members_keep_their_epochs_and_partitions() {
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
        restart
          Dead -> Reconciling: loaded, members: 2
        admin describe-consumers g
          admin describe-consumers g NONE state=Reconciling epoch=3 assignment-epoch=3 assignor=uniform members=[a@2 [t:0,1,2,3]->[t:0,1] b@3 []->[t:2,3]]
        a beat owned=t:0,1
          a beat a epoch=3
        b beat
          Reconciling -> Stable: b heartbeats
          b beat b epoch=3 [t:2,3]
        restart
          Dead -> Stable: loaded, members: 2
        admin describe-consumers g
          admin describe-consumers g NONE state=Stable epoch=3 assignment-epoch=3 assignor=uniform members=[a@3 [t:0,1]->[t:0,1] b@3 [t:2,3]->[t:2,3]]
        advance 44999
        a beat
          a beat a epoch=3
        advance 1
          expired: session of b expired
          Stable -> Assigning: session of b expired
    ",
    );
}

#[test]
fn a_revocation_has_its_time_again() {
    check(
        "
        a subscribe rebalance=7000
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        advance 6000
        restart
          Dead -> Reconciling: loaded, members: 2
        advance 6999
        advance 1
          expired: a did not give up its partitions in time
          Reconciling -> Assigning: a did not give up its partitions in time
    ",
    );
}

#[test]
fn a_group_that_changed_its_protocol_is_loaded_as_it_is() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a leave
          left: a#1
          CompletingRebalance -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        b subscribe
          Empty -> Dead: empty, and taken over by the consumer protocol
          Dead -> Stable: b joins
          b beat b epoch=2 [t:0,1,2,3]
        b commit t-0=1
          b commit t-0 NONE
        restart
          Dead -> Stable: loaded, members: 1
        admin list v=5
          admin list [g:consumer:Stable]
        b quit
          left: b
          Stable -> Empty: b leaves
          b beat b epoch=-1
        c join v=3
          Empty -> Dead: empty, and taken over by the classic protocol
          Empty -> PreparingRebalance: c#1 joins
        restart
          Dead -> Empty: loaded, members: 0
        admin list v=5
          admin list [g::Empty]
    ",
    );
}
