//! The TCP front against clients that misbehave.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod served;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, FetchRequest, MetadataRequest, MetadataResponse, RequestHeader,
    RequestKind, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable};
use served::{PATIENCE, Served};
use whitewater_cluster::Event;

fn connect(served: &Served, broker: usize) -> TcpStream {
    let addresses = served.bootstrap_servers();
    let address = addresses.split(',').nth(broker - 1).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A frame with its length prefix.
fn frame(key: i16, version: i16, header_version: i16, correlation_id: i32, body: &[u8]) -> Bytes {
    let mut content = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .encode(&mut content, header_version)
        .unwrap();
    content.put_slice(body);
    let mut bytes = BytesMut::new();
    bytes.put_i32(content.len() as i32);
    bytes.put(content);
    bytes.freeze()
}

fn request(key: ApiKey, version: i16, correlation_id: i32, body: &RequestKind) -> Bytes {
    let mut bytes = BytesMut::new();
    body.encode(&mut bytes, version).unwrap();
    let header_version = key.request_header_version(version);
    frame(key as i16, version, header_version, correlation_id, &bytes)
}

fn metadata(correlation_id: i32) -> Bytes {
    let body = MetadataRequest::default().with_topics(None).into();
    request(ApiKey::Metadata, 1, correlation_id, &body)
}

/// Has topic `t` created, and gives a partition of it that the broker leads.
fn partition_led_by(stream: &mut TcpStream, broker: i32) -> i32 {
    let name = kafka_protocol::messages::TopicName("t".into());
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let body = MetadataRequest::default().with_topics(Some(vec![topic]));
    // The answer that creates a topic does not tell its leaders yet.
    for correlation_id in [100, 101] {
        let bytes = request(ApiKey::Metadata, 1, correlation_id, &body.clone().into());
        stream.write_all(&bytes).unwrap();
        let (_, mut body) = read_response(stream, 0);
        let topics = MetadataResponse::decode(&mut body, 1).unwrap().topics;
        let mut partitions = topics[0].partitions.iter();
        if let Some(led) = partitions.find(|partition| partition.leader_id == broker) {
            return led.partition_index;
        }
    }
    panic!("broker {broker} leads no partition");
}

/// A fetch that nothing ever satisfies.
fn long_poll(correlation_id: i32, partition: i32) -> Bytes {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_partition_max_bytes(1);
    let topic = FetchTopic::default()
        .with_topic(kafka_protocol::messages::TopicName("t".into()))
        .with_partitions(vec![partition]);
    let body = FetchRequest::default()
        .with_max_wait_ms(i32::MAX)
        .with_min_bytes(1)
        .with_topics(vec![topic])
        .into();
    request(ApiKey::Fetch, 4, correlation_id, &body)
}

/// Correlation id and body of the next response.
fn read_response(stream: &mut TcpStream, header_version: i16) -> (i32, Bytes) {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).unwrap();
    let mut content = vec![0; (&prefix[..]).get_i32() as usize];
    stream.read_exact(&mut content).unwrap();
    let mut content = Bytes::from(content);
    let header = ResponseHeader::decode(&mut content, header_version).unwrap();
    (header.correlation_id, content)
}

/// Reads to the end: the server must close the connection.
fn assert_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => assert_eq!(rest, []),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn what_makes_no_sense_closes_the_connection_and_says_why() {
    let served = Served::start(1, 1);
    for (bytes, reason) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            "a frame of 1195725856 bytes",
        ),
        (&[0xff, 0xff, 0xff, 0xff], "a frame of -1 bytes"),
        (&[0, 0, 0, 2, 0, 3], "too short for a request header"),
        (&frame(999, 0, 1, 1, &[]), "unknown API key 999"),
        (
            &frame(27, 0, 1, 1, &[]),
            "WriteTxnMarkers version 0 is not supported",
        ),
        (
            &frame(3, 99, 1, 1, &[]),
            "Metadata version 99 is not supported",
        ),
        (
            &frame(3, 1, 1, 1, &[0, 0, 0, 9]),
            "malformed Metadata version 1",
        ),
    ] {
        let mut stream = connect(&served, 1);
        stream.write_all(bytes).unwrap();
        let told = served.wait_for("a refusal", |event| match event {
            Event::ConnectionRefused { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert!(told.contains(reason), "{told:?} for {reason:?}");
        assert_closed(&mut stream);
    }
    // The others go on.
    let mut stream = connect(&served, 1);
    stream.write_all(&metadata(7)).unwrap();
    assert_eq!(read_response(&mut stream, 0).0, 7);
}

#[test]
fn bytes_after_a_request_are_ignored() {
    let served = Served::start(1, 1);
    let mut trailing = metadata(7).to_vec();
    trailing.extend([0, 0, 0]);
    trailing[3] += 3;
    let mut stream = connect(&served, 1);
    stream.write_all(&trailing).unwrap();
    stream.write_all(&metadata(8)).unwrap();
    assert_eq!(read_response(&mut stream, 0).0, 7);
    assert_eq!(read_response(&mut stream, 0).0, 8);
}

#[test]
fn a_client_from_the_future_learns_which_versions_to_speak() {
    let served = Served::start(1, 1);
    let mut stream = connect(&served, 1);
    stream.write_all(&frame(18, 77, 2, 5, b"?")).unwrap();
    let (correlation_id, mut body) = read_response(&mut stream, 0);
    let response = ApiVersionsResponse::decode(&mut body, 0).unwrap();
    assert_eq!(correlation_id, 5);
    assert_eq!(
        response.error_code,
        ResponseError::UnsupportedVersion.code()
    );
    assert_eq!(response.api_keys[0].api_key, 18);
    stream.write_all(&metadata(6)).unwrap();
    assert_eq!(read_response(&mut stream, 0).0, 6);
}

#[test]
fn a_frame_cut_short_ends_its_connection_in_silence() {
    let served = Served::start(1, 1);
    let mut stream = connect(&served, 1);
    let bytes = metadata(1);
    stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_closed(&mut stream);
}

#[test]
fn requests_of_a_connection_are_answered_in_order() {
    let served = Served::start(1, 1);
    let mut stream = connect(&served, 1);
    let many: Vec<u8> = (0..200).flat_map(|id| metadata(id).to_vec()).collect();
    stream.write_all(&many).unwrap();
    for id in 0..200 {
        assert_eq!(read_response(&mut stream, 0).0, id);
    }
}

#[test]
fn stopping_a_broker_ends_its_connections_and_only_those() {
    let mut served = Served::start(2, 2);
    let mut first = connect(&served, 1);
    let mut second = connect(&served, 2);
    first.write_all(&metadata(1)).unwrap();
    read_response(&mut first, 0);
    let partition = partition_led_by(&mut second, 2);
    second.write_all(&long_poll(2, partition)).unwrap();
    served.server.stop_broker(2);
    assert_closed(&mut second);
    let address = served
        .bootstrap_servers()
        .split(',')
        .nth(1)
        .unwrap()
        .to_owned();
    TcpStream::connect(&address).unwrap_err();

    first.write_all(&metadata(2)).unwrap();
    let (_, mut body) = read_response(&mut first, 0);
    let brokers = MetadataResponse::decode(&mut body, 1).unwrap().brokers;
    assert_eq!(brokers.len(), 1);

    served.server.start_broker(2).unwrap();
    let mut again = connect(&served, 2);
    again.write_all(&metadata(3)).unwrap();
    assert_eq!(read_response(&mut again, 0).0, 3);
    served.server.start_broker(9).unwrap_err();
}

#[test]
fn a_client_that_does_not_read_does_not_keep_the_server_from_stopping() {
    let served = Served::start(1, 1);
    let stream = connect(&served, 1);
    stream.set_nonblocking(true).unwrap();
    let many: Vec<u8> = (0..1000).flat_map(|id| metadata(id).to_vec()).collect();
    let mut unread = &stream;
    // Until neither side's buffers take anything more.
    while unread.write(&many).is_ok() {}
    served.server.stop();
}
