//! Everything that was said and done, as JSON lines, packed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::adversity::observe::{BareLoops, Log, What, name};

/// One line for each entry: `at` in seconds, then `by` and the `line` as it was, or the `deed`, or the `sample` of a node.
pub(super) fn packed(log: &Log) -> anyhow::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    for entry in &log.entries {
        let at = (entry.at * 1e4).round() / 1e4;
        let value = match &entry.what {
            What::Said { by, raw, .. } => {
                let line = serde_json::from_str(raw).unwrap_or_else(|_| json!(raw));
                json!({ "at": at, "by": name(*by), "line": line })
            }
            What::Throttled { node, means, periods, throttled } => json!({
                "at": at,
                "node": name(*node),
                "throttled": { "by": means, "periods": periods, "throttled": throttled },
            }),
            What::Dropped { node, datagrams } => {
                json!({ "at": at, "node": name(*node), "dropped": datagrams })
            }
            What::GivesBack { node, lease } => json!({ "at": at, "gives_back": lease, "by": name(*node) }),
            What::DiskTook { seconds } => json!({ "at": at, "disk_took_s": seconds }),
            What::BareLoops(BareLoops { count, loop_percent, node_percent }) => json!({
                "at": at,
                "bare_loops": count,
                "cpu_percent": loop_percent,
                "cpu_percent_of_nodes": node_percent,
            }),
            What::Did(deed) => json!({ "at": at, "deed": deed.text() }),
            What::Sampled { node, sample } => json!({
                "at": at,
                "node": name(*node),
                "sample": {
                    "cpu_s": sample.cpu_s,
                    "resident_kb": sample.resident_kb,
                    "descriptors": sample.descriptors,
                    "wire_bytes": sample.wire_bytes,
                },
            }),
        };
        writeln!(out, "{value}")?;
    }
    Ok(out.finish()?)
}
