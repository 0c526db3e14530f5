//! All kinds of faults that a `[[fault]]` entry can name.

use serde::de::DeserializeOwned;
use toml::de::ValueDeserializer;

use super::Fault;
use super::broker_kill::BrokerKill;
use super::delay::Delay;
use super::force_rebalance::ForceRebalance;
use super::kill::Kill;
use super::member_churn::MemberChurn;
use super::network_cut::NetworkCut;
use super::pause::Pause;
use super::power_loss::PowerLoss;
use super::rewind_committed::RewindCommitted;

/// A kind of fault: its name, and how its table is read.
#[derive(Debug)]
pub struct Kind {
    /// What a scenario writes after `kind =`.
    pub name: &'static str,
    /// Reads the rest of the entry.
    pub parse: fn(ValueDeserializer<'_>) -> Result<Box<dyn Fault>, toml::de::Error>,
}

impl Kind {
    const fn new<F: Fault + DeserializeOwned + 'static>(name: &'static str) -> Self {
        Self {
            name,
            parse: parse::<F>,
        }
    }
}

fn parse<F: Fault + DeserializeOwned + 'static>(
    table: ValueDeserializer<'_>,
) -> Result<Box<dyn Fault>, toml::de::Error> {
    Ok(Box::new(F::deserialize(table)?))
}

/// Every kind.
pub const KINDS: &[Kind] = &[
    Kind::new::<Kill>("kill"),
    Kind::new::<Pause>("pause"),
    Kind::new::<PowerLoss>("power-loss"),
    Kind::new::<MemberChurn>("member-churn"),
    Kind::new::<ForceRebalance>("force-rebalance"),
    Kind::new::<BrokerKill>("broker-kill"),
    Kind::new::<NetworkCut>("network-cut"),
    Kind::new::<Delay>("delay"),
    Kind::new::<RewindCommitted>("rewind-committed"),
];

/// The kind of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
