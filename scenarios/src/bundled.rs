//! The bundled pipeline enters the harness as anyone's would.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use whitewater::pipeline_under_test::{
    Accounting, BoxError, Context, Gap, InputRecord, PipelineUnderTest, RecordPosition, Row,
};
use whitewater_pipeline::config::Config;
use whitewater_pipeline::field_path::FieldPath;
use whitewater_pipeline::sqlite::Reader;
use whitewater_pipeline::worker;

use crate::oracle::{self, Column};

/// A processor with the field paths of one dataset, and what its rows should be.
pub struct Bundled {
    /// The configuration, but for what a run decides.
    pub configuration: &'static str,
    /// Another version of its processor, and the path of the field that this one adds.
    pub upgraded: Option<(&'static str, &'static str)>,
    /// The path of the message id.
    pub id: &'static str,
    /// The oracle's columns.
    pub columns: &'static [(&'static str, Column)],
}

/// Trades of the generator and of the US exchanges.
pub const TRADES: Bundled = Bundled {
    configuration: include_str!("../../pipeline/examples/us-equity-trades.toml"),
    upgraded: None,
    id: "id",
    columns: &[
        ("symbol", Column::Text("symbol")),
        ("price", Column::Decimal("price")),
        ("quantity", Column::Decimal("quantity")),
        ("notional", Column::Product("price", "quantity")),
        ("event_time", Column::Time("time")),
    ],
};

/// The same trades by the processor's next version, in a result set of its own.
pub const TRADES_2: Bundled = Bundled {
    upgraded: Some(("trades@2", "exchange")),
    columns: &[
        ("symbol", Column::Text("symbol")),
        ("price", Column::Decimal("price")),
        ("quantity", Column::Decimal("quantity")),
        ("notional", Column::Product("price", "quantity")),
        ("event_time", Column::Time("time")),
        ("exchange", Column::Text("exchange")),
    ],
    ..TRADES
};

/// Trades of Binance, whose prices are JSON numbers.
pub const TRADES_BINANCE: Bundled = Bundled {
    configuration: include_str!("../../pipeline/examples/binance-trades.toml"),
    ..TRADES
};

/// Purchases of the generator and of the CDNOW file.
pub const ACTIVITY: Bundled = Bundled {
    configuration: include_str!("../../pipeline/examples/cdnow-purchases.toml"),
    upgraded: None,
    id: "id",
    columns: &[
        ("user", Column::Text("user")),
        ("type", Column::Text("type")),
        ("event_time", Column::Time("time")),
        ("value", Column::Decimal("value")),
        ("about", Column::Null),
    ],
};

/// Public events of GitHub: nested fields, no value.
pub const ACTIVITY_GITHUB: Bundled = Bundled {
    configuration: include_str!("../../pipeline/examples/github-events.toml"),
    upgraded: None,
    id: "id",
    columns: &[
        ("user", Column::Text("actor.login")),
        ("type", Column::Text("type")),
        ("event_time", Column::Time("created_at")),
        ("value", Column::Null),
        ("about", Column::Text("repo.name")),
    ],
};

impl Bundled {
    fn configure(&self, context: &Context) -> Result<Config, BoxError> {
        let mut config = Config::from_toml("the bundled configuration", self.configuration)
            .map_err(|error| format!("{error:?}"))?;
        if let Some((processor, field)) = self.upgraded {
            config.processor = processor.to_owned();
            config
                .fields
                .insert(field.to_owned(), FieldPath::dotted(field)?);
        }
        config.brokers.clone_from(&context.brokers);
        config.topics.clone_from(&context.topics);
        config.group.clone_from(&context.group);
        config.worker.clone_from(&context.worker);
        config.sqlite.clone_from(&context.sink);
        for (name, value) in &context.settings {
            match name.as_str() {
                "records_max" => config.batch.records_max = value.parse()?,
                "linger_ms" => config.batch.linger = Duration::from_millis(value.parse()?),
                "drain_ms" => config.limits.drain = Duration::from_millis(value.parse()?),
                "sink_wait_ms_max" => {
                    config.limits.sink_wait = Duration::from_millis(value.parse()?)
                }
                "lag_ms_max" => config.limits.lag = Duration::from_millis(value.parse()?),
                "lag_interval_ms" => {
                    config.limits.lag_interval = Duration::from_millis(value.parse()?)
                }
                "seen_horizon_ms" => config.seen_horizon = Duration::from_millis(value.parse()?),
                kafka if kafka.contains('.') => {
                    config.kafka.insert(kafka.to_owned(), value.clone());
                }
                unknown => {
                    return Err(format!("the bundled pipeline has no setting `{unknown}`").into());
                }
            }
        }
        Ok(config)
    }

    fn reader(&self, context: &Context) -> Result<Reader, BoxError> {
        let config = self.configure(context)?;
        Ok(Reader::open(&context.sink, &config.processor)?)
    }
}

impl PipelineUnderTest for Bundled {
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        let config = self.configure(&context);
        Box::pin(async move {
            let mut terminate = signal(SignalKind::terminate())?;
            worker::run(&config?, async move {
                terminate.recv().await;
            })
            .await?;
            Ok(())
        })
    }

    fn results(&self, context: &Context) -> Result<Vec<Row>, BoxError> {
        let definition = whitewater_pipeline::registry::find(&self.configure(context)?.processor)
            .ok_or("the bundled configuration names no known processor")?;
        let rows = self.reader(context)?.rows()?;
        let as_row = |row: whitewater_pipeline::sqlite::Row| {
            let columns: BTreeMap<String, String> = row
                .identity(definition)
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            let source = RecordPosition {
                topic: row.source.topic.clone(),
                partition: row.source.partition,
                offset: row.offset,
            };
            Row {
                id: row.id,
                columns,
                source: Some(source),
            }
        };
        Ok(rows.into_iter().map(as_row).collect())
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        oracle::expected(records, self.id, self.columns)
    }

    fn accounting(&self, context: &Context) -> Result<Option<Accounting>, BoxError> {
        let counted = self.reader(context)?.accounting()?;
        Ok(Some(Accounting {
            records_in: counted.records_in,
            results: counted.results,
            filtered: counted.filtered,
            duplicates: counted.duplicates,
            redelivered: counted.redelivered,
            quarantined: counted.quarantined,
        }))
    }

    fn next_offsets(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        let position = |position: whitewater_pipeline::sqlite::Position| {
            Some(RecordPosition {
                topic: position.partition.topic,
                partition: position.partition.partition,
                offset: position.next_offset?,
            })
        };
        let positions = self.reader(context)?.positions()?;
        Ok(Some(positions.into_iter().filter_map(position).collect()))
    }

    fn gaps(&self, context: &Context) -> Result<Vec<Gap>, BoxError> {
        let gap = |gap: whitewater_pipeline::sqlite::Gap| Gap {
            topic: gap.partition.topic,
            partition: gap.partition.partition,
            from: gap.from_offset,
            to: gap.to_offset,
        };
        Ok(self.reader(context)?.gaps()?.into_iter().map(gap).collect())
    }

    fn quarantined(&self, context: &Context) -> Result<Option<Vec<RecordPosition>>, BoxError> {
        let quarantined = self.reader(context)?.quarantined()?;
        let position = |record: whitewater_pipeline::sqlite::Quarantined| RecordPosition {
            topic: record.source.topic,
            partition: record.source.partition,
            offset: record.offset,
        };
        Ok(Some(quarantined.into_iter().map(position).collect()))
    }
}
