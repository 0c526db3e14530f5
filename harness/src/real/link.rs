//! Links between workers and brokers that faults can hit: a relay in this process for each, which
//! holds bytes back, delays them, or loses them with their connection.
//!
//! A broker has a listener for each relayed worker, and tells that worker to reach it through the
//! relay. Bytes on a cut link are late, as with TCP's own resends: nobody's connection is closed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bytes that are relayed at once, and delayed together.
const CHUNK: usize = 64 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Requests.
    ToBroker,
    /// Answers.
    ToWorker,
}

/// One link. Its relay runs as long as the process.
#[derive(Debug)]
pub(super) struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    random: ChaCha8Rng,

    cut_to_broker: bool,
    cut_to_worker: bool,
    /// One way, in microseconds.
    delay_us: Option<RangeInclusive<u64>>,
    lose_next: bool,
}

/// What becomes of bytes.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// They arrive, after so long.
    Arrive(Duration),
    /// They are lost, and their connection with them.
    Lost,
}

impl Link {
    /// Relays what reaches `listener` to a broker's listener of its own on this machine. Delays are
    /// drawn by `seed`.
    pub(super) fn relay(listener: TcpListener, broker_port: u16, seed: u64) -> Arc<Self> {
        let state = State {
            random: ChaCha8Rng::seed_from_u64(seed),
            cut_to_broker: false,
            cut_to_worker: false,
            delay_us: None,
            lose_next: false,
        };
        let link = Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let relayed = link.clone();
        spawn(move || {
            for worker in listener.incoming().flatten() {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, broker_port));
                // A broker that is down refuses; so does the relay, by closing.
                if let Ok(broker) = TcpStream::connect(address) {
                    connect(&relayed, worker, broker);
                }
            }
        });
        link
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Nothing passes this way until it is healed.
    pub(super) fn cut(&self, way: Way, cut: bool) {
        self.change(|state| match way {
            Way::ToBroker => state.cut_to_broker = cut,
            Way::ToWorker => state.cut_to_worker = cut,
        });
    }

    /// Whatever passes is so late, both ways.
    pub(super) fn delay(&self, delay_us: Option<RangeInclusive<u64>>) {
        self.change(|state| state.delay_us = delay_us);
    }

    /// The next answer is lost with its connection.
    pub(super) fn lose_next(&self) {
        self.change(|state| state.lose_next = true);
    }

    /// The answer that was to be lost may arrive, unless it is lost already: whether it is.
    pub(super) fn lose_no_more(&self) -> bool {
        !std::mem::take(&mut self.state().lose_next)
    }

    /// As if nothing had ever happened to it.
    pub(super) fn heal(&self) {
        self.change(|state| {
            state.cut_to_broker = false;
            state.cut_to_worker = false;
            state.delay_us = None;
            state.lose_next = false;
        });
    }

    /// Waits while the way is cut, and says what becomes of bytes then.
    fn pass(&self, way: Way) -> Fate {
        let is_cut = |state: &mut State| match way {
            Way::ToBroker => state.cut_to_broker,
            Way::ToWorker => state.cut_to_worker,
        };
        let waited = self.changed.wait_while(self.state(), is_cut);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if way == Way::ToWorker && std::mem::take(&mut state.lose_next) {
            return Fate::Lost;
        }
        let late = state.delay_us.clone();
        let late_us = late.map_or(0, |range| state.random.random_range(range));
        Fate::Arrive(Duration::from_micros(late_us))
    }
}

/// Relays a connection both ways until either end closes it.
fn connect(link: &Arc<Link>, worker: TcpStream, broker: TcpStream) {
    let pairs = [
        (Way::ToBroker, worker.try_clone(), broker.try_clone()),
        (Way::ToWorker, Ok(broker), Ok(worker)),
    ];
    for (way, from, to) in pairs {
        let (Ok(from), Ok(to)) = (from, to) else {
            continue;
        };
        let link = link.clone();
        // What is relayed late should not wait for more.
        let _ = to.set_nodelay(true);
        spawn(move || {
            pump(&link, way, &from, &to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn pump(link: &Link, way: Way, mut from: &TcpStream, mut to: &TcpStream) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        match link.pass(way) {
            Fate::Lost => return,
            Fate::Arrive(late) => sleep(late),
        }
        if to.write_all(&chunk[..read]).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "no part of a simulated build")]
fn spawn(body: impl FnOnce() + Send + 'static) {
    std::thread::spawn(body);
}

#[expect(clippy::disallowed_methods, reason = "no part of a simulated build")]
fn sleep(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker's end and a broker's end of a relayed connection.
    fn relayed() -> (Arc<Link>, TcpStream, TcpStream) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (broker, relay) = (bind(), bind());
        let broker_port = broker.local_addr().expect("bound").port();
        let address = relay.local_addr().expect("bound");
        let link = Link::relay(relay, broker_port, 1);
        let worker = TcpStream::connect(address).expect("relayed");
        let (broker, _) = broker.accept().expect("relayed");
        for end in [&worker, &broker] {
            let patience = Some(Duration::from_secs(20));
            end.set_read_timeout(patience).expect("a timeout");
        }
        (link, worker, broker)
    }

    fn receive(mut end: &TcpStream) -> Vec<u8> {
        let mut bytes = [0; 16];
        let read = end.read(&mut bytes).expect("bytes or an end");
        bytes[..read].to_vec()
    }

    #[test]
    fn what_waits_on_a_cut_link_arrives_once_it_is_healed() {
        let (link, mut worker, mut broker) = relayed();
        link.cut(Way::ToBroker, true);
        worker.write_all(b"request").expect("sent");
        broker.write_all(b"answer").expect("sent");
        // The other way is open.
        assert_eq!(receive(&worker), b"answer");
        broker
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a timeout");
        assert!(broker.read(&mut [0; 16]).is_err(), "the link is cut");
        broker
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        link.heal();
        assert_eq!(receive(&broker), b"request");
    }

    #[test]
    fn a_lost_answer_takes_its_connection_along() {
        let (link, mut worker, mut broker) = relayed();
        link.lose_next();
        worker.write_all(b"request").expect("sent");
        assert_eq!(receive(&broker), b"request");
        broker.write_all(b"answer").expect("sent");
        assert_eq!(receive(&worker), b"");
        assert!(link.lose_no_more());
    }

    #[test]
    fn delayed_bytes_are_late() {
        let (link, mut worker, broker) = relayed();
        link.delay(Some(50_000..=60_000));
        let sent = std::time::Instant::now();
        worker.write_all(b"request").expect("sent");
        assert_eq!(receive(&broker), b"request");
        assert!(sent.elapsed() >= Duration::from_millis(50));
    }
}
