//! Offset fetches of every version.

use super::script::check;

#[test]
fn an_offset_that_does_not_exist_is_minus_one_and_no_error() {
    check(
        "
        a fetch t-0
          a fetch g: t-0=-1
        a commit gen=-1 t-0=5
          a commit t-0 NONE
        a fetch t-0 t-1 nowhere-9
          a fetch g: t-0=5 t-1=-1 nowhere-9=-1
    ",
    );
}

#[test]
fn no_topics_asks_for_all_of_them() {
    check(
        "
        a fetch
          a fetch g:
        a commit gen=-1 t-3=5 u-0=6 t-1=7
          a commit t-3 NONE t-1 NONE u-0 NONE
        a fetch
          a fetch g: t-1=7 t-3=5 u-0=6
        a fetch v=2
          a fetch t-1=7 t-3=5 u-0=6
        a fetch v=7
          a fetch t-1=7 t-3=5 u-0=6
    ",
    );
}

#[test]
fn since_version_8_several_groups_are_answered_one_by_one() {
    check(
        "
        a commit gen=-1 t-0=5
          a commit t-0 NONE
        a commit gen=-1 group=h t-0=6
          a commit t-0 NONE
        a fetch v=8 groups=g,elsewhere,h,nobody t-0
          a fetch g: t-0=5 elsewhere: NOT_COORDINATOR h: t-0=6 nobody: t-0=-1
    ",
    );
}

#[test]
fn errors_are_where_the_version_has_them() {
    check(
        "
        a fetch v=1 group=elsewhere t-0 t-1
          a fetch t-0 NOT_COORDINATOR t-1 NOT_COORDINATOR
        a fetch v=2 group=elsewhere t-0
          a fetch NOT_COORDINATOR
        a fetch v=7 group=elsewhere
          a fetch NOT_COORDINATOR
        a fetch v=9 groups=elsewhere t-0
          a fetch elsewhere: NOT_COORDINATOR
    ",
    );
}
