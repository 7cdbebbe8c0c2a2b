//! How a comparison is shown: a page for people, an object for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    ratio::Ratio,
    traffic::{Traffic, shown},
    trial::{Findings, Tolerance},
    verdict::Candidate,
};
use crate::{
    cmd::bench::{build::Build, measured::Cost},
    view::counted,
};

/// What is reported.
pub(super) struct Report<'a> {
    pub(super) builds: &'a [Build; 2],
    pub(super) traffic: &'a Traffic,
    pub(super) findings: &'a Findings,
    pub(super) candidate: Candidate,
    pub(super) tolerance: Tolerance,
    pub(super) faults: &'a [String],
}

impl Report<'_> {
    /// For people.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        // A String takes all text.
        self.write(&mut page).unwrap_or_default();
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        for (title, build) in ["this", "other"].iter().zip(self.builds) {
            writeln!(page, "{title:<8} {} {}", build.version, build.program.display())?;
        }
        writeln!(page, "traffic  {}", self.given())?;
        writeln!(page)?;
        let findings = self.findings;
        if findings.is_exact() {
            self.write_costs(page)?;
            let calls = counted(findings.compared.same as u64, "call");
            writeln!(
                page,
                "recordings  {calls}, the same in each of {}",
                counted(findings.costs.len() as u64, "pair")
            )?;
            let (exported, rows) = (findings.exported.0, self.rows());
            let exported = counted(exported as u64, "call");
            writeln!(page, "exported    {exported} of the first pair, the same byte for byte")?;
            writeln!(page, "ledger      the same in the first pair: {rows}")?;
        }
        for (whose, only) in
            [("this", &findings.compared.only_first), ("the other", &findings.compared.only_second)]
        {
            if !only.is_empty() {
                let names: Vec<&str> = only.iter().map(String::as_str).collect();
                writeln!(page, "facts that only {whose} build tells: {}", names.join(", "))?;
            }
        }
        writeln!(page)?;
        if self.faults.is_empty() {
            return writeln!(page, "{}", no_fault(self.findings.cpu()));
        }
        writeln!(page, "REGRESSION")?;
        self.faults.iter().try_for_each(|fault| writeln!(page, "  {fault}"))
    }

    fn write_costs(&self, page: &mut String) -> std::fmt::Result {
        let findings = self.findings;
        let titles = ["", "this", "other", "other / this", "interval"];
        writeln!(page, "{}", row(titles.map(str::to_owned)))?;
        let cpu = [0, 1].map(|place| median(findings, place, |cost| cost.cpu_us as f64));
        let cpu = match self.traffic.frames() {
            Some(frames) => cpu.map(|us| format!("{:.3} µs/frame", us / frames as f64)),
            None => cpu.map(|us| format!("{:.3} s", us / 1e6)),
        };
        let memory = [0, 1].map(|place| median(findings, place, |cost| cost.rss_kib as f64 / 1024.0));
        let memory = memory.map(|mib| format!("{mib:.1} MiB"));
        for (name, [this, other], ratio) in
            [("processor", cpu, findings.cpu()), ("memory", memory, findings.memory())]
        {
            let interval = format!("{:.3} … {:.3}", ratio.low, ratio.high);
            writeln!(
                page,
                "{}",
                row([name.to_owned(), this, other, format!("{:.3}", ratio.median), interval])
            )?;
        }
        let pairs = counted(findings.costs.len() as u64, "pair");
        writeln!(page, "medians of {pairs}, side by side on one processor; {}\n", worth(findings.cpu()))
    }

    fn given(&self) -> String {
        let traffic = self.traffic;
        match traffic.frames() {
            Some(frames) => {
                let calls: u32 = traffic.made.iter().map(|load| load.calls).sum();
                format!(
                    "made up: {frames} frames, {calls} calls, some lost, doubled, reordered, over TCP, or without audio"
                )
            }
            None => traffic.files.iter().map(|file| shown(file)).collect::<Vec<_>>().join(", "),
        }
    }

    /// The kinds of rows that there are.
    fn rows(&self) -> String {
        let rows = self.findings.ledgers[0].iter().filter(|(_, count)| **count > 0);
        rows.map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// For programs. `schema` 1. `exported` and `ledger` are of the first pair, and so is `verify`, without which there is no
    /// object; the rest is of all pairs, or of the one that differs.
    pub(super) fn object(&self) -> Value {
        let findings = self.findings;
        let build =
            |build: &Build| json!({"program": build.program.display().to_string(), "version": build.version});
        let is_exact = findings.is_exact();
        let ratio = |ratio: Ratio, tolerance: f64| {
            is_exact.then(|| {
                json!({
                    "median": ratio.median, "low": ratio.low, "high": ratio.high,
                    "sure_percent": ratio.sure_percent, "tolerance": tolerance,
                })
            })
        };
        let pairs: Vec<Value> =
            findings.costs.iter().map(|[this, other]| json!({"this": this, "other": other})).collect();
        let wrong = |place: usize| findings.wrong[place].map(|(wrong, _)| wrong);
        json!({
            "schema": 1,
            "this": build(&self.builds[0]),
            "other": build(&self.builds[1]),
            "candidate": format!("{:?}", self.candidate).to_lowercase(),
            "traffic": {
                "made_up": !self.traffic.made.is_empty(),
                "frames": self.traffic.frames(),
                "files": if self.traffic.made.is_empty() {
                    self.traffic.files.iter().map(|file| shown(file)).collect()
                } else {
                    Vec::new()
                },
            },
            "exact": is_exact,
            "calls_same": findings.compared.same,
            "calls_different": findings.compared.differences.len(),
            "calls_not_as_made": {"this": wrong(0), "other": wrong(1)},
            "exported": {"calls": findings.exported.0, "same": findings.exported.1},
            "ledger": {"this": findings.ledgers[0], "other": findings.ledgers[1]},
            "facts_of_this_alone": findings.compared.only_first,
            "facts_of_other_alone": findings.compared.only_second,
            "pairs": if is_exact { pairs } else { Vec::new() },
            "processor": ratio(findings.cpu(), self.tolerance.cpu),
            "memory": ratio(findings.memory(), self.tolerance.memory),
            "regressions": self.faults,
        })
    }
}

/// What there is to say when nothing is worse.
fn no_fault(cpu: Ratio) -> &'static str {
    match cpu.is_sure() {
        true => "no regression",
        false => "the same was recorded; what it costs is not decided by so few pairs",
    }
}

/// What an interval is worth.
fn worth(ratio: Ratio) -> String {
    if !ratio.is_sure() {
        return "the intervals are all that was measured: there are too few pairs to say who takes more"
            .to_owned();
    }
    format!("the intervals hold the true median in {:.0} of 100 cases", ratio.sure_percent)
}

fn row([name, this, other, ratio, interval]: [String; 5]) -> String {
    format!("{name:<10}{this:>16}{other:>16}{ratio:>15}   {interval}").trim_end().to_owned()
}

fn median(findings: &Findings, place: usize, of: fn(&Cost) -> f64) -> f64 {
    let costs: Vec<f64> = findings.costs.iter().map(|costs| of(&costs[place])).collect();
    Ratio::of(&costs).median
}
