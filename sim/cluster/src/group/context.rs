//! What a handler may touch besides the groups: time, settings, timers and its outputs.

use std::time::Duration;

use kafka_protocol::messages::ResponseKind;

use super::member_id::MemberIds;
use super::record::GroupRecord;
use super::request::GroupOutput;
use super::timers::{TimerKey, Timers};
use crate::config::BrokerSettings;
use crate::event::Event;
use crate::now::Now;
use crate::requester::Requester;

pub(super) struct Context<'a> {
    pub(super) now: Now,
    pub(super) settings: &'a BrokerSettings,
    pub(super) timers: &'a mut Timers,
    pub(super) member_ids: &'a mut MemberIds,
    pub(super) out: &'a mut Vec<GroupOutput>,
}

impl Context<'_> {
    pub(super) fn respond(&mut self, to: Requester, response: ResponseKind) {
        self.out.push(GroupOutput::Response(to, response));
    }

    pub(super) fn append(&mut self, record: GroupRecord) {
        self.out.push(GroupOutput::Append {
            group: record.group().to_owned(),
            record,
        });
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.push(GroupOutput::Event(event));
    }

    /// Schedules the key that many milliseconds from now; a negative time is none.
    pub(super) fn schedule_in_ms(&mut self, key: TimerKey, ms: i32) {
        let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        self.timers.schedule(key, self.now.monotonic + wait);
    }
}
