//! Who sent a request, and so where its response goes.

/// One client connection to one broker, numbered by whoever carries the bytes.
///
/// Never reused, neither at another broker nor after the connection has closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The sender of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The connection the request came over.
    pub connection: ConnectionId,
    /// The request's correlation id, which its response repeats.
    pub correlation_id: i32,
    /// The request's version, which decides the shape of its response.
    pub api_version: i16,
    /// `client.id` of the request header; empty if the client sent none.
    pub client_id: String,
    /// The client's address without port, as DescribeGroups shows it (`/10.0.0.1`).
    pub client_host: String,
}
