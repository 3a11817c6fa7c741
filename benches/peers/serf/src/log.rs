//! What serf's log says of members: `2026/11/28 05:37:54 [INFO] serf: EventMemberJoin: n3 10.77.0.3`.
//!
//! The library writes these lines when it puts out the event. The agent hands events to scripts and over RPC when none of
//! their kind has come for a second, so that these lines come before.

/// An event of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Up(&'a str),
    /// It has failed.
    Down(&'a str),
    /// It has left on purpose.
    Left(&'a str),
}

/// What a line says; None for all others, as of tags that have changed.
pub(crate) fn parse(line: &str) -> Option<Event<'_>> {
    let (_, text) = line.split_once(" serf: Event")?;
    let (kind, rest) = text.split_once(": ")?;
    let name = rest.split_whitespace().next()?;
    match kind {
        "MemberJoin" => Some(Event::Up(name)),
        "MemberFailed" => Some(Event::Down(name)),
        // The latter of one that was taken for failed before its farewell came.
        "MemberLeave" | "MemberLeave (forced)" => Some(Event::Left(name)),
        _ => None,
    }
}

/// Whether the agent has got so far that it takes part; what it says before tells why it does not.
pub(crate) fn is_running(line: &str) -> bool {
    line.contains("Serf agent running!")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_members_are_understood_and_nothing_else() {
        let line = |text: &str| format!("    2026/11/28 05:37:54 [INFO] {text}");
        assert_eq!(parse(&line("serf: EventMemberJoin: n3 10.77.0.3")), Some(Event::Up("n3")));
        assert_eq!(parse(&line("serf: EventMemberFailed: n3 10.77.0.3")), Some(Event::Down("n3")));
        assert_eq!(parse(&line("serf: EventMemberLeave: n12 10.77.0.12")), Some(Event::Left("n12")));
        assert_eq!(parse(&line("serf: EventMemberLeave (forced): n2 10.77.0.2")), Some(Event::Left("n2")));
        for text in [
            "serf: EventMemberUpdate: n3",
            "agent: Received event: member-failed",
            "memberlist: Suspect n3 has failed, no acks received",
            "serf: attempting reconnect to n3 10.77.0.3:7946",
        ] {
            assert_eq!(parse(&line(text)), None, "{text}");
        }
        assert!(is_running("==> Serf agent running!") && !is_running("==> Starting Serf agent..."));
    }
}
