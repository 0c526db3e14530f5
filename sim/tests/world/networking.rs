//! Connections: order, ends, refusals, what a death tells the peer.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::host::{self, HostId};
use whitewater_sim::network::{self, Connection, connect, listen, resolve};
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{task, time};

use crate::{ms, run};

pub(crate) const PORT: u16 = 9_092;

/// A server on its own host that answers every number with its double.
pub(crate) fn doubling_server() -> (HostId, ProcessId) {
    let host = host::create_host("server-host");
    let server = process::create_process(host, "server");
    start_doubling(server);
    (host, server)
}

pub(crate) fn start_doubling(server: ProcessId) {
    process::start_plain(server, || async {
        let listener = listen(PORT).unwrap();
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            task::spawn(async move {
                while let Ok(Some(message)) = connection.receive().await {
                    let n = *message.downcast::<u64>().unwrap();
                    if connection.send(Box::new(2 * n), 8).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

pub(crate) fn server_address() -> SocketAddr {
    SocketAddr::new(resolve("server").unwrap(), PORT)
}

pub(crate) async fn receive(connection: &Connection) -> Result<Option<u64>, ErrorKind> {
    let message = connection.receive().await.map_err(|error| error.kind())?;
    Ok(message.map(|message| *message.downcast::<u64>().unwrap()))
}

#[test]
fn messages_arrive_in_order_after_a_latency() {
    run(1, async {
        doubling_server();
        time::sleep(ms(1)).await;
        let before = time::now();
        let connection = connect(server_address()).await.unwrap();
        let handshake = time::now() - before;
        assert!(handshake >= Duration::from_micros(400), "{handshake:?}");
        assert!(handshake <= ms(3), "{handshake:?}");
        assert_eq!(connection.peer_addr(), server_address());
        for n in 0..100_u64 {
            connection.send(Box::new(n), 8).unwrap();
        }
        for n in 0..100 {
            assert_eq!(receive(&connection).await, Ok(Some(2 * n)));
        }
    });
}

#[test]
fn nobody_listens_so_the_connection_is_refused() {
    run(1, async {
        let (_, server) = doubling_server();
        time::sleep(ms(1)).await;
        let address = server_address();
        let other_port = SocketAddr::new(address.ip(), 1);
        let kind = |result: std::io::Result<Connection>| result.unwrap_err().kind();
        assert_eq!(
            kind(connect(other_port).await),
            ErrorKind::ConnectionRefused
        );
        process::kill(server);
        assert_eq!(kind(connect(address).await), ErrorKind::ConnectionRefused);
        let nowhere = "10.0.99.9:1".parse().unwrap();
        assert_eq!(kind(connect(nowhere).await), ErrorKind::HostUnreachable);
        start_doubling(server);
        time::sleep(ms(1)).await;
        assert!(connect(address).await.is_ok());
    });
}

#[test]
fn names_resolve_to_processes_and_hosts() {
    run(1, async {
        let (host, server) = doubling_server();
        time::sleep(ms(1)).await;
        assert_eq!(resolve("server"), Some(process::ip(server)));
        assert_eq!(resolve("server-host"), Some(host::host_ip(host)));
        assert_eq!(resolve("10.1.2.3"), Some("10.1.2.3".parse().unwrap()));
        assert_eq!(resolve("nobody"), None);
        // The host's own address leads to whichever of its processes listens.
        let by_host = SocketAddr::new(host::host_ip(host), PORT);
        let connection = connect(by_host).await.unwrap();
        connection.send(Box::new(4_u64), 8).unwrap();
        assert_eq!(receive(&connection).await, Ok(Some(8)));
    });
}

#[test]
fn a_port_is_taken_until_its_listener_is_gone() {
    run(1, async {
        let listener = listen(PORT).unwrap();
        assert_eq!(listen(PORT).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        let listener = listen(PORT).unwrap();
        let loopback = SocketAddr::new(resolve("localhost").unwrap(), PORT);
        let (client, server) = (connect(loopback), listener.accept());
        let client = task::spawn(client);
        let (server, peer) = server.await.unwrap();
        let client = client.await.unwrap().unwrap();
        assert_eq!(client.local_addr(), peer);
        assert_eq!(server.peer_addr(), peer);
        assert_ne!(listen(0).unwrap().local_addr().port(), 0);
    });
}

#[test]
fn closing_ends_the_peer_after_what_was_sent() {
    run(1, async {
        let listener = listen(PORT).unwrap();
        let client = task::spawn(connect(listener.local_addr()));
        let (server, _) = listener.accept().await.unwrap();
        let client = client.await.unwrap().unwrap();
        for n in 0..5_u64 {
            client.send(Box::new(n), 8).unwrap();
        }
        drop(client);
        for n in 0..5 {
            assert_eq!(receive(&server).await, Ok(Some(n)));
        }
        assert_eq!(receive(&server).await, Ok(None));
        assert_eq!(receive(&server).await, Ok(None));
        // The peer is gone: the first message gets a reset for an answer, the next ones fail.
        server.send(Box::new(1_u64), 8).unwrap();
        time::sleep(ms(5)).await;
        assert_eq!(
            server.send(Box::new(1_u64), 8).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(
            server.send(Box::new(1_u64), 8).unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn half_a_connection_can_be_closed() {
    run(1, async {
        doubling_server();
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        connection.send(Box::new(21_u64), 8).unwrap();
        connection.shutdown_write();
        assert_eq!(receive(&connection).await, Ok(Some(42)));
        assert_eq!(receive(&connection).await, Ok(None));
        assert_eq!(
            connection.send(Box::new(1_u64), 8).unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

/// A client that stays connected and says how its connection ended.
fn watching_client(seen: &Rc<Cell<Option<Result<(), ErrorKind>>>>, ask: bool) {
    let seen = seen.clone();
    task::spawn(async move {
        let connection = connect(server_address()).await.unwrap();
        if ask {
            loop {
                time::sleep(ms(10)).await;
                if let Err(error) = connection.send(Box::new(1_u64), 8) {
                    return seen.set(Some(Err(error.kind())));
                }
                if let Ok(end) = time::timeout(ms(1), connection.receive()).await {
                    match end {
                        Ok(Some(_)) => {}
                        Ok(None) => return seen.set(Some(Ok(()))),
                        Err(error) => return seen.set(Some(Err(error.kind()))),
                    }
                }
            }
        }
        let end = receive(&connection).await.map(|_| ());
        seen.set(Some(end));
    });
}

#[test]
fn a_kill_tells_the_peer() {
    run(1, async {
        let (_, server) = doubling_server();
        time::sleep(ms(1)).await;
        let seen = Rc::new(Cell::new(None));
        watching_client(&seen, false);
        time::sleep(ms(20)).await;
        assert_eq!(seen.get(), None);
        process::kill(server);
        assert_eq!(seen.get(), None, "news travel no faster than messages");
        time::sleep(ms(2)).await;
        assert_eq!(seen.get(), Some(Ok(())));
    });
}

#[test]
fn a_kill_with_unread_messages_resets_the_connection() {
    run(1, async {
        let host = host::create_host("server-host");
        let server = process::create_process(host, "server");
        process::start_plain(server, || async {
            let listener = listen(PORT).unwrap();
            let _unread = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
        });
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        connection.send(Box::new(1_u64), 8).unwrap();
        time::sleep(ms(5)).await;
        process::kill(server);
        assert_eq!(receive(&connection).await, Err(ErrorKind::ConnectionReset));
        assert_eq!(receive(&connection).await, Ok(None));
    });
}

#[test]
fn power_loss_is_silent_until_the_host_is_back_and_asked() {
    for ask in [false, true] {
        run(1, async move {
            let (host, _) = doubling_server();
            time::sleep(ms(1)).await;
            let seen = Rc::new(Cell::new(None));
            watching_client(&seen, ask);
            time::sleep(ms(20)).await;
            host::power_loss(host);
            time::sleep(ms(60_000)).await;
            assert_eq!(seen.get(), None, "a dead host said something");
            host::boot(host);
            time::sleep(ms(50)).await;
            let expected = ask.then_some(Err(ErrorKind::ConnectionReset));
            assert_eq!(seen.get(), expected);
        });
    }
}

#[test]
fn connecting_to_a_host_without_power_hangs_until_it_boots() {
    run(1, async {
        let (host, server) = doubling_server();
        host::power_loss(host);
        let hanging = time::timeout(ms(10_000), connect(server_address())).await;
        assert!(hanging.is_err());
        let attempt = task::spawn(connect(server_address()));
        time::sleep(ms(10)).await;
        host::boot(host);
        start_doubling(server);
        time::sleep(ms(1)).await;
        let connected = time::timeout(ms(5), attempt).await.unwrap().unwrap();
        assert!(connected.is_ok() || connected.unwrap_err().kind() == ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_killed_client_is_noticed_even_while_it_connects() {
    run(1, async {
        let listener = listen(PORT).unwrap();
        let client = process::create_process(host::create_host("client-host"), "client");
        let address = listener.local_addr();
        process::start(client, move || async move {
            let _connection = connect(address).await;
            std::future::pending::<()>().await;
        });
        let (server, _) = listener.accept().await.unwrap();
        // Accepted when the request arrived: the client has not heard of it yet.
        process::kill(client);
        assert_eq!(receive(&server).await, Ok(None));
    });
}

#[test]
fn closing_a_listener_resets_what_nobody_accepted() {
    run(1, async {
        let listener = listen(PORT).unwrap();
        let connection = connect(listener.local_addr()).await.unwrap();
        drop(listener);
        assert_eq!(receive(&connection).await, Ok(None));
        assert!(network::connect(connection.peer_addr()).await.is_err());
    });
}
