//! The state machine of one node, without input or output.
//!
//! Lives here: everything a node decides. Flows in: datagrams, the passing of time, commands, each with a reading of
//! the clocks. Flows out: datagrams to send, the next moment to be woken, events. Never here: a socket, a task, a clock,
//! randomness that was not seeded by the caller, or an iteration whose order depends on anything but the inputs.
//!
//! Data flows one way:
//!
//! ```text
//! datagram ─► wire ─► join, sync, news ─► members ─► neighbours
//!                └──► heartbeat ─► detector ─► watch ─► opinions ─► news
//! ```

pub(crate) mod clock;
pub(crate) mod event;
pub(crate) mod identity;
pub(crate) mod opinion;
pub(crate) mod record;
