use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::disk_file::SECTOR_BYTES;

const CAPACITY_BYTES: u64 = 16 * SECTOR_BYTES;

#[derive(Debug, Clone)]
enum Step {
    Write {
        file: usize,
        offset: u64,
        byte: u8,
        len: usize,
    },
    Truncate {
        file: usize,
        sectors: u64,
    },
    Sync {
        file: usize,
    },
    SyncDirectory,
    Rename {
        from: usize,
        to: usize,
    },
    Unlink {
        file: usize,
    },
    PowerLoss {
        seed: u64,
    },
}

fn path(file: usize) -> String {
    format!("/data/{file}")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = 0..3_usize;
    let step = prop_oneof![
        6 => (file.clone(), 0..4 * SECTOR_BYTES, any::<u8>(), 1..1500_usize)
            .prop_map(|(file, offset, byte, len)| Step::Write { file, offset, byte, len }),
        1 => (file.clone(), 0..6_u64).prop_map(|(file, sectors)| Step::Truncate { file, sectors }),
        2 => file.clone().prop_map(|file| Step::Sync { file }),
        1 => Just(Step::SyncDirectory),
        1 => (file.clone(), file.clone()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => file.prop_map(|file| Step::Unlink { file }),
        2 => any::<u64>().prop_map(|seed| Step::PowerLoss { seed }),
    ];
    proptest::collection::vec(step, 1..60)
}

type Names = BTreeMap<String, FileId>;

/// What must hold, kept as naively as can be: every version of every file since its last sync.
#[derive(Default)]
struct Model {
    /// First the synced one, last the one that reads see.
    versions: BTreeMap<FileId, Vec<Vec<u8>>>,
    /// Likewise of the directory.
    names: Vec<Names>,
}

impl Model {
    fn new() -> Self {
        Self {
            versions: BTreeMap::new(),
            names: vec![Names::new()],
        }
    }

    fn change(&mut self, id: FileId, change: impl FnOnce(&mut Vec<u8>)) {
        let versions = self.versions.entry(id).or_insert_with(|| vec![Vec::new()]);
        let mut next = versions.last().unwrap().clone();
        change(&mut next);
        versions.push(next);
    }

    fn sync(&mut self, id: FileId) {
        if let Some(versions) = self.versions.get_mut(&id) {
            versions.drain(..versions.len() - 1);
        }
    }
}

fn contents(disk: &mut Disk, id: FileId) -> Vec<u8> {
    let mut bytes = vec![0; disk.len(id).unwrap() as usize];
    let count = disk.read(id, 0, &mut bytes).unwrap();
    assert_eq!(count, bytes.len());
    bytes
}

/// The version's bytes of one sector, with zeros past its end.
fn sector_of(version: &[u8], sector: usize, len: usize) -> Vec<u8> {
    let start = sector * SECTOR_BYTES as usize;
    (start..start + len)
        .map(|position| version.get(position).copied().unwrap_or(0))
        .collect()
}

fn check_after_power_loss(disk: &mut Disk, model: &mut Model) {
    let names: Names = disk
        .paths()
        .map(|path| (path.to_owned(), disk.find(path).unwrap()))
        .collect();
    assert!(
        model.names.contains(&names),
        "the names {names:?} never stood together: {:?}",
        model.names
    );
    for id in names.values() {
        let now = contents(disk, *id);
        let versions = model.versions.entry(*id).or_insert_with(|| vec![vec![]]);
        let lengths: BTreeSet<usize> = versions.iter().map(Vec::len).collect();
        assert!(
            lengths.contains(&now.len()),
            "length was never {}",
            now.len()
        );
        for (sector, bytes) in now.chunks(SECTOR_BYTES as usize).enumerate() {
            assert!(
                versions
                    .iter()
                    .any(|version| sector_of(version, sector, bytes.len()) == bytes),
                "sector {sector} holds neither an old nor a new version"
            );
        }
        *versions = vec![now];
    }
    model.names = vec![names];
}

fn run(disk: &mut Disk, model: &mut Model, step: &Step) {
    match step {
        Step::Write {
            file,
            offset,
            byte,
            len,
        } => {
            let id = disk.open_or_create(&path(*file)).unwrap();
            // The number of the version in the data tells versions of one byte apart.
            let version = model.versions.get(&id).map_or(0, Vec::len) as u8;
            let data: Vec<u8> = (0..*len).map(|i| byte ^ version ^ (i as u8)).collect();
            match disk.write(id, *offset, &data) {
                Ok(()) => model.change(id, |contents| {
                    let end = *offset as usize + len;
                    contents.resize(contents.len().max(end), 0);
                    contents[*offset as usize..end].copy_from_slice(&data);
                }),
                Err(error) => assert_eq!(error, DiskError::NoSpace),
            }
            disk.close(id);
        }
        Step::Truncate { file, sectors } => {
            if let Some(id) = disk.find(&path(*file)) {
                match disk.truncate(id, sectors * SECTOR_BYTES) {
                    Ok(()) => model.change(id, |contents| {
                        contents.resize((sectors * SECTOR_BYTES) as usize, 0);
                    }),
                    Err(error) => assert_eq!(error, DiskError::NoSpace),
                }
            }
        }
        Step::Sync { file } => {
            if let Some(id) = disk.find(&path(*file)) {
                disk.sync(id).unwrap();
                model.sync(id);
            }
        }
        Step::SyncDirectory => {
            disk.sync_directory("/data").unwrap();
            model.names.drain(..model.names.len() - 1);
        }
        Step::Rename { from, to } => {
            let _ = disk.rename(&path(*from), &path(*to));
        }
        Step::Unlink { file } => {
            let _ = disk.unlink(&path(*file));
        }
        Step::PowerLoss { seed } => {
            disk.lose_power(&mut ChaCha8Rng::seed_from_u64(*seed));
            check_after_power_loss(disk, model);
        }
    }
    let names: Names = disk
        .paths()
        .map(|path| (path.to_owned(), disk.find(path).unwrap()))
        .collect();
    if model.names.last() != Some(&names) {
        model.names.push(names);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_sector_is_old_or_new_and_reads_see_the_last_write(steps in steps()) {
        let mut disk = Disk::new(CAPACITY_BYTES);
        let mut model = Model::new();
        for step in &steps {
            run(&mut disk, &mut model, step);
            prop_assert!(disk.used_bytes() <= CAPACITY_BYTES);
            let named: Vec<FileId> = disk.names.values().copied().collect();
            for id in named {
                let expected = model.versions.get(&id).and_then(|versions| versions.last());
                prop_assert_eq!(contents(&mut disk, id), expected.cloned().unwrap_or_default());
            }
        }
    }

    #[test]
    fn synced_files_survive_any_power_loss(steps in steps(), seed in any::<u64>()) {
        let mut disk = Disk::new(CAPACITY_BYTES);
        let mut model = Model::new();
        for step in &steps {
            run(&mut disk, &mut model, step);
        }
        let before: Vec<(String, FileId)> =
            disk.names.iter().map(|(path, id)| (path.clone(), *id)).collect();
        for (_, id) in &before {
            disk.sync(*id).unwrap();
        }
        disk.sync_directory("/data").unwrap();
        let expected: Vec<Vec<u8>> =
            before.iter().map(|(_, id)| contents(&mut disk, *id)).collect();
        disk.lose_power(&mut ChaCha8Rng::seed_from_u64(seed));
        for ((path, id), expected) in before.iter().zip(expected) {
            prop_assert_eq!(disk.find(path), Some(*id));
            prop_assert_eq!(contents(&mut disk, *id), expected);
        }
    }
}

/// A disk with `/data/f` of two synced sectors of zeros, and a write of ones over both.
fn half_written() -> (Disk, FileId) {
    let mut disk = Disk::new(CAPACITY_BYTES);
    let id = disk.open_or_create("/data/f").unwrap();
    disk.write(id, 0, &[0; 1024]).unwrap();
    disk.sync(id).unwrap();
    disk.write(id, 0, &[1; 1024]).unwrap();
    (disk, id)
}

#[test]
fn a_power_loss_keeps_drops_and_tears_by_seed() {
    let outcomes: BTreeSet<(u8, u8)> = (0..200)
        .map(|seed| {
            let (mut disk, id) = half_written();
            disk.lose_power(&mut ChaCha8Rng::seed_from_u64(seed));
            let after = contents(&mut disk, id);
            (after[0], after[512])
        })
        .collect();
    let every = BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(outcomes, every);
}

#[test]
fn the_same_seed_loses_the_same() {
    for seed in 0..50 {
        let [one, two] = [0, 1].map(|_| {
            let (mut disk, id) = half_written();
            disk.lose_power(&mut ChaCha8Rng::seed_from_u64(seed));
            contents(&mut disk, id)
        });
        assert_eq!(one, two);
    }
}

#[test]
fn a_created_file_needs_a_sync_of_itself_or_its_directory() {
    let names_after = |sync: &dyn Fn(&mut Disk, FileId)| -> BTreeSet<bool> {
        (0..100)
            .map(|seed| {
                let mut disk = Disk::new(CAPACITY_BYTES);
                let id = disk.open_or_create("/data/new").unwrap();
                sync(&mut disk, id);
                disk.lose_power(&mut ChaCha8Rng::seed_from_u64(seed));
                disk.find("/data/new").is_some()
            })
            .collect()
    };
    let either = BTreeSet::from([false, true]);
    let kept = BTreeSet::from([true]);
    assert_eq!(names_after(&|_, _| ()), either);
    assert_eq!(names_after(&|disk, id| disk.sync(id).unwrap()), kept);
    assert_eq!(
        names_after(&|disk, _| disk.sync_directory("/data").unwrap()),
        kept
    );
    assert_eq!(
        names_after(&|disk, _| disk.sync_directory("/other").unwrap()),
        either
    );
}

#[test]
fn a_full_disk_refuses_to_grow_and_takes_overwrites() {
    let mut disk = Disk::new(1024);
    let id = disk.open_or_create("/f").unwrap();
    disk.write(id, 0, &[1; 1024]).unwrap();
    assert_eq!(disk.write(id, 1024, &[1]), Err(DiskError::NoSpace));
    assert_eq!(disk.counters().no_space, 1);
    disk.write(id, 0, &[2; 1024]).unwrap();
    disk.truncate(id, 0).unwrap();
    let other = disk.open_or_create("/g").unwrap();
    assert_eq!(
        disk.write(other, 0, &[3]),
        Err(DiskError::NoSpace),
        "an unsynced truncation may yet be undone"
    );
    disk.sync(id).unwrap();
    disk.write(other, 0, &[3]).unwrap();
}

#[test]
fn an_unlinked_file_lives_as_long_as_it_is_open() {
    let mut disk = Disk::new(1024);
    let id = disk.open_or_create("/f").unwrap();
    disk.write(id, 0, b"abc").unwrap();
    disk.unlink("/f").unwrap();
    disk.sync_directory("/").unwrap();
    assert_eq!(contents(&mut disk, id), b"abc");
    disk.close(id);
    assert_eq!(disk.len(id), Err(DiskError::NotFound));
    assert_eq!(disk.used_bytes(), 0);
}

#[test]
fn faults_fail_counted_operations_and_end() {
    let (mut disk, id) = half_written();
    disk.fail(Operation::Sync, 1, 2);
    assert_eq!(disk.sync(id), Ok(()));
    assert_eq!(disk.sync(id), Err(DiskError::Io(Operation::Sync)));
    assert_eq!(disk.sync(id), Err(DiskError::Io(Operation::Sync)));
    assert_eq!(disk.sync(id), Ok(()));
    assert_eq!(disk.fault_hits(Operation::Sync), 2);
    disk.fail(Operation::Read, 0, u64::MAX);
    assert_eq!(
        disk.read(id, 0, &mut [0]),
        Err(DiskError::Io(Operation::Read))
    );
}

#[test]
fn after_a_crash_point_nothing_changes_until_the_power_is_back() {
    let (mut disk, id) = half_written();
    disk.crash_after(1, Crash::PowerLoss);
    assert_eq!(disk.crash_due(), None);
    disk.sync(id).unwrap();
    assert_eq!(disk.crash_due(), Some(Crash::PowerLoss));
    assert_eq!(disk.write(id, 0, &[7]), Err(DiskError::Crashed));
    assert_eq!(disk.sync(id), Err(DiskError::Crashed));
    disk.lose_power(&mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(disk.crash_due(), None);
    assert_eq!(contents(&mut disk, id), [1; 1024]);
    disk.write(id, 0, &[7]).unwrap();
}
