//! Every kind of fault is proved to fire by a scenario of the gate, and every family has a negative that
//! fails only where it is on. Families are those of the table in `docs/faults.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use whitewater::fault::registry::KINDS;
use whitewater::scenario::{FAULT_PROBE, Scenario};

fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root.pop();
    root
}

fn scenarios(folders: &[&str]) -> Vec<Scenario> {
    let folders = folders
        .iter()
        .map(|name| root().join("scenarios").join(name));
    let files = folders.flat_map(|folder| fs::read_dir(folder).expect("a folder of scenarios"));
    files
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| Scenario::read(&path).unwrap_or_else(|error| panic!("{error:?}")))
        .collect()
}

/// The rows of the table of kinds: each kind's family.
fn families(page: &Path) -> BTreeMap<String, String> {
    let page = fs::read_to_string(page).expect("the page on faults");
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| family | kind |"));
    let mut family = String::new();
    let mut families = BTreeMap::new();
    for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if !cells[1].is_empty() {
            family = cells[1].to_owned();
        }
        families.insert(cells[2].trim_matches('`').to_owned(), family.clone());
    }
    families
}

/// What is done to records is no `[[fault]]`, and belongs to this family.
const OF_THE_LOAD: &str = "delivery";

fn kinds_of_the_load(scenarios: &[Scenario]) -> BTreeSet<&'static str> {
    let shares = scenarios.iter().flat_map(|scenario| scenario.load.shares());
    shares.map(|(kind, _)| kind).collect()
}

#[test]
fn the_page_lists_every_kind_of_fault() {
    let listed: BTreeSet<String> = families(&root().join("docs/faults.md"))
        .into_keys()
        .collect();
    let known: BTreeSet<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_kind_of_fault_must_be_reached_by_a_scenario() {
    let scenarios = scenarios(&["fast", "slow", "upgrade"]);
    let reached: BTreeSet<&str> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.must_reach)
        .filter_map(|probe| probe.strip_prefix(FAULT_PROBE))
        .collect();
    let mut kinds = kinds_of_the_load(&scenarios);
    kinds.extend(KINDS.iter().map(|kind| kind.name));
    let unproved: Vec<&&str> = kinds.difference(&reached).collect();
    assert!(unproved.is_empty(), "no scenario must reach {unproved:?}");
}

#[test]
fn every_family_has_a_negative_that_fails_only_with_it() {
    let negatives = scenarios(&["negative"]);
    let mut families = families(&root().join("docs/faults.md"));
    for kind in kinds_of_the_load(&negatives) {
        families.insert(kind.to_owned(), OF_THE_LOAD.to_owned());
    }
    let mut with_a_negative = BTreeSet::new();
    for only_with in negatives
        .iter()
        .filter_map(|negative| Some(&negative.expect.as_ref()?.only_with))
    {
        let needed: BTreeSet<&String> = only_with.iter().map(|kind| &families[kind]).collect();
        if let [family] = Vec::from_iter(needed)[..] {
            with_a_negative.insert(family.clone());
        }
    }
    assert_eq!(with_a_negative, families.into_values().collect());
}
