//! What is answered to scrapers and probes: `/metrics`, `/healthz`, `/readyz`.

use std::sync::Arc;

use earwitness_model::WallTime;
use earwitness_recorder::{Health, Link};

use super::{
    exposition::Exposition,
    http::{Answer, Get, Status},
    metrics::metrics_page,
    vitals::STALE_SECONDS,
};

/// The writer comes round at each commit; a commit that takes longer than this hangs.
const WRITER_STALE_SECONDS: f64 = 30.0;

/// The answer to `get` at `now`. `health` is `None` in the recorder's first second.
pub(super) fn answer(get: &Get<'_>, health: Option<Arc<Health>>, now: WallTime) -> Answer {
    match (get.path, health) {
        ("/metrics", Some(health)) => {
            let wanted = Exposition::wanted(get.accept());
            let body = metrics_page(health, wanted);
            Answer { status: Status::Ok, content_type: wanted.content_type(), body }
        }
        ("/healthz", Some(health)) => verdict(unhealthy(&health, now)),
        ("/readyz", Some(health)) => {
            let why: Vec<_> = unhealthy(&health, now).into_iter().chain(unready(&health, now)).collect();
            verdict(why)
        }
        ("/metrics" | "/healthz" | "/readyz", None) => verdict(vec!["the recorder begins".to_owned()]),
        _ => Answer::text(Status::NotFound, "here are /metrics, /healthz and /readyz\n"),
    }
}

fn verdict(why: Vec<String>) -> Answer {
    if why.is_empty() {
        return Answer::text(Status::Ok, "ok\n");
    }
    Answer::text(Status::Unavailable, why.join("\n") + "\n")
}

fn seconds_since(at: WallTime, now: WallTime) -> f64 {
    now.nanos().saturating_sub(at.nanos()) as f64 / 1e9
}

fn unhealthy(health: &Health, now: WallTime) -> Vec<String> {
    let age = seconds_since(health.oldest_sign(), now);
    if age > STALE_SECONDS {
        vec![format!("capturing hangs: it last looked {age:.0} s ago")]
    } else {
        Vec::new()
    }
}

fn unready(health: &Health, now: WallTime) -> Vec<String> {
    let down = health.interfaces.iter().filter(|interface| interface.link != Link::Up);
    let mut why: Vec<String> = down.map(|interface| format!("{} is down or gone", interface.name)).collect();
    if health.written.waits_since.is_some() {
        why.push("the vault's disk is full".to_owned());
    } else if health.written.alive.is_some_and(|alive| seconds_since(alive, now) > WRITER_STALE_SECONDS) {
        why.push("the vault's disk hangs".to_owned());
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruments::sample::{at, healthy, losing};

    fn check(path: &str, (health, now): (Option<Health>, WallTime), expected: (Status, &str)) {
        let answer = answer(&Get { path, headers: &[] }, health.map(Arc::new), now);
        assert_eq!((answer.status, answer.body.as_str()), expected);
    }

    #[test]
    fn a_probe_is_told_what_is_wrong() {
        let hung = "capturing hangs: it last looked 9 s ago\n";
        check("/healthz", (Some(healthy()), at(7202)), (Status::Ok, "ok\n"));
        check("/readyz", (Some(healthy()), at(7202)), (Status::Ok, "ok\n"));
        check("/healthz", (Some(healthy()), at(7209)), (Status::Unavailable, hung));
        check("/readyz", (Some(healthy()), at(7209)), (Status::Unavailable, hung));
        let mut stalled = healthy();
        stalled.threads[2].alive = Some(at(7193));
        check("/healthz", (Some(stalled), at(7202)), (Status::Unavailable, hung));
        check("/healthz", (Some(losing()), at(7202)), (Status::Ok, "ok\n"));
        check("/readyz", (Some(losing()), at(7202)), (Status::Unavailable, "eth2 is down or gone\n"));
        let mut full = healthy();
        full.written.waits_since = Some(at(7000));
        check("/readyz", (Some(full), at(7202)), (Status::Unavailable, "the vault's disk is full\n"));
        check("/readyz", (None, at(0)), (Status::Unavailable, "the recorder begins\n"));
        check("/", (None, at(0)), (Status::NotFound, "here are /metrics, /healthz and /readyz\n"));
    }
}
