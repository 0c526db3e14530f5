//! `pipeline process`.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use crate::cli::args::ProcessArgs;
use crate::cli::failure::Failure;
use crate::cli::terminal::{grouped, say};
use crate::cli::{config_file, exit_code};
use crate::config_error::suggestion;
use crate::field_path::FieldPath;
use crate::process;
use crate::registry::{self, Definition};
use crate::worker::WorkerError;

pub(super) fn process(args: &ProcessArgs) -> Result<u8, Failure> {
    let config = match &args.config {
        Some(path) => Some(config_file::read(path)?),
        None => None,
    };
    let configured = config.as_ref().map(|config| config.processor.clone());
    let Some(name) = args.processor.clone().or(configured) else {
        return Err(Failure::new(
            exit_code::USAGE,
            "which processor?",
            Some("--processor NAME@VERSION names it; --config FILE names it and its fields"),
        ));
    };
    let definition = registry::find(&name).ok_or_else(|| unknown(&name))?;
    let fields = match config {
        Some(config) => config.fields,
        None => fields_by_name(definition),
    };
    let processor = definition.processor(&fields).map_err(WorkerError::from)?;
    let counts = process::process(
        processor.as_ref(),
        definition.columns,
        io::stdin().lock(),
        BufWriter::with_capacity(1 << 18, io::stdout().lock()),
    )?;
    say(
        "Processed",
        &format!(
            "{} events by {name} · {} rows · {} filtered · {} quarantined",
            grouped(counts.events),
            grouped(counts.rows),
            grouped(counts.filtered),
            grouped(counts.quarantined),
        ),
    );
    Ok(exit_code::OK)
}

/// Without a configuration every field stands under its own name.
fn fields_by_name(definition: &Definition) -> BTreeMap<String, FieldPath> {
    definition
        .fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), FieldPath::dotted(field).ok()?)))
        .collect()
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = registry::DEFINITIONS
        .iter()
        .map(|definition| definition.name)
        .collect();
    Failure::new(
        exit_code::CONFIG,
        format!("no processor is called `{name}`"),
        Some(&suggestion(name, &known)),
    )
}
