//! The records of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::file::{self, DatasetError};
use super::record::{LoadRecord, Row, Sending, What};
use super::{activity, disorder, hot_key, trades};
use crate::checker::observation::Acknowledged;
use crate::plan::stream::{Concern, stream};
use crate::plan::{LoadPlan, Source};
use crate::scenario::load::Generator;

/// Where the generators put the message id.
const GENERATED_ID: &str = "id";

/// The records of a load in the order of sending, those left out by the plan left out: a pure
/// function of plan, seed and file content.
///
/// # Errors
/// The plan takes a file, and it is missing, broken, or not the one the plan was made for.
pub fn records(
    plan: &LoadPlan,
    seed: u64,
    data: Option<&Path>,
) -> Result<Vec<LoadRecord>, DatasetError> {
    let (rows, id_path) = rows(&plan.source, seed, data)?;
    let mut records = disorder::arrange(
        &rows,
        &plan.disorder,
        plan.rate_per_s,
        id_path,
        &mut stream(seed, Concern::Disorder),
    );
    hot_key::heat(
        &mut records,
        plan.disorder.hot_key_ppm,
        &mut stream(seed, Concern::HotKey),
    );
    records.retain(|record| !plan.removed.contains(&record.index));
    Ok(records)
}

fn rows<'s>(
    source: &'s Source,
    seed: u64,
    data: Option<&Path>,
) -> Result<(Vec<Row>, &'s str), DatasetError> {
    match source {
        Source::Generator {
            generator,
            skip,
            records,
            keys,
        } => {
            let generate = match generator {
                Generator::Trades => trades::generate,
                Generator::Activity => activity::generate,
            };
            let mut random = stream(seed, Concern::Records);
            let mut rows = generate(skip + records, *keys, &mut random);
            rows.drain(..*skip as usize);
            Ok((rows, GENERATED_ID))
        }
        Source::File {
            name,
            skip,
            take,
            key,
            id,
            facts,
        } => {
            let path = file::find(data, name)?;
            if let Some(facts) = facts {
                file::check(&path, facts)?;
            }
            let rows = file::read(&path, *skip, *take, key.as_deref(), id)?;
            Ok((rows, id))
        }
    }
}

/// The message ids of records that have one, by payload.
#[must_use]
pub fn ids(records: &[LoadRecord]) -> BTreeMap<&[u8], &str> {
    let named = records
        .iter()
        .filter_map(|record| Some((record.payload.as_slice(), record.id.as_deref()?)));
    named.collect()
}

/// As [`fault_hits`], of those records of a load that were acknowledged.
pub fn fault_hits_acknowledged<'a>(
    records: &[LoadRecord],
    acknowledged: impl Iterator<Item = &'a Acknowledged>,
) -> BTreeMap<String, u64> {
    let indices: BTreeSet<u64> = acknowledged.map(|record| record.index).collect();
    let sent = records.iter();
    fault_hits(sent.filter(|record| indices.contains(&record.index)))
}

/// How often each family of load faults took effect, by the name that scenarios and reports use.
fn fault_hits<'r>(records: impl IntoIterator<Item = &'r LoadRecord>) -> BTreeMap<String, u64> {
    let mut hits = BTreeMap::new();
    let mut hit = |name: &str| *hits.entry(name.to_owned()).or_insert(0) += 1;
    for record in records {
        match (&record.what, record.sending) {
            (What::DuplicateOf(_), Sending::OtherPartition { .. }) => {
                hit("same-id-other-partition");
            }
            (What::DuplicateOf(_), Sending::Once | Sending::Twice) => hit("duplicates"),
            (What::OutOfOrder, _) => hit("out-of-order"),
            (What::Late, _) => hit("late"),
            (What::Malformed(_), _) => hit("malformed"),
            (What::Fresh, _) => {}
        }
        if record.sending == Sending::Twice {
            hit("producer-sends-twice");
        }
        if record.hot {
            hit("hot-key");
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::plan::Disorder;

    fn plan(generator: Generator, records: u64, share_ppm: u32) -> LoadPlan {
        LoadPlan {
            topic: "trades".to_owned(),
            idempotent: false,
            source: Source::Generator {
                generator,
                skip: 0,
                records,
                keys: 20,
            },
            rate_per_s: 100,
            disorder: Disorder {
                duplicates_ppm: share_ppm,
                producer_sends_twice_ppm: share_ppm,
                same_id_other_partition_ppm: share_ppm,
                out_of_order_ppm: share_ppm,
                late_ppm: share_ppm,
                malformed_ppm: share_ppm,
                malformed_more: 0,
                hot_key_ppm: share_ppm,
            },
            removed: BTreeSet::new(),
        }
    }

    #[test]
    fn without_disorder_every_record_is_fresh_and_in_order() {
        let records = records(&plan(Generator::Activity, 500, 0), 1, None).expect("no file");
        assert_eq!(records.len(), 500);
        assert!(records.iter().all(|record| record.what == What::Fresh));
        assert_eq!(records[499].at_ms, 4_990);
        assert!(fault_hits(&records).is_empty());
    }

    #[test]
    fn shares_are_met_roughly() {
        let records = records(&plan(Generator::Trades, 10_000, 50_000), 1, None).expect("no file");
        for (family, hits) in fault_hits(&records) {
            assert!((350..650).contains(&hits), "{family}: {hits} of about 500");
        }
        assert_eq!(fault_hits(&records).len(), 7);
    }

    #[test]
    fn a_hot_key_gets_its_share_and_repetitions_keep_their_key() {
        let mut plan = plan(Generator::Trades, 2_000, 0);
        plan.disorder.hot_key_ppm = 800_000;
        plan.disorder.duplicates_ppm = 100_000;
        let records = records(&plan, 4, None).expect("no file");
        let hot = records.iter().filter(|record| record.key == records[0].key);
        assert!(hot.count() * 10 > records.len() * 8);
        let mut keys = BTreeMap::new();
        for record in &records {
            let key = keys.entry(&record.id).or_insert(&record.key);
            assert_eq!(*key, &record.key, "{:?}", record.id);
        }
    }

    #[test]
    fn malformed_rows_come_back_to_back_with_one_key_and_ids_of_their_own() {
        let mut plan = plan(Generator::Trades, 300, 0);
        plan.disorder.malformed_ppm = 10_000;
        plan.disorder.malformed_more = 19;
        let records = records(&plan, 4, None).expect("no file");
        let is_bad = |record: &LoadRecord| matches!(record.what, What::Malformed(_));
        let bursts: Vec<&[LoadRecord]> = records
            .chunk_by(|one, next| is_bad(one) == is_bad(next))
            .filter(|run| is_bad(&run[0]))
            .collect();
        assert!(!bursts.is_empty());
        for burst in bursts {
            assert_eq!(burst.len() % 20, 0);
            assert!(burst[..20].iter().all(|record| record.key == burst[0].key));
        }
        let ids: Vec<_> = records
            .iter()
            .filter_map(|record| record.id.as_ref())
            .collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
    }

    #[test]
    fn a_removed_record_leaves_the_others_as_they_were() {
        let whole = plan(Generator::Trades, 50, 200_000);
        let mut shrunk = whole.clone();
        shrunk.removed.extend([0, 7, 30]);
        let mut expected = records(&whole, 9, None).expect("no file");
        expected.retain(|record| ![0, 7, 30].contains(&record.index));
        assert_eq!(records(&shrunk, 9, None).expect("no file"), expected);
    }

    /// The data directory, if this machine has one.
    fn real_data() -> Option<std::path::PathBuf> {
        let directory = std::env::var_os("WHITEWATER_DATA").map(Into::into);
        if directory.is_none() {
            eprintln!("skipped: WHITEWATER_DATA names no directory of real data");
        }
        directory
    }

    #[test]
    fn scenarios_fit_the_real_files() {
        let Some(data) = real_data() else { return };
        let mut files = 0;
        for scenario in crate::scenario::tests::of_the_repository() {
            let mut plan = crate::plan::Plan::draw(&scenario, 1);
            let Some(name) = plan.file().map(str::to_owned) else {
                continue;
            };
            files += 1;
            let path = file::find(Some(&data), &name).expect("a known file");
            plan.pin_file(file::facts(&path).expect("rows"));
            let records = records(&plan.load, 1, Some(&data)).expect("readable");
            let good = records
                .iter()
                .filter(|record| !matches!(record.what, What::Malformed(_)));
            for record in good {
                assert!(record.id.is_some(), "{name}: {record:?}");
                assert!(record.key.is_some(), "{name}: {record:?}");
            }
            assert!(records.len() >= 500, "{name}: {} records", records.len());
        }
        assert!(files >= 4, "{files} scenarios take a file");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn disorder_loses_nothing_and_repeats_only_what_was_sent(
            seed: u64,
            count in 1_u64..200,
            share_ppm in 0_u32..=1_000_000,
            activity: bool,
        ) {
            let generator = if activity { Generator::Activity } else { Generator::Trades };
            let plan = plan(generator, count, share_ppm);
            let sent = records(&plan, seed, None).expect("no file");
            prop_assert_eq!(&sent, &records(&plan, seed, None).expect("no file"));

            let mut first: BTreeMap<u64, &LoadRecord> = BTreeMap::new();
            let mut ids = BTreeSet::new();
            for record in &sent {
                match &record.what {
                    What::DuplicateOf(index) => {
                        let original = first.get(index).expect("sent before");
                        prop_assert_eq!(&original.id, &record.id);
                        prop_assert_eq!(&original.payload, &record.payload);
                    }
                    What::Malformed(_) => {}
                    What::Fresh | What::OutOfOrder | What::Late => {
                        first.insert(record.index, record);
                    }
                }
                if !matches!(record.what, What::DuplicateOf(_)) && let Some(id) = &record.id {
                    prop_assert!(ids.insert(id.clone()), "{} twice", id);
                }
            }
            prop_assert_eq!(first.len() as u64, count);
            prop_assert!(sent.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
        }
    }
}
