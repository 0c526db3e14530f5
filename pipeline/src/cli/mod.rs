//! The command `pipeline`.

mod args;
mod config_file;
pub mod exit_code;
mod failure;
mod logging;
mod process;
mod read;
mod results;
mod run;
mod send;
mod status;
mod terminal;

pub use run::main;
