//! How `cargo whitewater` starts trade-store, reads its results, and knows what they should be.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use trade_store::Trade;
use whitewater::pipeline_under_test::{BoxError, Context, InputRecord, PipelineUnderTest, Row};

whitewater::runner! {
    "trade-store" => UnderTest,
}

struct UnderTest;

impl PipelineUnderTest for UnderTest {
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        Box::pin(async move {
            trade_store::run(&context.brokers, &context.topics, &context.group, &context.sink).await
        })
    }

    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        let database = trade_store::open(&context.sink)?;
        let mut statement = database.prepare("SELECT id, symbol, price, quantity FROM trade ORDER BY rowid")?;
        let rows = statement.query_map([], |row| {
            Ok(as_row(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for record in records {
            if let Ok(Trade { id, symbol, price, quantity }) = serde_json::from_slice(&record.payload) {
                let row = as_row(id.clone(), symbol, price, quantity.to_string());
                rows.entry(id).or_insert(row);
            }
        }
        rows.into_values().collect()
    }
}

fn as_row(id: String, symbol: String, price: String, quantity: String) -> Row {
    let columns = [("symbol", symbol), ("price", price), ("quantity", quantity)];
    Row {
        id,
        columns: columns.map(|(name, text)| (name.to_owned(), text)).into(),
        source: None,
    }
}
