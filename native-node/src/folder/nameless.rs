//! A file without a name, on our disk for a while: nobody else sees it, and it is gone with whoever holds it, killed or not.

use std::fs::File;
use std::io;
use std::path::Path;

use super::positioned;
use super::room::Room;

/// A file that has no name. Several may read and write it at once.
#[derive(Debug)]
pub(crate) struct Nameless(File);

impl Nameless {
    /// One on the disk of `folder`, which is made where it is not there, for so many bytes at most; none where they would leave
    /// too little of that disk to its owner.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create(folder: &Path, bytes: u64) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        if !Room::of(folder).fits(bytes) {
            return Ok(None);
        }
        tempfile::tempfile_in(folder).map(|file| Some(Self(file)))
    }

    /// Writes all of it at an offset.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        positioned::write_all_at(&self.0, bytes, at)
    }

    /// Fills all of `bytes` from an offset on, where so much was written.
    ///
    /// # Errors
    /// What the system says, or that there is less.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        positioned::read_exact_at(&self.0, bytes, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_no_name_and_is_not_there_where_it_does_not_fit() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("made");
        let file = Nameless::create(&folder, 10).unwrap().unwrap();
        file.write_all_at(b"56789", 5).unwrap();
        file.write_all_at(b"01234", 0).unwrap();
        let mut bytes = [0; 10];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"0123456789");
        assert!(file.read_exact_at(&mut bytes, 1).is_err());
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        assert!(Nameless::create(&folder, u64::MAX).unwrap().is_none() || cfg!(not(unix)));
    }
}
