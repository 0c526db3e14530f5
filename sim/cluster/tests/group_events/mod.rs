//! Waiting for a group to settle.

use whitewater_cluster::{Event, GroupState};

use crate::served::Served;

/// Waits until the group is stable with that many members, and returns its generation. Fails if
/// a connection is refused meanwhile: these clients send nothing that may be refused.
pub(crate) fn wait_for_stable(served: &Served, group: &str, members: usize) -> i32 {
    served.wait_for(&format!("{group} stable with {members}"), |event| {
        assert!(
            !matches!(event, Event::ConnectionRefused { .. }),
            "{event:?}"
        );
        let Event::GroupStateChanged {
            group: changed,
            to: GroupState::Stable,
            ..
        } = event
        else {
            return None;
        };
        if changed != group {
            return None;
        }
        let groups = served.server.with(|cluster| cluster.groups());
        let group = groups.into_iter().find(|known| known.group == group)?;
        (group.state == GroupState::Stable && group.members.len() == members)
            .then_some(group.generation)
    })
}
