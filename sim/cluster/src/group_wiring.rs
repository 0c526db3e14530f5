//! Between the brokers and their group coordinators.

use kafka_protocol::messages::RequestKind;

use crate::cluster::Cluster;
use crate::config::BrokerId;
use crate::now::Now;
use crate::requester::Requester;

impl Cluster {
    pub(crate) fn group(
        &mut self,
        _now: Now,
        broker: BrokerId,
        _version: i16,
        from: Requester,
        _request: RequestKind,
    ) {
        self.close(
            broker,
            from.connection,
            "no group coordinator yet".to_owned(),
        );
    }
}
