//! File descriptors of sockets: there are none. The traits are there for crates that set options
//! which tokio has no method for.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::{TcpListener, TcpSocket, TcpStream};
use crate::unsimulated::refuse;

macro_rules! no_descriptor {
    ($($socket:ident),*) => {
        $(
            impl AsRawFd for $socket {
                #[track_caller]
                fn as_raw_fd(&self) -> RawFd {
                    refuse_descriptor(stringify!($socket));
                }
            }

            impl AsFd for $socket {
                #[track_caller]
                fn as_fd(&self) -> BorrowedFd<'_> {
                    refuse_descriptor(stringify!($socket));
                }
            }
        )*
    };
}

no_descriptor!(TcpListener, TcpSocket, TcpStream);

#[track_caller]
fn refuse_descriptor(socket: &str) -> ! {
    let name = format!("the file descriptor of tokio::net::{socket}");
    refuse(
        &name,
        "the simulated network is not the system's; options set on it would do nothing",
    );
}
