//! Text to rows, with every assumption of the format checked.

use super::{Fault, Row};
use crate::replay::{RECEIVED_MIN, WARM_UP};

const HEADER: &str = "seq,send_ns,recv_ns";
/// Below this every whole number of nanoseconds is exact in an `f64`.
const TIME_MAX_NS: u64 = 1 << 53;
/// How much of an offending cell an error quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// Reads the rows of a trace.
///
/// # Errors
///
/// The one-based line and what is wrong with it. A trace too short to be judged is reported at its last line.
pub fn parse(text: &str) -> Result<Vec<Row>, (u64, Fault)> {
    let mut lines = (1u64..).zip(text.lines());
    let header = lines.next().map_or("", |(_, line)| line);
    if header.trim_start_matches('\u{feff}').trim_end() != HEADER {
        return Err((1, Fault::Header { found: quoted(header) }));
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut last_line = 1;
    for (number, line) in lines {
        let row = row(line.trim_end(), rows.last()).map_err(|fault| (number, fault))?;
        rows.push(row);
        last_line = number;
    }
    let received = rows.iter().filter(|row| row.received_ns.is_some()).count();
    if received < RECEIVED_MIN {
        return Err((last_line, Fault::TooShort { received, needed: RECEIVED_MIN, warm_up: WARM_UP }));
    }
    Ok(rows)
}

fn row(line: &str, before: Option<&Row>) -> Result<Row, Fault> {
    let mut cells = line.split(',');
    let (Some(seq), Some(sent), Some(received), None) =
        (cells.next(), cells.next(), cells.next(), cells.next())
    else {
        return Err(Fault::Columns { found: line.split(',').count() });
    };
    let seq = number("seq", "heartbeats", seq)?;
    let sent_ns = time("send_ns", sent)?;
    let received_ns = if received.is_empty() { None } else { Some(time("recv_ns", received)?) };
    if let Some(before) = before {
        if seq <= before.seq {
            return Err(Fault::SeqUnsorted { before: before.seq, found: seq });
        }
        if sent_ns <= before.sent_ns {
            return Err(Fault::SendUnsorted { before: before.sent_ns, found: sent_ns });
        }
    }
    match received_ns {
        Some(received) if received < sent_ns => Err(Fault::ReceivedBeforeSent { sent: sent_ns, received }),
        _ => Ok(Row { seq, sent_ns, received_ns }),
    }
}

fn time(column: &'static str, cell: &str) -> Result<u64, Fault> {
    let value = number(column, "nanoseconds", cell)?;
    if value > TIME_MAX_NS { Err(Fault::TooLate { column, found: value }) } else { Ok(value) }
}

fn number(column: &'static str, unit: &'static str, cell: &str) -> Result<u64, Fault> {
    cell.parse().map_err(|_| match cell.strip_prefix('-') {
        Some(rest) if rest.parse::<f64>().is_ok() => Fault::Negative { column, found: quoted(cell) },
        _ => Fault::NotANumber { column, found: quoted(cell), unit },
    })
}

fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A good trace with line 3 (the second row) replaced.
    fn with_second_row(row: &str) -> String {
        let mut text = String::from("seq,send_ns,recv_ns\n0,0,5\n");
        text.push_str(row);
        for seq in 2..RECEIVED_MIN as u64 + 2 {
            text.push_str(&format!("\n{seq},{},{}", seq * 10, seq * 10 + 5));
        }
        text
    }

    fn fault_of(row: &str) -> (u64, Fault) {
        parse(&with_second_row(row)).unwrap_err()
    }

    #[test]
    fn a_lost_heartbeat_has_an_empty_last_cell() {
        let rows = parse(&with_second_row("1,10,")).unwrap();
        assert_eq!(rows[1], Row { seq: 1, sent_ns: 10, received_ns: None });
        assert_eq!(rows[2], Row { seq: 2, sent_ns: 20, received_ns: Some(25) });
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_read_over() {
        let text = format!("\u{feff}{}", with_second_row("1,10,15").replace('\n', "\r\n"));
        assert_eq!(parse(&text).unwrap().len(), RECEIVED_MIN + 2);
    }

    #[test]
    fn gaps_in_the_sequence_are_losses_never_recorded() {
        assert!(parse(&with_second_row("1,10,15").replacen("\n2,20,25", "", 1)).is_ok());
    }

    #[test]
    fn every_fault_names_its_line_and_what_to_do() {
        let cases = [
            (
                "1,10",
                "2 columns; each row must have three, seq,send_ns,recv_ns, the last left empty for a lost heartbeat",
            ),
            (
                "1,10,15,7",
                "4 columns; each row must have three, seq,send_ns,recv_ns, the last left empty for a lost heartbeat",
            ),
            (
                "",
                "1 columns; each row must have three, seq,send_ns,recv_ns, the last left empty for a lost heartbeat",
            ),
            ("1,10,1.5", "recv_ns is `1.5`; write a whole number of nanoseconds"),
            ("x,10,15", "seq is `x`; write a whole number of heartbeats"),
            ("1,-10,15", "send_ns is negative (-10); shift the whole trace so that the first send is at 0"),
            (
                "1,10,9007199254740993",
                "recv_ns is 9007199254740993, beyond 2^53 ns (104 days); shift the trace so that the first send is at 0, or cut it",
            ),
            ("0,10,15", "seq 0 follows 0; sort the rows by seq and drop duplicates"),
            (
                "1,0,15",
                "send_ns 0 follows 0; rows must be in send order, each sent later than the one before",
            ),
            ("1,10,9", "recv_ns 9 is before send_ns 10; correct the offset between the two clocks"),
        ];
        for (row, message) in cases {
            let (line, fault) = fault_of(row);
            assert_eq!((line, fault.to_string().as_str()), (3, message), "row `{row}`");
        }
    }

    #[test]
    fn a_wrong_header_is_shown() {
        let (line, fault) = parse("time,rtt\n1,2\n").unwrap_err();
        assert_eq!(line, 1);
        assert_eq!(
            fault.to_string(),
            "the header is `time,rtt`; the first line must be `seq,send_ns,recv_ns`"
        );
        assert_eq!(parse("").unwrap_err(), (1, Fault::Header { found: String::new() }));
    }

    #[test]
    fn a_short_trace_says_how_much_is_missing() {
        let (line, fault) = parse("seq,send_ns,recv_ns\n0,0,5\n1,10,\n").unwrap_err();
        assert_eq!(line, 3);
        assert_eq!(fault, Fault::TooShort { received: 1, needed: RECEIVED_MIN, warm_up: WARM_UP });
        assert!(fault.to_string().ends_with("record for longer"), "{fault}");
    }
}
