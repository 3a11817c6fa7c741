//! The figures by name: what each is called in the table, the pictures and the CSV, and where it comes from.

use super::super::sim::scale::bootstrap::Bootstrap;
use super::super::sim::scale::parted::Parted;
use super::super::sim::scale::size::Size;

/// One figure of what was measured.
pub(super) struct Figure<T> {
    /// In the CSV.
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// In tables and pictures.
    pub(super) label: &'static str,
    /// How many decimals a person wants to see.
    pub(super) decimals: usize,
    /// Its value, if it was measured.
    pub(super) of: fn(&T) -> Option<f64>,
}

pub(super) const BYTES: Figure<Size> =
    Figure { name: "bytes", unit: "B/s", label: "sent by a node", decimals: 0, of: |size| Some(size.bytes) };
pub(super) const DATAGRAMS: Figure<Size> = Figure {
    name: "datagrams",
    unit: "datagrams/s",
    label: "sent by a node",
    decimals: 1,
    of: |size| Some(size.datagrams),
};
const LONGEST: Figure<Size> = Figure {
    name: "longest_datagram",
    unit: "B",
    label: "longest datagram",
    decimals: 0,
    of: |size| Some(size.longest as f64),
};
pub(super) const FOUNDED: Figure<Size> =
    seconds("first_view_at_all", "first view at all", |size| Some(time(size.founded)));
pub(super) const JOINED: Figure<Size> =
    seconds("join_known_to_all", "join known to all", |size| Some(time(size.joined)));
pub(super) const NEWCOMER: Figure<Size> =
    seconds("newcomer_knows_all", "newcomer knows all", |size| size.newcomer.map(time));
pub(super) const SUSPECTED: Figure<Size> =
    seconds("crash_known_to_all", "crash suspected, known to all", |size| Some(time(size.suspected)));
const SPREAD: Figure<Size> =
    seconds("crash_spread", "of it after the first suspicion", |size| Some(time(size.spread)));
pub(super) const DEAD: Figure<Size> =
    seconds("death_known_to_all", "death by verdict, known to all", |size| Some(time(size.dead)));

pub(super) const ONE_AGAIN: Figure<Parted> =
    seconds("one_again_after_healing", "one again after healing", |parted| Some(time(parted.one_again)));
const CUT_OFF: Figure<Parted> = Figure {
    name: "cut_off",
    unit: "nodes",
    label: "cut off",
    decimals: 0,
    of: |parted| Some(parted.cut_off as f64),
};
const DEATHS: Figure<Parted> = Figure {
    name: "declared_dead_meanwhile",
    unit: "lives",
    label: "declared dead meanwhile",
    decimals: 0,
    of: |parted| Some(parted.dead as f64),
};

pub(super) const STRANGERS_KNOW: Figure<Bootstrap> =
    seconds("strangers_know_all", "all know all", |bootstrap| Some(time(bootstrap.complete)));
pub(super) const STRANGERS_FOUNDED: Figure<Bootstrap> =
    seconds("strangers_hold_a_view", "first view at all", |bootstrap| Some(time(bootstrap.founded)));
const STRANGERS_SENT: Figure<Bootstrap> = Figure {
    name: "strangers_sent",
    unit: "B",
    label: "sent by a node until then",
    decimals: 0,
    of: |bootstrap| Some(bootstrap.bytes),
};

/// All of a size, in the order of the table.
pub(super) const OF_SIZE: [Figure<Size>; 9] =
    [BYTES, DATAGRAMS, LONGEST, FOUNDED, JOINED, NEWCOMER, SUSPECTED, SPREAD, DEAD];
/// All of parts that meet again.
pub(super) const OF_PARTED: [Figure<Parted>; 3] = [CUT_OFF, ONE_AGAIN, DEATHS];
/// All of strangers that start together.
pub(super) const OF_BOOTSTRAP: [Figure<Bootstrap>; 3] = [STRANGERS_KNOW, STRANGERS_FOUNDED, STRANGERS_SENT];

const fn seconds<T>(name: &'static str, label: &'static str, of: fn(&T) -> Option<f64>) -> Figure<T> {
    Figure { name, unit: "s", label, decimals: 2, of }
}

fn time(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
