//! Loopback, and nodes that break their own links when told to: `fault …` of `docs/node-events.md`.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Impairment, Links, PORT};

#[derive(Debug)]
pub(crate) struct Emulated {
    addrs: Vec<SocketAddr>,
}

impl Emulated {
    /// All of 127.0.0.0/8 is this machine. Addresses made from the process id are nobody else's, so that two runs at the
    /// same time do not meet, and no port has to be looked for.
    pub(super) fn new(nodes: usize) -> Self {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let host = |node: usize| u8::try_from(node + 1).unwrap_or(u8::MAX);
        // A second octet of 0 is left to everybody else's 127.0.0.x.
        let addrs = (0..nodes)
            .map(|node| (Ipv4Addr::new(127, high % 254 + 1, low, host(node)), PORT).into())
            .collect();
        Self { addrs }
    }

    pub(super) fn addr(&self, node: usize) -> SocketAddr {
        self.addrs[node]
    }

    /// Each sender breaks what it sends, so that a datagram meets a fault once.
    pub(super) fn commands(&self, links: &Links, node: usize) -> Vec<String> {
        let mut commands = vec!["fault heal".to_owned()];
        if let Some(impairment) = links.uniform_from(node) {
            commands.push(format!("fault {} out", words(impairment)));
        } else {
            for (to, impairment) in links.sent_by(node) {
                commands.push(format!("fault {} {} out", words(impairment), self.addrs[to]));
            }
        }
        commands
    }
}

fn words(impairment: Impairment) -> String {
    match impairment {
        // `fault cut` wants a peer; this is the same without.
        Impairment::Cut => "loss 1".into(),
        Impairment::Loss(p) => format!("loss {p}"),
        Impairment::Burst { loss, length } => format!("burst {loss} {length}"),
        Impairment::Delay(delay) => format!("delay {}ms", delay.as_millis()),
        Impairment::Duplicate(p) => format!("duplicate {p}"),
        Impairment::Reorder { every, delay } => format!("reorder {every} {}ms", delay.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_to_all_is_one_command_and_one_to_some_is_one_each() {
        let emulated = Emulated::new(3);
        let links = Links::fine(3).everywhere(Impairment::Loss(0.3));
        assert_eq!(emulated.commands(&links, 1), ["fault heal", "fault loss 0.3 out"]);
        let links = Links::fine(3).apart(|node| usize::from(node == 2));
        let cut = format!("fault loss 1 {} out", emulated.addr(2));
        assert_eq!(emulated.commands(&links, 0), ["fault heal", cut.as_str()]);
        assert_eq!(emulated.commands(&links, 2), ["fault heal", "fault loss 1 out"]);
        assert_eq!(emulated.commands(&Links::fine(3), 0), ["fault heal"]);
    }

    #[test]
    fn who_hears_nothing_of_whom_is_told_in_the_direction_that_matters() {
        let links = Links::fine(3).one_way(0, 1, Impairment::Cut).one_way(2, 1, Impairment::Loss(0.9));
        // n2 no longer hears n1, and may suspect it.
        assert_eq!(links.silent_pairs().collect::<Vec<_>>(), [(1, 0)]);
    }
}
