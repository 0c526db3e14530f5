//! Asks the kernel for the time itself, past the C library, as crates for fast clocks do. A
//! simulation that let it through would have two clocks, and no seed would repeat.

use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use whitewater::pipeline_under_test::{BoxError, Context};

/// Runs until it is ended.
pub async fn run(context: Context) -> Result<(), BoxError> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("auto.offset.reset", "earliest")
        .create()?;
    let topics: Vec<&str> = context.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    loop {
        consumer.recv().await?;
        println!("received at {} ns", kernel_clock_ns());
    }
}

/// Wall clock in nanoseconds since 1970, by the kernel's own call.
#[inline(never)]
fn kernel_clock_ns() -> i64 {
    const CLOCK_GETTIME: i64 = 228;
    const CLOCK_REALTIME: i64 = 0;
    let mut now = [0_i64; 2];
    // SAFETY: the call writes two words to `now`, and the kernel changes the two registers named.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") CLOCK_GETTIME => _,
            in("rdi") CLOCK_REALTIME,
            in("rsi") now.as_mut_ptr(),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    now[0] * 1_000_000_000 + now[1]
}
