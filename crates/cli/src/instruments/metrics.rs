//! The page that Prometheus scrapes: names in base units, labels of interfaces, queues and causes, never of a person.

use std::{fmt, sync::Arc};

use earwitness_capture::HepCounts;
use earwitness_recorder::{Health, Link};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use super::{exposition::Exposition, vitals::lost_by_cause};

/// `health` as a scraper wants it told.
pub(super) fn metrics_page(health: Arc<Health>, wanted: Exposition) -> String {
    let mut registry = Registry::with_prefix("earwitness");
    registry.register_collector(Box::new(Scrape(health)));
    let mut page = String::new();
    // Writing into a String cannot fail.
    text::encode(&mut page, &registry).unwrap_or_default();
    wanted.of(page)
}

/// One look, as metrics.
#[derive(Debug)]
struct Scrape(Arc<Health>);

/// What a metric is called, means and counts.
struct Metric {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
}

/// A metric without a unit.
const fn number(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, unit: None }
}

const fn in_bytes(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, unit: Some(Unit::Bytes) }
}

const fn in_seconds(name: &'static str, help: &'static str) -> Metric {
    Metric { name, help, unit: Some(Unit::Seconds) }
}

/// A row of a family: its label and its value.
type Labelled<'l> = (&'l str, u64);

/// Each name once: of several things of one name the second is `name-2`. A series that comes twice is no page.
fn told_apart<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut apart = Vec::new();
    for name in names {
        let mut number = 1;
        let mut own = name.to_owned();
        while apart.contains(&own) {
            number += 1;
            own = format!("{name}-{number}");
        }
        apart.push(own);
    }
    apart
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let health = &*self.0;
        page.recorder(health)?;
        page.interfaces(health)?;
        page.frames(health)?;
        page.calls(health)?;
        page.media(health)?;
        page.queues(health)?;
        page.vault(health)?;
        let stands = |code| u64::from(health.alarms.iter().any(|alarm| alarm.code == code));
        let alarms: Vec<_> =
            earwitness_recorder::AlarmCode::ALL.into_iter().map(|code| (code.name(), stands(code))).collect();
        page.gauges(&number("alarm", "Whether an alarm stands"), "code", &alarms)
    }
}

/// The page as it is written.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn recorder(&mut self, health: &Health) -> fmt::Result {
        let seconds = |nanos: i64| nanos as f64 / 1e9;
        let started = in_seconds("start_time", "When the recorder began to watch, in seconds since 1970");
        self.gauge(&started, seconds(health.started.nanos()))?;
        let looked =
            in_seconds("health_time", "When the recorder last wrote its health down, in seconds since 1970");
        self.gauge(&looked, seconds(health.at.nanos()))?;
        self.counter(
            &number("clock_steps", "How often the clock of the frames was set"),
            health.counts.clock_steps,
        )
    }

    fn interfaces(&mut self, health: &Health) -> fmt::Result {
        let names = told_apart(health.interfaces.iter().map(|interface| interface.name.as_str()));
        let of = |value: fn(&earwitness_recorder::InterfaceHealth) -> u64| -> Vec<Labelled<'_>> {
            names.iter().map(String::as_str).zip(health.interfaces.iter().map(value)).collect()
        };
        let label = "interface";
        self.gauges(
            &number("interface_up", "Whether an interface delivers frames"),
            label,
            &of(|interface| u64::from(interface.link == Link::Up)),
        )?;
        self.counters(
            &number("interface_frames", "Frames taken from an interface's ring"),
            label,
            &of(|i| i.frames),
        )?;
        self.counters(
            &in_bytes("interface_received", "Bytes of these frames, as they were on the wire"),
            label,
            &of(|i| i.bytes),
        )?;
        self.counters(
            &number("interface_kernel_drops", "Frames that the kernel dropped because the ring was full"),
            label,
            &of(|i| i.kernel_drops),
        )?;
        self.counters(
            &number("interface_drops", "Frames that the interface dropped before the kernel saw them"),
            label,
            &of(|i| i.interface_drops),
        )?;
        self.agents(&names, health)
    }

    /// What was refused of capture agents, where they are listened to.
    fn agents(&mut self, names: &[String], health: &Health) -> fmt::Result {
        let heard = names.iter().zip(&health.interfaces);
        let heard: Vec<_> = heard.filter_map(|(name, port)| Some((name, port.hep.as_ref()?))).collect();
        if heard.is_empty() {
            return Ok(());
        }
        let what = number(
            "interface_refused",
            "What capture agents sent, and connections of theirs, that were refused",
        );
        let mut family = self.descriptor(&what, MetricType::Counter)?;
        for (name, HepCounts { not_hep, wrong_key, refused, too_slow, .. }) in heard {
            let causes = [
                ("not_hep", not_hep),
                ("wrong_key", wrong_key),
                ("no_room", refused),
                ("too_slow", too_slow),
            ];
            for (cause, count) in causes {
                let labels = [("interface", name.as_str()), ("cause", cause)];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn frames(&mut self, health: &Health) -> fmt::Result {
        let counts = &health.counts;
        self.counter(&number("frames", "Frames that the engine saw"), counts.frames)?;
        let what = number("frames_unreadable", "Frames whose link layer, IP, UDP or TCP could not be read");
        let mut family = self.descriptor(&what, MetricType::Counter)?;
        for ((layer, cause), count) in &counts.unreadable {
            let labels = [("layer", layer.to_string()), ("cause", cause.to_string())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        self.counter(&number("frames_not_udp", "Frames that carry neither UDP nor TCP"), counts.not_udp)?;
        let what = number("datagrams_tunnelled", "Datagrams that came in a tunnel, by the outermost");
        let mut family = self.descriptor(&what, MetricType::Counter)?;
        for (kind, count) in counts.tunnels.iter() {
            let label = [("tunnel", kind.to_string())];
            ConstCounter::new(count).encode(family.encode_family(&label)?)?;
        }
        self.counter(
            &number("fragments_refused", "Fragmented datagrams that were refused"),
            counts.fragments_refused,
        )?;
        self.counter(&number("sip_messages", "SIP messages"), counts.messages)?;
        self.counter(
            &number("sip_malformed", "Datagrams that begin like SIP and are not"),
            counts.messages_malformed,
        )?;
        self.counter(&number("tcp_segments", "TCP segments, of whatever they carry"), counts.segments)?;
        let what = number("sip_streams_unread", "What of SIP over TCP and WebSocket was not read");
        let mut family = self.descriptor(&what, MetricType::Counter)?;
        for (loss, count) in counts.streams.iter() {
            ConstCounter::new(count).encode(family.encode_family(&[("cause", loss.name())])?)?;
        }
        self.counter(
            &number("tls_opened", "Connections in TLS that were opened by key logs"),
            counts.tls.opened,
        )?;
        self.counter(&number("tls_secrets", "Secrets in key logs of TLS"), counts.tls.secrets)?;
        self.counter(&number("rtcp_packets", "RTCP packets"), counts.rtcp)
    }

    fn calls(&mut self, health: &Health) -> fmt::Result {
        let counts = &health.call_counts;
        self.gauge(&number("calls_running", "Calls that are followed now"), health.calls as f64)?;
        let admitted = counts.begun.saturating_sub(counts.not_admitted);
        self.counters(
            &number("calls_begun", "Calls that began, by whether the rules keep them"),
            "verdict",
            &[("admitted", admitted), ("not_admitted", counts.not_admitted)],
        )?;
        self.counter(&number("calls_answered", "Calls that were answered"), counts.answered)?;
        self.counter(&number("calls_ended", "Calls that are over"), counts.ended)?;
        self.counter(&number("calls_resumed", "Calls taken up after a restart"), counts.resumed)?;
        self.counter(
            &number("calls_table_full", "SIP messages of calls beyond the bound of the call table"),
            health.counts.calls_refused,
        )
    }

    fn media(&mut self, health: &Health) -> fmt::Result {
        let media = &health.counts.media;
        self.counter(&number("media_packets", "RTP packets"), media.packets)?;
        self.counter(&number("media_kept", "RTP packets that were kept"), media.kept)?;
        self.counter(
            &number("media_dropped", "RTP packets of calls that are not kept, or from before the answer"),
            media.dropped,
        )?;
        let srtp =
            [("opened", media.opened), ("closed", media.closed), ("not_authentic", media.not_authentic)];
        self.counters(&number("srtp_packets", "SRTP packets of calls that are to be kept"), "fate", &srtp)?;
        self.counters(
            &number("media_lost", "RTP packets of calls that are to be kept, and were not"),
            "cause",
            &lost_by_cause(health),
        )
    }

    fn queues(&mut self, health: &Health) -> fmt::Result {
        let names = told_apart(health.queues.iter().map(|queue| queue.name));
        let of = |value: fn(&earwitness_recorder::QueueHealth) -> u64| -> Vec<Labelled<'_>> {
            names.iter().map(String::as_str).zip(health.queues.iter().map(value)).collect()
        };
        let label = "queue";
        self.gauges(
            &number("queue_capacity", "Places of a queue"),
            label,
            &of(|queue| queue.capacity as u64),
        )?;
        self.gauges(
            &number("queue_length", "Places that are taken"),
            label,
            &of(|queue| queue.length as u64),
        )?;
        self.gauges(
            &number("queue_high_water", "Places that were taken at most"),
            label,
            &of(|queue| queue.high_water as u64),
        )?;
        self.counters(
            &number("queue_full", "How often a queue was full when something came"),
            label,
            &of(|q| q.refused),
        )?;
        let rings = health.rings;
        self.gauge(&in_bytes("rings_used", "Audio in memory"), rings.bytes as f64)?;
        self.gauge(&in_bytes("rings_budget", "Audio that may be in memory"), rings.budget as f64)?;
        self.gauge(&in_bytes("rings_high_water", "Audio that was in memory at most"), rings.high_water as f64)
    }

    fn vault(&mut self, health: &Health) -> fmt::Result {
        let (written, disk) = (&health.written, &health.disk);
        self.counter(&in_bytes("written", "Bytes committed to volumes"), written.bytes)?;
        self.counter(&number("calls_listed", "Calls listed in the vault, kept or not"), written.calls)?;
        self.counter(&number("commits", "Commits"), written.commits)?;
        let slowest = in_seconds("commit_slowest", "The slowest commit of the last minute");
        self.gauge(&slowest, written.slowest_commit_ms as f64 / 1e3)?;
        self.gauge(&in_bytes("disk_free", "Room for recordings on the vault's disk"), disk.free as f64)?;
        self.gauge(&in_bytes("disk_size", "The vault's disk"), disk.total as f64)?;
        let full = in_seconds("disk_full_in", "Until the disk is full at the rate of the last hour");
        match disk.seconds_to_full {
            Some(left) => self.gauge(&full, left),
            None => Ok(()),
        }
    }

    fn descriptor<'s>(
        &'s mut self,
        metric: &'s Metric,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(metric.name, metric.help, metric.unit.as_ref(), kind)
    }

    fn counter(&mut self, metric: &Metric, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.descriptor(metric, MetricType::Counter)?)
    }

    fn gauge(&mut self, metric: &Metric, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.descriptor(metric, MetricType::Gauge)?)
    }

    fn counters(&mut self, metric: &Metric, label: &str, rows: &[Labelled<'_>]) -> fmt::Result {
        let mut family = self.descriptor(metric, MetricType::Counter)?;
        for (of, value) in rows {
            ConstCounter::new(*value).encode(family.encode_family(&[(label, *of)])?)?;
        }
        Ok(())
    }

    fn gauges(&mut self, metric: &Metric, label: &str, rows: &[Labelled<'_>]) -> fmt::Result {
        let mut family = self.descriptor(metric, MetricType::Gauge)?;
        for (of, value) in rows {
            ConstGauge::new(*value).encode(family.encode_family(&[(label, *of)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruments::sample::losing;

    #[test]
    fn the_page_has_every_name_once_with_its_type_and_no_line_that_is_neither() {
        let page = metrics_page(Arc::new(losing()), Exposition::OpenMetrics);
        for line in [
            "# TYPE earwitness_interface_kernel_drops counter",
            "earwitness_interface_kernel_drops_total{interface=\"eth1\"} 1234",
            "earwitness_interface_up{interface=\"eth2\"} 0",
            "earwitness_calls_begun_total{verdict=\"admitted\"} 1500",
            "earwitness_media_lost_total{cause=\"no_memory\"} 0",
            "earwitness_written_bytes_total 5368709120",
            "earwitness_queue_high_water{queue=\"work\"} 40",
            "earwitness_alarm{code=\"frames_lost\"} 1",
            "earwitness_alarm{code=\"disk_full\"} 0",
        ] {
            assert!(page.lines().any(|there| there == line), "{line} is not in\n{page}");
        }
        let names: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert!(names.len() == once.len() && names.len() > 30, "{names:?}");
        assert!(page.ends_with("# EOF\n"));
        assert_eq!(told_apart(["a", "b", "a", "a"].into_iter()), ["a", "b", "a-2", "a-3"]);
    }

    #[test]
    fn what_agents_were_refused_is_told_by_its_cause_and_of_ports_of_theirs_alone() {
        let mut health = losing();
        assert!(
            !metrics_page(Arc::new(health.clone()), Exposition::OpenMetrics).contains("interface_refused")
        );
        let hep = HepCounts { wrong_key: 7, refused: 3, ..HepCounts::default() };
        health.interfaces[1].hep = Some(hep);
        let page = metrics_page(Arc::new(health), Exposition::OpenMetrics);
        let told: Vec<_> =
            page.lines().filter(|line| line.starts_with("earwitness_interface_refused")).collect();
        let line = |cause, count| {
            format!("earwitness_interface_refused_total{{interface=\"eth2\",cause=\"{cause}\"}} {count}")
        };
        assert_eq!(told, [line("not_hep", 0), line("wrong_key", 7), line("no_room", 3), line("too_slow", 0)]);
    }
}
