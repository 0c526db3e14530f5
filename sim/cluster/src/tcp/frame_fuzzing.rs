//! Frames that no client would send, made from valid ones by changing bytes at random.
//!
//! A frame goes the way that it goes behind the port: it is read, decoded and handled, and what
//! comes of it is encoded. Nothing may panic, every response must be expressible, and every
//! request must be answered, or its connection closed, once all timers have run.
//!
//! `WHITEWATER_FUZZED_FRAMES=1000000` runs more of them, `WHITEWATER_FUZZ_SEED=N` others.

use std::collections::BTreeSet;
use std::env;
use std::thread;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::Encodable;

use super::frame;
use crate::api_versions::{advertised_keys, served_versions};
use crate::record_batch::RECORD_BATCH_OVERHEAD;
use crate::request::Output;
use crate::requester::ConnectionId;
use crate::testing::{Lab, Sender, batch_of, produce_request};
use crate::tests::versions::request;

const FRAMES_BY_DEFAULT: u64 = 20_000;

/// After so many frames a new cluster takes over: what they made has piled up in the old one.
const FRAMES_PER_CLUSTER: u64 = 1_000;

/// Far more timers than the requests of one cluster can set.
const TICKS_MAX: u32 = 100_000;

/// Where the CRC of a record batch stands, and where what it covers begins.
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Shows the frame that made the test panic.
struct Shown<'a>(u64, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("frame {}: {:02x?}", self.0, self.1);
        }
    }
}

/// A frame with its length prefix.
fn framed(key: ApiKey, version: i16, correlation_id: i32, body: &RequestKind) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_i32(0);
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some("fuzz".into()))
        .encode(&mut bytes, key.request_header_version(version))
        .unwrap();
    body.encode(&mut bytes, version).unwrap();
    let length = (bytes.len() - 4) as i32;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes.to_vec()
}

/// One frame of every request in every version, about topics that are there and one that is not.
fn valid_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for key in advertised_keys() {
        let Some(range) = served_versions(key) else {
            continue;
        };
        for version in range.min..=range.max {
            for topic in ["here", "there", "nowhere"] {
                frames.push(framed(key, version, 1, &request(key, version, topic)));
            }
        }
    }
    frames
}

/// Lengths, counts, offsets and ids at their limits.
const NUMBERS: [i64; 12] = [
    0,
    1,
    -1,
    2,
    127,
    -128,
    i16::MAX as i64,
    i16::MIN as i64,
    i32::MAX as i64,
    i32::MIN as i64,
    i64::MAX,
    i64::MIN,
];

/// Changes bytes from `from` on.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>, from: usize, others: &[Vec<u8>]) {
    for _ in 0..=random.below(4) {
        if bytes.len() <= from {
            return;
        }
        let at = from + random.below(bytes.len() - from);
        let rest = bytes.len() - at;
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => {
                let number = random.one_of(&NUMBERS).to_be_bytes();
                let width = random.one_of(&[1, 2, 4, 8]).min(rest);
                bytes[at..at + width].copy_from_slice(&number[8 - width..]);
            }
            3 => bytes.truncate(at),
            4 => {
                let copied = bytes[at..at + random.below(rest)].to_vec();
                bytes.splice(at..at, copied);
            }
            5 => {
                let other = &others[random.below(others.len())];
                let tail = &other[random.below(other.len())..];
                bytes.truncate(at);
                bytes.extend_from_slice(tail);
            }
            _ => {
                bytes.drain(at..at + random.below(rest));
            }
        }
    }
}

/// A valid frame around records whose batch is broken behind a right checksum.
fn produce_frame(random: &mut Random, valid: &[Vec<u8>]) -> Vec<u8> {
    let transactional = random.below(4) == 0;
    let sender = Sender {
        transactional,
        ..Sender::idempotent(random.below(3) as i64 - 1, random.below(2) as i16, 0)
    };
    let mut batch = batch_of(&sender, &[(1, "a"), (2, "b"), (3, "c")]).to_vec();
    let from = random.one_of(&[ATTRIBUTES, RECORD_BATCH_OVERHEAD]);
    mutate(random, &mut batch, from, valid);
    if let Some(covered) = batch.get(ATTRIBUTES..) {
        let crc = crc32c::crc32c(covered);
        batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
        let length = (batch.len() - 12) as i32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
    }
    let topic = random.one_of(&["here", "nowhere"]);
    let acks = random.one_of(&[-1, 0, 1]);
    let body = produce_request(topic, 0, acks, Bytes::from(batch)).into();
    framed(ApiKey::Produce, 9, 1, &body)
}

fn broken_frame(random: &mut Random, valid: &[Vec<u8>]) -> Vec<u8> {
    if random.below(8) == 0 {
        return produce_frame(random, valid);
    }
    let mut bytes = valid[random.below(valid.len())].clone();
    // Mostly behind the key and the version, or little would ever be decoded.
    let from = random.one_of(&[0, 4, 8, 8, 12, 12, 12, 12]);
    mutate(random, &mut bytes, from, valid);
    if random.below(8) != 0 && bytes.len() >= 4 {
        let length = (bytes.len() - 4) as i32;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

/// A cluster, and the connections whose requests it has not answered.
struct Port {
    lab: Lab,
    unanswered: BTreeSet<ConnectionId>,
    answered: u64,
}

impl Port {
    fn new() -> Self {
        let mut lab = Lab::new(2);
        lab.create_topic("here", &[1]);
        lab.create_topic("there", &[2]);
        Self {
            lab,
            unanswered: BTreeSet::new(),
            answered: 0,
        }
    }

    /// A connection that sends these bytes and waits.
    fn take(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        let decoded = match frame::read(&mut bytes) {
            Ok(Some(content)) => frame::decode(content, connection, "/10.0.0.1"),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let outputs = match decoded {
            Ok(request) => {
                let silent = matches!(&request.body, RequestKind::Produce(body) if body.acks == 0);
                if !silent {
                    self.unanswered.insert(connection);
                }
                self.lab.cluster.handle(self.lab.now, 1, request)
            }
            Err(error) => {
                let why = error.to_string();
                self.lab.cluster.refuse(self.lab.now, 1, connection, why)
            }
        };
        self.deliver(outputs);
        self.lab.cluster.take_events();
    }

    fn deliver(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Response {
                    connection,
                    correlation_id,
                    api_version,
                    body,
                } => {
                    frame::encode(correlation_id, api_version, &body).unwrap();
                    self.unanswered.remove(&connection);
                    self.answered += 1;
                }
                Output::CloseConnection { connection } => {
                    self.unanswered.remove(&connection);
                }
            }
        }
    }

    /// Lets time pass until everybody has an answer.
    fn settle(&mut self) {
        for _ in 0..TICKS_MAX {
            if self.unanswered.is_empty() {
                return;
            }
            let next = self.lab.next_client_timer();
            let next = next.unwrap_or_else(|| panic!("no answer to {:?}", self.unanswered));
            let passed = next.saturating_sub(self.lab.now.monotonic).as_millis() as u64 + 1;
            self.lab.advance_ms(passed);
            let outputs = self.lab.cluster.tick(self.lab.now);
            self.deliver(outputs);
            self.lab.cluster.take_events();
        }
        panic!("timers without end, and no answer to {:?}", self.unanswered);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let text = env::var(variable).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn no_frame_makes_the_cluster_panic_or_leaves_a_client_without_an_answer() {
    let frames = number("WHITEWATER_FUZZED_FRAMES", FRAMES_BY_DEFAULT);
    let mut random = Random(number("WHITEWATER_FUZZ_SEED", 1));
    let valid = valid_frames();
    let mut port = Port::new();
    let mut answered = 0;
    for sent in 1..=frames {
        let bytes = broken_frame(&mut random, &valid);
        let shown = Shown(sent, &bytes);
        port.take(ConnectionId(sent), &bytes);
        if sent % FRAMES_PER_CLUSTER == 0 || sent == frames {
            port.settle();
            answered += port.answered;
            port = Port::new();
        }
        drop(shown);
    }
    // Most frames are refused as they are decoded; what is not must be enough to mean something.
    assert!(answered > frames / 10, "only {answered} were answered");
}
