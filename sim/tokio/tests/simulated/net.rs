//! TCP between simulated processes.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use whitewater_sim::{host, link, process};

use crate::world::run;

/// A connected pair inside one process.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (server, peer) = accepted.unwrap();
    let client = client.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), address);
    (client, server)
}

/// Starts a process that echoes one connection after another, on a host of its own.
fn start_echo_server() -> process::ProcessId {
    let server = process::create_process(host::create_host("server-host"), "server");
    process::start(server, || async {
        let listener = TcpListener::bind("0.0.0.0:7000").await.unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    server
}

#[test]
fn echo_between_hosts_by_name() {
    run(async {
        start_echo_server();
        sleep(Duration::from_millis(1)).await;
        let mut stream = TcpStream::connect("server:7000").await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut echoed = String::new();
        stream.read_to_string(&mut echoed).await.unwrap();
        assert_eq!(echoed, "hello");
    });
}

#[test]
fn names_resolve_to_simulated_hosts_and_processes() {
    run(async {
        let server = start_echo_server();
        let by_name: Vec<SocketAddr> = lookup_host("server:7000").await.unwrap().collect();
        assert_eq!(by_name, [SocketAddr::new(process::ip(server), 7000)]);
        let by_host = lookup_host(("server-host", 1)).await.unwrap().next();
        assert_eq!(
            by_host.unwrap().ip(),
            host::host_ip(process::host_of(server))
        );
        let local = lookup_host("localhost:80").await.unwrap().next();
        assert_eq!(local.unwrap(), SocketAddr::from(([127, 0, 0, 1], 80)));
        assert!(lookup_host("example.com:80").await.is_err());
        let missing = TcpStream::connect("server").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn nobody_listens_or_the_address_is_taken() {
    run(async {
        let refused = TcpStream::connect("127.0.0.1:9").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
        let taken = TcpListener::bind(listener.local_addr().unwrap()).await;
        assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
        let elsewhere = TcpListener::bind("8.8.8.8:80").await.unwrap_err();
        assert_eq!(elsewhere.kind(), ErrorKind::AddrNotAvailable);
        drop(listener);
        TcpListener::bind("0.0.0.0:80").await.unwrap();
    });
}

#[test]
fn half_close_and_owned_halves() {
    run(async {
        let (client, mut server) = pair().await;
        let (mut read, mut write) = client.into_split();
        write.write_all(b"request").await.unwrap();
        drop(write);
        let mut request = String::new();
        server.read_to_string(&mut request).await.unwrap();
        assert_eq!(request, "request");
        server.write_all(b"response").await.unwrap();
        drop(server);
        let mut response = String::new();
        read.read_to_string(&mut response).await.unwrap();
        assert_eq!(response, "response");
    });
}

#[test]
fn halves_reunite_with_their_own_only() {
    run(async {
        let (first, second) = pair().await;
        let (first_read, first_write) = first.into_split();
        let (second_read, second_write) = second.into_split();
        let error = first_read.reunite(second_write).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tried to reunite halves that are not from the same socket"
        );
        let mut first = error.0.reunite(first_write).unwrap();
        let mut second = second_read.reunite(error.1).unwrap();
        first.write_all(b"x").await.unwrap();
        assert_eq!(second.read_u8().await.unwrap(), b'x');
    });
}

#[test]
fn try_and_ready_operations() {
    run(async {
        let (client, server) = pair().await;
        let mut buf = [0; 8];
        let empty = server.try_read(&mut buf).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"abc").unwrap(), 3);
        server.readable().await.unwrap();
        assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(server.try_read(&mut buf).unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        let mut grown = Vec::new();
        client.try_write(b"de").unwrap();
        server.readable().await.unwrap();
        assert_eq!(server.try_read_buf(&mut grown).unwrap(), 2);
        let ready = server
            .ready(Interest::READABLE | Interest::WRITABLE)
            .await
            .unwrap();
        assert!(ready.is_writable() && !ready.is_readable());
        drop(client);
        let ready = server.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_read_closed());
        assert_eq!(server.try_read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn every_task_that_waits_is_woken() {
    run(async {
        let (client, server) = pair().await;
        let server = std::sync::Arc::new(server);
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                tokio::spawn(async move { server.readable().await.unwrap() })
            })
            .collect();
        sleep(Duration::from_millis(10)).await;
        client.try_write(b"x").unwrap();
        for task in waiting {
            timeout(Duration::from_secs(1), task)
                .await
                .unwrap()
                .unwrap();
        }
    });
}

#[test]
fn a_reader_that_does_not_read_holds_up_the_writer() {
    run(async {
        let (mut client, mut server) = pair().await;
        let megabytes = vec![7; 4 << 20];
        let writing = tokio::spawn(async move {
            client.write_all(&megabytes).await.unwrap();
        });
        sleep(Duration::from_secs(1)).await;
        assert!(!writing.is_finished());
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, vec![7; 4 << 20]);
        writing.await.unwrap();
    });
}

#[test]
fn the_peer_of_a_killed_process_sees_the_end() {
    run(async {
        let server = start_echo_server();
        sleep(Duration::from_millis(1)).await;
        let mut stream = TcpStream::connect("server:7000").await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'a');
        process::kill(server);
        let mut rest = Vec::new();
        let end = timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
        assert!(matches!(end, Ok(Ok(0)) | Ok(Err(_))), "{end:?}");
        sleep(Duration::from_millis(10)).await;
        stream.write_all(b"b").await.ok();
        sleep(Duration::from_millis(10)).await;
        assert!(stream.write_all(b"c").await.is_err());
    });
}

#[test]
fn connecting_over_a_cut_takes_as_long_as_the_caller_lets_it() {
    run(async {
        let server = start_echo_server();
        sleep(Duration::from_millis(1)).await;
        link::cut(process::current(), server);
        let connect = timeout(Duration::from_secs(30), TcpStream::connect("server:7000"));
        assert!(connect.await.is_err());
        link::heal_all();
        TcpStream::connect("server:7000").await.unwrap();
    });
}

#[test]
fn socket_options_are_kept() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_nodelay(true).unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert!(stream.nodelay().unwrap());
        stream.set_nodelay(false).unwrap();
        assert!(!stream.nodelay().unwrap());
        stream.set_ttl(9).unwrap();
        assert_eq!(stream.ttl().unwrap(), 9);
    });
}

#[test]
#[should_panic(expected = "IO is disabled. Call `enable_io`")]
fn sockets_need_a_runtime_that_has_them() {
    run(async {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let bind = async { TcpListener::bind("0.0.0.0:0").await.map(drop) };
        runtime.unwrap().block_on(bind).unwrap();
    });
}
