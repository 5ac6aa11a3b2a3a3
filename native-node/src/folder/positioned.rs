//! Reading and writing at an offset, so that several may use one open file at once: where its cursor is counts for nothing.
//! (On Windows it is moved all the same.)

use std::fs::File;
use std::io;

/// Reads at an offset what one call of the system gives; nothing at the end.
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, bytes, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, bytes, at);
}

/// Reads at an offset until `bytes` are full; answers how many there are, fewer only at the end.
pub(super) fn read_full_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = bytes.get_mut(filled..) {
        match read_at(file, rest, at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The same; fewer are an error.
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    let is_full = read_full_at(file, bytes, at)? == bytes.len();
    if is_full { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Writes all at an offset.
pub(super) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, at);
    #[cfg(windows)]
    {
        let mut done = 0;
        while let Some(rest @ [_, ..]) = bytes.get(done..) {
            match std::os::windows::fs::FileExt::seek_write(file, rest, at + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_use_one_file_at_once() {
        let file = tempfile::tempfile().unwrap();
        let piece = |number: u8| vec![number; 4096];
        let at = |number: u8| u64::from(number) * 4096;
        std::thread::scope(|scope| {
            for number in 0..16 {
                let file = &file;
                scope.spawn(move || {
                    for _ in 0..100 {
                        write_all_at(file, &piece(number), at(number)).unwrap();
                        let mut bytes = piece(99);
                        read_exact_at(file, &mut bytes, at(number)).unwrap();
                        assert_eq!(bytes, piece(number));
                    }
                });
            }
        });
        let mut bytes = vec![0; 5000];
        assert_eq!(read_full_at(&file, &mut bytes, at(15)).unwrap(), 4096);
        assert_eq!(read_at(&file, &mut bytes, at(16)).unwrap(), 0);
        let error = read_exact_at(&file, &mut bytes, at(15)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
