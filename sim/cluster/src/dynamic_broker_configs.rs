//! The settings of brokers that were changed while they ran.

use std::collections::BTreeMap;

use crate::broker_config_definition::BrokerConfigDefinition;
use crate::config::{BrokerId, BrokerSettings};

/// Settings by name.
pub(crate) type Configs = BTreeMap<String, String>;

/// What was changed, for one broker or for all, and what comes of it (`DynamicBrokerConfig`). The
/// controller keeps it: it outlives a broker's restart.
#[derive(Debug)]
pub(crate) struct DynamicBrokerConfigs {
    of_all: Configs,
    by_broker: BTreeMap<BrokerId, Configs>,
    /// The settings of the brokers that differ from the cluster's.
    effective: BTreeMap<BrokerId, BrokerSettings>,
}

impl Default for DynamicBrokerConfigs {
    /// A new cluster's: the controller sets `min.insync.replicas` for all brokers where eligible
    /// leader replicas are enabled, as they are by default (KIP-966).
    fn default() -> Self {
        let min_insync_replicas = ("min.insync.replicas".to_owned(), "1".to_owned());
        Self {
            of_all: Configs::from([min_insync_replicas]),
            by_broker: BTreeMap::new(),
            effective: BTreeMap::new(),
        }
    }
}

impl DynamicBrokerConfigs {
    /// The broker's settings, `base` where nothing was changed.
    pub(crate) fn settings<'a>(
        &'a self,
        broker: BrokerId,
        base: &'a BrokerSettings,
    ) -> &'a BrokerSettings {
        self.effective.get(&broker).unwrap_or(base)
    }

    /// What was changed for a broker, or for all (`None`).
    pub(crate) fn of(&self, broker: Option<BrokerId>) -> Configs {
        match broker {
            None => self.of_all.clone(),
            Some(broker) => self.by_broker.get(&broker).cloned().unwrap_or_default(),
        }
    }

    /// A setting that was changed for a broker itself.
    pub(crate) fn of_broker(&self, broker: BrokerId, name: &str) -> Option<&str> {
        self.by_broker.get(&broker)?.get(name).map(String::as_str)
    }

    /// A setting that was changed for all brokers.
    pub(crate) fn of_all(&self, name: &str) -> Option<&str> {
        self.of_all.get(name).map(String::as_str)
    }

    /// Replaces what was changed for a broker, or for all (`None`).
    pub(crate) fn replace(
        &mut self,
        broker: Option<BrokerId>,
        configs: Configs,
        brokers: impl Iterator<Item = BrokerId>,
        base: &BrokerSettings,
    ) {
        match broker {
            None => self.of_all = configs,
            Some(broker) => {
                self.by_broker.insert(broker, configs);
            }
        }
        self.effective = brokers.map(|id| (id, self.applied(id, base))).collect();
    }

    /// What was changed for all first, then what was changed for the broker.
    fn applied(&self, broker: BrokerId, base: &BrokerSettings) -> BrokerSettings {
        let mut settings = base.clone();
        let own = self.by_broker.get(&broker).into_iter().flatten();
        for (name, value) in self.of_all.iter().chain(own) {
            if let Some(config) = BrokerConfigDefinition::of(name) {
                config.set(&mut settings, value);
            }
        }
        settings
    }
}
