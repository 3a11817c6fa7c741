//! Eight scenarios drawn from a random generator, to see one property of a link at a time.
//!
//! They are written for this program and so prove nothing about real links; every table and picture keeps them apart
//! from recorded traces. A seed decides the draw.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, LogNormal, Normal, Pareto};

use crate::trace::{Nature, Row, Trace};

/// Heartbeats in each scenario.
pub const ROWS: u64 = 40_000;
const INTERVAL_NS: f64 = 100e6;
const DELAY_NS: f64 = 20e6;
const JITTER_NS: f64 = 2e6;
const LOSS: f64 = 0.01;
/// Gilbert's two states: how often a good link turns bad, and a bad one good, per heartbeat. 1 % is lost in bursts of 5.
const TURNS_BAD: f64 = 0.002;
const TURNS_GOOD: f64 = 0.2;
/// Sender pauses: how often per heartbeat, the shortest, how heavy a tail, the longest.
const PAUSES: f64 = 0.001;
const PAUSE_MIN_NS: f64 = 50e6;
const PAUSE_SHAPE: f64 = 1.2;
const PAUSE_MAX_NS: f64 = 30e9;
const DRIFT: f64 = 100e-6;

/// All scenarios; none depends on how many the others draw.
pub fn scenarios(seed: u64) -> Vec<Trace> {
    let draws: [(&str, Scenario); 8] = [
        ("synthetic_gaussian", gaussian),
        ("synthetic_loss_1pct", independent_loss),
        ("synthetic_loss_bursts", burst_loss),
        ("synthetic_lognormal_pauses", lognormal_pauses),
        ("synthetic_catch_up", catch_up),
        ("synthetic_regime_change", regime_change),
        ("synthetic_drift_100ppm", drift),
        ("synthetic_interval_change", interval_change),
    ];
    (0..).zip(draws).map(|(index, (name, draw))| Draw::run(name, seed.wrapping_add(index), draw)).collect()
}

type Scenario = fn(&mut Draw);

/// A trace in the making.
struct Draw {
    rng: Xoshiro256PlusPlus,
    rows: Vec<Row>,
}

impl Draw {
    fn run(name: &str, seed: u64, draw: Scenario) -> Trace {
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut this = Self { rng, rows: Vec::with_capacity(ROWS as usize) };
        draw(&mut this);
        Trace {
            name: name.into(),
            nature: Nature::Synthetic,
            rows: this.rows,
            nominal_ns: Some(INTERVAL_NS as u64),
        }
    }

    fn uniform(&mut self) -> f64 {
        // Neither 0 nor 1, where quantiles are infinite.
        self.rng.random::<f64>().clamp(1e-15, 1.0 - 1e-15)
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }

    /// A delay around `mean_ns`, never negative.
    fn gaussian_ns(&mut self, mean_ns: f64, deviation_ns: f64) -> f64 {
        (mean_ns + deviation_ns * standard_normal(self.uniform())).max(0.0)
    }

    /// A pause of the sender, rarely; otherwise nothing.
    fn pause_ns(&mut self) -> f64 {
        if !self.chance(PAUSES) {
            return 0.0;
        }
        let share = self.uniform();
        pareto(PAUSE_MIN_NS, PAUSE_SHAPE, share).min(PAUSE_MAX_NS)
    }

    fn heartbeat(&mut self, sent_ns: f64, delay_ns: Option<f64>) {
        let sent = sent_ns as u64;
        let received_ns = delay_ns.map(|delay| sent + delay as u64);
        self.rows.push(Row { seq: self.rows.len() as u64, sent_ns: sent, received_ns });
    }
}

// Parameters are the constants above, which every distribution accepts; a bad one would draw NaN, not a panic.

fn standard_normal(share: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(f64::NAN, |normal| normal.inverse_cdf(share))
}

fn pareto(scale: f64, shape: f64, share: f64) -> f64 {
    Pareto::new(scale, shape).map_or(f64::NAN, |pareto| pareto.inverse_cdf(share))
}

fn lognormal(location: f64, scale: f64, share: f64) -> f64 {
    LogNormal::new(location, scale).map_or(f64::NAN, |lognormal| lognormal.inverse_cdf(share))
}

fn gaussian(draw: &mut Draw) {
    for i in 0..ROWS {
        let delay = draw.gaussian_ns(DELAY_NS, JITTER_NS);
        draw.heartbeat(i as f64 * INTERVAL_NS, Some(delay));
    }
}

fn independent_loss(draw: &mut Draw) {
    for i in 0..ROWS {
        let delay = draw.gaussian_ns(DELAY_NS, JITTER_NS);
        let lost = draw.chance(LOSS);
        draw.heartbeat(i as f64 * INTERVAL_NS, (!lost).then_some(delay));
    }
}

fn burst_loss(draw: &mut Draw) {
    let mut bad = false;
    for i in 0..ROWS {
        let delay = draw.gaussian_ns(DELAY_NS, JITTER_NS);
        bad = if bad { !draw.chance(TURNS_GOOD) } else { draw.chance(TURNS_BAD) };
        draw.heartbeat(i as f64 * INTERVAL_NS, (!bad).then_some(delay));
    }
}

/// Log-normal delay; the sender pauses at times, and sends nothing for what it missed.
fn lognormal_pauses(draw: &mut Draw) {
    let mut sent = 0.0;
    for _ in 0..ROWS {
        let share = draw.uniform();
        draw.heartbeat(sent, Some(lognormal(DELAY_NS.ln(), 0.5, share)));
        sent += INTERVAL_NS + draw.pause_ns();
    }
}

/// The link stalls at times; what was sent meanwhile arrives all at once.
fn catch_up(draw: &mut Draw) {
    let mut stalled_until = 0.0;
    for i in 0..ROWS {
        let sent = i as f64 * INTERVAL_NS;
        let pause = draw.pause_ns();
        if pause > 0.0 {
            stalled_until = f64::max(stalled_until, sent + pause);
        }
        let arrival = f64::max(sent + draw.gaussian_ns(DELAY_NS, JITTER_NS), stalled_until);
        draw.heartbeat(sent, Some(arrival - sent));
    }
}

/// A calm link becomes a slow and shaky one half-way through.
fn regime_change(draw: &mut Draw) {
    for i in 0..ROWS {
        let (delay, jitter) =
            if i < ROWS / 2 { (DELAY_NS, JITTER_NS) } else { (3.0 * DELAY_NS, 10.0 * JITTER_NS) };
        let delay = draw.gaussian_ns(delay, jitter);
        draw.heartbeat(i as f64 * INTERVAL_NS, Some(delay));
    }
}

/// The sender's clock runs 100 ppm slow, so that by the receiver's clock the interval is that much longer than agreed.
fn drift(draw: &mut Draw) {
    for i in 0..ROWS {
        let delay = draw.gaussian_ns(DELAY_NS, JITTER_NS);
        draw.heartbeat(i as f64 * INTERVAL_NS * (1.0 + DRIFT), Some(delay));
    }
}

/// The sender goes over to a longer interval for the second half, and tells nobody.
fn interval_change(draw: &mut Draw) {
    let mut sent = 0.0;
    for i in 0..ROWS {
        let delay = draw.gaussian_ns(DELAY_NS, JITTER_NS);
        draw.heartbeat(sent, Some(delay));
        sent += if i < ROWS / 2 { INTERVAL_NS } else { INTERVAL_NS * 1.5 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Trace {
        scenarios(1).into_iter().find(|trace| trace.name == name).unwrap()
    }

    #[test]
    fn every_scenario_is_well_formed_and_synthetic() {
        for trace in scenarios(3) {
            assert_eq!((trace.rows.len() as u64, trace.nature), (ROWS, Nature::Synthetic), "{}", trace.name);
            assert_eq!(trace.interval_ns(), INTERVAL_NS as u64, "{}", trace.name);
            for pair in trace.rows.windows(2) {
                assert!(pair[0].seq < pair[1].seq && pair[0].sent_ns < pair[1].sent_ns, "{}", trace.name);
            }
            assert!(
                trace.rows.iter().all(|row| row.received_ns.is_none_or(|at| at >= row.sent_ns)),
                "{}",
                trace.name
            );
        }
    }

    #[test]
    fn the_seed_decides() {
        let rows = |seed| scenarios(seed).remove(0).rows;
        assert_eq!(rows(5), rows(5));
        assert_ne!(rows(5), rows(6));
    }

    #[test]
    fn losses_are_one_in_a_hundred_alone_or_in_bursts_of_five() {
        for (name, burst) in [("synthetic_loss_1pct", 1.01), ("synthetic_loss_bursts", 5.0)] {
            let rows = named(name).rows;
            let lost = |row: &Row| row.received_ns.is_none();
            let total = rows.iter().filter(|row| lost(row)).count() as f64;
            let bursts = rows.windows(2).filter(|pair| !lost(&pair[0]) && lost(&pair[1])).count() as f64;
            assert!((0.006..0.014).contains(&(total / ROWS as f64)), "{name}: {total}");
            assert!((total / bursts / burst - 1.0).abs() < 0.35, "{name}: {}", total / bursts);
        }
    }

    #[test]
    fn gaussian_delay_has_its_mean_and_deviation() {
        let rows = named("synthetic_gaussian").rows;
        let delays: Vec<f64> =
            rows.iter().map(|row| (row.received_ns.unwrap() - row.sent_ns) as f64).collect();
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        let variance = delays.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / delays.len() as f64;
        assert!((mean / DELAY_NS - 1.0).abs() < 0.01 && (variance.sqrt() / JITTER_NS - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_stall_releases_what_it_held_at_one_instant() {
        let rows = named("synthetic_catch_up").rows;
        let together = rows.windows(2).filter(|pair| pair[0].received_ns == pair[1].received_ns).count();
        assert!(together > 20, "{together}");
        let longest = rows
            .windows(2)
            .map(|pair| pair[1].received_ns.unwrap().saturating_sub(pair[0].received_ns.unwrap()));
        assert!(longest.max().unwrap() > 10 * INTERVAL_NS as u64);
    }

    #[test]
    fn changes_happen_half_way() {
        let rows = named("synthetic_interval_change").rows;
        let step = |i: usize| rows[i + 1].sent_ns - rows[i].sent_ns;
        assert_eq!((step(100), step(30_000)), (100_000_000, 150_000_000));
        let rows = named("synthetic_drift_100ppm").rows;
        let last = rows[rows.len() - 1];
        let late = last.sent_ns as f64 - last.seq as f64 * INTERVAL_NS;
        assert!((late / last.sent_ns as f64 / DRIFT - 1.0).abs() < 0.01);
    }
}
