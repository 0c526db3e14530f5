//! What one thing more costs when there are many already: records of a partition, members of a group,
//! topics of a cluster.
//!
//! Not criterion's: each measurement builds the whole from nothing, and the ratio of its rows is the
//! result. Where cost grows linearly, the cost of one stays as it is from row to row.

use std::hint::black_box;
use std::time::{Duration, Instant};

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    CreateTopicsRequest, ListOffsetsRequest, MetadataRequest, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use whitewater_benches::groups::{ClassicGroup, ConsumerProtocolGroup};
use whitewater_benches::in_process::{InProcess, TOPIC, record_batch};
use whitewater_benches::mode::is_measuring;

const RECORDS_PER_BATCH: usize = 100;
/// Of each measurement the least disturbed one counts.
const ROUNDS: usize = 5;

fn main() {
    let large = if is_measuring() { 1 } else { 100 };
    println!(
        "{:<42} {:>9} {:>12} {:>12}",
        "", "how many", "all, ms", "one, µs"
    );
    for records in [10_000, 100_000, 1_000_000] {
        partition(records / large);
    }
    for members in [10, 30, 100] {
        let what = "members join a classic group";
        let (new, join) = (ClassicGroup::new, ClassicGroup::join);
        group(what, members, new, join, ClassicGroup::heartbeats);
    }
    for members in [10, 30, 100] {
        let what = "members join by group.protocol=consumer";
        let (new, join) = (ConsumerProtocolGroup::new, ConsumerProtocolGroup::join);
        group(what, members, new, join, ConsumerProtocolGroup::heartbeats);
    }
    for topics in [10, 100, 1_000] {
        many_topics(topics);
    }
}

/// The shortest of some rounds, each of which makes what it measures anew.
fn shortest<T>(mut make: impl FnMut() -> T, mut measured: impl FnMut(&mut T)) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let mut made = make();
        let started = Instant::now();
        measured(&mut made);
        started.elapsed()
    });
    rounds.min().unwrap_or_default()
}

fn row(what: &str, count: usize, took: Duration) {
    let ms = took.as_secs_f64() * 1e3;
    println!(
        "{what:<42} {count:>9} {ms:>12.3} {:>12.3}",
        ms * 1e3 / count as f64
    );
}

fn partition(records: usize) {
    let batch = record_batch(&vec![b"0123456789".to_vec(); RECORDS_PER_BATCH]);
    let fill = |cluster: &mut InProcess| {
        for _ in 0..records / RECORDS_PER_BATCH {
            cluster.produce(batch.clone());
        }
    };
    let took = shortest(|| InProcess::new(1), fill);
    row("records produced to a partition", records, took);

    let mut full = InProcess::new(1);
    fill(&mut full);
    let took = shortest(
        || (),
        |()| {
            for offset in (0..records).step_by(records / 100) {
                black_box(full.fetch(offset as i64));
            }
        },
    );
    row("fetches of 1 MiB, spread over the log (100)", 100, took);
    let took = shortest(
        || (),
        |()| (0..100).for_each(|_| offset_for_timestamp(&mut full)),
    );
    row("offsets for a timestamp (100)", 100, took);
}

fn offset_for_timestamp(cluster: &mut InProcess) {
    let partition = ListOffsetsPartition::default().with_timestamp(1);
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic]);
    let answer = cluster.ask(5, request.into());
    assert!(matches!(answer, ResponseKind::ListOffsets(_)));
}

/// A group to which so many members come, and that beats then.
fn group<G>(
    what: &str,
    members: usize,
    new: fn(i32) -> G,
    join: fn(&mut G, usize),
    heartbeats: fn(&mut G),
) {
    let new = || new(members as i32);
    let took = shortest(new, |group| join(group, members));
    row(what, members, took);
    let stable = || {
        let mut group = new();
        join(&mut group, members);
        group
    };
    row(
        "heartbeats, one of each",
        members,
        shortest(stable, heartbeats),
    );
}

fn many_topics(topics: usize) {
    let create = |cluster: &mut InProcess| {
        for number in 0..topics {
            let topic = CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_string(format!(
                    "topic-{number:04}"
                ))))
                .with_num_partitions(4)
                .with_replication_factor(1);
            let request = CreateTopicsRequest::default().with_topics(vec![topic]);
            let ResponseKind::CreateTopics(created) = cluster.ask(5, request.into()) else {
                panic!("CreateTopics is answered by CreateTopics");
            };
            assert_eq!(created.topics[0].error_code, 0);
        }
    };
    row(
        "topics created",
        topics,
        shortest(|| InProcess::new(1), create),
    );
    let full = || {
        let mut cluster = InProcess::new(1);
        create(&mut cluster);
        cluster
    };
    let took = shortest(full, |cluster| {
        let all = MetadataRequest::default().with_topics(None);
        black_box(cluster.ask(9, all.into()));
    });
    row("topics in one Metadata answer", topics, took);
    let took = shortest(full, |cluster| {
        let batch = record_batch(&[b"0123456789".to_vec()]);
        (0..1_000).for_each(|_| cluster.produce(batch.clone()));
    });
    row("batches produced beside that many topics", 1_000, took);
}
