//! Brings a foreign consumer into the harness: how it starts, what it wrote, what it should have.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use rusqlite::{Connection, OpenFlags};
use whitewater::pipeline_under_test::{
    BoxError, Context, InputRecord, OutputRecord, PipelineUnderTest, RecordPosition, Row,
};

use super::trade::Trade;

/// A consumer with a table `trades (id, symbol, price, quantity, topic, partition, offset)`.
pub struct Foreign<Start>(pub Start);

impl<Start, Running> PipelineUnderTest for Foreign<Start>
where
    Start: Fn(Context) -> Running + Sync,
    Running: Future<Output = Result<(), BoxError>> + 'static,
{
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        Box::pin((self.0)(context))
    }

    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        let database =
            Connection::open_with_flags(&context.sink, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = database.prepare(
            "SELECT id, symbol, price, quantity, topic, partition, offset FROM trades ORDER BY rowid",
        )?;
        let rows = statement.query_map([], |row| {
            let trade = Trade {
                id: row.get(0)?,
                symbol: row.get(1)?,
                price: row.get(2)?,
                quantity: row.get(3)?,
            };
            let source = RecordPosition {
                topic: row.get(4)?,
                partition: row.get(5)?,
                offset: row.get(6)?,
            };
            Ok(as_row(trade, Some(source)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        expected(records)
    }
}

/// A consumer that writes the trades of its topic to another topic, as they are.
pub struct ForeignToTopic<Start>(pub Start);

impl<Start, Running> PipelineUnderTest for ForeignToTopic<Start>
where
    Start: Fn(Context) -> Running + Sync,
    Running: Future<Output = Result<(), BoxError>> + 'static,
{
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        Box::pin((self.0)(context))
    }

    fn row(&self, record: &OutputRecord) -> Result<Option<Row>, BoxError> {
        Ok(Trade::parse(&record.payload).map(|trade| as_row(trade, None)))
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        expected(records)
    }
}

/// A foreign consumer that keeps its offsets in its own database, and how they are read.
pub struct ForeignWithPositions<Start>(
    pub Foreign<Start>,
    pub fn(&Context) -> Result<Vec<RecordPosition>, BoxError>,
);

impl<Start> PipelineUnderTest for ForeignWithPositions<Start>
where
    Foreign<Start>: PipelineUnderTest,
{
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        self.0.start(context)
    }

    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        self.0.results(context)
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        self.0.expected(records)
    }

    fn next_offsets(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        (self.1)(context).map(Some)
    }
}

/// One row an id: the first trade of each.
fn expected(records: &[InputRecord]) -> Vec<Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for trade in records
        .iter()
        .filter_map(|record| Trade::parse(&record.payload))
    {
        rows.entry(trade.id.clone())
            .or_insert_with(|| as_row(trade, None));
    }
    rows.into_values().collect()
}

fn as_row(trade: Trade, source: Option<RecordPosition>) -> Row {
    let columns = [
        ("symbol", trade.symbol),
        ("price", trade.price),
        ("quantity", trade.quantity),
    ];
    Row {
        id: trade.id,
        columns: columns.map(|(name, text)| (name.to_owned(), text)).into(),
        source,
    }
}
