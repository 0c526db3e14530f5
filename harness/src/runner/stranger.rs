//! A producer that is nobody's: it writes to the load's topic, too, and does not end what it begins.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{host, time};

use super::injector::Injector;
use crate::clients;
use crate::dataset::record::LoadRecord;

/// How long one of its calls may take.
const CALL: Duration = Duration::from_secs(60);

/// Makes the id of a record one that the load does not have, be it a text or a number.
const VOID: &str = "99999999";

/// A stranger's process.
pub(crate) struct Stranger {
    process: ProcessId,
    wrote: Rc<Cell<bool>>,
}

/// Starts one that writes a record to each partition of the topic, within a transaction that nobody
/// ends.
pub(crate) fn begin_transaction(on: &Injector, topic: &str, timeout_ms: u64) -> Stranger {
    let name = format!("stranger-{}", time::now().as_millis());
    let process = process::create_process(host::create_host(&format!("{name}-host")), &name);
    let config = clients::stranger(&on.cluster.bootstrap_servers(), &name, timeout_ms);
    let partitions = on.plan.partitions(topic).unwrap_or(1);
    let payload = on
        .loaded
        .records()
        .iter()
        .find_map(void)
        .unwrap_or_default();
    let wrote = Rc::new(Cell::new(false));
    let (topic, written) = (topic.to_owned(), wrote.clone());
    process::start(process, move || async move {
        let producer: BaseProducer = config
            .create()
            .expect("a fixed configuration that the client knows");
        // What fails leaves nothing open: then it had no effect.
        let begun = producer
            .init_transactions(CALL)
            .and_then(|()| producer.begin_transaction());
        if begun.is_ok() {
            for partition in 0..partitions {
                let record = BaseRecord::<(), [u8]>::to(&topic).payload(&payload);
                let _ = producer.send(record.partition(partition));
            }
            written.set(producer.flush(CALL).is_ok());
        }
        pending::<()>().await;
    });
    Stranger { process, wrote }
}

impl Stranger {
    /// It is gone, without a word to its coordinator. Whether it had written anything.
    pub(crate) fn fall_silent(&self) -> bool {
        process::kill(self.process);
        self.wrote.get()
    }
}

/// A record like this one, under an id of its own.
fn void(record: &LoadRecord) -> Option<Vec<u8>> {
    let id = record.id.as_deref()?;
    let text = std::str::from_utf8(&record.payload).ok()?;
    Some(text.replacen(id, &format!("{id}{VOID}"), 1).into_bytes())
}
