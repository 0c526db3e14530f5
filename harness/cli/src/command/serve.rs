//! `serve`: the pure cluster over TCP, in real time.

use std::time::Duration;

use whitewater_cluster::tcp;

use crate::cli::ServeOptions;
use crate::exit_code::ExitCode;
use crate::interrupt;
use crate::setup_error::SetupError;

/// Serves until Ctrl-C.
pub(crate) fn serve(options: &ServeOptions) -> Result<ExitCode, SetupError> {
    interrupt::listen()?;
    let server = tcp::Server::start(tcp::ServeOptions {
        brokers: options.brokers.into(),
        host: options.host.clone(),
        port: options.port,
        ..tcp::ServeOptions::default()
    })
    .map_err(|source| SetupError::Other {
        message: format!(
            "can't listen on {}:{}: {source}; another --port may be free",
            options.host, options.port
        ),
    })?;
    eprintln!(
        "    Serving  {} broker(s) at {}",
        options.brokers,
        server.bootstrap_servers()
    );
    eprintln!("             kept in memory, gone at the end; Ctrl-C stops");
    while !interrupt::requested() {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    server.stop();
    Ok(ExitCode::Passed)
}
