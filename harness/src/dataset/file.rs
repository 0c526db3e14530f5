//! Rows of a JSONL file, plain or gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use xxhash_rust::xxh3::Xxh3;

use super::path::text_at;
use super::record::Row;
use crate::plan::FileFacts;

/// The two bytes that every gzip member begins with (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A data file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Nobody said where data files are.
    #[error("no data: {name} is needed, and no data directory is given")]
    NoDirectory {
        /// The file's name.
        name: String,
    },
    /// It is not there.
    #[error("no data: {} does not exist", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It can't be read, or its gzip data is broken.
    #[error("can't read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its gzip data ends in the middle.
    #[error("{} is truncated: its compressed data ends after row {rows}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Whole rows before the end.
        rows: u64,
    },
    /// It has no rows, or none where the plan takes some.
    #[error("{} has no rows after the first {skip}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// How many rows were left out.
        skip: u64,
    },
    /// It is not the file that the plan was made for.
    #[error("{} has changed: its hash is {found}, the plan was made for {wanted}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The hash it has.
        found: String,
        /// The hash it had.
        wanted: String,
    },
}

impl DatasetError {
    /// Whether the file is just not there, so that a scenario can be skipped.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NoDirectory { .. } | Self::Missing { .. })
    }
}

/// The file of this name in the data directory.
///
/// # Errors
/// There is no directory, or no such file in it.
pub fn find(data: Option<&Path>, name: &str) -> Result<PathBuf, DatasetError> {
    let directory = data.ok_or_else(|| DatasetError::NoDirectory {
        name: name.to_owned(),
    })?;
    let path = directory.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(DatasetError::Missing { path })
    }
}

/// What the file is: the hash of its bytes and the number of its rows. Reads all of it.
///
/// # Errors
/// It can't be read, is truncated, or has no rows.
pub fn facts(path: &Path) -> Result<FileFacts, DatasetError> {
    let xxh3_128 = hash(path)?;
    let mut rows = 0;
    for_each_row(path, |_| {
        rows += 1;
        true
    })?;
    if rows == 0 {
        return Err(DatasetError::Empty {
            path: path.to_owned(),
            skip: 0,
        });
    }
    Ok(FileFacts { xxh3_128, rows })
}

/// Checks that the file is the one these facts are of, by its hash.
///
/// # Errors
/// It can't be read, or is another one.
pub fn check(path: &Path, facts: &FileFacts) -> Result<(), DatasetError> {
    let found = hash(path)?;
    if found == facts.xxh3_128 {
        return Ok(());
    }
    Err(DatasetError::Changed {
        path: path.to_owned(),
        found,
        wanted: facts.xxh3_128.clone(),
    })
}

/// Up to `take` rows after the first `skip`, with the id and key found at these paths. Reads no
/// further than it has to. A row that is not JSON, or lacks the field, has no id or key.
///
/// # Errors
/// The file can't be read, is truncated before the last row taken, or has no row there.
pub(super) fn read(
    path: &Path,
    skip: u64,
    take: u64,
    key: Option<&str>,
    id: &str,
) -> Result<Vec<Row>, DatasetError> {
    let mut rows = Vec::new();
    let mut seen = 0;
    for_each_row(path, |payload| {
        seen += 1;
        if seen > skip {
            rows.push(row(payload, key, id));
        }
        (rows.len() as u64) < take
    })?;
    if rows.is_empty() {
        return Err(DatasetError::Empty {
            path: path.to_owned(),
            skip,
        });
    }
    Ok(rows)
}

fn row(payload: Vec<u8>, key: Option<&str>, id: &str) -> Row {
    let json: Option<serde_json::Value> = serde_json::from_slice(&payload).ok();
    let text = |path: &str| json.as_ref().and_then(|json| text_at(json, path));
    Row {
        id: text(id),
        key: key.and_then(text),
        payload,
    }
}

fn hash(path: &Path) -> Result<String, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(format!("{:032x}", hash.digest128())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Calls `each` with every row that is not blank until it says `false`.
fn for_each_row(path: &Path, mut each: impl FnMut(Vec<u8>) -> bool) -> Result<(), DatasetError> {
    let mut rows = 0;
    let mut read_all = || -> std::io::Result<()> {
        let mut reader = open(path)?;
        loop {
            let mut row = Vec::new();
            if reader.read_until(b'\n', &mut row)? == 0 {
                return Ok(());
            }
            while row.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                row.pop();
            }
            if !row.iter().all(u8::is_ascii_whitespace) {
                if !each(row) {
                    return Ok(());
                }
                rows += 1;
            }
        }
    };
    read_all().map_err(|source| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => DatasetError::Truncated {
            path: path.to_owned(),
            rows,
        },
        _ => DatasetError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
        return Ok(Box::new(BufReader::with_capacity(
            1 << 16,
            MultiGzDecoder::new(file),
        )));
    }
    Ok(Box::new(file))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const THREE_ROWS: &str = "{\"id\":1,\"who\":{\"name\":\"ann\"}}\n\n{\"id\":\"b\"}\nnot json\n";

    /// A file that is gone when the test is over.
    struct Temporary(tempfile::TempDir, PathBuf);

    fn file(name: &str, content: &[u8]) -> Temporary {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("writable");
        Temporary(directory, path)
    }

    fn gzip(content: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn plain_and_gzip_read_alike() {
        let plain = file("a.jsonl", THREE_ROWS.as_bytes());
        let packed = file("a.jsonl.gz", &gzip(THREE_ROWS));
        let rows = read(&plain.1, 0, 10, Some("who.name"), "id").expect("rows");
        assert_eq!(
            rows,
            read(&packed.1, 0, 10, Some("who.name"), "id").expect("rows")
        );
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.id.as_deref(), row.key.as_deref()))
            .collect();
        assert_eq!(
            found,
            [(Some("1"), Some("ann")), (Some("b"), None), (None, None)]
        );
        let slice = read(&plain.1, 1, 1, None, "id").expect("rows");
        assert_eq!(slice[0].id.as_deref(), Some("b"));
        assert_eq!(slice.len(), 1);
    }

    #[test]
    fn facts_tell_a_changed_file() {
        let before = file("a.jsonl", THREE_ROWS.as_bytes());
        let facts = facts(&before.1).expect("rows");
        assert_eq!(facts.rows, 3);
        check(&before.1, &facts).expect("unchanged");
        std::fs::write(&before.1, "{}").expect("writable");
        assert!(matches!(
            check(&before.1, &facts),
            Err(DatasetError::Changed { .. })
        ));
    }

    #[test]
    fn an_empty_file_is_an_error() {
        for content in [Vec::new(), b"\n \n".to_vec(), gzip("")] {
            let empty = file("a.jsonl", &content);
            assert!(matches!(facts(&empty.1), Err(DatasetError::Empty { .. })));
            let read = read(&empty.1, 0, 5, None, "id");
            assert!(matches!(read, Err(DatasetError::Empty { .. })));
        }
    }

    #[test]
    fn a_slice_behind_the_end_is_an_error() {
        let short = file("a.jsonl", THREE_ROWS.as_bytes());
        let error = read(&short.1, 3, 5, None, "id").expect_err("three rows only");
        assert!(matches!(error, DatasetError::Empty { skip: 3, .. }));
    }

    #[test]
    fn a_truncated_file_is_an_error_that_counts_whole_rows() {
        let whole: String = (0..5_000).map(|n| format!("{{\"id\":{n}}}\n")).collect();
        let mut packed = gzip(&whole);
        packed.truncate(packed.len() / 2);
        let truncated = file("a.jsonl.gz", &packed);
        let Err(DatasetError::Truncated { rows, .. }) = facts(&truncated.1) else {
            panic!("half of a file passed as a whole one");
        };
        assert!((1..5_000).contains(&rows), "{rows} whole rows");
    }

    #[test]
    fn a_missing_file_is_told_from_a_broken_one() {
        let somewhere = file("a.jsonl", b"{}");
        let missing = find(somewhere.1.parent(), "b.jsonl").expect_err("not there");
        assert!(missing.is_missing());
        assert!(
            find(None, "b.jsonl")
                .expect_err("no directory")
                .is_missing()
        );
        let empty = file("a.jsonl", b"");
        assert!(!facts(&empty.1).expect_err("empty").is_missing());
        assert!(somewhere.0.path().exists());
    }
}
