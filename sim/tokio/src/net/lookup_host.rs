//! Name resolution.

use std::io;
use std::net::SocketAddr;

use super::addr::{ToSocketAddrs, resolve};

/// The addresses of a host: those of the simulated host or process of that name.
///
/// # Errors
/// If there is none.
pub async fn lookup_host<T>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>>
where
    T: ToSocketAddrs,
{
    Ok(resolve(host)?.into_iter())
}
