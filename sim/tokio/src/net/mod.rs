//! TCP over the simulated network; the other families exist by name only.

mod addr;
mod lookup_host;
pub mod tcp;
mod udp;
pub mod unix;
mod wakers;

pub use addr::ToSocketAddrs;
pub use lookup_host::lookup_host;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
