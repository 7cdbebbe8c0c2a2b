//! Which calls a command is about: the filters of `list`, `export` and `verify`, and a CALL on the command line.

mod choice;
mod found;
mod matching;
mod moment;
mod span;

use std::time::Duration;

use chrono_tz::Tz;
use clap::Args;
use earwitness_model::{PacketTime, WallTime};
use earwitness_rules::NumberPlan;
use earwitness_vault::Vault;

pub(crate) use self::found::find_call;
pub(crate) use self::moment::Edge;
use self::{
    choice::{ModeChoice, OutcomeChoice},
    moment::moment,
    span::seconds,
};
use crate::{
    context::Context,
    exit::{Exit, Failure},
    socket::Grant,
};

/// The filters as they were typed. All that are given must hold; one that is given several times holds for any of its
/// values.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Calls that began at this time or later: 2026-11-21, "2026-11-21 14:00", RFC 3339, -2h, -30m, -3d, today,
    /// yesterday; in the vault's zone unless it says another
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Calls that began before this time; a day (2026-11-21, today, yesterday) counts to its end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Calls with this number as any party, in any spelling
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    number: Vec<String>,
    /// Calls of this extension of ours
    #[arg(long, value_name = "EXT", value_delimiter = ',')]
    ext: Vec<String>,
    /// Calls of this department
    #[arg(long, value_name = "DEPARTMENT", value_delimiter = ',')]
    dept: Vec<String>,
    /// Calls that came out like this; `in_progress` are those whose end was not seen, not those that run now
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    outcome: Vec<OutcomeChoice>,
    /// Calls of rules of this mode
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    mode: Vec<ModeChoice>,
    /// Calls that were talked for at least so long: 90, 90s, 1m30s, 1h
    #[arg(long, value_name = "LENGTH", value_parser = seconds)]
    min_duration: Option<Duration>,
    /// Calls that lost more than so many percent of either party's packets
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    lost_above: Option<f64>,
    /// Calls whose rule names this notice
    #[arg(long, value_name = "NOTICE")]
    notice: Vec<String>,
    /// The call with this SIP Call-ID, or calls whose id begins like this
    #[arg(long, value_name = "ID")]
    call_id: Vec<String>,
}

/// The filters as they are meant: times and numbers understood.
#[derive(Debug)]
pub(crate) struct Filter {
    typed: Filters,
    since: Option<PacketTime>,
    until: Option<PacketTime>,
    plan: NumberPlan,
}

impl Filters {
    /// No filter was given.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Numbers are compared by the office's number plan, which the rules have.
    fn reads_rules(&self) -> bool {
        !(self.number.is_empty() && self.ext.is_empty())
    }

    /// `grant`, with what it takes to understand these filters.
    pub(crate) fn grant(&self, grant: Grant) -> Grant {
        if self.reads_rules() { grant.with_rules() } else { grant }
    }

    /// What they mean now, in this vault.
    ///
    /// # Errors
    /// A time that is none, with what is allowed.
    pub(crate) fn resolve(&self, context: &Context, vault: &Vault) -> Result<Filter, Failure> {
        let typed = (self.since.as_deref(), self.until.as_deref());
        let (since, until) = times(typed, Context::now(), vault.zone())?;
        let plan = if self.reads_rules() {
            match context.load_rules() {
                Ok(rules) => rules.numbers().clone(),
                // Without rules a number is compared by the country's spelling alone.
                Err(failure) if failure.exit == Exit::NotFound => NumberPlan::default(),
                Err(failure) => return Err(failure),
            }
        } else {
            NumberPlan::default()
        };
        Ok(Filter { typed: self.clone(), since, until, plan })
    }
}

/// What `--since` and `--until` mean now, in this zone.
///
/// # Errors
/// A time that is none, with what is allowed.
pub(crate) fn times(
    (since, until): (Option<&str>, Option<&str>),
    now: WallTime,
    zone: Tz,
) -> Result<(Option<PacketTime>, Option<PacketTime>), Failure> {
    let at =
        |typed: Option<&str>, name, edge| typed.map(|text| time((name, text), edge, (now, zone))).transpose();
    Ok((at(since, "--since", Edge::Since)?, at(until, "--until", Edge::Until)?))
}

/// The time that was typed for an option of this name: where it begins, or where it is over.
///
/// # Errors
/// Those of [`times`].
pub(crate) fn time(
    (name, typed): (&str, &str),
    edge: Edge,
    (now, zone): (WallTime, Tz),
) -> Result<PacketTime, Failure> {
    moment(typed, now, zone, edge).map_err(|cause| Failure::new(Exit::Usage, format_args!("{name} {cause}")))
}

/// A share in percent.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("a share of packets is a number from 0 to 100: 0.5, 1, 2.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_is_a_number_from_0_to_100() {
        assert_eq!((percent("0.5"), percent("2 %"), percent("100")), (Ok(0.5), Ok(2.0), Ok(100.0)));
        for text in ["", "-1", "100.1", "NaN", "inf", "many"] {
            assert_eq!(
                percent(text).unwrap_err(),
                "a share of packets is a number from 0 to 100: 0.5, 1, 2.5",
                "{text}"
            );
        }
    }
}
