//! UDP membership gossip.
