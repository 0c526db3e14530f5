//! Whom a fault hits, as a scenario writes it: `any worker`, `worker-2`, `any broker`,
//! `broker-1`, `leader of trades-3`, `any host`, `host-a`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::action::BrokerChoice;

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerTarget {
    /// One that the seed picks.
    Any,
    /// The one of this name.
    Named(String),
}

/// A host of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostTarget {
    /// One that the seed picks.
    Any,
    /// The one of this name.
    Named(String),
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerTarget {
    /// One that the seed picks.
    Any,
    /// One that is named, or found at run time.
    Chosen(BrokerChoice),
}

/// A machine with a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockTarget {
    /// Any host: of workers, of a broker, of the producer.
    Any,
    /// Any broker's host.
    AnyBroker,
    /// The one of this name: `host-a`, `broker-1`, `loader`.
    Named(String),
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEnd {
    /// Any worker or one by name.
    Worker(WorkerTarget),
    /// Any broker, or the broker with this id.
    Broker(Option<u64>),
}

/// A target that is written as a text.
pub trait ParseTarget: Sized {
    /// For error texts: what can be written.
    const EXAMPLE: &'static str;
    /// Reads the text.
    fn parse(text: &str) -> Option<Self>;
}

/// Reads the number behind `prefix`, from 1.
pub(crate) fn numbered(text: &str, prefix: &str) -> Option<u64> {
    let number = text.strip_prefix(prefix)?;
    let plain = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| number.parse().ok()).flatten()
}

impl ParseTarget for WorkerTarget {
    const EXAMPLE: &'static str = "\"any worker\" or a name such as \"worker-2\"";

    fn parse(text: &str) -> Option<Self> {
        if text == "any worker" {
            return Some(Self::Any);
        }
        numbered(text, "worker-").map(|_| Self::Named(text.to_owned()))
    }
}

impl ParseTarget for HostTarget {
    const EXAMPLE: &'static str = "\"any host\" or a name such as \"host-a\"";

    fn parse(text: &str) -> Option<Self> {
        if text == "any host" {
            return Some(Self::Any);
        }
        let letter = text.strip_prefix("host-")?;
        let plain = letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_lowercase());
        plain.then(|| Self::Named(text.to_owned()))
    }
}

impl ParseTarget for ClockTarget {
    const EXAMPLE: &'static str =
        "\"any host\", \"any broker\", \"loader\", or a name such as \"host-a\" or \"broker-1\"";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "any host" => return Some(Self::Any),
            "any broker" => return Some(Self::AnyBroker),
            "loader" => return Some(Self::Named(text.to_owned())),
            _ => {}
        }
        let named = numbered(text, "broker-").is_some() || HostTarget::parse(text).is_some();
        named.then(|| Self::Named(text.to_owned()))
    }
}

impl ParseTarget for BrokerTarget {
    const EXAMPLE: &'static str =
        "\"any broker\", a name such as \"broker-1\", or \"leader of trades-3\"";

    fn parse(text: &str) -> Option<Self> {
        if text == "any broker" {
            return Some(Self::Any);
        }
        if let Some(partition) = text.strip_prefix("leader of ") {
            let (topic, partition) = partition.rsplit_once('-')?;
            return Some(Self::Chosen(BrokerChoice::LeaderOf {
                topic: topic.to_owned(),
                partition: partition.parse().ok().filter(|p| *p >= 0)?,
            }));
        }
        let id = i32::try_from(numbered(text, "broker-")?).ok()?;
        Some(Self::Chosen(BrokerChoice::Id(id)))
    }
}

impl ParseTarget for LinkEnd {
    const EXAMPLE: &'static str =
        "\"any worker\", \"any broker\", or a name such as \"worker-2\" or \"broker-1\"";

    fn parse(text: &str) -> Option<Self> {
        if text == "any broker" {
            return Some(Self::Broker(None));
        }
        if let Some(id) = numbered(text, "broker-") {
            return Some(Self::Broker(Some(id)));
        }
        WorkerTarget::parse(text).map(Self::Worker)
    }
}

struct TargetVisitor<T>(PhantomData<T>);

impl<T: ParseTarget> Visitor<'_> for TargetVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXAMPLE)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        T::parse(value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

macro_rules! deserialize_as_text {
    ($($target:ty),+) => {
        $(impl<'de> Deserialize<'de> for $target {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TargetVisitor(PhantomData))
            }
        })+
    };
}

deserialize_as_text!(WorkerTarget, HostTarget, ClockTarget, BrokerTarget, LinkEnd);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_as_written() {
        assert_eq!(WorkerTarget::parse("any worker"), Some(WorkerTarget::Any));
        assert_eq!(
            WorkerTarget::parse("worker-2"),
            Some(WorkerTarget::Named("worker-2".to_owned()))
        );
        assert_eq!(HostTarget::parse("any host"), Some(HostTarget::Any));
        assert_eq!(
            BrokerTarget::parse("leader of eu-trades-3"),
            Some(BrokerTarget::Chosen(BrokerChoice::LeaderOf {
                topic: "eu-trades".to_owned(),
                partition: 3
            }))
        );
        assert_eq!(LinkEnd::parse("broker-1"), Some(LinkEnd::Broker(Some(1))));
        for wrong in [
            "worker",
            "worker-",
            "worker-0",
            "worker-02",
            "any",
            "worker-x",
        ] {
            assert_eq!(LinkEnd::parse(wrong), None, "{wrong}");
        }
        for machine in ["host-a", "broker-2", "loader"] {
            let named = ClockTarget::Named(machine.to_owned());
            assert_eq!(ClockTarget::parse(machine), Some(named));
        }
        assert_eq!(
            ClockTarget::parse("any broker"),
            Some(ClockTarget::AnyBroker)
        );
        assert_eq!(
            ClockTarget::parse("worker-1"),
            None,
            "a worker has no clock of its own"
        );
        assert_eq!(BrokerTarget::parse("leader of trades"), None);
        assert_eq!(HostTarget::parse("host-ab"), None);
    }
}
