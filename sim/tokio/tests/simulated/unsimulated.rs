//! What is not simulated panics with its own name.

use crate::world::run;

/// What the panic of `main` says.
fn refusal(main: impl Future<Output = ()> + 'static) -> String {
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(main)));
    let payload = refused.expect_err("it is refused");
    *payload
        .downcast::<String>()
        .expect("a panic says something")
}

#[test]
fn each_names_itself() {
    let said = refusal(async { drop(tokio::fs::read("x").await) });
    assert!(
        said.starts_with("tokio::fs::read is not simulated:"),
        "{said}"
    );
    let said = refusal(async { drop(tokio::fs::File::open("x").await) });
    assert!(
        said.starts_with("tokio::fs::File::open is not simulated:"),
        "{said}"
    );
    let said = refusal(async { drop(tokio::net::UdpSocket::bind("0.0.0.0:0").await) });
    assert!(
        said.starts_with("tokio::net::UdpSocket is not simulated:"),
        "{said}"
    );
    let said = refusal(async { drop(tokio::net::UnixListener::bind("x")) });
    assert!(
        said.starts_with("tokio::net::UnixListener is not simulated:"),
        "{said}"
    );
    let said = refusal(async { drop(tokio::process::Command::new("ls").spawn()) });
    assert!(
        said.starts_with("tokio::process::Command::spawn is not simulated:"),
        "{said}"
    );
    let said = refusal(async {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:1").await.unwrap();
        std::os::fd::AsRawFd::as_raw_fd(&listener);
    });
    let expected = "the file descriptor of tokio::net::TcpListener is not simulated:";
    assert!(said.starts_with(expected), "{said}");
    let said = refusal(async {
        let _: tokio::io::Stdin = tokio::io::stdin();
    });
    assert!(
        said.starts_with("tokio::io::stdin is not simulated:"),
        "{said}"
    );
}

#[test]
#[cfg(feature = "test-util")]
fn the_test_clock_names_itself() {
    let said = refusal(async { tokio::time::pause() });
    assert!(
        said.starts_with("tokio::time::pause is not simulated:"),
        "{said}"
    );
}
