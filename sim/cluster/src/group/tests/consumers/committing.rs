//! Offsets and member epochs.

use super::super::script::check;

#[test]
fn a_commit_names_the_members_epoch() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a commit t-0=5
          a commit t-0 NONE
        a commit gen=1 t-0=5
          a commit t-0 STALE_MEMBER_EPOCH
        a commit gen=3 t-0=5
          a commit t-0 STALE_MEMBER_EPOCH
        a commit gen=-1 t-0=5
          a commit t-0 STALE_MEMBER_EPOCH
        a commit id=none gen=-1 t-0=5
          a commit t-0 UNKNOWN_MEMBER_ID
        a commit id=b t-0=6
          a commit t-0 UNKNOWN_MEMBER_ID
        a commit t-0=6 t-9=1
          a commit t-0 NONE t-9 UNKNOWN_TOPIC_OR_PARTITION
        a commit v=8 t-0=7
          a commit t-0 UNSUPPORTED_VERSION
    ",
    );
}

#[test]
fn an_older_epoch_may_commit_what_the_member_has_had_since() {
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
        a beat owned=t:0,1
          a beat a epoch=3
        b beat
          Reconciling -> Stable: b heartbeats
          b beat b epoch=3 [t:2,3]
        a commit gen=2 t-0=7
          a commit t-0 NONE
        a commit gen=2 t-3=7
          a commit t-3 STALE_MEMBER_EPOCH
        a commit gen=2 t-0=8 t-3=8
          a commit t-0 STALE_MEMBER_EPOCH t-3 STALE_MEMBER_EPOCH
        a commit gen=1 t-0=7
          a commit t-0 STALE_MEMBER_EPOCH
        a commit gen=3 t-3=7
          a commit t-3 NONE
        b commit gen=2 t-2=7
          b commit t-2 STALE_MEMBER_EPOCH
        b commit gen=3 t-2=7
          b commit t-2 NONE
        b quit
          left: b
          Stable -> Assigning: b leaves
          b beat b epoch=-1
        advance 1000
        a beat
          Assigning -> Stable: a heartbeats
          a beat a epoch=4 [t:0,1,2,3]
        a commit gen=2 t-0=9
          a commit t-0 NONE
        a commit gen=3 t-3=9
          a commit t-3 STALE_MEMBER_EPOCH
    ",
    );
}

#[test]
fn an_empty_group_takes_commits_of_nobody() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a quit
          left: a
          Stable -> Empty: a leaves
          a beat a epoch=-1
        admin commit gen=-1 t-0=9
          admin commit t-0 NONE
        admin fetch t-0
          admin fetch g: t-0=9
    ",
    );
}
