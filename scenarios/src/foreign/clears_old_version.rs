//! Bug: a deployment that tidies up too early. The new version itself is right, but its start deletes
//! the rows of the version before it, to save room: there is nothing left to roll back to.

use std::future::Future;
use std::pin::Pin;

use rusqlite::Connection;
use whitewater::pipeline_under_test::{
    Accounting, BoxError, Context, InputRecord, PipelineUnderTest, RecordPosition, Row,
};

use crate::bundled::Bundled;

/// The version that comes next.
pub struct ClearsOldVersion(pub Bundled);

impl PipelineUnderTest for ClearsOldVersion {
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        let sink = context.sink.clone();
        let started = self.0.start(context);
        Box::pin(async move {
            let cleared = Connection::open(&sink).and_then(|database| {
                database.execute_batch("DELETE FROM \"trades@1\"; DELETE FROM \"trades@1 seen\"")
            });
            if let Err(error) = cleared {
                eprintln!("nothing to clear: {error}");
            }
            started.await
        })
    }

    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        self.0.results(context)
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        self.0.expected(records)
    }

    fn accounting(&self, context: &Context) -> Result<Option<Accounting>, BoxError> {
        self.0.accounting(context)
    }

    fn next_offsets(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        self.0.next_offsets(context)
    }

    fn quarantined(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        self.0.quarantined(context)
    }
}
