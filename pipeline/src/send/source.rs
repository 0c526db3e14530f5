//! Reading records from a file of JSON lines or CSV, plain, gzip or zstd, or from standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;

use crate::send::csv_rows::CsvRows;

const BUFFER: usize = 1 << 18;
/// The bytes that gzip (RFC 1952) and zstd (RFC 8878) begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How records are written in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceFormat {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values under a header
    Csv,
}

impl SourceFormat {
    /// By the file's name: `trades.csv`, `trades.csv.gz`; JSON lines otherwise.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let name = [".gz", ".zst", ".zstd"]
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(&name);
        if name.ends_with(".csv") {
            Self::Csv
        } else {
            Self::Jsonl
        }
    }
}

/// Why a source can't be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be opened.
    #[error("can't open `{}`: {reason}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// There is not a single record in it.
    #[error("`{name}` is empty: it holds no record")]
    Empty {
        /// Which source.
        name: String,
    },
    /// It ends in the middle of the compressed data.
    #[error("`{name}` is truncated: the compressed data ends early, after line {line}")]
    TruncatedData {
        /// Which source.
        name: String,
        /// The last whole line.
        line: u64,
    },
    /// It ends in the middle of a record.
    #[error("`{name}` is truncated: line {line} ends in the middle of a record")]
    TruncatedLine {
        /// Which source.
        name: String,
        /// The line that is not whole.
        line: u64,
    },
    /// A row does not fit its header.
    #[error("`{name}` is no proper CSV at line {line}: {reason}")]
    Csv {
        /// Which source.
        name: String,
        /// The row's line.
        line: u64,
        /// Why.
        reason: String,
    },
    /// Reading failed.
    #[error("reading `{name}` failed after line {line}: {reason}")]
    Read {
        /// Which source.
        name: String,
        /// The last whole line.
        line: u64,
        /// Why.
        reason: io::Error,
    },
}

/// The records of a source, each as JSON.
pub struct Lines {
    name: String,
    reader: Format,
    line: u64,
    records: u64,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

enum Format {
    Json(Box<dyn BufRead>),
    Csv(Box<CsvRows>),
}

/// Counts the bytes of the file, compressed or not: what a progress bar shows.
struct Counting<R> {
    inner: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Lines {
    /// Opens a file, or standard input for `-`. Compression is recognised by its first bytes.
    ///
    /// # Errors
    /// If it can't be opened or read.
    pub fn open(path: &Path, format: SourceFormat) -> Result<Self, SourceError> {
        let failed = |reason| SourceError::Open {
            path: path.to_owned(),
            reason,
        };
        let (name, input, bytes_total): (String, Box<dyn Read>, _) = if path == Path::new("-") {
            ("standard input".to_owned(), Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            let length = Some(metadata.len()).filter(|length| *length > 0);
            (path.display().to_string(), Box::new(file), length)
        };
        let bytes_read = Arc::new(AtomicU64::new(0));
        let input = Counting {
            inner: input,
            bytes_read: Arc::clone(&bytes_read),
        };
        let mut plain = BufReader::with_capacity(BUFFER, input);
        let start = plain.fill_buf().map_err(failed)?;
        let (gzip, zstd) = (start.starts_with(&GZIP), start.starts_with(&ZSTD));
        let reader: Box<dyn BufRead> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))
        } else if zstd {
            let decoder = zstd::stream::read::Decoder::with_buffer(plain).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Box::new(plain)
        };
        let reader = match format {
            SourceFormat::Jsonl => Format::Json(reader),
            SourceFormat::Csv => Format::Csv(Box::new(CsvRows::new(reader))),
        };
        Ok(Self {
            name,
            reader,
            line: 0,
            records: 0,
            bytes_read,
            bytes_total,
        })
    }

    /// Bytes of the file read so far, and of all if known.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes_read.load(Ordering::Relaxed), self.bytes_total)
    }

    /// The next record, without its line end; `None` at a proper end.
    ///
    /// # Errors
    /// If the source is empty, truncated or can't be read.
    pub fn next_record(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        match &mut self.reader {
            Format::Json(_) => self.next_line(),
            Format::Csv(rows) => {
                let row = rows.next_row();
                self.line = rows.line();
                match row {
                    Ok(Some(row)) => {
                        self.records += 1;
                        Ok(Some(row))
                    }
                    Ok(None) => self.end(),
                    Err(error) => Err(self.csv_failed(error)),
                }
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        loop {
            let mut line = Vec::new();
            let Format::Json(reader) = &mut self.reader else {
                return self.end();
            };
            let read = reader
                .read_until(b'\n', &mut line)
                .map_err(|reason| self.failed(reason))?;
            if read == 0 {
                return self.end();
            }
            self.line += 1;
            let ended = line.pop_if(|byte| *byte == b'\n').is_some();
            line.pop_if(|byte| *byte == b'\r');
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if !ended && serde_json::from_slice::<IgnoredAny>(&line).is_err() {
                return Err(SourceError::TruncatedLine {
                    name: self.name.clone(),
                    line: self.line,
                });
            }
            self.records += 1;
            return Ok(Some(line));
        }
    }

    fn end(&self) -> Result<Option<Vec<u8>>, SourceError> {
        if self.records == 0 {
            return Err(SourceError::Empty {
                name: self.name.clone(),
            });
        }
        Ok(None)
    }

    fn csv_failed(&self, error: csv::Error) -> SourceError {
        match error.into_kind() {
            csv::ErrorKind::Io(reason) => self.failed(reason),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => SourceError::Csv {
                name: self.name.clone(),
                line: self.line,
                reason: format!("a row of {len} fields under a header of {expected_len}"),
            },
            csv::ErrorKind::Utf8 { err, .. } => SourceError::Csv {
                name: self.name.clone(),
                line: self.line,
                reason: err.to_string(),
            },
            other => SourceError::Csv {
                name: self.name.clone(),
                line: self.line,
                reason: format!("{other:?}"),
            },
        }
    }

    fn failed(&self, reason: io::Error) -> SourceError {
        let name = self.name.clone();
        let line = self.line;
        match reason.kind() {
            io::ErrorKind::UnexpectedEof => SourceError::TruncatedData { name, line },
            _ => SourceError::Read { name, line, reason },
        }
    }
}
