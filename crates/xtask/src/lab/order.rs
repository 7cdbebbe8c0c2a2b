//! The command line of `cargo xtask lab`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{
    room::{Mirror, Offloads},
    scenario::Scenario,
};

/// What `cargo xtask help` says of it.
pub(crate) const HELP: &str = "\
  lab   [SCENARIO|all] [OPTION…] real SIP programs in network namespaces, and the recorder on their mirror (root)
          plain calls speech shapes load sweep drops kill full flood churn soak
          --calls N  --seconds N  --mirror both|one-way|doubled|narrow  --offloads  --from-file  --only SHAPE
          --built DIR  --keep";

/// What `cargo xtask lab --help` prints.
pub(crate) fn help() -> String {
    let scenarios: String = Scenario::ALL
        .into_iter()
        .map(|scenario| format!("  {:<8} {}\n", scenario.name(), scenario.about()))
        .collect();
    format!(
        "\
cargo xtask lab [SCENARIO|all] [OPTION…]

Real SIP programs in network namespaces, and the recorder on a mirror port that `tc` makes; what it kept is compared
with what was said, byte for byte. Needs root; touches nothing of the machine's own network. Without a scenario: plain.

{scenarios}  all      all of these, in this order

  --calls N        how many calls; each scenario has its own number
  --seconds N      how long they talk; each scenario has its own
  --mirror MODE    both: each frame once (unless told); one-way: one direction only; doubled: both sides of a port;
                   narrow: a mirror port slower than what is mirrored to it
  --offloads       interfaces keep their segmentation and checksum offloads
  --only SHAPE     of the scenario shapes
  --from-file      capture the mirror with dumpcap, and record the file
  --built DIR      programs that are built already, in cargo's folder of release builds
  --keep           leave the room and its files there, to look around in"
    )
}

/// What happens to the room afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It stands, to look around in; the next run clears it.
    Yes,
    /// It is taken down.
    No,
}

/// How frames get from the mirror into the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `record -i` on the mirror.
    Live,
    /// A capture of the mirror by dumpcap, and `record -r` of it afterwards: tells whether a defect is in the capture.
    File,
}

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// None: all of them.
    scenario: Option<Scenario>,
    /// How many calls; each scenario has its own number.
    pub(super) calls: Option<u32>,
    /// How long they talk; each scenario has its own.
    pub(super) seconds: Option<u32>,
    /// What is mirrored.
    pub(super) mirror: Mirror,
    /// Whether the interfaces keep their segmentation and checksum offloads.
    pub(super) offloads: Offloads,
    /// How frames get into the recorder.
    pub(super) way: Way,
    /// One shape of the scenario `shapes`; none: all of them.
    pub(super) only: Option<String>,
    /// Where the programs under test are; none: they are built first.
    pub(super) built: Option<PathBuf>,
    /// What happens to the room afterwards.
    pub(super) keep: Keep,
}

impl Order {
    /// Reads the arguments.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut order = Self {
            scenario: Some(Scenario::Plain),
            calls: None,
            seconds: None,
            mirror: Mirror::Both,
            offloads: Offloads::Off,
            way: Way::Live,
            only: None,
            built: None,
            keep: Keep::No,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--keep" => order.keep = Keep::Yes,
                "--from-file" => order.way = Way::File,
                "--only" => order.only = Some(words.next().context("--only needs a shape")?.clone()),
                "--built" => {
                    let folder = words.next().context("--built needs cargo's folder of release builds")?;
                    order.built =
                        Some(std::path::absolute(folder).with_context(|| format!("{folder} is no path"))?);
                }
                "--offloads" => order.offloads = Offloads::On,
                "--calls" => order.calls = Some(number(word, words.next())?),
                "--seconds" => order.seconds = Some(number(word, words.next())?),
                "--mirror" => {
                    let mode = words.next().context("--mirror needs both, one-way, doubled or narrow")?;
                    order.mirror = Mirror::parse(mode)?;
                }
                "all" => order.scenario = None,
                name => order.scenario = Some(Scenario::parse(name)?),
            }
        }
        Ok(order)
    }

    /// What is to be run.
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        self.scenario.map_or_else(|| Scenario::ALL.to_vec(), |scenario| vec![scenario])
    }

    /// The programs that it takes, each with its package.
    pub(super) fn programs(&self) -> Vec<(&'static str, &'static str)> {
        let mut needed =
            vec![("ip", "iproute2"), ("ss", "iproute2"), ("tc", "iproute2"), ("ethtool", "ethtool")];
        if self.way == Way::File {
            needed.push(("dumpcap", "wireshark-common"));
        }
        for scenario in self.scenarios() {
            needed.extend(
                scenario
                    .programs()
                    .iter()
                    .filter(|program| !needed.contains(program))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
        needed
    }
}

/// The number after an option.
fn number(option: &str, word: Option<&String>) -> Result<u32> {
    match word.and_then(|word| word.parse().ok()) {
        Some(number) if number > 0 => Ok(number),
        Some(_) | None => bail!("{option} needs a whole number above 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Order> {
        Order::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_word_the_smallest_scenario_is_meant() {
        assert_eq!(parse("").expect("nothing is fine").scenarios(), [Scenario::Plain]);
        let order = parse("calls --calls 50 --mirror doubled --keep").expect("all are known");
        assert_eq!((order.calls, order.mirror, order.keep), (Some(50), Mirror::Doubled, Keep::Yes));
        assert_eq!(parse("all").expect("all is known").scenarios(), Scenario::ALL);
    }

    #[test]
    fn a_wrong_word_is_named() {
        for (line, expected) in [
            ("clals", "no scenario \"clals\""),
            ("plain --calls none", "--calls needs a whole number above 0"),
            ("plain --mirror thrice", "--mirror knows both, one-way, doubled and narrow, not \"thrice\""),
        ] {
            let error = parse(line).expect_err("it is wrong").to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_scenario_without_a_telephone_system_needs_only_sipp() {
        let names = |line| {
            parse(line).expect("it is right").programs().iter().map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(names("plain"), ["ip", "ss", "tc", "ethtool", "sipp"]);
        assert_eq!(
            names("calls --from-file"),
            ["ip", "ss", "tc", "ethtool", "dumpcap", "sipp", "kamailio", "rtpengine"]
        );
    }
}
