//! Links that lose packets, as TCP shows it to those who talk over them.
//!
//! A lost segment is sent again after a timeout that doubles each time, and what was sent after it
//! waits, so that order is kept: what is seen is delay, and at last a broken connection. Constants
//! are Linux's (`include/net/tcp.h`, `ip-sysctl.rst`). Not modelled: fast retransmission, which a
//! stream of many segments has and a request that waits for its answer has not.

use crate::link::Endpoint;
use crate::random::Stream;
use crate::world::{self, World};

/// The first timeout of a segment: TCP_RTO_MIN.
const RESEND_AFTER_NS: u64 = 200_000_000;
/// The longest timeout of a segment: TCP_RTO_MAX.
const RESEND_AFTER_MAX_NS: u64 = 120_000_000_000;
/// So often is a segment sent again before the sender gives up: `tcp_retries2`.
const RESENDS_MAX: u32 = 15;

/// The first timeout of a request to connect: TCP_TIMEOUT_INIT.
const CONNECT_AGAIN_AFTER_NS: u64 = 1_000_000_000;
/// So often is it sent again: `tcp_syn_retries`.
const CONNECTS_AGAIN_MAX: u32 = 6;

/// A link's loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    parts_per_million: u32,
    lost: u64,
}

/// How many nanoseconds the sender waits for an answer to a segment that it sent again so many
/// times, before it sends it once more or gives up; none where it has given up.
pub(crate) fn resend_after_ns(resent: u32) -> Option<u64> {
    (resent <= RESENDS_MAX).then(|| {
        let doubled = RESEND_AFTER_NS.saturating_mul(1 << resent);
        doubled.min(RESEND_AFTER_MAX_NS)
    })
}

/// As [`resend_after_ns`] for a request to connect, or its answer.
pub(crate) fn connect_again_after_ns(resent: u32) -> Option<u64> {
    (resent <= CONNECTS_AGAIN_MAX).then(|| CONNECT_AGAIN_AFTER_NS << resent)
}

/// Whether a packet that arrives now is lost instead.
pub(crate) fn loses(loss: Option<&mut Loss>, world: &World) -> bool {
    let Some(loss) = loss else { return false };
    let drawn = world
        .random
        .borrow_mut()
        .range(Stream::Network, 0..1_000_000);
    let lost = drawn < u64::from(loss.parts_per_million);
    loss.lost += u64::from(lost);
    lost
}

/// Loses a share of the packets from `a` to `b` from now on, in that direction only.
#[track_caller]
pub fn set(a: impl Into<Endpoint>, b: impl Into<Endpoint>, parts_per_million: u32) {
    let rule = (a.into(), b.into());
    let loss = Loss {
        parts_per_million,
        lost: 0,
    };
    world::with(|world| world.network.borrow_mut().links.lossy.insert(rule, loss));
}

/// Undoes [`set`]. How many packets were lost by it. What is waiting to be sent again still waits.
#[track_caller]
pub fn clear(a: impl Into<Endpoint>, b: impl Into<Endpoint>) -> u64 {
    let rule = (a.into(), b.into());
    let cleared = world::with(|world| world.network.borrow_mut().links.lossy.remove(&rule));
    cleared.map_or(0, |loss| loss.lost)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::network::{connect, listen};
    use crate::process::{self, ProcessId};
    use crate::world::{WorldConfig, run};
    use crate::{host, task, time};

    /// Sends twenty numbers to a server over a link that loses `share_ppm`; what arrived, and how
    /// long that took after the connection was made.
    fn numbers(seed: u64, share_ppm: u32) -> (Vec<u32>, Duration, u64) {
        let config = WorldConfig {
            seed,
            ..WorldConfig::default()
        };
        run(config, async move {
            let (client, server) = two_processes();
            let address = SocketAddr::new(process::ip(server), 80);
            let (result, received) = receive_on(server, client, share_ppm);
            task::spawn_on(client, async move {
                let connection = connect(address).await.expect("somebody listens");
                for number in 0..20_u32 {
                    connection.send(Box::new(number), 4).expect("a connection");
                }
                time::sleep(Duration::MAX).await;
            });
            received.await.expect("no panic");
            let (numbers, took) = result.take();
            (numbers, took, clear(client, server))
        })
        .expect("a world that ends")
    }

    fn two_processes() -> (ProcessId, ProcessId) {
        let client = process::create_process(host::create_host("a"), "client");
        let server = process::create_process(host::create_host("b"), "server");
        for process in [client, server] {
            process::start_plain(process, || time::sleep(Duration::MAX));
        }
        (client, server)
    }

    type Received = std::rc::Rc<std::cell::RefCell<(Vec<u32>, Duration)>>;

    fn receive_on(
        server: ProcessId,
        client: ProcessId,
        share_ppm: u32,
    ) -> (Received, task::JoinHandle<()>) {
        let result = Received::default();
        let into = result.clone();
        let receive = task::spawn_on(server, async move {
            let listener = listen(80).expect("a free port");
            let (connection, _) = listener.accept().await.expect("a client");
            set(client, server, share_ppm);
            let begin = time::now();
            while into.borrow().0.len() < 20 {
                let message = connection.receive().await.expect("whole").expect("more");
                let number = message.downcast::<u32>().expect("a number");
                into.borrow_mut().0.push(*number);
            }
            into.borrow_mut().1 = time::now() - begin;
        });
        (result, receive)
    }

    #[test]
    fn what_is_lost_comes_later_and_in_order() {
        let (sent, took, lost) = numbers(1, 0);
        assert_eq!((sent, lost), ((0..20).collect(), 0));
        assert!(took < Duration::from_millis(20), "{took:?}");

        let (sent, took, lost) = numbers(1, 300_000);
        assert_eq!(sent, (0..20).collect::<Vec<_>>());
        assert!(lost >= 3, "{lost}");
        assert!(took >= Duration::from_millis(600), "{took:?}");
    }

    #[test]
    fn who_sends_into_a_dead_link_finds_out_after_a_quarter_of_an_hour() {
        let gave_up = run(WorldConfig::default(), async {
            let (client, server) = two_processes();
            let listening = task::spawn_on(server, async {
                let listener = listen(80).expect("a free port");
                let accepted = listener.accept().await;
                time::sleep(Duration::MAX).await;
                drop(accepted);
            });
            let address = SocketAddr::new(process::ip(server), 80);
            let sending = task::spawn_on(client, async move {
                let connection = connect(address).await.expect("somebody listens");
                set(client, server, 1_000_000);
                connection.send(Box::new(1_u32), 4).expect("a connection");
                let error = connection.receive().await.expect_err("it breaks");
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            });
            sending.await.expect("no panic");
            drop(listening);
            time::now()
        });
        let gave_up = gave_up.expect("a world that ends").as_secs();
        // `ip-sysctl.rst` says of the default: "a hypothetical timeout of 924.6 seconds".
        assert!((920..930).contains(&gave_up), "{gave_up} s");
    }

    #[test]
    fn a_request_to_connect_is_repeated_and_given_up() {
        let gave_up = run(WorldConfig::default(), async {
            let (client, server) = two_processes();
            set(client, server, 1_000_000);
            let address = SocketAddr::new(process::ip(server), 80);
            let connecting = task::spawn_on(client, async move {
                let error = connect(address).await.map(drop).expect_err("no way there");
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            });
            connecting.await.expect("no panic");
            time::now().as_secs()
        });
        assert_eq!(
            gave_up.expect("a world that ends"),
            127,
            "1 + 2 + ... + 64 s"
        );
    }
}
