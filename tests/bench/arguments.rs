//! What a benchmark is told on its command line.

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
    pub(crate) fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }

    /// Whether it is the one that was named.
    #[allow(dead_code, reason = "not every benchmark has what is only run when it is named")]
    pub(crate) fn names(&self, name: &str) -> bool {
        self.only.as_deref() == Some(name)
    }
}
