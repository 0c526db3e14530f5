//! `pipeline send`.

use std::time::Instant;

use crate::cli::args::SendArgs;
use crate::cli::exit_code;
use crate::cli::failure::Failure;
use crate::cli::terminal::{bar, grouped, say};
use crate::clock;
use crate::config::Config;
use crate::kafka_log::{self, LogError};
use crate::send::{self, Counts, DisorderRates, Lines, SendOptions, SourceFormat};

pub(super) fn send(args: &SendArgs) -> Result<u8, Failure> {
    let mut lines = Lines::open(
        &args.file,
        args.format.unwrap_or(SourceFormat::of(&args.file)),
    )
    .map_err(send::SendError::from)?;
    let options = SendOptions {
        brokers: args.brokers.clone(),
        topic: args.topic.clone(),
        key: args.key.clone(),
        rates: DisorderRates {
            duplicates: args.duplicates,
            out_of_order: args.out_of_order,
            malformed: args.malformed,
        },
        seed: args.seed,
        timeout: args.timeout(),
        kafka: args.kafka.clone(),
    };
    if let Some(partitions) = args.create_topic {
        send::create_topic(&options, partitions)?;
    }
    wait_for_topic(args)?;

    let started = clock::monotonic();
    let (_, bytes) = lines.progress();
    let template = match bytes {
        Some(_) => "     Sending  [{bar:30}] {percent}%  {msg}",
        None => "     Sending  {spinner} {msg}",
    };
    let bar = bar(bytes, template);
    let mut counts = Counts::default();
    let sent = send::send(&options, &mut lines, &mut counts, |lines, counts| {
        bar.set_position(lines.progress().0);
        bar.set_message(format!("{} acknowledged", grouped(counts.acknowledged)));
    });
    bar.finish_and_clear();
    tell(&options, &counts, started);
    sent?;
    if counts.failed > 0 {
        let message = format!(
            "{} of {} records were not acknowledged",
            grouped(counts.failed),
            grouped(counts.sent)
        );
        let help = "what was not acknowledged may still have arrived; sending the file again is safe, for duplicates are cut";
        return Err(Failure::new(
            exit_code::NOT_ACKNOWLEDGED,
            message,
            Some(help),
        ));
    }
    Ok(exit_code::OK)
}

/// Asks as a consumer would: a producer's question may create the topic. The broker that is asked
/// may learn of a topic a little later than the controller that has just created it.
fn wait_for_topic(args: &SendArgs) -> Result<(), Failure> {
    let mut config = Config::new(
        &args.brokers,
        [args.topic.clone()],
        "none",
        "none",
        std::collections::BTreeMap::new(),
        "none",
    );
    config.worker = "pipeline-send".to_owned();
    config.kafka = args.kafka.iter().cloned().collect();
    let started = clock::monotonic();
    loop {
        match kafka_log::extents(&config, args.timeout()) {
            Err(LogError::TopicMissing { .. })
                if args.create_topic.is_some() && started.elapsed() < args.timeout() => {}
            answer => return answer.map(drop).map_err(Failure::from),
        }
    }
}

/// Exact counts, on standard output.
fn tell(options: &SendOptions, counts: &Counts, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let records = counts.records;
    println!("{:>12}  {} records read", "Read", grouped(records));
    println!(
        "{:>12}  {} to `{}` in {seconds:.1} s: {} in order, {} out of order, {} duplicates, {} malformed",
        "Sent",
        grouped(counts.sent),
        options.topic,
        grouped(records - counts.out_of_order.min(records)),
        grouped(counts.out_of_order),
        grouped(counts.duplicates),
        grouped(counts.malformed),
    );
    println!(
        "{:>12}  {}, not acknowledged {}",
        "Acknowledged",
        grouped(counts.acknowledged),
        grouped(counts.failed)
    );
    if counts.without_key > 0 {
        say(
            "Note",
            &format!(
                "{} records have no field for the key",
                grouped(counts.without_key)
            ),
        );
    }
}
