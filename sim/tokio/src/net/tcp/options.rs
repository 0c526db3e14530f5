//! Socket options: kept and reported, without effect on the simulated network.

use std::time::Duration;

/// The options of one socket, with Linux's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) nodelay: bool,
    pub(crate) quickack: bool,
    pub(crate) keepalive: bool,
    pub(crate) reuseaddr: bool,
    pub(crate) reuseport: bool,
    pub(crate) linger: Option<Duration>,
    pub(crate) ttl: u32,
    pub(crate) tos: u32,
    pub(crate) send_buffer_bytes: u32,
    pub(crate) recv_buffer_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodelay: false,
            quickack: true,
            keepalive: false,
            reuseaddr: false,
            reuseport: false,
            linger: None,
            ttl: 64,
            tos: 0,
            send_buffer_bytes: 16_384,
            recv_buffer_bytes: 131_072,
        }
    }
}
