//! Names as they are saved: the same safe name on every system, whatever a peer called its file.
//!
//! These are pure functions of the text, so a name is the same on Linux and on Windows, today and when a download resumes.
//! Two names can become one (`a?` and `a*` are both `a_`): no function can keep all names apart and also leave safe names alone.
//! That nothing is lost is the business of whoever saves: never replace a file, compare by [`fold`](crate::fold), and take the next
//! [`SharedPath::numbered`] name where one is taken. Nothing here looks at a disk.

use std::borrow::Cow;
use std::fmt::Write;

use md5::{Digest, Md5};

use super::printable::{is_invisible, without_invisible};
use crate::{PathError, SharedPath, limits};

/// How the names begin that we give to files of our own beside a person's (parts of downloads, state): no name of a peer's
/// file is saved with this beginning, in any case of its letters.
pub const OWN_PREFIX: &str = ".tinyp2p";

/// Longest extension, in bytes with its dot, that a cut name keeps.
const EXTENSION_BYTES: usize = 32;
/// Names that are devices on Windows in every folder and with every extension. Superscript digits count there as digits.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

impl SharedPath {
    /// Where to save a file that a peer calls by this path: every component made safe by [`safe_name`].
    ///
    /// Of a path saved before it is the same path.
    #[must_use]
    pub fn to_saved(&self) -> Self {
        let safe: Vec<_> = self.parts().map(safe_name).collect();
        Self::from_parts(safe.iter().map(AsRef::as_ref))
            .or_else(|_| {
                // Only the `_` before a device's name makes a name longer. Where that takes a path over its limit, it replaces
                // the first letter instead: no part is longer than it was then, so this cannot fail.
                let replaced = self.parts().zip(&safe).map(|(part, safe)| match safe.strip_prefix('_') {
                    Some(rest) if safe.len() > part.len() => format!("_{}", rest.get(1..).unwrap_or_default()),
                    _ => safe.to_string(),
                });
                Self::parse(&replaced.collect::<Vec<_>>().join("/"))
            })
            .unwrap_or_else(|_| self.clone())
    }

    /// The same path with ` (n)` before the extension: what to try where the name is taken.
    ///
    /// Of a saved path it is again a saved path; a name that is too long is cut to make room.
    ///
    /// # Errors
    /// [`PathError::TooLong`] where the folder alone takes all the bytes that a path may have.
    pub fn numbered(&self, n: u32) -> Result<Self, PathError> {
        let (stem, extension) = split_extension(self.file_name());
        let end = format!(" ({n}){extension}");
        let folder = self.as_str().len() - self.file_name().len();
        let room = limits::NAME_BYTES.min(limits::PATH_BYTES.saturating_sub(folder)).saturating_sub(end.len());
        let name = format!("{}{end}", cut(stem, room));
        match self.parent() {
            Some(parent) => parent.join(&name),
            None => Self::parse(&name),
        }
    }
}

/// One component of a path as a name that every common file system takes and no system gives a meaning of its own.
///
/// - Control characters and `< > : " | ? * / \` become `_`; what is invisible or turns the reading direction is removed.
/// - Spaces and dots at the end, which Windows drops, are removed; what is empty then is `_`.
/// - Windows device names (`CON`, `nul.txt`, `aux .tar.gz`, `COM¹`) and [`OWN_PREFIX`] get a `_` in front.
/// - More than 255 bytes are cut between characters, keep their extension and get a short hash of the whole name.
///
/// A leading dot stays (whoever asked for `.bashrc` gets `.bashrc`, below the folder the download goes to, and a listing
/// shows hidden files only on request), as do a leading `-` and `~`: they mean something to a shell, not to a disk.
/// Of a safe name this is the same name, borrowed.
#[must_use]
pub fn safe_name(name: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\');
    let mut safe = Cow::Borrowed(name);
    if name.contains(|c| is_bad(c) || is_invisible(c)) {
        safe = Cow::Owned(without_invisible(name).map(|c| if is_bad(c) { '_' } else { c }).collect());
    }
    let kept = safe.trim_end_matches(['.', ' ']).len();
    if kept < safe.len() {
        safe = match safe {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(..kept).unwrap_or_default()),
            Cow::Owned(mut text) => {
                text.truncate(kept);
                Cow::Owned(text)
            }
        };
    }
    if safe.is_empty() {
        return Cow::Borrowed("_");
    }
    if is_device(&safe) || is_own_name(&safe) {
        safe = Cow::Owned(format!("_{safe}"));
    }
    if safe.len() > limits::NAME_BYTES {
        safe = Cow::Owned(shorten(&safe, name));
    }
    safe
}

/// Whether Windows takes the name for a device, whatever follows its first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let port = |prefix: &str| stem.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    (port("com") || port("lpt"))
        && matches!(stem.get(3..), Some("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"))
}

/// Whether a single name begins as those of our own files do. In any case: on a disk that ignores it, it would be the same file.
#[must_use]
pub fn is_own_name(name: &str) -> bool {
    name.get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX))
}

/// Cuts a name that is too long, keeping its extension; the hash is of the name as the peer wrote it.
fn shorten(safe: &str, original: &str) -> String {
    let (stem, extension) = split_extension(safe);
    let mut end = String::from("~");
    // MD5 because it is here already; nothing rests on it: two names that still meet are numbered.
    for byte in Md5::digest(original.as_bytes()).iter().take(4) {
        let _ = write!(end, "{byte:02x}");
    }
    end.push_str(extension);
    format!("{}{end}", cut(stem, limits::NAME_BYTES - end.len()))
}

/// The name without and with only its extension (`.gz`); a dot file has none, and none is longer than [`EXTENSION_BYTES`].
fn split_extension(name: &str) -> (&str, &str) {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= EXTENSION_BYTES);
    name.split_at(dot.unwrap_or(name.len()))
}

/// The longest beginning of at most `bytes` bytes that ends between characters.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a8_what_windows_would_change_is_changed_everywhere() {
        for (name, safe) in [
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("Prn", "_Prn"),
            ("NUL ", "_NUL"),
            ("aux .tar.gz", "_aux .tar.gz"),
            ("COM¹", "_COM¹"),
            ("lpt³.x", "_lpt³.x"),
            ("com1", "_com1"),
            ("LPT9.prn", "_LPT9.prn"),
            ("CONOUT$", "_CONOUT$"),
            ("NUL:stream", "NUL_stream"),
            ("NUL:", "NUL_"),
            ("a.", "a"),
            ("a ", "a"),
            ("a. . .", "a"),
            ("...", "_"),
            (" ", "_"),
            ("", "_"),
            ("..", "_"),
            ("a:b", "a_b"),
            ("a<>|?*\"b", "a______b"),
            ("a/b\\c\0d", "a_b_c_d"),
            ("tab\tline\nesc\u{1b}del\u{7f}c1\u{9b}", "tab_line_esc_del_c1_"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn a8_good_names_are_untouched() {
        for name in [
            "console.log",
            "com10.txt",
            "com",
            "com0",
            "COMMON",
            "lpt.txt",
            "auxiliary",
            "nul_",
            "a b.txt",
            ".bashrc",
            "~x",
            "-rf",
            " leading",
            "archive.tar.gz",
            "%2e%2e%2fx",
            "日本語.txt",
            "שלום.txt",
            "é",
            "e\u{301}",
            "it's; $(rm) & `x`",
            "_con",
        ] {
            assert!(matches!(safe_name(name), Cow::Borrowed(safe) if safe == name), "{name:?}");
        }
    }

    #[test]
    fn a10_what_hides_the_extension_is_removed() {
        assert_eq!(safe_name("invoice\u{202e}gpj.exe"), "invoicegpj.exe");
        assert_eq!(safe_name("\u{feff}a\u{200b}\u{2066}b\u{200f}"), "ab");
        assert_eq!(safe_name("c\u{200d}on"), "_con");
        assert_eq!(safe_name("\u{200b}."), "_");
    }

    #[test]
    fn a12_long_names_keep_their_extension_and_stay_apart() {
        let one = format!("{}1.tar.gz", "é".repeat(200));
        let two = format!("{}2.tar.gz", "é".repeat(200));
        let (safe_one, safe_two) = (safe_name(&one), safe_name(&two));
        assert!(safe_one.len() <= 255 && safe_one.len() > 250 && safe_one.ends_with(".gz"), "{safe_one}");
        assert_ne!(safe_one, safe_two);
        assert_eq!(safe_name(&"n".repeat(255)).len(), 255);
        assert_eq!(safe_name(&"n".repeat(1 << 20)).len(), 255);
        assert_eq!(safe_name(&format!("a.{}", "x".repeat(300))).len(), 255);
        // The name comes out the same for ever: a download that is resumed has to find its file.
        assert_eq!(safe_name(&format!("{}.ogg", "n".repeat(256))), format!("{}~5a919560.ogg", "n".repeat(242)));
    }

    #[test]
    fn a14_no_name_passes_for_one_of_our_own() {
        assert_eq!(safe_name(".tinyp2p-1.part"), "_.tinyp2p-1.part");
        assert_eq!(safe_name(".TinyP2P"), "_.TinyP2P");
        assert_eq!(safe_name(".tiny"), ".tiny");
    }

    #[test]
    fn a_path_is_saved_part_by_part() {
        let saved = |text| SharedPath::parse(text).unwrap().to_saved().to_string();
        assert_eq!(saved("aux/a:b/c. /x.txt"), "_aux/a_b/c/x.txt");
        assert_eq!(saved("music/a.ogg"), "music/a.ogg");
        // 64 devices of 63 bytes: no room for a `_` before each.
        let full = vec![format!("con.{}", "x".repeat(59)); 64].join("/");
        assert_eq!(saved(&full), full.replace("con", "_on"));
    }

    #[test]
    fn a_taken_name_is_numbered() {
        for (path, numbered) in [
            ("a/photo.jpg", "a/photo (2).jpg"),
            ("README", "README (2)"),
            (".bashrc", ".bashrc (2)"),
            ("a.b/c", "a.b/c (2)"),
            ("x.tar.gz", "x.tar (2).gz"),
        ] {
            assert_eq!(SharedPath::parse(path).unwrap().numbered(2).unwrap().as_str(), numbered);
        }
        let long = SharedPath::parse(&format!("{}.jpg", "é".repeat(125))).unwrap().numbered(10).unwrap();
        assert!(long.as_str().len() <= 255 && long.as_str().ends_with("é (10).jpg"));
        let full =
            SharedPath::parse(&format!("{}/ab", vec!["n".repeat(240); 17].join("/").get(..4093).unwrap())).unwrap();
        assert_eq!(full.numbered(1), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn laws_of_a_safe_name(name in "[conCOMlpt19¹.:~_ \\u{202e}é]{0,12}|.{0,300}|(con\\.)?[aé]{100,300}(\\.[a-z. ]{0,40})?") {
            let safe = safe_name(&name);
            prop_assert_eq!(safe_name(&safe), safe.clone());
            prop_assert!(!safe.is_empty() && safe.len() <= limits::NAME_BYTES);
            prop_assert!(!safe.contains(['<', '>', ':', '"', '|', '?', '*', '/', '\\']));
            prop_assert!(!safe.chars().any(char::is_control) && without_invisible(&safe).eq(safe.chars()));
            prop_assert!(!safe.ends_with(['.', ' ']) && !is_device(&safe) && !is_own_name(&safe));
            let path = SharedPath::parse(&safe);
            prop_assert!(path.is_ok());
            let numbered = path.unwrap().numbered(7).unwrap();
            prop_assert_eq!(numbered.to_saved(), numbered);
        }

        #[test]
        fn laws_of_a_saved_path(text in "([conaux.:é /]{1,8}/){0,70}[a.: ]{1,3}|.{1,60}") {
            if let Ok(path) = SharedPath::parse(&text) {
                let saved = path.to_saved();
                prop_assert_eq!(SharedPath::parse(saved.as_str()), Ok(saved.clone()));
                prop_assert_eq!(saved.to_saved(), saved.clone());
                prop_assert_eq!(saved.parts().count(), path.parts().count());
                prop_assert!(saved.parts().all(|part| safe_name(part) == part));
            }
        }
    }
}
