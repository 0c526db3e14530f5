//! What `pipeline` tells scripts. These numbers don't change.

/// All is well.
pub const OK: u8 = 0;
/// A failure without a number of its own.
pub const FAILED: u8 = 1;
/// Wrong usage (clap's own).
pub const USAGE: u8 = 2;
/// The configuration file is missing or has a fault.
pub const CONFIG: u8 = 3;
/// No broker answers, a topic is missing, or Kafka refuses us.
pub const KAFKA: u8 = 4;
/// The sink can't be opened, written or read, or its disk is full.
pub const SINK: u8 = 5;
/// The log went backwards or is another one.
pub const LOG_CHANGED: u8 = 6;
/// The file to send is missing, empty, truncated or unreadable.
pub const SOURCE: u8 = 7;
/// Not everything sent was acknowledged.
pub const NOT_ACKNOWLEDGED: u8 = 8;
/// A question was answered with no, or could not be asked.
pub const NOT_CONFIRMED: u8 = 9;
/// It ended before all was done: interrupted, or nothing moved any more.
pub const INCOMPLETE: u8 = 10;

/// The table that `--help` shows.
pub(super) const HELP: &str = "\
Exit codes:
   0  all is well
   1  a failure without a number of its own
   2  wrong usage
   3  the configuration file is missing or has a fault
   4  no broker answers, a topic is missing, or Kafka refuses us
   5  the sink can't be opened, written or read, or its disk is full
   6  the log went backwards or is another one
   7  the file to send is missing, empty, truncated or unreadable
   8  not everything sent was acknowledged
   9  a question was answered with no, or could not be asked
  10  it ended before all was done";
