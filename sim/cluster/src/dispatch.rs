//! From a request to the code that answers it.

use kafka_protocol::messages::{
    DeleteTopicsRequest, FetchRequest, ProduceRequest, RequestKind, ResponseKind,
};
use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::fetch::ParkedFetch;
use crate::now::Now;
use crate::parked_produce::ParkedProduce;
use crate::request::{Request, api_key};
use crate::requester::{ConnectionId, Requester};
use crate::topics::TopicPartition;
use crate::{
    alter_configs, api_versions, create_partitions, create_topics, delete_records, delete_topics,
    describe_cluster, describe_configs, fetch, find_coordinator, init_producer_id, list_offsets,
    metadata, offset_for_leader_epoch, produce, transacting,
};

impl Cluster {
    /// Handles the one request that its connection is busy with. A request that is not served in
    /// its version closes the connection (`SocketServer.processCompletedReceives`), ApiVersions
    /// excepted.
    pub(crate) fn dispatch(&mut self, now: Now, broker: BrokerId, request: Request) {
        let connection = request.connection;
        let version = request.api_version;
        if let RequestKind::ApiVersions(body) = &request.body {
            let (response, in_version) = api_versions::handle(body, version);
            self.respond_in_version(broker, &request, in_version, response.into());
            return;
        }
        match api_key(&request.body) {
            Some(key) if api_versions::is_served(key, version) => {}
            Some(key) => {
                let reason = format!("{key:?} version {version} is not supported");
                self.close(broker, connection, reason);
                return;
            }
            None => {
                let reason = "a request with an API key that is not supported".to_owned();
                self.close(broker, connection, reason);
                return;
            }
        }
        let from = Requester {
            connection,
            correlation_id: request.correlation_id,
            api_version: version,
            client_id: request.client_id,
            client_host: request.client_host,
        };
        let state = &mut self.state;
        let response: ResponseKind = match request.body {
            RequestKind::Produce(body) => return self.produce(now, broker, version, &from, body),
            RequestKind::Fetch(body) => return self.fetch(now, broker, version, &from, body),
            RequestKind::DeleteTopics(body) => {
                return self.delete_topics(now, broker, version, &from, &body);
            }
            RequestKind::Metadata(body) => metadata::handle(state, version, &body).into(),
            RequestKind::ListOffsets(body) => {
                list_offsets::handle(state, broker, version, &body).into()
            }
            RequestKind::FindCoordinator(body) => {
                find_coordinator::handle(state, version, &body).into()
            }
            RequestKind::CreateTopics(body) => create_topics::handle(state, version, &body).into(),
            RequestKind::CreatePartitions(body) => create_partitions::handle(state, &body).into(),
            RequestKind::InitProducerId(body) if body.transactional_id.is_none() => {
                init_producer_id::handle(state).into()
            }
            RequestKind::DeleteRecords(body) => delete_records::handle(state, broker, &body).into(),
            RequestKind::OffsetForLeaderEpoch(body) => {
                offset_for_leader_epoch::handle(state, broker, &body).into()
            }
            RequestKind::DescribeCluster(body) => {
                describe_cluster::handle(state, version, &body).into()
            }
            RequestKind::DescribeConfigs(body) => {
                describe_configs::handle(state, broker, version, &body).into()
            }
            RequestKind::AlterConfigs(body) => alter_configs::replace(state, broker, &body).into(),
            RequestKind::IncrementalAlterConfigs(body) => {
                alter_configs::alter(state, broker, &body).into()
            }
            other => match self.transact(now, broker, &from, other) {
                Ok(()) => return,
                Err(group) => return self.coordinate(now, broker, from, *group),
            },
        };
        self.respond(broker, connection, from.correlation_id, response);
    }

    /// `acks=0` is never answered; an error then closes the connection, the only way to tell.
    fn produce(
        &mut self,
        now: Now,
        broker: BrokerId,
        version: i16,
        from: &Requester,
        request: ProduceRequest,
    ) {
        let acks = request.acks;
        let timeout_ms = u64::try_from(request.timeout_ms).unwrap_or(0);
        let timeout = Duration::from_millis(timeout_ms);
        let brokers = &self.brokers;
        let verify = |state: &ClusterState, id: &str, producer, partition: &TopicPartition| {
            transacting::verify(state, brokers, id, producer, partition)
        };
        let produced = produce::handle(&mut self.state, now, broker, version, request, &verify);
        match produced.first_error {
            Some(error) if acks == 0 => {
                self.close(
                    broker,
                    from.connection,
                    format!("produce with acks=0: {error}"),
                );
            }
            None if acks == 0 => {
                self.finish(broker, from.connection, from.correlation_id);
            }
            _ if !produced.uncommitted.is_empty() => {
                let waits = produced.uncommitted.iter();
                let partitions = waits.map(|wait| wait.partition.clone()).collect();
                let parked = ParkedProduce {
                    response: produced.response,
                    waits: produced.uncommitted,
                };
                if let Some(running) = self.brokers.get_mut(&broker) {
                    let deadline = now.monotonic + timeout;
                    let produces = &mut running.produces;
                    produces.park(from.connection, parked, partitions, deadline);
                }
            }
            _ => self.respond(
                broker,
                from.connection,
                from.correlation_id,
                produced.response.into(),
            ),
        }
        for partition in &produced.appended {
            self.complete_fetches(partition);
        }
    }

    /// Answers at once if there is enough to say, else parks the fetch for `max_wait_ms`.
    fn fetch(
        &mut self,
        now: Now,
        broker: BrokerId,
        version: i16,
        from: &Requester,
        request: FetchRequest,
    ) {
        let found = fetch::read(&self.state, broker, version, &request);
        let enough = found.bytes >= fetch::min_bytes(&self.state, &request);
        let max_wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0);
        let asks_nothing = request
            .topics
            .iter()
            .all(|topic| topic.partitions.is_empty());
        if found.urgent || enough || max_wait_ms == 0 || asks_nothing {
            let body = found.response.into();
            self.respond(broker, from.connection, from.correlation_id, body);
            return;
        }
        let deadline = now.monotonic + Duration::from_millis(max_wait_ms);
        let partitions = fetch::partitions(&self.state, version, &request);
        if let Some(running) = self.brokers.get_mut(&broker) {
            let fetches = &mut running.fetches;
            let parked = ParkedFetch { version, request };
            fetches.park(from.connection, parked, partitions, deadline);
        }
    }

    fn delete_topics(
        &mut self,
        now: Now,
        broker: BrokerId,
        version: i16,
        from: &Requester,
        request: &DeleteTopicsRequest,
    ) {
        let (response, deleted) = delete_topics::handle(&mut self.state, version, request);
        self.respond(
            broker,
            from.connection,
            from.correlation_id,
            response.into(),
        );
        for topic in deleted {
            self.forget_topic(now, &topic.name);
            for index in 0..topic.partitions.len() as i32 {
                self.complete_fetches(&(topic.name.clone(), index));
            }
        }
    }

    pub(crate) fn complete_fetch_if_satisfied(
        &mut self,
        broker: BrokerId,
        connection: ConnectionId,
    ) {
        let satisfied = self.brokers.get(&broker).is_some_and(|running| {
            running.fetches.get(connection).is_some_and(|fetch| {
                fetch::is_satisfied(&self.state, broker, fetch.version, &fetch.request)
            })
        });
        if satisfied {
            self.complete_fetch(broker, connection);
        }
    }

    pub(crate) fn expire_fetches(&mut self, now: Now, broker: BrokerId) {
        while let Some(connection) = self
            .brokers
            .get(&broker)
            .and_then(|running| running.fetches.due(now.monotonic))
        {
            self.complete_fetch(broker, connection);
        }
    }

    /// Answers a parked fetch with whatever there is now.
    fn complete_fetch(&mut self, broker: BrokerId, connection: ConnectionId) {
        let Some(running) = self.brokers.get_mut(&broker) else {
            return;
        };
        let Some(fetch) = running.fetches.take(connection) else {
            return;
        };
        let in_flight = running
            .connections
            .get(&connection)
            .and_then(|order| order.in_flight());
        let found = fetch::read(&self.state, broker, fetch.version, &fetch.request);
        if let Some(in_flight) = in_flight {
            let body = found.response.into();
            self.respond(broker, connection, in_flight.correlation_id, body);
        }
    }
}
