//! What the browser has put on the disk.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::{Browser, LOOK};

/// How long a download may take to be on the disk: the largest have hundreds of megabytes.
const PATIENCE: Duration = Duration::from_secs(90);

impl Browser {
    /// Where downloads end up.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.home.path().join("downloads")
    }

    /// Waits until a download of this size is complete under this name, and answers where it is.
    pub(crate) async fn downloaded(&self, name: &str, size: u64) -> Result<PathBuf, Failed> {
        let file = self.downloads().join(name);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let length = fs::metadata(&file).ok().map(|found| found.len());
            let unfinished = self.unfinished_downloads();
            if length == Some(size) && unfinished.is_empty() {
                return Ok(file);
            }
            if Instant::now() > deadline {
                let all = self.names_of_downloads();
                return Err(format!("{name:?} has {length:?} bytes and not {size}; on the disk: {all:?}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a download of these bytes is complete under this name, and removes it.
    pub(crate) async fn must_save(&self, name: &str, bytes: &[u8]) -> Result<(), Failed> {
        let file = self.downloaded(name, bytes.len() as u64).await?;
        if fs::read(&file)? != bytes {
            return Err(format!("{name:?} was saved otherwise than it is").into());
        }
        Ok(fs::remove_file(file)?)
    }

    /// All that is in the folder of downloads.
    pub(crate) fn names_of_downloads(&self) -> Vec<String> {
        let entries = fs::read_dir(self.downloads()).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// What Chromium has not finished: it writes under another name until then.
    pub(crate) fn unfinished_downloads(&self) -> Vec<String> {
        let mut names = self.names_of_downloads();
        names.retain(|name| name.ends_with(".crdownload"));
        names
    }
}
