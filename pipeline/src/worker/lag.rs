//! Watching the lag of what this worker is to process. Looking at logs and calling others blocks,
//! so it happens beside the worker; what it means is decided here, between two batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::task::JoinHandle;
use tracing::Level;

use crate::clock;
use crate::config::Config;
use crate::lag::alarm::AlertPhase;
use crate::lag::alert::Alert;
use crate::lag::estimate::Head;
use crate::lag::look::{self, Reader};
use crate::lag::monitor::{Answer, Monitor, Progress, Reading};
use crate::lag::notify::{self, Notify};
use crate::sink::Sink;
use crate::worker::line::State;
use crate::worker::run::Worker;

/// The lag of one worker's partitions, and what is under way about it.
pub(super) struct LagWatch {
    monitor: Monitor,
    reader: Option<Reader>,
    looking: Option<JoinHandle<Look>>,
    looked_at: Option<Instant>,
    notify: Option<Arc<dyn Notify>>,
    outbox: Vec<Alert>,
    notifying: Option<JoinHandle<()>>,
    /// The worker ends: nobody waits for answers any more.
    stop: Arc<AtomicBool>,
}

struct Look {
    reader: Option<Reader>,
    answers: Vec<Answer>,
}

impl LagWatch {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            monitor: Monitor::new(config.limits.lag, config.limits.lag_interval),
            reader: None,
            looking: None,
            looked_at: None,
            notify: notify::from_config(config),
            outbox: Vec::new(),
            notifying: None,
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Passes alerts on, one call at a time.
    fn pass_on(&mut self, alerts: Vec<Alert>) {
        for alert in &alerts {
            tell_alert(alert);
        }
        let Some(notify) = &self.notify else {
            return;
        };
        self.outbox.extend(alerts);
        let idle = self.notifying.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && !self.outbox.is_empty() {
            let (notify, stop) = (Arc::clone(notify), Arc::clone(&self.stop));
            let alerts = std::mem::take(&mut self.outbox);
            self.notifying = Some(tokio::task::spawn_blocking(move || {
                notify.notify(&alerts, &stop);
            }));
        }
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl<S: Sink> Worker<'_, '_, S> {
    /// Starts a look when it is time, takes in what was seen, and alerts.
    pub(super) async fn watch_lag(&mut self) {
        let now = clock::monotonic();
        let interval = self.config.limits.lag_interval;
        let since = |at: Instant| now.saturating_duration_since(at);
        if self
            .lag
            .looking
            .as_ref()
            .is_some_and(JoinHandle::is_finished)
        {
            self.take_in_look(now).await;
        }
        if self.lag.monitor.is_due() {
            let last = self
                .lag
                .looked_at
                .is_none_or(|at| since(at) >= interval / 2);
            self.judge_lag(now, last);
        }
        let time_to_look = self.lag.looked_at.is_none_or(|at| since(at) >= interval);
        if time_to_look && self.lag.looking.is_none() && !self.lines.is_empty() {
            self.lag.looked_at = Some(now);
            self.start_look(now);
        }
        self.lag.pass_on(Vec::new());
    }

    fn start_look(&mut self, now: Instant) {
        let progress = self.lag_progress();
        let released = self.lag.monitor.progress(now, &progress);
        self.lag.pass_on(released);
        let questions = self.lag.monitor.questions();
        let mut reader = self.lag.reader.take();
        let config = self.config.clone();
        let stop = Arc::clone(&self.lag.stop);
        self.lag.looking = Some(tokio::task::spawn_blocking(move || {
            let bound = config.limits.lag_interval;
            let answers = look::look(&mut reader, &config, &questions, bound, &stop);
            Look { reader, answers }
        }));
    }

    async fn take_in_look(&mut self, now: Instant) {
        let Some(looking) = self.lag.looking.take() else {
            return;
        };
        let progress = self.lag_progress();
        let released = self.lag.monitor.progress(now, &progress);
        self.lag.pass_on(released);
        let answers = match looking.await {
            Ok(look) => {
                self.lag.reader = look.reader;
                look.answers
            }
            Err(error) => {
                tracing::error!(%error, "looking at the log failed");
                Vec::new()
            }
        };
        self.lag.monitor.answered(now, clock::wall_ms(), &answers);
    }

    fn judge_lag(&mut self, now: Instant, last: bool) {
        let progress = self.lag_progress();
        let released = self.lag.monitor.progress(now, &progress);
        self.lag.pass_on(released);
        let (readings, alerts) = self.lag.monitor.judge(now, clock::wall_ms(), last);
        for reading in &readings {
            tell(reading);
        }
        self.lag.pass_on(alerts);
    }

    /// How far everything has come that is assigned to this worker.
    fn lag_progress(&self) -> Vec<Progress> {
        self.lines
            .iter()
            .map(|(id, line)| {
                let next_offset = match &line.state {
                    State::Owned(owned) => Some(owned.next_offset),
                    State::Claimed { progress, .. } => {
                        progress.as_ref().map(|progress| progress.next_offset)
                    }
                    State::Unclaimed { recheck, .. } => *recheck,
                };
                let oldest = self.batch.records().iter().find(|record| {
                    record.line == id
                        && !record.redelivered
                        && next_offset.is_some_and(|next_offset| record.offset >= next_offset)
                });
                Progress {
                    partition: line.partition.clone(),
                    next_offset,
                    head: oldest.map(|record| Head {
                        offset: record.offset,
                        timestamp_ms: record.broker_time_ms,
                    }),
                }
            })
            .collect()
    }
}

fn tell(reading: &Reading) {
    let estimate = &reading.estimate;
    tracing::event!(
        target: "lag",
        Level::DEBUG,
        partition = %reading.partition,
        next_offset = estimate.next_offset,
        end_offset = estimate.end_offset,
        lag_offsets = estimate.lag_offsets,
        lag_ms = estimate.lag_ms,
        lag_ms_min = estimate.lag_ms_min,
        basis = estimate.basis.name(),
        clock_skew_ms = estimate.clock_skew_ms,
        "lag"
    );
}

fn tell_alert(alert: &Alert) {
    let estimate = &alert.estimate;
    let lag_ms_max = u64::try_from(alert.lag_max.as_millis()).unwrap_or(u64::MAX);
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                target: "lag",
                $level,
                partition = %alert.partition,
                phase = alert.phase.name(),
                reason = alert.reason.name(),
                lag_offsets = estimate.lag_offsets,
                lag_ms = estimate.lag_ms,
                lag_ms_min = estimate.lag_ms_min,
                basis = estimate.basis.name(),
                clock_skew_ms = estimate.clock_skew_ms,
                lag_ms_max,
                "lag alert"
            )
        };
    }
    match alert.phase {
        AlertPhase::Raised => event!(Level::WARN),
        AlertPhase::Cleared | AlertPhase::Released => event!(Level::INFO),
    }
}
