//! Where the password comes from: never from an argument that others on this machine could read.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use bip39::Language;
use shared::Password;
use tokio::sync::oneshot;

use super::output::{Failure, note};

/// The flag every command has.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordArguments {
    /// Read the password from this file's first line.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

const VARIABLE: &str = "TINYP2P_PASSWORD";
/// What is said to whoever shows a password to the machine.
pub(super) const IN_ARGUMENTS: &str = "\
note: a password on the command line can be read by everybody on this machine;
      'tinyp2p serve' and 'tinyp2p get' ask for it, or take it from TINYP2P_PASSWORD";
/// Longest password file, in bytes: a wrong file name should not read a film into memory.
const FILE_BYTES: u64 = 4096;

impl PasswordArguments {
    /// The password that was given without asking, if any.
    pub(super) fn given(&self) -> Result<Option<Password>, Failure> {
        from(self.password_file.as_deref(), VARIABLE)
    }

    /// The password that was given, or else typed now. Dropped before that, it leaves the terminal as it was.
    pub(super) async fn given_or_asked(&self) -> Result<Password, Failure> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!("no password: set {VARIABLE}, or give --password-file FILE")));
        }
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::Interrupted => Failure::Interrupted,
            _ => Failure::Usage(format!("the password cannot be asked for: {error}")),
        };
        let mut terminal = Terminal::without_echo();
        let (tell, told) = oneshot::channel();
        // Of its own: no end of this program waits for somebody to type.
        let asking = std::thread::Builder::new().name("ask".into());
        asking.spawn(move || tell.send(rpassword::prompt_password("Password: "))).map_err(cannot)?;
        let typed = told.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        terminal.is_answered = true;
        usable(typed.map_err(cannot)?)
    }
}

/// The terminal before a password is asked for. Dropped, it is so again, though somebody still reads there.
struct Terminal {
    #[cfg(unix)]
    before: Option<(File, rustix::termios::Termios)>,
    is_answered: bool,
}

impl Terminal {
    /// From here on nothing that is typed is shown: some type, and programs do, the moment that they are asked.
    fn without_echo() -> Self {
        Self {
            #[cfg(unix)]
            before: File::open("/dev/tty").ok().and_then(|tty| {
                use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
                let before = tcgetattr(&tty).ok()?;
                let mut quiet = before.clone();
                quiet.local_modes.remove(LocalModes::ECHO);
                quiet.local_modes.insert(LocalModes::ECHONL);
                tcsetattr(&tty, OptionalActions::Now, &quiet).ok()?;
                Some((tty, before))
            }),
            is_answered: false,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some((tty, attributes)) = &self.before {
            // The window is gone then.
            let _restored = rustix::termios::tcsetattr(tty, rustix::termios::OptionalActions::Now, attributes);
        }
        if !self.is_answered {
            // What is said next stands on a line of its own.
            note("");
        }
    }
}

/// The password in a file or else in a variable of the environment, if any.
pub(super) fn from(file: Option<&Path>, variable: &str) -> Result<Option<Password>, Failure> {
    let text = match (file, std::env::var(variable)) {
        (Some(path), _) => first_line(path)?,
        (None, Ok(text)) => text,
        (None, Err(std::env::VarError::NotPresent)) => return Ok(None),
        (None, Err(_)) => return Err(Failure::Usage(format!("{variable} is not valid UTF-8"))),
    };
    usable(text).map(Some)
}

fn usable(text: String) -> Result<Password, Failure> {
    if text.is_empty() {
        return Err(Failure::Usage("the password is empty".into()));
    }
    Ok(Password::new(text))
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let cannot = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// A password of 6 words out of 2048 (66 bits): a listener who has seen one token of 2004 tries millions of passwords a
/// second, and finds what people make up.
pub(super) fn make() -> Result<String, Failure> {
    let words = Language::English.word_list();
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).map_err(|error| Failure::Usage(format!("no randomness: {error}")))?;
    // 65 536 is a multiple of 2 048, so every word is equally likely.
    let picks = random.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)));
    let phrase: Vec<&str> = picks.filter_map(|pick| words.get(pick % words.len()).copied()).collect();
    Ok(phrase.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_password_has_six_words_and_is_new_each_time() {
        let (one, other) = (make().unwrap(), make().unwrap());
        assert_eq!(one.split('-').count(), 6);
        assert!(one.split('-').all(|word| Language::English.word_list().contains(&word)));
        assert_ne!(one, other);
    }

    #[test]
    fn a_password_file_is_its_first_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "correct horse\nnotes\n").unwrap();
        assert_eq!(first_line(file.path()).unwrap(), "correct horse");
        let error = first_line(Path::new("/nonexistent/password")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/password"), "{error}");
    }
}
