//! What can go wrong, one enum per area. Every error says what was given and what would have been accepted.

use std::time::Duration;

/// A name or counter that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The name has no bytes, or too many.
    #[error("a name must have 1 to 64 bytes, this one has {len}")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
    /// The name would garble a log.
    #[error("a name must not hold control characters")]
    Control,
    /// The number is outside its range.
    #[error("an incarnation or version must be 1 to 2^48, not {value}")]
    Counter {
        /// The number.
        value: u64,
    },
}

/// Metadata that does not fit. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A key is empty or too long.
    #[error("a metadata key must have 1 to 32 bytes, this one has {len}")]
    Key {
        /// Its length in bytes.
        len: usize,
    },
    /// A value is too long.
    #[error("a metadata value must have at most 256 bytes, this one has {len}")]
    Value {
        /// Its length in bytes.
        len: usize,
    },
    /// There are too many entries.
    #[error("a node may have at most 16 metadata entries")]
    Count,
    /// All of it together is too long for one datagram.
    #[error("all metadata of a node must fit in 512 bytes (keys and values), this needs {len}")]
    Total {
        /// The size it would have had, in bytes.
        len: usize,
    },
    /// The key's order was wrong or doubled; only the network can cause it.
    #[error("metadata keys must be sorted and unique")]
    Order,
}

/// A configuration that was refused by [`ConfigBuilder::build`](crate::ConfigBuilder::build).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The cluster's name cannot be used.
    #[error("cluster: {0}")]
    Cluster(#[from] IdError),
    /// The name of a voter cannot be used.
    #[error("voters: {0}")]
    Voter(#[source] IdError),
    /// A voter is listed twice.
    #[error("voters: a name is listed twice")]
    VoterTwice,
    /// A duration is outside its range.
    #[error("{field} = {value:?} is outside {min:?}..={max:?}")]
    Duration {
        /// The field.
        field: &'static str,
        /// What was given.
        value: Duration,
        /// The smallest that is accepted.
        min: Duration,
        /// The largest that is accepted.
        max: Duration,
    },
    /// A number is outside its range.
    #[error("{field} = {value} is outside {min}..={max}")]
    Number {
        /// The field.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The smallest that is accepted.
        min: f64,
        /// The largest that is accepted.
        max: f64,
    },
    /// A duration has a part smaller than a millisecond.
    #[error("{field} = {value:?} must be a whole number of milliseconds: it is sent to others as such")]
    Millis {
        /// The field.
        field: &'static str,
        /// What was given.
        value: Duration,
    },
    /// Two fields contradict each other.
    #[error("{field} = {value} must not be {relation} {other} = {bound}")]
    Relation {
        /// The field.
        field: &'static str,
        /// What was given.
        value: String,
        /// How it stands to the other.
        relation: &'static str,
        /// The other field.
        other: &'static str,
        /// The other field's value.
        bound: String,
    },
}

/// A command that the node cannot obey any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The node has left, or is leaving.
    #[error("the node has left the cluster: start it again with a higher incarnation")]
    Left,
    /// A node of this name with a higher incarnation has taken its place.
    #[error("a later start of this node has taken its place: this process must stop")]
    Superseded,
    /// A list of voters is unusable.
    #[error("a list of voters has 1 to 9 different names")]
    Voters,
}

/// Why metadata could not be set. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// It does not fit.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The node has stopped.
    #[error(transparent)]
    Command(#[from] CommandError),
}
