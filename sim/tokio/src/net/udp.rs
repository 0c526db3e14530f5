//! UDP: not simulated. The type is there for crates that name it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::ToSocketAddrs;
use crate::io::ReadBuf;
use crate::unsimulated::{Never, refuse};

/// A UDP socket; there is no value of this type.
#[derive(Debug)]
pub struct UdpSocket {
    never: Never,
}

impl UdpSocket {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn bind<A: ToSocketAddrs>(_addr: A) -> io::Result<Self> {
        refuse(
            "tokio::net::UdpSocket",
            "the simulated network carries TCP only",
        );
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn from_std(_socket: std::net::UdpSocket) -> io::Result<Self> {
        refuse(
            "tokio::net::UdpSocket",
            "the simulated network carries TCP only",
        );
    }

    /// The socket's address.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.never {}
    }

    /// Chooses the peer.
    ///
    /// # Errors
    /// None.
    pub async fn connect<A: ToSocketAddrs>(&self, _addr: A) -> io::Result<()> {
        match self.never {}
    }

    /// Sends to the peer.
    ///
    /// # Errors
    /// None.
    pub async fn send(&self, _buf: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    /// Receives from the peer.
    ///
    /// # Errors
    /// None.
    pub async fn recv(&self, _buf: &mut [u8]) -> io::Result<usize> {
        match self.never {}
    }

    /// Sends to an address.
    ///
    /// # Errors
    /// None.
    pub async fn send_to<A: ToSocketAddrs>(&self, _buf: &[u8], _addr: A) -> io::Result<usize> {
        match self.never {}
    }

    /// Receives from anyone.
    ///
    /// # Errors
    /// None.
    pub async fn recv_from(&self, _buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.never {}
    }

    /// Polls to send to an address.
    pub fn poll_send_to(
        &self,
        _cx: &mut Context<'_>,
        _buf: &[u8],
        _target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        match self.never {}
    }

    /// Polls to receive from anyone.
    pub fn poll_recv_from(
        &self,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        match self.never {}
    }
}
