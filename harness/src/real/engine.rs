//! The container engine, by its command `docker`.

use std::io;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use miette::Diagnostic;

/// Names the image that brokers run; see [`image`].
pub const IMAGE_VARIABLE: &str = "WHITEWATER_KAFKA_IMAGE";

/// Apache's own image.
const DEFAULT_IMAGE: &str = "apache/kafka:4.1.0";

/// Every container and network of ours has it.
const LABEL: &str = "whitewater";

/// The engine can't do what is asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum EngineError {
    /// There is none.
    #[error("there is no container engine: no command is called `docker`")]
    #[diagnostic(help(
        "install Docker, or Podman with its command `docker` (Debian: apt-get install docker.io, or podman-docker)"
    ))]
    Missing,
    /// It is not running, or not for this user.
    #[error("the container engine does not answer: {said}")]
    #[diagnostic(help(
        "start it (systemctl start docker, or dockerd); `docker info` must work for this user"
    ))]
    Silent {
        /// What its command said.
        said: String,
    },
    /// The image is not there and can't be had.
    #[error("there is no image {image}: {said}")]
    #[diagnostic(help(
        "name one with --image or {IMAGE_VARIABLE}; it takes its settings as Apache's does. Where no registry can be reached, `ci/kafka-image` of Whitewater builds one"
    ))]
    NoImage {
        /// The image.
        image: String,
        /// What the command said.
        said: String,
    },
    /// A command failed.
    #[error("`docker {command}` failed: {said}")]
    Failed {
        /// The command's words.
        command: String,
        /// What it said.
        said: String,
    },
    /// The brokers did not come up.
    #[error("no Kafka after {seconds} s: {said}")]
    NoKafka {
        /// How long it was waited for.
        seconds: u64,
        /// The last words of what should have come up.
        said: String,
    },
}

/// The image that brokers run, unless someone names one: `WHITEWATER_KAFKA_IMAGE`, else Apache's.
#[must_use]
pub fn image() -> String {
    let named = std::env::var(IMAGE_VARIABLE);
    let named = named.ok().filter(|image| !image.is_empty());
    named.unwrap_or_else(|| DEFAULT_IMAGE.to_owned())
}

/// Sees to an engine that answers and has the image; fetches it if need be.
///
/// # Errors
/// There is no engine, or no image.
pub fn prepare(image: &str) -> Result<(), EngineError> {
    match docker(&["version", "--format", "{{.Server.Version}}"]) {
        Ok(_) => {}
        Err(EngineError::Failed { said, .. }) => return Err(EngineError::Silent { said }),
        Err(error) => return Err(error),
    }
    if docker(&["image", "inspect", image]).is_ok() {
        return Ok(());
    }
    match docker(&["pull", "--quiet", image]) {
        Ok(_) => Ok(()),
        Err(EngineError::Failed { said, .. }) => Err(EngineError::NoImage {
            image: image.to_owned(),
            said,
        }),
        Err(error) => Err(error),
    }
}

/// Runs `docker` and gives what it says.
///
/// # Errors
/// [`EngineError::Missing`], or [`EngineError::Failed`] with its last line.
pub fn docker(words: &[&str]) -> Result<String, EngineError> {
    let output: Output = Command::new("docker")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => EngineError::Missing,
            _ => EngineError::Silent {
                said: error.to_string(),
            },
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(EngineError::Failed {
        command: words.join(" "),
        said: said.lines().last().unwrap_or_default().to_owned(),
    })
}

/// A network of containers that find each other by name. Dropping it removes it.
#[derive(Debug)]
pub struct Network(String);

impl Network {
    /// Makes one.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn create(name: &str) -> Result<Self, EngineError> {
        docker(&["network", "create", "--label", LABEL, name])?;
        Ok(Self(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What is left if it fails is empty, and has our label.
        let _ = docker(&["network", "rm", &self.0]);
    }
}

/// A volume of memory that containers share. Dropping it removes it.
#[derive(Debug)]
pub struct Volume(String);

impl Volume {
    /// Makes one of so many MiB. It holds what is written while some container has it.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn in_memory(name: &str, mib: u32) -> Result<Self, EngineError> {
        let size = format!("o=size={mib}m,mode=1777");
        docker(&[
            "volume",
            "create",
            "--label",
            LABEL,
            "--driver",
            "local",
            "--opt",
            "type=tmpfs",
            "--opt",
            "device=tmpfs",
            "--opt",
            &size,
            name,
        ])?;
        Ok(Self(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // What is left if it fails is empty, and has our label.
        let _ = docker(&["volume", "rm", "--force", &self.0]);
    }
}

/// A container. Dropping it removes it with all it holds.
#[derive(Debug)]
pub struct Container {
    id: String,
}

impl Container {
    /// Starts one: `docker run` with these words behind its own.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn run(words: &[&str]) -> Result<Self, EngineError> {
        let own = ["run", "--detach", "--label", LABEL];
        let id = docker(&[&own, words].concat())?;
        Ok(Self { id })
    }

    /// `docker kill`, `start`, `pause` or `unpause`.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn command(&self, verb: &str) -> Result<(), EngineError> {
        docker(&[verb, &self.id]).map(|_| ())
    }

    /// Runs a program beside its process.
    ///
    /// # Errors
    /// It ends with an error.
    pub fn execute(&self, words: &[&str]) -> Result<(), EngineError> {
        docker(&[&["exec", &self.id], words].concat()).map(|_| ())
    }

    /// Whether its process has written these words since then.
    #[must_use]
    pub fn has_said(&self, words: &str, since: SystemTime) -> bool {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = format!("--since={}.{:09}", since.as_secs(), since.subsec_nanos());
        let output = Command::new("docker")
            .args(["logs", &since, &self.id])
            .output();
        output.is_ok_and(|output| {
            let said = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&said).contains(words)
        })
    }

    /// Whether its process runs, or stands still.
    #[must_use]
    pub fn is_up(&self) -> bool {
        docker(&["inspect", "--format", "{{.State.Running}}", &self.id])
            .is_ok_and(|said| said == "true")
    }

    /// The last lines that its process wrote.
    #[must_use]
    pub fn last_words(&self) -> String {
        let output = Command::new("docker")
            .args(["logs", "--tail", "5", &self.id])
            .output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // What is left if it fails has our label.
        let _ = docker(&["rm", "--force", "--volumes", &self.id]);
    }
}
