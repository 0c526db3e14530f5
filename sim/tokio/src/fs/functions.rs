//! Free functions on paths: not simulated.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::{ReadDir, refuse};

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn canonicalize(_path: impl AsRef<Path>) -> io::Result<PathBuf> {
    refuse("tokio::fs::canonicalize");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn copy(_from: impl AsRef<Path>, _to: impl AsRef<Path>) -> io::Result<u64> {
    refuse("tokio::fs::copy");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn create_dir(_path: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::create_dir");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn create_dir_all(_path: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::create_dir_all");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn hard_link(_original: impl AsRef<Path>, _link: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::hard_link");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn metadata(_path: impl AsRef<Path>) -> io::Result<Metadata> {
    refuse("tokio::fs::metadata");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn read(_path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    refuse("tokio::fs::read");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn read_dir(_path: impl AsRef<Path>) -> io::Result<ReadDir> {
    refuse("tokio::fs::read_dir");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn read_link(_path: impl AsRef<Path>) -> io::Result<PathBuf> {
    refuse("tokio::fs::read_link");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn read_to_string(_path: impl AsRef<Path>) -> io::Result<String> {
    refuse("tokio::fs::read_to_string");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn remove_dir(_path: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::remove_dir");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn remove_dir_all(_path: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::remove_dir_all");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn remove_file(_path: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::remove_file");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn rename(_from: impl AsRef<Path>, _to: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::rename");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn set_permissions(_path: impl AsRef<Path>, _perm: Permissions) -> io::Result<()> {
    refuse("tokio::fs::set_permissions");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn symlink(_original: impl AsRef<Path>, _link: impl AsRef<Path>) -> io::Result<()> {
    refuse("tokio::fs::symlink");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn symlink_metadata(_path: impl AsRef<Path>) -> io::Result<Metadata> {
    refuse("tokio::fs::symlink_metadata");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn try_exists(_path: impl AsRef<Path>) -> io::Result<bool> {
    refuse("tokio::fs::try_exists");
}

/// Not simulated.
///
/// # Errors
/// None.
///
/// # Panics
/// Always.
pub async fn write(_path: impl AsRef<Path>, _contents: impl AsRef<[u8]>) -> io::Result<()> {
    refuse("tokio::fs::write");
}
