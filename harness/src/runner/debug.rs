//! One plan in the runner's own process: a debugger that started the runner needs to follow no child,
//! and the escape trap, which would take its every look for an escape, is not set.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use whitewater_sim::isolation::{self, Zygote};

use super::execution;
use super::serve::{Error, Prepared};
use crate::pipeline_under_test::PipelineEntry;
use crate::report::{replay, style::Style};
use crate::runner_protocol::DebugRequest;

/// Real time that a twin with right clocks may take, which runs in a child as ever.
const TWIN_WALL_LIMIT_MS: u64 = 120_000;

/// Executes the plan of the request in this file, and ends the process. The history is the one that a
/// child tells.
///
/// # Errors
/// The request can't be read, or the plan not be executed at all.
pub(super) fn run_here(
    zygote: &Zygote,
    pipelines: &'static [PipelineEntry],
    request: &Path,
) -> Result<std::convert::Infallible, Error> {
    let DebugRequest {
        plan,
        data,
        trace,
        verdict,
    } = serde_json::from_slice(&std::fs::read(request)?)?;
    let prepared = Prepared::of(
        zygote,
        pipelines,
        *plan,
        data.as_deref(),
        TWIN_WALL_LIMIT_MS,
    )?;
    isolation::run_here(prepared.plan.seed, move || {
        let (found, events) = execution::execute(
            prepared.plan,
            prepared.records,
            prepared.versions,
            prepared.twin,
        );
        write_lines(&trace, &events)?;
        write_lines(&verdict, std::slice::from_ref(&found))?;
        println!("{}", replay::end(&found, None, Style::Plain));
        Ok(())
    })
}

fn write_lines(path: &Path, values: &[impl serde::Serialize]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for value in values {
        serde_json::to_writer(&mut file, value)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
