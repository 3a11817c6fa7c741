use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::super::{Impairment, Links};
use super::*;

/// A relay whose nodes are sockets of this process.
struct Bench {
    nodes: Vec<UnixDatagram>,
    wanted: Arc<Wanted>,
    stop: io::PipeWriter,
    thread: JoinHandle<anyhow::Result<Lost>>,
}

impl Bench {
    fn new(count: usize) -> Self {
        let (nodes, ends): (Vec<_>, Vec<_>) = (0..count).map(|_| UnixDatagram::pair().unwrap()).unzip();
        for (node, end) in nodes.iter().zip(&ends) {
            node.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            end.set_nonblocking(true).unwrap();
        }
        let wanted = Arc::new(Wanted::new(Links::fine(count)));
        let (stopped, stop) = io::pipe().unwrap();
        let theirs = Arc::clone(&wanted);
        let thread = std::thread::spawn(move || {
            let ends: Vec<OwnedFd> = ends.into_iter().map(OwnedFd::from).collect();
            run(&ends, &stopped, &theirs, 1)
        });
        Self { nodes, wanted, stop, thread }
    }

    fn send(&self, from: usize, to: usize, text: &str) {
        self.nodes[from].send(&frame(to, text)).unwrap();
    }

    fn heard(&self, by: usize) -> Option<String> {
        let mut buffer = [0; 100];
        let length = self.nodes[by].recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[ETHERNET_HEADER..length].to_vec()).unwrap())
    }
}

fn frame(to: usize, text: &str) -> Vec<u8> {
    let mut frame = Mac::of(to).octets().to_vec();
    frame.resize(ETHERNET_HEADER, 0);
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[test]
fn frames_go_where_they_are_addressed_and_links_break_and_mend_while_it_runs() {
    let bench = Bench::new(3);
    bench.send(0, 1, "a");
    bench.send(2, 0, "b");
    assert_eq!((bench.heard(1), bench.heard(0)), (Some("a".into()), Some("b".into())));
    bench.wanted.set(Links::fine(3).one_way(0, 1, Impairment::Cut));
    bench.send(0, 1, "lost");
    bench.send(1, 0, "back");
    assert_eq!((bench.heard(1), bench.heard(0)), (None, Some("back".into())));
    bench.wanted.set(Links::fine(3));
    // To nobody here, and too short for an address.
    bench.send(0, 7, "nobody");
    bench.nodes[0].send(b"x").unwrap();
    bench.send(0, 1, "mended");
    assert_eq!(bench.heard(1), Some("mended".into()));
    drop(bench.stop);
    assert_eq!(bench.thread.join().unwrap().unwrap(), Lost::default());
}

#[test]
fn what_is_late_wakes_the_thread_and_does_not_keep_it() {
    let bench = Bench::new(2);
    let delay = Duration::from_millis(100);
    bench.wanted.set(Links::fine(2).everywhere(Impairment::Delay(delay)));
    let sent = Instant::now();
    bench.send(0, 1, "late");
    assert_eq!(bench.heard(1), Some("late".into()));
    assert!(sent.elapsed() >= delay);
    bench.wanted.set(Links::fine(2).everywhere(Impairment::Delay(Duration::from_secs(3600))));
    bench.send(0, 1, "later");
    drop(bench.stop);
    assert!(bench.thread.join().unwrap().is_ok());
}

#[test]
fn a_descriptor_that_cannot_be_read_is_an_error_that_says_whose() {
    let directory = OwnedFd::from(std::fs::File::open("/").unwrap());
    let (stopped, _stop) = io::pipe().unwrap();
    let error = run(&[directory], &stopped, &Wanted::new(Links::fine(1)), 1).unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot read what n1 sends"), "{error:#}");
}
