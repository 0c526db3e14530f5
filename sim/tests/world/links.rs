//! Cuts and delays.

use std::io::ErrorKind;
use std::time::Duration;

use whitewater_sim::host::HARNESS_HOST;
use whitewater_sim::link::{
    clear_delay, cut, heal, heal_all, lose_next, lose_no_more, set_delay, set_latency,
};
use whitewater_sim::network::connect;
use whitewater_sim::process::HARNESS;
use whitewater_sim::{task, time};

use crate::networking::{doubling_server, receive, server_address};
use crate::{ms, run};

#[test]
fn a_cut_holds_messages_back_and_healing_delivers_them_in_order() {
    run(1, async {
        let (host, _) = doubling_server();
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        connection.send(Box::new(0_u64), 8).unwrap();
        assert_eq!(receive(&connection).await, Ok(Some(0)));
        cut(HARNESS_HOST, host);
        for n in 1..=3_u64 {
            connection.send(Box::new(n), 8).unwrap();
        }
        assert!(
            time::timeout(ms(60_000), receive(&connection))
                .await
                .is_err()
        );
        heal(HARNESS_HOST, host);
        let healed_at = time::now();
        for n in 1..=3 {
            assert_eq!(receive(&connection).await, Ok(Some(2 * n)));
        }
        assert!(time::now() - healed_at < ms(5));
    });
}

#[test]
fn a_cut_has_one_direction() {
    run(1, async {
        let (_, server) = doubling_server();
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        cut(server, HARNESS);
        connection.send(Box::new(7_u64), 8).unwrap();
        assert!(time::timeout(ms(100), receive(&connection)).await.is_err());
        // The request did arrive: only its answer is held, so it comes within one latency.
        heal(server, HARNESS);
        let answer = time::timeout(ms(1), receive(&connection)).await;
        assert_eq!(answer, Ok(Ok(Some(14))));
    });
}

#[test]
fn a_lost_answer_breaks_the_connection_and_only_that_one() {
    run(1, async {
        let (_, server) = doubling_server();
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        assert!({
            lose_next(HARNESS, server);
            !lose_no_more(HARNESS, server)
        });
        lose_next(server, HARNESS);
        connection.send(Box::new(7_u64), 8).unwrap();
        let answer = receive(&connection).await;
        assert_eq!(answer, Err(ErrorKind::ConnectionReset));
        assert!(lose_no_more(server, HARNESS), "the server did answer");

        let connection = connect(server_address()).await.unwrap();
        connection.send(Box::new(8_u64), 8).unwrap();
        assert_eq!(receive(&connection).await, Ok(Some(16)));
    });
}

#[test]
fn what_is_on_its_way_is_held_back_too() {
    run(1, async {
        let (host, _) = doubling_server();
        time::sleep(ms(1)).await;
        let connection = connect(server_address()).await.unwrap();
        connection.send(Box::new(7_u64), 8).unwrap();
        cut(HARNESS_HOST, host);
        assert!(time::timeout(ms(100), receive(&connection)).await.is_err());
        heal_all();
        assert_eq!(receive(&connection).await, Ok(Some(14)));
    });
}

#[test]
fn connecting_over_a_cut_hangs_and_goes_on_after_healing() {
    for direction in [true, false] {
        run(1, async move {
            let (host, _) = doubling_server();
            time::sleep(ms(1)).await;
            let ends = if direction {
                (HARNESS_HOST, host)
            } else {
                (host, HARNESS_HOST)
            };
            cut(ends.0, ends.1);
            assert!(
                time::timeout(ms(10_000), connect(server_address()))
                    .await
                    .is_err()
            );
            let attempt = task::spawn(connect(server_address()));
            time::sleep(ms(10_000)).await;
            assert!(!attempt.is_finished());
            heal(ends.0, ends.1);
            let connection = attempt.await.unwrap().unwrap();
            connection.send(Box::new(1_u64), 8).unwrap();
            assert_eq!(receive(&connection).await, Ok(Some(2)));
        });
    }
}

/// How long a round trip takes.
async fn round_trip() -> Duration {
    let connection = connect(server_address()).await.unwrap();
    let before = time::now();
    connection.send(Box::new(1_u64), 8).unwrap();
    receive(&connection).await.unwrap();
    time::now() - before
}

#[test]
fn a_delay_concerns_one_direction_of_one_link() {
    run(1, async {
        let (host, server) = doubling_server();
        time::sleep(ms(1)).await;
        assert!(round_trip().await < ms(3));
        set_delay(HARNESS_HOST, host, ms(50)..ms(60));
        let slow = round_trip().await;
        assert!(slow >= ms(50) && slow < ms(62), "{slow:?}");
        // The rule for the two processes wins.
        set_delay(HARNESS, server, ms(200)..ms(200));
        let slower = round_trip().await;
        assert!(slower >= ms(200) && slower < ms(202), "{slower:?}");
        clear_delay(HARNESS, server);
        clear_delay(HARNESS_HOST, host);
        assert!(round_trip().await < ms(3));
        set_latency(ms(20)..ms(30));
        let usual = round_trip().await;
        assert!(usual >= ms(40) && usual < ms(62), "{usual:?}");
    });
}
