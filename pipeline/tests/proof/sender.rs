//! A `pipeline send` at work on a stream of records.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use super::dataset::{Dataset, Rates};
use super::patience::{PATIENCE, SOMETIMES, pause, until};

/// Between two portions of a stream.
const BEAT: Duration = Duration::from_millis(10);

/// A running `pipeline send`. Dropping it kills it.
pub(crate) struct Sender {
    child: Child,
    source: Option<JoinHandle<()>>,
}

impl Sender {
    /// Starts to send records to the dataset's topic, which is made if it is not there. They come
    /// in a stream that lasts for `stream` at least.
    pub(crate) fn start(
        dataset: &Dataset,
        bootstrap_servers: &str,
        partitions: i32,
        records: &[Vec<u8>],
        stream: Duration,
        seed: usize,
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(["send", "--log", "error"])
            .args(["--topic", dataset.topic, "--key", dataset.key])
            .args(["--brokers", bootstrap_servers])
            .args(["--create-topic", &partitions.to_string()])
            .args(["--duplicates", &Rates::percent(dataset.rates.duplicates)])
            .args(["--malformed", &Rates::percent(dataset.rates.malformed)])
            .args(["--seed", &seed.to_string()])
            .args(["--timeout", &PATIENCE.as_secs().to_string()])
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let source = Some(pour(portions(records, stream), stdin));
        Self { child, source }
    }

    /// Waits for its end, and that every record was acknowledged.
    pub(crate) fn finish(mut self) {
        let child = &mut self.child;
        let status = until("the end of sending", SOMETIMES, || {
            match child.try_wait().unwrap() {
                Some(status) => Ok(status),
                None => Err("it still runs".to_owned()),
            }
        });
        assert!(status.success(), "sending ended with {status}");
        self.source.take().unwrap().join().unwrap();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended already. Without a reader, what pours into it ends, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The records as lines, one portion a beat.
fn portions(records: &[Vec<u8>], stream: Duration) -> Vec<Vec<u8>> {
    let beats = (stream.as_millis() / BEAT.as_millis()).max(1);
    let size = records.len().div_ceil(beats as usize);
    let lines = |records: &[Vec<u8>]| {
        let mut lines = Vec::new();
        for record in records {
            lines.extend_from_slice(record);
            lines.push(b'\n');
        }
        lines
    };
    records.chunks(size).map(lines).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a pipe is filled while the test looks elsewhere"
)]
fn pour(portions: Vec<Vec<u8>>, mut stdin: ChildStdin) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for portion in portions {
            // Who was killed reads no more; who failed says so by its status.
            if stdin.write_all(&portion).is_err() {
                return;
            }
            pause(BEAT);
        }
    })
}
