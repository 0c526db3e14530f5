//! The events to compare on: read once, sampled, and kept in a file that every version reads.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::bufread::MultiGzDecoder;
use tempfile::NamedTempFile;
use whitewater::compare::sample::Sample;

use super::error::CompareError;
use super::outcomes::{ended, last_words};

const BUFFER: usize = 1 << 18;
/// The bytes that gzip (RFC 1952) and zstd (RFC 8878) begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A topic as people name it: `kafka://HOST:PORT,…/TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    brokers: String,
    name: String,
}

impl Topic {
    /// Reads a topic's address; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (brokers, name) = text.strip_prefix("kafka://")?.split_once('/')?;
        let named = !brokers.is_empty() && !name.is_empty() && !name.contains('/');
        named.then(|| Self {
            brokers: brokers.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The sampled events.
pub(crate) struct Events {
    file: NamedTempFile,
    /// How many were taken.
    pub(crate) taken: u64,
    /// Of how many.
    pub(crate) events: u64,
}

impl Events {
    /// Reads a file of JSON lines (`-`: standard input), plain, gzip or zstd, and keeps what
    /// `sample` takes. Empty lines are no events.
    pub(crate) fn sampled(path: &Path, sample: &Sample) -> Result<Self, CompareError> {
        let name = if path == Path::new("-") {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let reader = open(path).map_err(|source| CompareError::Events {
            name: name.clone(),
            line: 0,
            source,
        })?;
        Self::keep(&name, reader, sample)
    }

    /// Reads a topic up to where it ends now, through `pipeline read`, which joins no group and
    /// writes nowhere.
    pub(crate) fn of_topic(
        topic: &Topic,
        pipeline: &Path,
        sample: &Sample,
    ) -> Result<Self, CompareError> {
        let mut words = tempfile::tempfile().map_err(CompareError::Sort)?;
        let mut child = Command::new(pipeline)
            .args(["read", "--brokers", &topic.brokers, "--topic", &topic.name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(words.try_clone().map_err(CompareError::Sort)?)
            .spawn()
            .map_err(|source| CompareError::Start {
                binary: pipeline.to_path_buf(),
                source,
            })?;
        let output = child.stdout.take().expect("its output is piped");
        let output = BufReader::with_capacity(BUFFER, output);
        let name = format!("topic {}", topic.name);
        let kept = Self::keep(&name, Box::new(output), sample);
        let status = child.wait().map_err(CompareError::Sort)?;
        if status.success() {
            return kept;
        }
        Err(CompareError::Topic {
            name: topic.name.clone(),
            status: ended(status),
            words: last_words(&mut words),
        })
    }

    fn keep(
        name: &str,
        mut reader: Box<dyn BufRead>,
        sample: &Sample,
    ) -> Result<Self, CompareError> {
        let name = name.to_owned();
        let mut line = 0;
        let file = NamedTempFile::new().map_err(CompareError::Sort)?;
        let mut kept = BufWriter::with_capacity(BUFFER, file.as_file());
        let (mut taken, mut events) = (0, 0);
        let mut event = Vec::new();
        loop {
            event.clear();
            let read =
                reader
                    .read_until(b'\n', &mut event)
                    .map_err(|source| CompareError::Events {
                        name: name.clone(),
                        line,
                        source,
                    })?;
            if read == 0 {
                break;
            }
            line += 1;
            event.pop_if(|byte| *byte == b'\n');
            event.pop_if(|byte| *byte == b'\r');
            if event.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            events += 1;
            if sample.takes(&event) {
                taken += 1;
                event.push(b'\n');
                kept.write_all(&event).map_err(CompareError::Sort)?;
            }
        }
        kept.flush().map_err(CompareError::Sort)?;
        drop(kept);
        if taken == 0 {
            return Err(CompareError::Empty {
                name,
                taken,
                events,
            });
        }
        Ok(Self {
            file,
            taken,
            events,
        })
    }

    /// The sampled events from the start.
    pub(crate) fn open(&self) -> Result<File, CompareError> {
        self.file.reopen().map_err(CompareError::Sort)
    }

    /// The events at these lines, from 1.
    pub(crate) fn at(&self, lines: &BTreeSet<u64>) -> Result<Vec<(u64, String)>, CompareError> {
        let last = lines.last().copied().unwrap_or(0);
        let reader = BufReader::with_capacity(BUFFER, self.open()?);
        let mut found = Vec::with_capacity(lines.len());
        for (number, event) in (1..=last).zip(reader.split(b'\n')) {
            let event = event.map_err(CompareError::Sort)?;
            if lines.contains(&number) {
                found.push((number, String::from_utf8_lossy(&event).into_owned()));
            }
        }
        Ok(found)
    }
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    let mut plain = BufReader::with_capacity(BUFFER, input);
    let start = plain.fill_buf()?;
    if start.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(
            BUFFER,
            MultiGzDecoder::new(plain),
        )));
    }
    if start.starts_with(&ZSTD) {
        let decoder = zstd::stream::read::Decoder::with_buffer(plain)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)));
    }
    Ok(Box::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater::compare::sample::Share;

    fn file(bytes: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn plain_gzip_and_zstd_are_the_same_events() {
        let text = "{\"id\":1}\r\n\n{\"id\":2}\nnot json";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).expect("compressed");
        let gzip = gzip.finish().expect("compressed");
        let zstd = zstd::encode_all(text.as_bytes(), 1).expect("compressed");
        for bytes in [text.as_bytes(), &gzip, &zstd] {
            let sample = Sample::new(Share::ALL, "id");
            let events = Events::sampled(file(bytes).path(), &sample).expect("events");
            assert_eq!((events.taken, events.events), (3, 3));
            let at = events.at(&BTreeSet::from([2, 3])).expect("events");
            let expected = [(2, "{\"id\":2}".to_owned()), (3, "not json".to_owned())];
            assert_eq!(at, expected);
        }
        for cut in [&gzip[..gzip.len() - 9], &zstd[..zstd.len() - 3]] {
            let sample = Sample::new(Share::ALL, "id");
            let error = Events::sampled(file(cut).path(), &sample).err();
            assert!(
                matches!(error, Some(CompareError::Events { .. })),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_topic_has_brokers_and_a_name() {
        let topic = Topic::parse("kafka://a:9092,b:9092/trades").expect("a topic");
        assert_eq!(
            (topic.brokers.as_str(), topic.name.as_str()),
            ("a:9092,b:9092", "trades")
        );
        for text in [
            "trades.jsonl",
            "kafka://a:9092",
            "kafka:///trades",
            "kafka://a/",
            "kafka://a/b/c",
        ] {
            assert_eq!(Topic::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_sample_compares_nothing() {
        let sample = Sample::new("0.000001%".parse().expect("a share"), "id");
        let error = Events::sampled(file(b"{\"id\":1}\n").path(), &sample).err();
        assert!(matches!(
            error,
            Some(CompareError::Empty {
                taken: 0,
                events: 1,
                ..
            })
        ));
    }
}
