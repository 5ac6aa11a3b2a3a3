//! The power goes in the middle of a download: what was said to be saved is there, nothing has a name that is not whole, and
//! most of what had come is gone on with.
//!
//! A disk of its own, an ext4 in a file, is told to stop at once (`FS_IOC_SHUTDOWN` without a last word to its journal, as
//! the file systems' own tests do): what the kernel had not written is lost, as it is then.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;
use tempfile::TempDir;

use super::{Got, Holder, MIB, PASSWORD, begin_with};
use crate::harness::Trials;
use crate::harness::node::tinyp2p;
use crate::harness::process::wait_for;
use crate::harness::tree::binary;

/// Stops the file system that has this folder: as if the power were cut.
const CUT: &str = "
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))
";

pub(super) fn trials() -> Vec<Trial> {
    let disk = Disk::new().map(drop);
    let mut trials = Trials::needing("root, python3 and loop devices, for a disk whose power can be cut", &disk);
    trials.add("what_was_saved_outlives_a_power_cut_and_most_of_the_rest_is_kept", |()| cut());
    trials.into_vec()
}

/// A disk of 512 MiB in a file.
struct Disk {
    dir: TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let disk = std::fs::File::create(dir.path().join("disk")).and_then(|file| file.set_len(512 << 20));
        disk.map_err(|error| error.to_string())?;
        std::fs::create_dir(dir.path().join("mnt")).map_err(|error| error.to_string())?;
        done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(dir.path().join("disk")))?;
        done(Command::new("python3").args(["-c", "import fcntl"]))?;
        let mut disk = Self { dir, is_mounted: false };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&mut self) -> Result<(), String> {
        done(Command::new("mount").args(["-o", "loop"]).arg(self.dir.path().join("disk")).arg(self.folder()))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        self.is_mounted = false;
        done(Command::new("umount").arg(self.folder()))
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    fn cut_the_power(&self) {
        done(Command::new("python3").args(["-c", CUT]).arg(self.folder())).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily: after a failure somebody may still be in there.
            let _unmounted = Command::new("umount").arg("--lazy").arg(self.folder()).output();
        }
    }
}

fn done(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

fn cut() {
    let (whole, small) = (binary(160 << 20), binary(4 << 10));
    let names: Vec<String> = (0..300).map(|number| format!("small/{number:03}.bin")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), small.as_slice())).collect();
    files.push(("big.bin", &whole));
    let holder = Holder::of(&files, 48 * MIB);
    let mut disk = Disk::new().unwrap();
    let to = disk.folder().join("to");
    let mut command = tinyp2p(PASSWORD);
    command.env("TINYP2P_LOG", "native_node=debug").args(["get", "--json", holder.url(), "--to"]).arg(&to);
    let getting = begin_with(&mut command);
    wait_for("some of it to be on the disk", Duration::from_secs(60), || {
        getting.error_text().contains("a part is on the disk").then_some(())
    });
    disk.cut_the_power();
    let got = Got::of(getting.wait(Duration::from_secs(60)));
    got.exits_with(1);
    disk.unmount().unwrap();
    disk.mount().unwrap();
    let said: Vec<&str> = got.saved.keys().map(String::as_str).collect();
    assert!(!said.contains(&"big.bin"), "it came before the power went: {}", got.words());
    for name in &said {
        assert_eq!(std::fs::read(to.join(name)).unwrap(), small, "{name} was saved");
    }
    assert_all_whole(&to, &whole, &small);

    let got = Got::get(holder.url(), &to);
    got.exits_with(0).is_verified("big.bin");
    let kept = got.saved["big.bin"]["kept"].as_u64().unwrap();
    eprintln!("{} small files were saved, {} MiB of the large one kept", said.len(), kept / MIB);
    assert!(kept >= 32 * MIB, "{kept} bytes were kept: {}", got.words());
    assert_eq!(assert_all_whole(&to, &whole, &small), names.len() + 1);
    disk.unmount().unwrap();
}

/// Whatever has a final name is whole; how many there are.
fn assert_all_whole(to: &Path, whole: &[u8], small: &[u8]) -> usize {
    let files = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_file() && path.extension().is_some_and(|end| end == "bin")).collect()
    };
    let (large, small_ones) = (files(to), files(&to.join("small")));
    for path in &large {
        assert!(std::fs::read(path).unwrap() == whole, "{path:?} is not whole");
    }
    for path in &small_ones {
        assert!(std::fs::read(path).unwrap() == small, "{path:?} is not whole");
    }
    large.len() + small_ones.len()
}
