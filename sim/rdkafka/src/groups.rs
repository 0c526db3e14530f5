//! Consumer groups as a broker lists them.

use std::fmt;

use bytes::Bytes;

/// A member of a group.
pub struct GroupMemberInfo {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

impl GroupMemberInfo {
    /// The member id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The member's `client.id`.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The member's host.
    pub fn client_host(&self) -> &str {
        &self.client_host
    }

    /// Its subscription, encoded.
    pub fn metadata(&self) -> Option<&[u8]> {
        Some(&self.metadata)
    }

    /// Its assignment, encoded.
    pub fn assignment(&self) -> Option<&[u8]> {
        Some(&self.assignment)
    }
}

/// A group.
pub struct GroupInfo {
    pub(crate) name: String,
    pub(crate) members: Vec<GroupMemberInfo>,
    pub(crate) state: String,
    pub(crate) protocol: String,
    pub(crate) protocol_type: String,
}

impl GroupInfo {
    /// Its id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its members.
    pub fn members(&self) -> &[GroupMemberInfo] {
        &self.members
    }

    /// Its state, in the broker's words.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The assignor in use.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// `consumer` for consumer groups.
    pub fn protocol_type(&self) -> &str {
        &self.protocol_type
    }
}

impl fmt::Debug for GroupInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Groups.
pub struct GroupList {
    pub(crate) groups: Vec<GroupInfo>,
}

impl GroupList {
    /// The groups.
    pub fn groups(&self) -> &[GroupInfo] {
        &self.groups
    }
}
