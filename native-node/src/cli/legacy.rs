//! `--legacy` and what goes with it: whether peers of 2004 are spoken with, and with which password.

use std::path::PathBuf;

use shared::Password;

use super::output::{Failure, note};
use super::password;

/// Whether the protocol of 2004 is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Legacy {
    /// Peers of 2004 and XML-RPC scripts can join.
    On,
    /// Nodes and browsers of today only; whoever listens learns nothing to guess the password from.
    Off,
}

/// The flags.
#[derive(Debug, clap::Args)]
pub(super) struct LegacyArguments {
    /// Speak the protocol of 2004, too.
    #[arg(long, value_enum, default_value_t = Legacy::On)]
    legacy: Legacy,
    /// Read another password, for peers of 2004 only, from this file's first line (or from TINYP2P_LEGACY_PASSWORD).
    #[arg(long, value_name = "FILE")]
    legacy_password_file: Option<PathBuf>,
}

const VARIABLE: &str = "TINYP2P_LEGACY_PASSWORD";

impl LegacyArguments {
    /// Whether the protocol of 2004 is spoken.
    pub(super) fn is_on(&self) -> bool {
        self.legacy == Legacy::On
    }

    /// The other password, if there is one.
    pub(super) fn password(&self) -> Result<Option<Password>, Failure> {
        let given = password::from(self.legacy_password_file.as_deref(), VARIABLE)?;
        if given.is_some() && !self.is_on() {
            return Err(Failure::Usage("a password for peers of 2004 is of no use with --legacy off".into()));
        }
        Ok(given)
    }

    /// Judges a password that a person made up. With 2004 on it is a matter of who listens; with 2004 off, nothing but the
    /// password stands between the network and whoever can reach it, so that it has to be a good one.
    pub(super) fn judge(&self, password: &Password, of_2004: Option<&Password>) -> Result<(), Failure> {
        if !self.is_on() && password.is_weak() {
            return Err(Failure::Usage(
                "the password is easily guessed: take 12 characters or more, four words, say \
                 (or --weak to take it as it is)"
                    .into(),
            ));
        }
        if self.is_on() && of_2004.unwrap_or(password).is_weak() {
            note(
                "note: this password is easily guessed, and peers of 2004 show whoever listens what to guess it from;\n      \
                 take 12 characters or more (--weak: say no more)",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(legacy: Legacy) -> LegacyArguments {
        LegacyArguments { legacy, legacy_password_file: None }
    }

    #[test]
    fn a_weak_password_is_refused_without_2004() {
        let (weak, good) = (Password::new("secret"), Password::new("correct horse battery"));
        assert!(arguments(Legacy::Off).judge(&weak, None).is_err());
        assert!(arguments(Legacy::Off).judge(&good, None).is_ok());
        assert!(arguments(Legacy::On).judge(&weak, None).is_ok(), "said, not refused");
    }
}
