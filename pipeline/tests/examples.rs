//! The configurations that are shipped fit the data they are for.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use whitewater_pipeline::config::Config;
use whitewater_pipeline::processor::{Processed, Rows, Value};
use whitewater_pipeline::registry;

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    Config::from_toml(name, &std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The data directory; without one there is nothing to compare with, which in CI is a failure.
fn data() -> Option<PathBuf> {
    let data = std::env::var_os("WHITEWATER_DATA").map(PathBuf::from);
    if data.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "WHITEWATER_DATA names no directory"
        );
        eprintln!("skipped: WHITEWATER_DATA names no directory");
    }
    data
}

/// Processes every line and returns how many rows there were, and the first one.
fn process(name: &str, path: &Path) -> (usize, String) {
    let config = example(name);
    let processor = registry::find(&config.processor)
        .unwrap()
        .processor(&config.fields)
        .unwrap();
    let file = std::fs::File::open(path).unwrap();
    let input: Box<dyn Read> = if path.extension().is_some_and(|ext| ext == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut rows = Rows::default();
    let (mut count, mut first) = (0, String::new());
    for line in BufReader::new(input).lines() {
        let line = line.unwrap();
        rows.clear();
        let mark = rows.mark();
        match processor.process(line.as_bytes(), &mut rows) {
            Ok(Processed::Row { id }) => {
                if count == 0 {
                    let text = |value: &Value| match value {
                        Value::Null => "null".to_owned(),
                        Value::Text(range) => rows.text(range).to_owned(),
                        Value::EventTime(time) => whitewater_pipeline::event_time::format(*time),
                    };
                    let values: Vec<String> = rows
                        .values(&rows.row_since(&mark))
                        .iter()
                        .map(text)
                        .collect();
                    first = format!("{} | {}", rows.text(&id), values.join(" | "));
                }
                count += 1;
            }
            other => panic!("{other:?}: {line}"),
        }
    }
    (count, first)
}

#[test]
fn every_example_is_valid() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "binance-trades.toml",
            "cdnow-purchases.toml",
            "github-events.toml",
            "us-equity-trades.toml"
        ]
    );
    for name in names {
        example(&name);
    }
}

#[test]
fn every_real_record_becomes_a_row() {
    let Some(data) = data() else { return };
    let files = [
        (
            "us-equity-trades.toml",
            "us-equity-trades-2013-10-07.jsonl.gz",
        ),
        ("binance-trades.toml", "binance-btcusdt-trades.jsonl"),
        ("cdnow-purchases.toml", "cdnow-purchases.jsonl.gz"),
        ("github-events.toml", "github-events.jsonl"),
    ];
    let all: Vec<String> = files
        .iter()
        .map(|(name, file)| {
            let (count, first) = process(name, &data.join(file));
            format!("{count} rows, first {first}")
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r"
    388417 rows, first SPY-20131007-000000 | SPY | 167.41 | 100 | 16741 | 2013-10-07T08:00:00.464Z
    2001 rows, first btcusdt-553287559 | BTCUSDT | 39432.48 | 0.000263 | 10.37074224 | 2021-01-08T00:00:00.278Z
    69659 rows, first cdnow-000001 | 00001 | purchase | 1997-01-01T00:00:00Z | 11.77 | null
    800 rows, first 17244207336 | aws-connector-for-github[bot] | DeleteEvent | 2021-07-21T06:00:00Z | null | bullet-dev-team/python-pyramid-public
    ");
}
