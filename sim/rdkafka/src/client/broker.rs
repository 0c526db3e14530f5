//! One broker as a client knows it: a connection made on demand, requests in order.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use kafka_protocol::messages::{RequestKind, ResponseKind};
use whitewater_sim::kafka::{WireRequest, WireResponse, resolve_server};
use whitewater_sim::network::{self, Connection};
use whitewater_sim::random::{Stream, below_in};
use whitewater_sim::{task, time};

use super::api::Api;
use super::backoff::Backoff;
use super::core::ClientCore;
use crate::types::RDKafkaErrorCode;

/// A response's body, or why there is none.
type Outcome = Result<ResponseKind, RDKafkaErrorCode>;

/// A request on its way to a broker.
struct Call {
    name: &'static str,
    /// In bytes, if they are counted.
    size: u64,
    api_version: i16,
    body: RequestKind,
    /// A produce request with acks=0 is never answered.
    answered: bool,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Never connected.
    Initial,
    Up,
    Down,
}

struct State {
    /// The node's id, -1 while only its address is known.
    node_id: i32,
    status: Status,
    outgoing: VecDeque<Call>,
    task: Option<Waker>,
    /// The connection is to be given up: a request on it timed out.
    reset: bool,
    closed: bool,
    counters: Counters,
}

/// What statistics tell of a broker.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    pub(super) status_since: Duration,
    /// Requests sent, by name, and their size.
    pub(super) requests: BTreeMap<&'static str, i64>,
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
    pub(super) sent_at: Option<Duration>,
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) received_at: Option<Duration>,
    pub(super) timeouts: u64,
    pub(super) connects: i64,
    pub(super) disconnects: i64,
    /// Sent and not answered yet.
    pub(super) awaited: usize,
}

/// A broker; clones of the [`Arc`] share its connection.
pub(crate) struct Broker {
    server: String,
    /// The sizes of requests and responses are wanted, for statistics.
    counts_bytes: bool,
    state: Mutex<State>,
}

impl Broker {
    /// A broker at `host:port`. Its task belongs to the calling process and ends with
    /// [`close`](Self::close).
    pub(crate) fn start(core: &Weak<ClientCore>, node_id: i32, server: String) -> Arc<Self> {
        let settings = core
            .upgrade()
            .map(|core| core.settings().statistics_interval);
        let broker = Arc::new(Self {
            server,
            counts_bytes: settings.flatten().is_some(),
            state: Mutex::new(State {
                node_id,
                status: Status::Initial,
                outgoing: VecDeque::new(),
                task: None,
                reset: false,
                closed: false,
                counters: Counters::default(),
            }),
        });
        drop(task::spawn(run(Weak::clone(core), Arc::clone(&broker))));
        broker
    }

    /// `host:port`.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The node's id, -1 while it is not known.
    pub(crate) fn node_id(&self) -> i32 {
        self.lock().node_id
    }

    /// Names the node behind a bootstrap server.
    pub(crate) fn set_node_id(&self, node_id: i32) {
        self.lock().node_id = node_id;
    }

    /// `host:port/id`, as librdkafka shows brokers.
    pub(crate) fn name(&self) -> String {
        match self.node_id() {
            -1 => format!("{}/bootstrap", self.server),
            id => format!("{}/{id}", self.server),
        }
    }

    /// Whether the node's id was learned from metadata.
    pub(super) fn is_learned(&self) -> bool {
        self.node_id() >= 0
    }

    /// What statistics tell: the state by librdkafka's name, requests that wait to be sent, and
    /// counters.
    pub(super) fn counted(&self) -> (&'static str, usize, Counters) {
        let state = self.lock();
        let name = match state.status {
            Status::Initial => "INIT",
            Status::Up => "UP",
            Status::Down => "DOWN",
        };
        (name, state.outgoing.len(), state.counters.clone())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.lock().status == Status::Up
    }

    /// Whether the last attempt to connect failed, or the connection broke.
    pub(crate) fn is_down(&self) -> bool {
        self.lock().status == Status::Down
    }

    /// Ends the broker's task; requests fail.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    /// Sends a request and waits for its response. Its place among the requests to the broker is
    /// that of this call, not of the first poll of what it returns.
    ///
    /// # Errors
    /// `BrokerTransportFailure` if the connection cannot be made or breaks, `OperationTimedOut`
    /// if there is no answer in time (the connection is then given up, as librdkafka does with
    /// `socket.max.fails=1`).
    pub(crate) fn call<R: Api>(
        self: &Arc<Self>,
        request: R,
        timeout: Duration,
    ) -> impl Future<Output = Result<R::Response, RDKafkaErrorCode>> + use<R> {
        let outcome = self.enqueue(request, true);
        let broker = Arc::clone(self);
        async move {
            match time::timeout(timeout, outcome).await {
                Ok(Ok(outcome)) => {
                    let response = R::response(outcome?).ok_or(RDKafkaErrorCode::BadMessage)?;
                    broker.count_received(|| R::response_size(&response));
                    Ok(response)
                }
                Ok(Err(oneshot::Canceled)) => Err(RDKafkaErrorCode::BrokerDestroy),
                Err(time::Elapsed) => {
                    let mut state = broker.lock();
                    state.reset = true;
                    state.counters.timeouts += 1;
                    wake(state);
                    Err(RDKafkaErrorCode::OperationTimedOut)
                }
            }
        }
    }

    /// Sends a request that is never answered; done when it has been handed to the network. Its
    /// place is as with [`call`](Self::call).
    ///
    /// # Errors
    /// As [`call`](Self::call), without the timeout.
    pub(crate) fn send<R: Api>(
        &self,
        request: R,
    ) -> impl Future<Output = Result<(), RDKafkaErrorCode>> + use<R> {
        let outcome = self.enqueue(request, false);
        async move {
            match outcome.await {
                Ok(outcome) => outcome.map(drop),
                Err(oneshot::Canceled) => Err(RDKafkaErrorCode::BrokerDestroy),
            }
        }
    }

    fn enqueue<R: Api>(&self, request: R, answered: bool) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let size = if self.counts_bytes { request.size() } else { 0 };
        let mut state = self.lock();
        if !state.closed {
            state.outgoing.push_back(Call {
                name: R::NAME,
                size,
                api_version: R::VERSION,
                body: request.into(),
                answered,
                reply,
            });
            wake(state);
        }
        outcome
    }

    /// Held for moves of plain data only, so a panic cannot leave it half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_received(&self, size: impl Fn() -> u64) {
        if self.counts_bytes {
            let counters = &mut self.lock().counters;
            counters.received += 1;
            counters.received_bytes += size();
            counters.received_at = Some(time::now());
        }
    }

    /// Fails everything that waits to be sent.
    fn fail_outgoing(&self) {
        let outgoing = std::mem::take(&mut self.lock().outgoing);
        for call in outgoing {
            let _ = call
                .reply
                .send(Err(RDKafkaErrorCode::BrokerTransportFailure));
        }
    }

    /// Whatever timed out before was not sent over this connection.
    fn connected(&self) {
        let mut state = self.lock();
        state.status = Status::Up;
        state.counters.status_since = time::now();
        state.counters.connects += 1;
        state.reset = false;
    }

    fn set_status(&self, status: Status) {
        let mut state = self.lock();
        if state.status == Status::Up {
            state.counters.disconnects += 1;
        }
        if state.status != status {
            state.counters.status_since = time::now();
        }
        state.status = status;
    }

    /// Ready when there is something to send; false once the broker is closed.
    fn poll_work(&self, context: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(false);
        }
        state.reset = false;
        if state.outgoing.is_empty() {
            state.task = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(true)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let task = state.task.take();
    drop(state);
    if let Some(task) = task {
        task.wake();
    }
}

/// Connects when there is something to send, and serves the connection until it breaks.
async fn run(core: Weak<ClientCore>, broker: Arc<Broker>) {
    let Some(settings) = core.upgrade().map(|core| core.settings().clone()) else {
        return;
    };
    let max = settings.reconnect_backoff_max;
    let mut backoff = Backoff::new(settings.reconnect_backoff, max);
    let mut not_before = Duration::ZERO;
    while poll_fn(|context| broker.poll_work(context)).await {
        time::sleep_until(not_before).await;
        if not_before + max * 2 < time::now() {
            backoff.reset();
        }
        let connected = connect(&broker, settings.connection_setup_timeout).await;
        not_before = time::now() + backoff.step();
        let reason = match connected {
            Ok(connection) => {
                broker.connected();
                let client_id = settings.client_id.clone();
                Session::new(&broker, client_id, settings.max_in_flight, connection)
                    .serve()
                    .await;
                "Disconnected".to_owned()
            }
            Err(reason) => reason,
        };
        broker.set_status(Status::Down);
        broker.fail_outgoing();
        if broker.lock().closed {
            break;
        }
        match core.upgrade() {
            Some(core) => core.broker_went_down(&broker, &reason),
            None => break,
        }
    }
    broker.fail_outgoing();
}

async fn connect(broker: &Broker, timeout: Duration) -> Result<Connection, String> {
    let addresses = resolve_server(broker.server());
    let Some(count) = u64::try_from(addresses.len())
        .ok()
        .filter(|count| *count > 0)
    else {
        return Err(format!("Failed to resolve '{}'", broker.server()));
    };
    let address = addresses[below_in(Stream::Entropy, count) as usize];
    match time::timeout(timeout, network::connect(address)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(format!("Connect to {address} failed: {error}")),
        Err(time::Elapsed) => Err(format!(
            "Connection setup timed out in state CONNECT (after {}ms)",
            timeout.as_millis()
        )),
    }
}

/// A request that waits for its response.
struct InFlight {
    correlation_id: i32,
    reply: oneshot::Sender<Outcome>,
}

/// One connection, from its begin to its end.
struct Session<'a> {
    broker: &'a Broker,
    connection: Connection,
    client_id: String,
    max_in_flight: usize,
    in_flight: VecDeque<InFlight>,
    last_correlation_id: i32,
}

impl<'a> Session<'a> {
    fn new(
        broker: &'a Broker,
        client_id: String,
        max_in_flight: usize,
        connection: Connection,
    ) -> Self {
        Self {
            broker,
            connection,
            client_id,
            max_in_flight,
            in_flight: VecDeque::new(),
            last_correlation_id: 0,
        }
    }

    /// Sends and receives until the connection breaks or is given up; then what is in flight
    /// fails.
    async fn serve(mut self) {
        poll_fn(|context| self.poll(context)).await;
        for call in self.in_flight {
            let _ = call
                .reply
                .send(Err(RDKafkaErrorCode::BrokerTransportFailure));
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.send_all(context).is_err() {
                return Poll::Ready(());
            }
            let received = match self.connection.poll_receive(context) {
                Poll::Ready(Ok(Some(message))) => message.downcast::<WireResponse>(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            };
            let Ok(response) = received else {
                return Poll::Ready(());
            };
            self.complete(*response);
        }
    }

    fn send_all(&mut self, context: &Context<'_>) -> Result<(), ()> {
        loop {
            let call = {
                let mut state = self.broker.lock();
                if state.closed || state.reset {
                    return Err(());
                }
                state.task = Some(context.waker().clone());
                if self.in_flight.len() >= self.max_in_flight {
                    return Ok(());
                }
                match state.outgoing.pop_front() {
                    // Whoever asked has given up meanwhile, or asks again.
                    Some(call) if call.reply.is_canceled() => continue,
                    Some(call) => call,
                    None => return Ok(()),
                }
            };
            self.transmit(call)?;
        }
    }

    fn transmit(&mut self, call: Call) -> Result<(), ()> {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1);
        let correlation_id = self.last_correlation_id;
        let request = WireRequest {
            correlation_id,
            api_version: call.api_version,
            client_id: self.client_id.clone(),
            body: call.body,
        };
        let sent = self.connection.send(Box::new(request), 0);
        if sent.is_err() {
            let _ = call
                .reply
                .send(Err(RDKafkaErrorCode::BrokerTransportFailure));
            return Err(());
        }
        {
            let mut state = self.broker.lock();
            let counters = &mut state.counters;
            *counters.requests.entry(call.name).or_default() += 1;
            counters.sent += 1;
            counters.sent_bytes += call.size;
            counters.sent_at = Some(time::now());
            counters.awaited = self.in_flight.len() + usize::from(call.answered);
        }
        if call.answered {
            self.in_flight.push_back(InFlight {
                correlation_id,
                reply: call.reply,
            });
        } else {
            // Nobody reads the body of a request without an answer.
            let _ = call
                .reply
                .send(Ok(ResponseKind::Heartbeat(Default::default())));
        }
        Ok(())
    }

    fn complete(&mut self, response: WireResponse) {
        let found = self
            .in_flight
            .iter()
            .position(|call| call.correlation_id == response.correlation_id);
        if let Some(call) = found.and_then(|index| self.in_flight.remove(index)) {
            self.broker.lock().counters.awaited = self.in_flight.len();
            let _ = call.reply.send(Ok(response.body));
        }
    }
}

/// Waits for `future`, but at most until `deadline`.
pub(crate) async fn until<F: Future>(deadline: Option<Duration>, future: F) -> Option<F::Output> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => {
            let left = deadline.saturating_sub(time::now());
            let future = pin!(future);
            time::timeout(left, future).await.ok()
        }
    }
}
