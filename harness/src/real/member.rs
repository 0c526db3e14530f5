//! A member that joins the workers' group and leaves it: it makes the group rebalance, twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};

use super::administrator::Administrator;
use super::clock::{Clock, Interrupted};
use crate::plan::Plan;
use crate::plan::group_protocol::{GROUP_PROTOCOL, GroupProtocol};

/// How long the group may take to let it in.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Between two looks at a group that rebalances.
const LOOK: Duration = Duration::from_millis(200);

/// Notes that the group has let it in: a member is then told its partitions, if only that they are
/// none.
#[derive(Default)]
struct Guest {
    is_in: AtomicBool,
}

impl ClientContext for Guest {}

impl ConsumerContext for Guest {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if matches!(rebalance, Rebalance::Assign(_)) {
            self.is_in.store(true, Ordering::SeqCst);
        }
    }
}

/// Joins the group, waits until it has rebalanced with it, and leaves without having processed or
/// committed anything. Whether the group let it in.
pub(super) fn join_and_leave(
    plan: &Plan,
    bootstrap_servers: &str,
    administrator: &Administrator,
    clock: &Clock,
) -> Result<bool, Interrupted> {
    let until = clock.now() + JOIN_TIMEOUT;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", &plan.group)
        .set("client.id", "guest")
        .set("enable.auto.commit", "false");
    match GroupProtocol::of(&plan.settings) {
        GroupProtocol::Consumer => {
            config.set(GROUP_PROTOCOL, "consumer");
        }
        GroupProtocol::Classic => {
            let Some(assignor) = assignor(administrator, until, clock)? else {
                return Ok(false);
            };
            config
                .set("session.timeout.ms", "6000")
                .set("partition.assignment.strategy", &assignor);
        }
    }
    let consumer = config.create_with_context::<_, BaseConsumer<Guest>>(Guest::default());
    let topics: Vec<&str> = plan.inputs().map(|topic| topic.name.as_str()).collect();
    let Ok(consumer) = consumer else {
        return Ok(false);
    };
    if consumer.subscribe(&topics).is_err() {
        return Ok(false);
    }
    while clock.now() < until {
        clock.sleep(Duration::ZERO)?;
        // What it is given is not processed: whoever owns the partition next reads it.
        let _ = consumer.poll(Duration::from_millis(100));
        if consumer.context().is_in.load(Ordering::SeqCst) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How the members share partitions: one that does so in another way is not let in. A group that
/// rebalances does not say how it will. None if it says nothing for too long.
fn assignor(
    administrator: &Administrator,
    until: Duration,
    clock: &Clock,
) -> Result<Option<String>, Interrupted> {
    loop {
        if let Some(assignor) = administrator.assignor() {
            return Ok(Some(assignor));
        }
        if clock.now() >= until {
            return Ok(None);
        }
        clock.sleep(LOOK)?;
    }
}
