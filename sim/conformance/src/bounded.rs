//! An end for runs that would never end: librdkafka can wait without a bound (its
//! `rd_kafka_rebalance_protocol`, called as a consumer closes, for one), and a suite that hangs does
//! not say in which case.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use crate::case::Case;
use crate::suite::Run;

/// Several times what the longest case takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The same run, but an error where it has not ended in time. Its thread is left behind then.
pub fn bounded(run: Arc<Run>, patience: Duration) -> Arc<Run> {
    Arc::new(move |case: &Case, attempt| {
        let (run, case) = (Arc::clone(&run), case.clone());
        let (sender, outcome) = channel();
        Builder::new()
            .name(case.path())
            .spawn(move || {
                // Nobody listens any more once the time is up.
                let _ = sender.send(run(&case, attempt));
            })
            .map_err(|error| format!("no thread for the case: {error}"))?;
        outcome
            .recv_timeout(patience)
            .unwrap_or_else(|error| match error {
                RecvTimeoutError::Timeout => Err(format!(
                    "the case has not ended in {} s, and is left behind",
                    patience.as_secs()
                )),
                RecvTimeoutError::Disconnected => Err("the case panicked".to_owned()),
            })
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::cases;

    fn first_case() -> Case {
        cases::all().swap_remove(0)
    }

    #[test]
    fn a_case_that_never_ends_is_an_error() {
        let hangs = bounded(
            Arc::new(|_, _| {
                loop {
                    thread::park();
                }
            }),
            Duration::from_millis(1),
        );
        let error = hangs(&first_case(), 1).unwrap_err();
        assert_eq!(error, "the case has not ended in 0 s, and is left behind");
    }

    #[test]
    fn a_panic_is_told_at_once() {
        let panics = bounded(Arc::new(|_, _| panic!("planted")), PATIENCE);
        let error = panics(&first_case(), 1).unwrap_err();
        assert_eq!(error, "the case panicked");
    }

    #[test]
    fn what_a_case_gives_is_passed_on() {
        let run = bounded(
            Arc::new(|case, attempt| Ok(format!("{} {attempt}", case.path()))),
            PATIENCE,
        );
        let case = first_case();
        assert_eq!(run(&case, 2).unwrap(), format!("{} 2", case.path()));
    }
}
