//! The runner's main: a zygote that reads plans from its descriptor and answers with verdicts.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use whitewater_sim::isolation::{ChildEnd, ChildOptions, ChildOutcome, Zygote, ZygoteOptions};
use whitewater_sim::symbol::Symbols;
use whitewater_sim::trap::{self, EscapeRecord, TrapOptions};
use whitewater_sim::trap_channel::EscapeChannel;
use whitewater_sim::{inherited_socket, interpose_check, kafka_linkage};

use super::{debug, execution};
use crate::dataset;
use crate::dataset::record::LoadRecord;
use crate::pipeline_under_test::{self, PipelineEntry, Row, Versions};
use crate::plan::Plan;
use crate::runner_protocol::{
    DEBUG_VARIABLE, DESCRIPTOR_VARIABLE, FromRunner, Hello, PROTOCOL_FORMAT,
    RANDOMISED_ADDRESSES_VARIABLE, RunRequest, ToRunner,
};
use crate::verdict::Verdict;

/// What a child's lines begin with.
const TRACE_LINE: u8 = b'T';
const VERDICT_LINE: u8 = b'V';
const WARNING_LINE: u8 = b'W';
const RESULTS_LINE: u8 = b'R';

/// The whole life of a runner. Call it first thing in `main`: `whitewater::runner!` does.
pub fn serve(pipelines: &'static [PipelineEntry]) -> ExitCode {
    match try_serve(pipelines) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) type Error = Box<dyn std::error::Error>;

fn try_serve(pipelines: &'static [PipelineEntry]) -> Result<(), Error> {
    let randomised = std::env::var_os(RANDOMISED_ADDRESSES_VARIABLE).is_some();
    let zygote = Zygote::enter(ZygoteOptions {
        keep_address_randomisation: randomised,
    })?;
    interpose_check::self_check()?;
    if kafka_linkage::linked_real_librdkafka() {
        return Err("the real librdkafka is linked into this simulated build".into());
    }
    if let Some(request) = std::env::var_os(DEBUG_VARIABLE) {
        match debug::run_here(&zygote, pipelines, Path::new(&request))? {}
    }
    let Some(mut answers) = inherited_socket::take(DESCRIPTOR_VARIABLE) else {
        return Err(
            "this program executes plans for `cargo whitewater run`; start that instead".into(),
        );
    };
    let requests = BufReader::new(answers.try_clone()?);
    let mut warnings = Vec::new();
    if !randomised && !zygote.addresses_are_fixed() {
        warnings.push(
            "this machine does not let addresses be fixed; histories must not depend on them"
                .to_owned(),
        );
    }
    warnings.extend(trap_warning(&zygote)?);
    let pipeline_names = pipelines
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    say(
        &mut answers,
        &FromRunner::Hello(Hello {
            format: PROTOCOL_FORMAT,
            pipelines: pipeline_names,
            warnings,
        }),
    )?;
    for line in requests.lines() {
        let ToRunner::Run(request) = serde_json::from_str(&line?)?;
        let answer = answer(&zygote, pipelines, request);
        say(&mut answers, &answer)?;
    }
    Ok(())
}

fn say(to: &mut UnixStream, what: &FromRunner) -> Result<(), Error> {
    let mut line = serde_json::to_string(what)?;
    line.push('\n');
    to.write_all(line.as_bytes())?;
    Ok(())
}

fn answer(zygote: &Zygote, pipelines: &'static [PipelineEntry], request: RunRequest) -> FromRunner {
    let refused = |reason: String| FromRunner::Refused { reason };
    let RunRequest {
        plan,
        trace,
        output,
        data,
        wall_limit_ms,
    } = request;
    let prepared = Prepared::of(zygote, pipelines, *plan, data.as_deref(), wall_limit_ms);
    let Prepared {
        plan,
        records,
        versions,
        twin,
    } = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refused(error.to_string()),
    };
    let options = ChildOptions {
        seed: plan.seed,
        output,
        wall_time_max: Duration::from_millis(wall_limit_ms),
    };
    let keep_trace = trace.is_some();
    let ran = run_trapped(zygote, &options, move |out| {
        let (verdict, events) = execution::execute(plan, records, versions, twin);
        // The parent sees a torn line as no verdict, so an error here needs no words of its own.
        if keep_trace {
            for event in &events {
                let _ = write_line(out, TRACE_LINE, event);
            }
        }
        let _ = write_line(out, VERDICT_LINE, &verdict);
        // The child ends next, and takes them along at once.
        std::mem::forget(events);
    });
    let Trapped {
        outcome,
        written,
        escape,
    } = match ran {
        Ok(ran) => ran,
        Err(error) => return refused(error.to_string()),
    };
    let mut history = Vec::new();
    let mut verdict = None;
    for line in written.split_inclusive(|byte| *byte == b'\n') {
        match line.first() {
            Some(&TRACE_LINE) => history.extend_from_slice(&line[1..]),
            Some(&VERDICT_LINE) => verdict = serde_json::from_slice::<Verdict>(&line[1..]).ok(),
            _ => {}
        }
    }
    if let Some(path) = trace
        && let Err(error) = std::fs::write(&path, history)
    {
        return refused(format!(
            "can't write the trace to {}: {error}",
            path.display()
        ));
    }
    FromRunner::Verdict(Box::new(match (verdict, escape) {
        (_, Some(record)) => Verdict::unknown(why_escaped(&record)),
        (Some(verdict), None) if outcome.end == ChildEnd::Finished => verdict,
        _ => Verdict::unknown(why_without_verdict(&outcome)),
    }))
}

/// A plan with all that its execution needs.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) records: Vec<LoadRecord>,
    pub(super) versions: Versions,
    pub(super) twin: Option<Vec<Row>>,
}

impl Prepared {
    /// Looks up the pipelines, reads the load and, for a plan that puts clocks wrong, runs its twin.
    pub(super) fn of(
        zygote: &Zygote,
        pipelines: &'static [PipelineEntry],
        plan: Plan,
        data: Option<&Path>,
        wall_limit_ms: u64,
    ) -> Result<Self, Error> {
        let versions = pipeline_under_test::versions(&plan, pipelines)?;
        let records = dataset::load::records(&plan.load, plan.seed, data)?;
        let limit = Duration::from_millis(wall_limit_ms);
        let twin = twin_with_right_clocks(zygote, &plan, &records, &versions, limit)?;
        Ok(Self {
            plan,
            records,
            versions,
            twin,
        })
    }
}

/// For a plan that puts clocks wrong: the result set of the same plan with right clocks, from a
/// child of its own. None for other plans, and where the twin was not drained.
fn twin_with_right_clocks(
    zygote: &Zygote,
    plan: &Plan,
    records: &[LoadRecord],
    versions: &Versions,
    wall_time_max: Duration,
) -> Result<Option<Vec<Row>>, Error> {
    let Some(twin) = plan.with_right_clocks() else {
        return Ok(None);
    };
    let options = ChildOptions {
        seed: twin.seed,
        output: None,
        wall_time_max,
    };
    let (records, versions) = (records.to_vec(), versions.clone());
    let ran = run_trapped(zygote, &options, move |out| {
        if let Some(rows) = execution::results(twin, records, versions) {
            // The parent sees a torn line as no results, which is what it then has.
            let _ = write_line(out, RESULTS_LINE, &rows);
        }
    })?;
    Ok(ran
        .written
        .split(|byte| *byte == b'\n')
        .find_map(|line| serde_json::from_slice(line.strip_prefix(&[RESULTS_LINE])?).ok()))
}

/// A child that ran behind the escape trap.
struct Trapped {
    outcome: ChildOutcome,
    written: Vec<u8>,
    escape: Option<EscapeRecord>,
}

fn run_trapped(
    zygote: &Zygote,
    options: &ChildOptions,
    body: impl FnOnce(&mut dyn Write) + Send + 'static,
) -> Result<Trapped, Error> {
    let channel = EscapeChannel::new()?;
    let trap = TrapOptions {
        descriptor: channel.descriptor(),
        readable: Vec::new(),
    };
    let (outcome, written) = zygote.run(options, move |out| match trap::install(&trap) {
        Ok(nets) => {
            if let Some(warning) = nets.warning() {
                let _ = write_line(out, WARNING_LINE, &warning);
            }
            body(out);
        }
        Err(error) => eprintln!("the escape trap can't be set: {error}"),
    })?;
    let escape = channel.read()?;
    Ok(Trapped {
        outcome,
        written,
        escape,
    })
}

/// What the system refuses of the trap, found out by a child that does nothing else.
fn trap_warning(zygote: &Zygote) -> Result<Option<String>, Error> {
    let options = ChildOptions {
        seed: 0,
        output: None,
        wall_time_max: Duration::from_secs(10),
    };
    let Trapped { written, .. } = run_trapped(zygote, &options, |_| {})?;
    Ok(written
        .strip_prefix(&[WARNING_LINE])
        .and_then(|text| serde_json::from_slice(text).ok()))
}

/// Names the function and line that left the simulated world, and who called it.
fn why_escaped(record: &EscapeRecord) -> String {
    let escape = Symbols::load().resolve(record);
    let callers = escape.frames.iter().skip(1).take(CALLERS_SHOWN);
    let callers: String = callers
        .map(|frame| format!("\n  called by {frame}"))
        .collect();
    format!("escape from the simulated world: {escape}{callers}")
}

/// So many callers of an escape are named.
const CALLERS_SHOWN: usize = 8;

fn write_line(
    out: &mut dyn Write,
    first: u8,
    value: &impl serde::Serialize,
) -> std::io::Result<()> {
    out.write_all(&[first])?;
    out.write_all(serde_json::to_string(value)?.as_bytes())?;
    out.write_all(b"\n")
}

fn why_without_verdict(outcome: &ChildOutcome) -> String {
    let how = match &outcome.end {
        ChildEnd::Finished => "the run ended without a verdict".to_owned(),
        ChildEnd::Exited { code } => format!("the run ended with exit code {code}"),
        ChildEnd::Signalled { name, .. } => format!("the run crashed with {name}"),
        ChildEnd::TimedOut => {
            "the watchdog ended the run: it spins, or the machine is too slow".to_owned()
        }
    };
    match outcome.output_tail.trim() {
        "" => how,
        tail => {
            let lines: Vec<&str> = tail.lines().rev().take(10).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            format!("{how}:\n{}", lines.join("\n"))
        }
    }
}
