//! Standard streams. Output is written at once, to where the run captures it; there is no input.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use real_tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::unsimulated::{Never, refuse};

/// Standard output.
#[derive(Debug)]
pub struct Stdout {
    std: io::Stdout,
}

/// A handle of the process's standard output.
pub fn stdout() -> Stdout {
    Stdout { std: io::stdout() }
}

/// Standard error.
#[derive(Debug)]
pub struct Stderr {
    std: io::Stderr,
}

/// A handle of the process's standard error.
pub fn stderr() -> Stderr {
    Stderr { std: io::stderr() }
}

macro_rules! write_through_std {
    ($name:ident) => {
        impl AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(self.std.write(buf))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(self.std.write_vectored(bufs))
            }

            fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.std.flush())
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    };
}

write_through_std!(Stdout);
write_through_std!(Stderr);

/// Standard input, which a simulated process does not have.
#[derive(Debug)]
pub struct Stdin {
    never: Never,
}

/// Not simulated.
///
/// # Panics
/// Always: nobody types into a simulated process.
#[track_caller]
pub fn stdin() -> Stdin {
    refuse("tokio::io::stdin", "nobody types into a simulated process");
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.never {}
    }
}
