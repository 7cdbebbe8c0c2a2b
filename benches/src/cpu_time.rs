//! Time that this thread had a processor: what a figure is made of on a machine that others use too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long the processor worked on `work`, however long that took.
pub fn cpu_time(work: impl FnOnce()) -> Duration {
    let begun = now();
    work();
    now().saturating_sub(begun)
}

/// Time that all threads of this process had a processor.
#[must_use]
pub fn process_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))
        .expect("a process's own time is never negative")
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("a thread's own time is never negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_no_cpu_time_and_work_does() {
        let asleep = cpu_time(|| std::thread::sleep(Duration::from_millis(50)));
        let awake = cpu_time(|| {
            let end = now() + Duration::from_millis(20);
            while now() < end {}
        });
        assert!(
            asleep < Duration::from_millis(20) && awake >= Duration::from_millis(20),
            "{asleep:?} {awake:?}"
        );
    }
}
