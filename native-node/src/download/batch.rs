//! Many small files in one call: what a small file costs is the call, not its bytes.
//!
//! Only from modern nodes, over the bridge (`ReadMany`): they say beforehand how large a file is. What does not
//! come this way, for whatever reason, is fetched by itself, where its error is told.

use shared::PeerUrl;
use shared::transfer::Hashing;

use super::fetch::{FetchError, SMALL};
use super::{Came, Download, Fetched, Offered, Planned, Provenance};
use crate::folder::Arrived;

/// Files in one call.
const FILES: usize = 64;
/// Bytes in one call: half of [`shared::limits::BATCH_BYTES`].
const BYTES: u64 = 512 << 10;

/// What is fetched in one go.
#[derive(Debug)]
pub(super) enum Unit {
    One(Offered),
    Batch(Vec<Offered>),
}

/// Puts small files together. A file whose size nobody told stays alone, and so does a tab's: it gives one at a time.
pub(super) fn units(peer: &PeerUrl, files: Vec<Offered>) -> Vec<Unit> {
    if peer.is_of_tab() {
        return files.into_iter().map(Unit::One).collect();
    }
    let mut units = Vec::new();
    let mut batch = (Vec::new(), 0);
    for file in files {
        let Some(size) = file.size.filter(|size| *size <= SMALL as u64) else {
            units.push(Unit::One(file));
            continue;
        };
        if batch.0.len() == FILES || batch.1 + size > BYTES {
            units.push(Unit::Batch(std::mem::take(&mut batch).0));
        }
        batch.0.push(file);
        batch.1 += size;
    }
    if !batch.0.is_empty() {
        units.push(Unit::Batch(batch.0));
    }
    units
}

impl Download<'_> {
    /// One or many files of a peer; those that came.
    pub(super) async fn get_unit(&self, peer: PeerUrl, unit: Unit) -> Vec<Fetched<'_>> {
        match unit {
            Unit::One(file) => Vec::from_iter(self.get(peer, file).await),
            Unit::Batch(files) => self.get_batch(peer, files).await,
        }
    }

    async fn get_batch(&self, peer: PeerUrl, files: Vec<Offered>) -> Vec<Fetched<'_>> {
        let contents = match self.fetch_batch(&peer, &files).await {
            Ok(contents) => contents,
            Err(error) => {
                self.patience.failed(&peer, &error);
                Vec::new()
            }
        };
        let mut contents = contents.into_iter();
        let mut fetched = Vec::with_capacity(files.len());
        for file in files {
            let came = contents.next().flatten().and_then(|bytes| self.arrived(&peer, &file, bytes));
            match came {
                Some(came) => fetched.push(came),
                None => fetched.extend(self.get(peer.clone(), file).await.map(Fetched::waits)),
            }
        }
        fetched
    }

    async fn fetch_batch(&self, peer: &PeerUrl, files: &[Offered]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let _place = self.places.files.acquire().await.map_err(|_| FetchError::Stopped)?;
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let contents = self.dialer.fetch_all(peer, &names).await?;
        self.patience.succeeded(peer);
        Ok(contents)
    }

    /// A file that came in a batch, ready to be saved. One that is not small is none of what was asked for.
    fn arrived(&self, peer: &PeerUrl, file: &Offered, bytes: Vec<u8>) -> Option<Fetched<'_>> {
        let destination = self.destination.clone()?;
        let Ok(Planned::SaveAs(path)) = self.plan(&file.path) else { return None };
        // One that is not what was offered may have changed since: that is told where it is fetched by itself.
        if bytes.len() > SMALL
            || (self.is_exact && file.size != Some(bytes.len() as u64))
            || file.id.is_some_and(|id| id != Hashing::id_of(&bytes))
        {
            return None;
        }
        self.observer.begun(&file.path, peer, file.size);
        let length = bytes.len() as u64;
        self.observer.moved(&file.path, length);
        let how = Provenance { verified: file.id.is_some(), ..Provenance::default() };
        // Of another length it is of another version, whose time nobody told.
        let stamp = file.stamp(file.version.filter(|version| version.size == length));
        let arrived = Arrived::Small { destination, path, bytes, stamp, is_proved: how.verified };
        let came = Came { arrived, unsaved: None, bytes: length, how, turn: None };
        Some(Fetched { peer: peer.clone(), name: file.name.clone(), path: file.path.clone(), came })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::SharedPath;

    fn shapes(peer: &str, sizes: &[Option<u64>]) -> Vec<usize> {
        let file = |size: &Option<u64>| {
            let path = SharedPath::parse("a").unwrap();
            Offered { name: "a".into(), path, size: *size, modified: None, version: None, id: None, executable: false }
        };
        let units = units(&PeerUrl::parse(peer).unwrap(), sizes.iter().map(file).collect());
        units.iter().map(|unit| if let Unit::Batch(files) = unit { files.len() } else { 0 }).collect()
    }

    #[test]
    fn small_files_of_known_size_go_together_within_bounds() {
        assert!(shapes("http://a:1", &[]).is_empty());
        assert_eq!(shapes("http://a:1", &[Some(1), None, Some(1 << 20), Some(0)]), [0, 0, 2]);
        assert_eq!(shapes("http://a:1", &[Some(4096); 130]), [64, 64, 2]);
        assert_eq!(shapes("http://a:1", &[Some(32 << 10); 17]), [16, 1]);
        assert_eq!(shapes(&format!("http://a:1/peer/{}", "a".repeat(32)), &[Some(1); 3]), [0; 3]);
    }
}
