//! The two threads of one connection.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};

use super::backlog::Backlog;
use super::frame::{self, FrameError};
use super::shared::{Peer, Response, Shared};
use crate::config::BrokerId;
use crate::requester::ConnectionId;

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Starts to serve a connection; nothing is started if the broker is down meanwhile.
pub(super) fn serve(
    shared: &Arc<Shared>,
    broker: BrokerId,
    stream: TcpStream,
) -> io::Result<Vec<JoinHandle<()>>> {
    stream.set_nodelay(true)?;
    let client_host = format!("/{}", stream.peer_addr()?.ip());
    let (responses, to_write) = channel();
    let backlog = Arc::new(Backlog::default());
    let peer = Peer {
        broker,
        stream: stream.try_clone()?,
        responses: Some(responses),
        backlog: Arc::clone(&backlog),
    };
    let writer_stream = stream.try_clone()?;
    let Some(connection) = shared.connect(peer) else {
        return Ok(Vec::new());
    };
    let writer = {
        let backlog = Arc::clone(&backlog);
        let shared = Arc::clone(shared);
        Builder::new()
            .name(format!("write-{}", connection.0))
            .spawn(move || {
                write(writer_stream, &to_write, &backlog);
                shared.forget(connection);
            })?
    };
    let reader = {
        let shared = Arc::clone(shared);
        Builder::new()
            .name(format!("read-{}", connection.0))
            .spawn(move || {
                let read = read(&shared, broker, connection, stream, &client_host, &backlog);
                let why = match read {
                    // A client that goes away, however rudely, is no news.
                    Ok(()) | Err(FrameError::Io(_)) => None,
                    Err(error) => Some(error.to_string()),
                };
                shared.disconnect(broker, connection, why);
            })?
    };
    Ok(vec![writer, reader])
}

fn read(
    shared: &Shared,
    broker: BrokerId,
    connection: ConnectionId,
    stream: TcpStream,
    client_host: &str,
    backlog: &Backlog,
) -> Result<(), FrameError> {
    let mut stream = BufReader::with_capacity(READ_BUFFER_BYTES, stream);
    while let Some(frame) = frame::read(&mut stream)? {
        let request = frame::decode(frame, connection, client_host)?;
        shared.call(|cluster, now, outputs| {
            outputs.extend(cluster.handle(now, broker, request));
        });
        backlog.wait();
    }
    Ok(())
}

fn write(mut stream: TcpStream, responses: &Receiver<Response>, backlog: &Backlog) {
    while let Ok(response) = responses.recv() {
        let written = frame::encode(
            response.correlation_id,
            response.api_version,
            &response.body,
        )
        .and_then(|bytes| Ok(stream.write_all(&bytes)?));
        match written {
            Ok(()) => backlog.pop(),
            Err(FrameError::Io(_)) => break,
            // A response must be expressible in the version of its request: a bug here.
            Err(error) => {
                eprintln!("connection closed: {error}");
                break;
            }
        }
    }
}
