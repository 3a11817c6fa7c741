//! A heartbeat trace: what was sent when, and when it arrived, if it did.
//!
//! [`file()`] and [`directory`] read and check; nothing else in the crate touches the disk for input. Past this module a trace is
//! known to be well formed: sequence numbers and send times increase, nothing arrives before it was sent.

mod error;
mod load;
mod parse;

pub use error::{Fault, TraceError};
pub use load::{directory, file};
pub use parse::parse;

/// Where the timing of a trace comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Read from a file.
    Recorded,
    /// Drawn from a random generator; never to be mixed up with the former.
    Synthetic,
}

impl Nature {
    /// The word used in tables.
    pub fn word(self) -> &'static str {
        match self {
            Nature::Recorded => "recorded",
            Nature::Synthetic => "synthetic",
        }
    }
}

/// One heartbeat as the sender and the receiver saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The sender's counter; strictly increasing down the trace.
    pub seq: u64,
    /// When it left, in nanoseconds; strictly increasing down the trace.
    pub sent_ns: u64,
    /// When it arrived, in nanoseconds; `None` if it never did.
    pub received_ns: Option<u64>,
}

/// A named series of heartbeats in send order.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The file's name without its endings, or the scenario's.
    pub name: String,
    /// Recorded or synthetic.
    pub nature: Nature,
    /// The heartbeats, in send order.
    pub rows: Vec<Row>,
    /// The interval the sender was told to keep, if that is known.
    pub nominal_ns: Option<u64>,
}

impl Trace {
    /// The nominal heartbeat interval in nanoseconds; if it is not known, the median of the times between sends.
    ///
    /// At least one, so that it can divide.
    pub fn interval_ns(&self) -> u64 {
        if let Some(nominal) = self.nominal_ns {
            return nominal.max(1);
        }
        let mut gaps: Vec<u64> = self.rows.windows(2).map(|pair| pair[1].sent_ns - pair[0].sent_ns).collect();
        if gaps.is_empty() {
            return 1;
        }
        let middle = gaps.len() / 2;
        (*gaps.select_nth_unstable(middle).1).max(1)
    }

    /// How many of the heartbeats never arrived.
    pub fn lost(&self) -> usize {
        self.rows.iter().filter(|row| row.received_ns.is_none()).count()
    }

    /// Keeps the first `rows` heartbeats only.
    pub fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, sent_ns: u64, received_ns: Option<u64>) -> Row {
        Row { seq, sent_ns, received_ns }
    }

    #[test]
    fn interval_is_the_median_and_not_the_mean() {
        let rows = vec![row(0, 0, Some(1)), row(1, 10, None), row(2, 20, Some(21)), row(3, 500, Some(501))];
        let trace = Trace { name: "t".into(), nature: Nature::Recorded, rows, nominal_ns: None };
        assert_eq!(trace.interval_ns(), 10);
        assert_eq!(trace.lost(), 1);
        assert_eq!(Trace { nominal_ns: Some(12), ..trace }.interval_ns(), 12);
    }

    #[test]
    fn interval_of_a_lone_heartbeat_can_still_divide() {
        let trace = Trace {
            name: "t".into(),
            nature: Nature::Recorded,
            rows: vec![row(0, 5, None)],
            nominal_ns: None,
        };
        assert_eq!(trace.interval_ns(), 1);
    }
}
