//! One node of chitchat: its set of live nodes, told as lines on standard output.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::{Args, Profile, Report};
use chitchat::transport::UdpTransport;
use chitchat::{ChitchatConfig, ChitchatId, FailureDetectorConfig, ProtocolVersion, spawn_chitchat};

const GLANCE: Duration = Duration::from_millis(100);
/// What chitchat's own examples and its users have.
const GOSSIP_INTERVAL: Duration = Duration::from_secs(1);
const GOSSIP_INTERVAL_TUNED: Duration = Duration::from_millis(100);

/// The detector as it comes; or with what it believes before it has heard anything, and the longest gap that it learns from,
/// brought down with the interval.
fn detector(profile: Profile) -> FailureDetectorConfig {
    match profile {
        Profile::Default => FailureDetectorConfig::default(),
        Profile::Tuned => FailureDetectorConfig {
            initial_interval: Duration::from_millis(200),
            max_interval: Duration::from_secs(1),
            ..FailureDetectorConfig::default()
        },
    }
}

fn config(args: &Args) -> ChitchatConfig {
    ChitchatConfig {
        chitchat_id: ChitchatId::new(args.name.as_str(), agent::generation(), args.bind),
        cluster_id: args.cluster.clone(),
        gossip_interval: match args.profile {
            Profile::Default => GOSSIP_INTERVAL,
            Profile::Tuned => GOSSIP_INTERVAL_TUNED,
        },
        listen_addr: args.bind,
        seed_nodes: args.seeds.iter().map(ToString::to_string).collect(),
        failure_detector_config: detector(args.profile),
        marked_for_deletion_grace_period: Duration::from_secs(3_600),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let handle = spawn_chitchat(config(&args), Vec::new(), &UdpTransport).await?;
    let mut live = handle.chitchat().lock().await.live_nodes_watcher();
    let mut report = Report::start(&args);
    let mut asked_to_leave = agent::asked_to_leave();
    let mut glance = tokio::time::interval(GLANCE);
    loop {
        tokio::select! {
            changed = live.changed() => {
                changed?;
                // Of several lives of one node the latest counts.
                let mut now: BTreeMap<String, u64> = BTreeMap::new();
                for id in live.borrow_and_update().keys() {
                    let generation = now.entry(id.node_id.to_string()).or_default();
                    *generation = (*generation).max(id.generation_id);
                }
                for name in report.members_up() {
                    if !now.contains_key(&name) {
                        report.down(&name);
                    }
                }
                for (name, generation) in now {
                    report.up(&name, generation);
                }
            }
            _ = glance.tick() => {
                // It has no way to say goodbye: for the others this is a crash.
                if asked_to_leave() {
                    return handle.shutdown().await;
                }
            }
        }
    }
}
