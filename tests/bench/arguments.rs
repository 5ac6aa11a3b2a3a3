//! What a benchmark is told on its command line, and what it makes of that.

use crate::measure::Row;

/// How often, and which contest.
pub(crate) struct Arguments {
    /// Rounds of each contest.
    pub(crate) rounds: usize,
    only: Option<String>,
}

impl Arguments {
    /// Reads `--rounds N` and `--only NAME`, which must be one of `names`. An error is to be shown.
    pub(crate) fn read(rounds: usize, names: &[&str]) -> Result<Self, String> {
        let mut arguments = Self { rounds, only: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => {
                    let count = words.next().and_then(|count| count.parse().ok()).filter(|count| *count > 0);
                    arguments.rounds = count.ok_or("--rounds takes a number from 1 on")?;
                }
                "--only" => {
                    let named = words.next().filter(|only| names.contains(&only.as_str()));
                    arguments.only = Some(named.ok_or(format!("--only takes one of: {}", names.join(", ")))?);
                }
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => return Err(format!("{word:?} is not understood; there are --rounds N and --only NAME")),
            }
        }
        Ok(arguments)
    }

    /// Whether a contest is to be run.
    fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }

    /// Runs the contests that are wanted, and prints what came of each in a table beside `beside`.
    pub(crate) fn run<C>(
        &self,
        beside: &str,
        contests: impl IntoIterator<Item = (&'static str, C)>,
        mut contest: impl FnMut(C) -> Vec<Row>,
    ) {
        let mut rows = Vec::new();
        for (name, one) in contests {
            if self.has(name) {
                eprintln!("{name} …");
                rows.extend(contest(one));
            }
        }
        println!("| work | {beside} | tinyp2p | ratio (lowest–highest) | mark |\n|---|--:|--:|--:|--:|");
        for row in rows {
            println!("{row}");
        }
    }

    /// Whether it is the one that was named.
    #[allow(dead_code, reason = "not every benchmark has what is only run when it is named")]
    pub(crate) fn names(&self, name: &str) -> bool {
        self.only.as_deref() == Some(name)
    }
}
