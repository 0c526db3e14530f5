//! `compare`: two versions of a processor on the same events.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use whitewater::compare::comparison::{self, Settings};
use whitewater::compare::difference::Difference;
use whitewater::compare::group::Groups;
use whitewater::compare::junit;
use whitewater::compare::sample::Sample;
use whitewater::compare::summary::Summary;
use whitewater::compare::text::{self, Compared};

use crate::compare::error::CompareError;
use crate::compare::events::{Events, Topic};
use crate::compare::options::CompareOptions;
use crate::compare::outcomes::{self, Fingerprint};
use crate::compare::sort::Sorted;
use crate::compare::version::{self, Version};
use crate::console;
use crate::exit_code::ExitCode;

/// Where the field of the message id stands if nobody says.
const ID: &str = "id";

/// Compares, reports, and judges by what is allowed.
pub(crate) fn compare(options: &CompareOptions) -> Result<ExitCode, CompareError> {
    let pipeline = options.pipeline.as_deref();
    let old = Version::parse(&options.old, pipeline)?;
    let new = Version::parse(&options.new, pipeline)?;
    let by = match (&options.sample_by, &options.config) {
        (Some(by), _) => by.clone(),
        (None, Some(config)) => id_field(config)?,
        (None, None) => ID.to_owned(),
    };
    let sample = Sample::new(options.sample, &by);
    let events = read(options, &sample)?;
    let rows = rows_file(options, &old, &new);
    let mut summary = run(options, &old, &new, &events, &rows)?;
    add_events(&mut summary, &events)?;
    let rows_name = rows.display().to_string();
    let compared = Compared {
        old: &options.old,
        new: &options.new,
        sample: &sample,
        taken: events.taken,
        events: events.events,
        allowed: options.allow,
        rows: &rows_name,
    };
    report(options, &compared, &summary)?;
    Ok(if summary.within(options.allow) {
        ExitCode::Passed
    } else {
        ExitCode::CheckerFailed
    })
}

/// The events of a file, or of a topic.
fn read(options: &CompareOptions, sample: &Sample) -> Result<Events, CompareError> {
    let text = options.input.to_string_lossy();
    if !text.starts_with("kafka://") {
        return Events::sampled(&options.input, sample);
    }
    let topic = Topic::parse(&text).ok_or_else(|| CompareError::NoTopic {
        text: text.clone().into_owned(),
    })?;
    let pipeline = version::pipeline(options.pipeline.as_deref())?;
    Events::of_topic(&topic, &pipeline, sample)
}

/// Runs the versions side by side, the old one twice, and compares.
fn run(
    options: &CompareOptions,
    old: &Version,
    new: &Version,
    events: &Events,
    rows: &Path,
) -> Result<Summary, CompareError> {
    let config = options.config.as_deref();
    let new_config = options.new_config.as_deref().or(config);
    let (old_outcomes, new_outcomes) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| outcomes::sorted(new, new_config, events));
        let old = old_twice(old, config, events);
        let new = beside
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, CompareError>((old?, new?))
    })?;
    let (first, again) = old_outcomes;
    let failed = |source| CompareError::Write {
        path: rows.to_path_buf(),
        source,
    };
    if let Some(folder) = rows.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = BufWriter::new(File::create(rows).map_err(failed)?);
    let summary = comparison::compare(
        &settings(options),
        Groups::new(first),
        again.map(Groups::new),
        Groups::new(new_outcomes.0),
        |difference| {
            let line = serde_json::to_string(difference).expect("a difference is plain data");
            writeln!(file, "{line}").map_err(failed)
        },
    )?;
    file.flush().map_err(failed)?;
    Ok(summary)
}

/// The old version's outcomes, and those of another run if it says something else then.
fn old_twice(
    old: &Version,
    config: Option<&Path>,
    events: &Events,
) -> Result<(Sorted, Option<Sorted>), CompareError> {
    let (first, said): (Sorted, Fingerprint) = outcomes::sorted(old, config, events)?;
    let again = if outcomes::fingerprint(old, config, events)? == said {
        None
    } else {
        Some(outcomes::sorted(old, config, events)?.0)
    };
    Ok((first, again))
}

fn settings(options: &CompareOptions) -> Settings {
    let mut settings = Settings {
        ignore: options.ignore.iter().cloned().collect(),
        stop_after: options.stop_after,
        ..Settings::default()
    };
    for (column, tolerance) in &options.tolerance {
        match column {
            Some(column) => {
                settings.tolerances.insert(column.clone(), *tolerance);
            }
            None => settings.tolerance = Some(*tolerance),
        }
    }
    settings
}

/// The path of the message id in a pipeline's configuration.
fn id_field(config: &Path) -> Result<String, CompareError> {
    let unusable = |why: String| CompareError::Config {
        path: config.to_path_buf(),
        why,
    };
    let text = std::fs::read_to_string(config).map_err(|error| unusable(error.to_string()))?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|error| unusable(error.message().to_owned()))?;
    let id = table.get("fields").and_then(|fields| fields.get(ID));
    id.and_then(toml::Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            unusable(
                "it does not say where the id stands ([fields] id = \"…\"); --sample-by does"
                    .to_owned(),
            )
        })
}

fn rows_file(options: &CompareOptions, old: &Version, new: &Version) -> PathBuf {
    options.rows.clone().unwrap_or_else(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let name = format!("{}-{}.jsonl", old.file_name(), new.file_name());
        Path::new(&target).join("whitewater/compare").join(name)
    })
}

/// Looks up the events behind the worst differences.
fn add_events(summary: &mut Summary, events: &Events) -> Result<(), CompareError> {
    let line = |difference: &Difference| difference.line;
    let lines: BTreeSet<u64> = summary.worst.iter().map(line).collect();
    let found = events.at(&lines)?;
    for difference in &mut summary.worst {
        let event = found.iter().find(|(line, _)| *line == difference.line);
        difference.event = event.map(|(_, event)| event.clone());
    }
    Ok(())
}

fn report(
    options: &CompareOptions,
    compared: &Compared<'_>,
    summary: &Summary,
) -> Result<(), CompareError> {
    if let Some(path) = &options.junit {
        std::fs::write(path, junit::render(compared, summary)).map_err(|source| {
            CompareError::Write {
                path: path.clone(),
                source,
            }
        })?;
    }
    let told = if options.json {
        let json = json!({
            "old": compared.old,
            "new": compared.new,
            "sample": {
                "share": compared.sample.share.to_string(),
                "by": compared.sample.by.join("."),
                "taken": compared.taken,
                "events": compared.events,
            },
            "passed": summary.within(options.allow),
            "differences": summary.differences(),
            "rows": compared.rows,
            "summary": summary,
        });
        format!("{json}\n")
    } else {
        text::render(compared, summary, console::style(&std::io::stdout()))
    };
    let mut out = std::io::stdout().lock();
    out.write_all(told.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| CompareError::Write {
            path: "standard output".into(),
            source,
        })
}
