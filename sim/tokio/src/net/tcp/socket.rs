//! A TCP socket that is not connected yet.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::options::Options;
use super::{TcpListener, TcpStream};
use crate::runtime::require_io;
use crate::unsimulated::refuse;

/// A TCP socket that is not connected yet. Options are kept and have no effect.
#[derive(Debug)]
pub struct TcpSocket {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    options: Options,
    bound: Option<SocketAddr>,
}

/// A getter and a setter of one option.
macro_rules! option {
    ($name:literal, $get:ident, $set:ident, $field:ident: $t:ty) => {
        #[doc = concat!("The option ", $name, ".")]
        ///
        /// # Errors
        /// None here.
        pub fn $get(&self) -> io::Result<$t> {
            Ok(self.state().options.$field)
        }

        #[doc = concat!("Sets ", $name, ", without effect.")]
        ///
        /// # Errors
        /// None here.
        pub fn $set(&self, value: $t) -> io::Result<()> {
            self.state().options.$field = value;
            Ok(())
        }
    };
}

impl TcpSocket {
    fn new() -> io::Result<Self> {
        require_io();
        Ok(Self {
            state: Mutex::new(State {
                options: Options::default(),
                bound: None,
            }),
        })
    }

    /// An IPv4 socket.
    ///
    /// # Errors
    /// None here.
    pub fn new_v4() -> io::Result<Self> {
        Self::new()
    }

    /// The same as [`new_v4`](Self::new_v4): simulated hosts have IPv4 addresses.
    ///
    /// # Errors
    /// None here.
    pub fn new_v6() -> io::Result<Self> {
        Self::new()
    }

    /// Not simulated.
    ///
    /// # Panics
    /// Always: std's sockets are real.
    #[track_caller]
    pub fn from_std_stream(_stream: std::net::TcpStream) -> Self {
        let name = "tokio::net::TcpSocket::from_std_stream";
        refuse(name, "std's sockets are real ones; use TcpSocket::new_v4");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    option!("SO_KEEPALIVE", keepalive, set_keepalive, keepalive: bool);
    option!("SO_REUSEADDR", reuseaddr, set_reuseaddr, reuseaddr: bool);
    option!("SO_REUSEPORT", reuseport, set_reuseport, reuseport: bool);
    option!("SO_SNDBUF", send_buffer_size, set_send_buffer_size, send_buffer_bytes: u32);
    option!("SO_RCVBUF", recv_buffer_size, set_recv_buffer_size, recv_buffer_bytes: u32);
    option!("SO_LINGER", linger, set_linger, linger: Option<Duration>);
    option!("TCP_NODELAY", nodelay, set_nodelay, nodelay: bool);
    option!("IP_TOS", tos_v4, set_tos_v4, tos: u32);

    /// Sets `SO_LINGER` to zero, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// What it is bound to, or the unspecified address.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let unspecified = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Ok(self.state().bound.unwrap_or(unspecified))
    }

    /// Always `None`: errors are reported by the calls that fail.
    ///
    /// # Errors
    /// None here.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    /// Chooses the address to listen on. A client's end gets a port of its own all the same.
    ///
    /// # Errors
    /// `InvalidInput` if it is bound already.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        let mut state = self.state();
        if state.bound.is_some() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        state.bound = Some(addr);
        Ok(())
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`TcpStream::connect`].
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let options = self.state().options.clone();
        TcpStream::connect_with(addr, options).await
    }

    /// Listens; the backlog is not limited.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn listen(self, _backlog: u32) -> io::Result<TcpListener> {
        TcpListener::listen(self.local_addr()?)
    }
}
