//! A broker's side of one connection: one request at a time.

use std::collections::VecDeque;

use crate::request::Request;

/// The order of one connection's requests. While one is being handled, later ones wait, as the
/// broker mutes the channel.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    in_flight: Option<InFlight>,
    waiting: VecDeque<Request>,
    closed: bool,
}

/// The request being handled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlight {
    pub(crate) correlation_id: i32,
    pub(crate) api_version: i16,
}

impl Connection {
    /// Queues a request behind those that came before.
    pub(crate) fn push(&mut self, request: Request) {
        if !self.closed {
            self.waiting.push_back(request);
        }
    }

    /// Drops every request, also those that arrive before the client learns of the end.
    pub(crate) fn close(&mut self) {
        *self = Self {
            closed: true,
            ..Self::default()
        };
    }

    /// The next request, if none is being handled; it then is.
    pub(crate) fn next(&mut self) -> Option<Request> {
        if self.in_flight.is_some() {
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.in_flight = Some(InFlight {
            correlation_id: request.correlation_id,
            api_version: request.api_version,
        });
        Some(request)
    }

    /// Ends the request being handled, if it is the one with that correlation id.
    pub(crate) fn finish(&mut self, correlation_id: i32) -> Option<InFlight> {
        self.in_flight
            .take_if(|in_flight| in_flight.correlation_id == correlation_id)
    }

    /// The request being handled.
    pub(crate) fn in_flight(&self) -> Option<InFlight> {
        self.in_flight
    }
}
