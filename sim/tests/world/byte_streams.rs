//! Streams of bytes.

use std::future::poll_fn;
use std::io;

use whitewater_sim::byte_stream::ByteStream;
use whitewater_sim::network::listen;
use whitewater_sim::{task, time};

use crate::networking::PORT;
use crate::{ms, run};

async fn pair() -> (ByteStream, ByteStream) {
    let listener = listen(PORT).unwrap();
    let client = task::spawn(ByteStream::connect(listener.local_addr()));
    let (server, _) = listener.accept().await.unwrap();
    (client.await.unwrap().unwrap(), ByteStream::new(server))
}

async fn write_all(stream: &mut ByteStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|context| stream.poll_write(context, bytes)).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

async fn read_to_end(stream: &mut ByteStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 1_000];
    loop {
        match poll_fn(|context| stream.poll_read(context, &mut buffer)).await? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn bytes_arrive_as_they_were_written() {
    run(1, async {
        let (mut client, mut server) = pair().await;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writer = task::spawn(async move {
            write_all(&mut client, &sent).await.unwrap();
            client.shutdown();
            read_to_end(&mut client).await.unwrap()
        });
        assert!(read_to_end(&mut server).await.unwrap() == expected);
        write_all(&mut server, b"thanks").await.unwrap();
        drop(server);
        assert_eq!(writer.await.unwrap(), b"thanks");
    });
}

#[test]
fn a_writer_waits_for_its_reader() {
    run(1, async {
        let (mut client, mut server) = pair().await;
        let writer = task::spawn(async move {
            write_all(&mut client, &vec![7; 1 << 20]).await.unwrap();
        });
        time::sleep(ms(1_000)).await;
        assert!(
            !writer.is_finished(),
            "a megabyte went out, and nobody reads"
        );
        assert_eq!(read_to_end(&mut server).await.unwrap().len(), 1 << 20);
        writer.await.unwrap();
    });
}

#[test]
fn peeking_leaves_the_bytes() {
    run(1, async {
        let (mut client, mut server) = pair().await;
        write_all(&mut client, b"whitewater").await.unwrap();
        drop(client);
        let mut buffer = [0; 5];
        let peeked = poll_fn(|context| server.poll_peek(context, &mut buffer))
            .await
            .unwrap();
        assert_eq!(&buffer[..peeked], b"white");
        assert_eq!(read_to_end(&mut server).await.unwrap(), b"whitewater");
    });
}
