//! The figures of one outcome, by name and unit.

use crate::adversity::claim::{median, quantile};
use crate::adversity::observe::{
    Cost, Log, accusations, burials, costs, detections, known_by_all, mistakes, notices, recoveries,
};
use crate::adversity::run::mean_cost;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

/// All that can be said of a log; what it has nothing to say about is left out.
pub(super) fn of(log: &Log) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut push = |name, value: Option<f64>, unit| {
        figures.extend(value.map(|value| Figure { name, value, unit }));
    };
    let detections = detections(log);
    let mut after: Vec<f64> =
        detections.iter().flat_map(|d| d.after.iter().filter_map(|(_, after)| *after)).collect();
    let middle = median(&mut after);
    push("detection first", after.first().copied(), "s");
    push("detection median", middle, "s");
    push("detection last", after.last().copied(), "s");
    let blind = detections.iter().flat_map(|d| &d.after).filter(|(_, after)| after.is_none()).count();
    push("not detected", (!detections.is_empty()).then_some(blind as f64), "observers");

    if log.speaks_of_verdicts() {
        let burials = burials(log, 0.0);
        let mut after: Vec<f64> =
            burials.iter().flat_map(|b| b.after.iter().filter_map(|(_, after)| *after)).collect();
        push("dead median", median(&mut after), "s");
        push("dead p99", (!after.is_empty()).then(|| quantile(&after, 0.99)), "s");
        push("dead last", after.last().copied(), "s");
        push("dead reports", (!after.is_empty()).then_some(after.len() as f64), "");
    }

    let notices = notices(log);
    let mut after: Vec<f64> = notices.iter().filter_map(|n| n.after).collect();
    push("notice median", median(&mut after), "s");
    push("notice last", after.last().copied(), "s");
    let blind = notices.iter().filter(|n| n.after.is_none()).count();
    push("not noticed", (!notices.is_empty()).then_some(blind as f64), "pairs");

    let mistakes = mistakes(log);
    push("mistakes", Some(mistakes.len() as f64), "");
    push("accusations", Some(accusations(log) as f64), "");
    push("mistake longest", mistakes.iter().map(|m| m.seconds).reduce(f64::max), "s");
    push("mistakes together", mistakes.iter().map(|m| m.seconds).reduce(|a, b| a + b), "s");

    let recoveries = recoveries(log);
    let mut after: Vec<f64> = recoveries.iter().filter_map(|r| r.seconds).collect();
    push("recovery median", median(&mut after), "s");
    push("recovery longest", after.last().copied(), "s");
    let never = recoveries.iter().filter(|r| r.seconds.is_none()).count();
    push("not recovered", (!recoveries.is_empty()).then_some(never as f64), "times");
    push("all known", known_by_all(log), "s");

    let held_back =
        log.throttled().map(|(_, _, periods, throttled)| throttled as f64 / periods.max(1) as f64);
    push("throttled periods", held_back.reduce(f64::min).map(|share| share * 100.0), "%");

    push("processor mean", mean_cost(log, |c| Some(c.cpu_percent)), "%");
    push("payload mean", mean_cost(log, |c| c.payload_bytes_s), "B/s");
    push("datagrams mean", mean_cost(log, |c| c.datagrams_s), "1/s");
    push("wire mean", mean_cost(log, |c| c.wire_bytes_s), "B/s");
    push("wire datagrams mean", mean_cost(log, |c| c.wire_datagrams_s), "1/s");
    push("memory mean", mean_cost(log, |c| Some(c.resident_kb as f64)), "kB");
    push("descriptors mean", mean_cost(log, |c| Some(c.descriptors as f64)), "");
    let growth = |part: fn(&Cost) -> i64| costs(log).iter().map(part).max().map(|most| most as f64);
    push("memory growth", growth(|c| c.resident_growth_kb), "kB");
    push("descriptors growth", growth(|c| c.descriptors_growth), "");
    figures
}
