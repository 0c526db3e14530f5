//! A small disk for a log dir, which can be filled: a volume in memory, held by a container of its own,
//! so that it outlives the broker's process.

use super::engine::{Container, EngineError, Volume};

/// Room for what a broker keeps of a plan: a few megabytes of records, and indexes that are mostly
/// holes.
const SIZE_MIB: u32 = 96;

/// Where the keeper has it.
const IN_KEEPER: &str = "/disk";

/// The file that fills it.
const FILLER: &str = "/disk/filler";

/// A disk. Dropping it removes it.
#[derive(Debug)]
pub(super) struct LogDisk {
    keeper: Container,
    // Behind the keeper: a volume in use can't be removed.
    volume: Volume,
}

impl LogDisk {
    pub(super) fn create(name: &str, image: &str) -> Result<Self, EngineError> {
        let volume = Volume::in_memory(name, SIZE_MIB)?;
        let mounted = format!("{name}:{IN_KEEPER}");
        // Any program that stays will do.
        let words = [
            "--volume",
            &mounted,
            "--entrypoint",
            "sleep",
            image,
            "infinity",
        ];
        Ok(Self {
            keeper: Container::run(&words)?,
            volume,
        })
    }

    /// The words that mount it in another container.
    pub(super) fn mounted_at(&self, path: &str) -> String {
        format!("--volume={}:{path}", self.volume.name())
    }

    /// Leaves so much room.
    pub(super) fn fill(&self, room_kib: u64) -> Result<(), EngineError> {
        // The broker writes meanwhile: what counts is what is left.
        let script = format!(
            "free() {{ df -Pk {IN_KEEPER} | awk 'NR == 2 {{ print $4 }}'; }}; \
             dd if=/dev/zero of={FILLER} bs=1024 count=$(($(free) - {room_kib})); \
             test $(free) -le {room_kib}"
        );
        self.keeper.execute(&["sh", "-c", &script])
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<(), EngineError> {
        self.keeper.execute(&["rm", "-f", FILLER])
    }
}
