//! A `pipeline send` at work.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::dataset::{Dataset, Rates};
use super::patience::{PATIENCE, SOMETIMES, until};

/// A running `pipeline send`. Dropping it kills it.
pub(crate) struct Sender {
    child: Child,
}

impl Sender {
    /// Starts to send a file to the dataset's topic, which is made if it is not there.
    pub(crate) fn start(
        dataset: &Dataset,
        bootstrap_servers: &str,
        partitions: i32,
        file: &Path,
        seed: usize,
    ) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(["send", "--topic", dataset.topic, "--key", dataset.key])
            .args(["--brokers", bootstrap_servers])
            .args(["--create-topic", &partitions.to_string()])
            .args(["--duplicates", &Rates::percent(dataset.rates.duplicates)])
            .args(["--malformed", &Rates::percent(dataset.rates.malformed)])
            .args(["--seed", &seed.to_string()])
            .args(["--timeout", &PATIENCE.as_secs().to_string()])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
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
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
