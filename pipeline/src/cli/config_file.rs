//! Reading a configuration file.

use std::path::Path;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use crate::cli::exit_code;
use crate::cli::failure::Failure;
use crate::config::Config;

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> Result<Config, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            exit_code::CONFIG,
            format!("can't read `{name}`: {error}"),
            None,
        )
    })?;
    let config = Config::from_toml(&name, &text)
        .map_err(|error| Failure::diagnostic(exit_code::CONFIG, *error))?;
    check_kafka(&config)?;
    Ok(config)
}

/// librdkafka alone knows its properties: ask it.
fn check_kafka(config: &Config) -> Result<(), Failure> {
    let mut client = ClientConfig::new();
    client.extend(config.consumer_properties());
    let Err(error) = client.create_native_config() else {
        return Ok(());
    };
    let (message, help) = match error {
        KafkaError::ClientConfig(_, reason, key, value) => (
            format!("librdkafka refuses `{key}` = `{value}` in [kafka]: {reason}"),
            Some(
                "its names and values: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md",
            ),
        ),
        error => (error.to_string(), None),
    };
    Err(Failure::new(exit_code::CONFIG, message, help))
}
