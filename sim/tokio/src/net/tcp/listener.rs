//! A TCP listener.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use whitewater_sim::byte_stream::ByteStream;
use whitewater_sim::{host, network, process};

use super::TcpStream;
use super::options::Options;
use crate::net::addr::{ToSocketAddrs, resolve};
use crate::net::wakers::Wakers;
use crate::runtime::require_io;
use crate::task::coop;
use crate::unsimulated::refuse;

/// Accepts TCP connections to a port of the current process.
pub struct TcpListener {
    listener: network::Listener,
    acceptors: Wakers,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be had. A process has one address: it is
    /// reported whether that, its host's, a loopback or the unspecified address was asked for.
    ///
    /// # Errors
    /// The address is another host's, or the port is taken.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let mut last = None;
        for addr in resolve(addr)? {
            match Self::listen(addr) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            let text = "could not resolve to any address";
            io::Error::new(io::ErrorKind::InvalidInput, text)
        }))
    }

    pub(crate) fn listen(addr: SocketAddr) -> io::Result<Self> {
        require_io();
        if !is_local(addr.ip()) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Self {
            listener: network::listen(addr.port())?,
            acceptors: Wakers::new(),
        })
    }

    /// The next connection and its peer's address. Cancelling it loses no connection.
    ///
    /// # Errors
    /// The listener is closed.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next connection.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut cx = Context::from_waker(self.acceptors.join(cx));
        let (connection, peer) = ready!(self.listener.poll_accept(&mut cx))?;
        budget.made_progress();
        let stream = TcpStream::new(ByteStream::new(connection), Options::default());
        Poll::Ready(Ok((stream, peer)))
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always: std's sockets are real.
    #[track_caller]
    pub fn from_std(_listener: std::net::TcpListener) -> io::Result<Self> {
        let name = "tokio::net::TcpListener::from_std";
        refuse(name, "std's sockets are real ones; use TcpListener::bind");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always: std's sockets are real.
    #[track_caller]
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        let name = "tokio::net::TcpListener::into_std";
        refuse(name, "std's sockets are real ones");
    }

    /// The address it listens on: the process's own.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.listener.local_addr())
    }

    /// The option `IP_TTL`: Linux's default.
    ///
    /// # Errors
    /// None here.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(Options::default().ttl)
    }

    /// Sets `IP_TTL`, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_ttl(&self, _ttl: u32) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the current process may listen on `ip`.
fn is_local(ip: IpAddr) -> bool {
    let process = process::current();
    ip.is_unspecified()
        || ip.is_loopback()
        || ip == process::ip(process)
        || ip == host::host_ip(process::host_of(process))
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("addr", &self.listener.local_addr())
            .finish()
    }
}
