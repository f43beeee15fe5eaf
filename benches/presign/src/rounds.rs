//! Takes the times in rounds in which every contender has its share, so that what else the machine does falls on all.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lane::Lane;

const ROUNDS: usize = 41;
/// The processor time of one share: long beside the reading of the clock, short beside what comes and goes on a machine.
const SHARE: Duration = Duration::from_millis(5);
/// Before the rounds, so that caches are filled and other languages have compiled what they will run.
const WARM_UP: Duration = Duration::from_millis(400);

/// The times of one lane: the nanoseconds of one signature, round by round.
pub(crate) type Times = Vec<f64>;

/// Measures all lanes.
pub(crate) fn run(lanes: &mut [Lane], keys: &[String]) -> Result<Vec<Times>> {
    let shares = lanes.iter_mut().map(|lane| share(lane, keys)).collect::<Result<Vec<usize>>>()?;
    let mut times = vec![Times::with_capacity(ROUNDS); lanes.len()];
    for round in 0..ROUNDS {
        // Another one begins each time, so that nobody always comes after the same neighbour's leavings.
        for step in 0..lanes.len() {
            let at = (round + step) % lanes.len();
            let took = lanes[at].work.time(keys, shares[at])?;
            ensure!(!took.is_zero(), "{} took no time for {}", lanes[at].contender, lanes[at].operation);
            times[at].push(took.as_nanos() as f64 / shares[at] as f64);
        }
    }
    Ok(times)
}

/// How many signatures fill a share, found while warming up.
fn share(lane: &mut Lane, keys: &[String]) -> Result<usize> {
    let (mut count, mut warm) = (1, Duration::ZERO);
    loop {
        let took = lane.work.time(keys, count)?;
        warm += took;
        if took < SHARE {
            count *= 2;
        } else if warm >= WARM_UP {
            let fitting = count as u128 * SHARE.as_nanos() / took.as_nanos();
            // A share holds one signature at least.
            return Ok(usize::try_from(fitting)?.max(1));
        }
    }
}

/// The median of some figures; `None` of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_is_the_one_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([].into_iter()), None);
    }
}
