//! What can be wrong with a trace file, said so that its owner can mend it.

use std::path::PathBuf;

/// A trace that cannot be used: which file, which line, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file or directory could not be opened or read.
    #[error("{}: {source}; check the path and that the file is readable", path.display())]
    Unreadable {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is larger, unpacked, than the program is willing to hold.
    #[error("{}: more than {limit_mib} MiB unpacked; cut it into shorter traces", path.display())]
    TooLarge {
        /// The path as it was given.
        path: PathBuf,
        /// The limit.
        limit_mib: u64,
    },
    /// A directory without a single trace in it.
    #[error("{}: no *.csv or *.csv.gz trace in it; give a directory that holds some, or one file with --trace", path.display())]
    EmptyDirectory {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The content is not a trace.
    #[error("{}: line {line}: {fault}", path.display())]
    Malformed {
        /// The path as it was given.
        path: PathBuf,
        /// One-based.
        line: u64,
        /// What is wrong on that line.
        fault: Fault,
    },
}

/// What is wrong on a line, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The header is missing or differs.
    #[error("the header is `{found}`; the first line must be `seq,send_ns,recv_ns`")]
    Header {
        /// The line that stood there, shortened.
        found: String,
    },
    /// More or fewer than three columns.
    #[error(
        "{found} columns; each row must have three, seq,send_ns,recv_ns, the last left empty for a lost heartbeat"
    )]
    Columns {
        /// How many there were.
        found: usize,
    },
    /// A cell that is not an unsigned integer.
    #[error("{column} is `{found}`; write a whole number of {unit}")]
    NotANumber {
        /// Which column.
        column: &'static str,
        /// The cell, shortened.
        found: String,
        /// What it counts.
        unit: &'static str,
    },
    /// A negative time or number.
    #[error("{column} is negative ({found}); shift the whole trace so that the first send is at 0")]
    Negative {
        /// Which column.
        column: &'static str,
        /// The cell, shortened.
        found: String,
    },
    /// A time too large to be computed with exactly.
    #[error(
        "{column} is {found}, beyond 2^53 ns (104 days); shift the trace so that the first send is at 0, or cut it"
    )]
    TooLate {
        /// Which column.
        column: &'static str,
        /// The value.
        found: u64,
    },
    /// Sequence numbers that do not increase.
    #[error("seq {found} follows {before}; sort the rows by seq and drop duplicates")]
    SeqUnsorted {
        /// The number above.
        before: u64,
        /// The number on this line.
        found: u64,
    },
    /// Send times that do not increase.
    #[error(
        "send_ns {found} follows {before}; rows must be in send order, each sent later than the one before"
    )]
    SendUnsorted {
        /// The time above.
        before: u64,
        /// The time on this line.
        found: u64,
    },
    /// An arrival before its departure.
    #[error("recv_ns {received} is before send_ns {sent}; correct the offset between the two clocks")]
    ReceivedBeforeSent {
        /// Departure.
        sent: u64,
        /// Arrival.
        received: u64,
    },
    /// Not enough arrivals to judge anything after the warm-up.
    #[error(
        "ends after {received} received heartbeats; {needed} are needed ({warm_up} of warm-up and some to judge): \
         record for longer"
    )]
    TooShort {
        /// How many arrived.
        received: usize,
        /// How many must.
        needed: usize,
        /// How many of those are only warm-up.
        warm_up: usize,
    },
}
