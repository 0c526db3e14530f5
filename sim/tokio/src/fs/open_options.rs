//! How to open a file: not simulated.

use std::io;
use std::path::Path;

use super::{File, refuse};

/// How to open a file. Choosing is allowed, opening is not.
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

/// Setters that hand on to std's options.
macro_rules! setters {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("Sets `", stringify!($name), "`.")]
            pub fn $name(&mut self, value: bool) -> &mut Self {
                self.0.$name(value);
                self
            }
        )*
    };
}

impl OpenOptions {
    /// No option set.
    #[expect(clippy::new_without_default, reason = "as tokio has it")]
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    setters!(read, write, append, truncate, create, create_new);

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn open(&self, _path: impl AsRef<Path>) -> io::Result<File> {
        refuse("tokio::fs::OpenOptions::open");
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> Self {
        Self(options)
    }
}
