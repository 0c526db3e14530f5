//! The pipeline command.

fn main() -> std::process::ExitCode {
    whitewater_pipeline::cli::main()
}
