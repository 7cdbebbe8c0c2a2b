//! The pieces of the hot path whose instructions are counted: `cargo xtask bench budgets` runs each under callgrind.
//!
//! ```text
//! hot_path                        every piece once
//! hot_path --list                 their names and units
//! hot_path NAME                   one piece; prints how many units it worked on
//! hot_path engine-steady --slowed ROUNDS
//! ```
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are read from there")]

use std::env;

use earwitness_benches::scenario::{ALL, Scenario, slowed};

fn main() -> Result<(), String> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => ALL.iter().for_each(|scenario| println!("{}: {}", scenario.name, scenario.run())),
        ["--list"] => ALL.iter().for_each(|Scenario { name, per, .. }| println!("{name} {per}")),
        ["engine-steady", "--slowed", rounds] => {
            println!("{}", slowed(rounds.parse().map_err(|_| format!("{rounds} are no rounds"))?));
        }
        [name] => {
            let scenario = Scenario::named(name).ok_or_else(|| format!("no piece {name}; see --list"))?;
            println!("{}", scenario.run());
        }
        _ => return Err("hot_path [--list | NAME | engine-steady --slowed ROUNDS]".to_owned()),
    }
    Ok(())
}
