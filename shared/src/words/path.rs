//! The only gate for a file's name, whether it is served or saved.
//!
//! A path has no meaning here beyond its text: nothing is decoded (`%2e%2e%2fx` is an odd but flat name), nothing is
//! resolved, nothing is normalised, and no disk is asked. What is served must moreover be in a catalog, and what is saved
//! goes through [`SharedPath::to_saved`]: a name like `a:b` or `NUL` is good on the disk of one system and a trap on another.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use crate::limits;

/// The path of a shared file below its share: components joined by `/`, none of them able to lead anywhere else.
///
/// Equality and order are those of the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedPath(Box<str>);

/// Why a text is not the path of a shared file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// An empty path, or one with an empty component (`/a`, `a//b`, `a/`).
    #[error("the name is empty or has an empty part")]
    Empty,
    /// `.`, `..`, a backslash: it would lead out of the folder. (A Linux file with a backslash in its name is not shared.)
    #[error("the name leads out of the shared folder")]
    Escapes,
    /// A character no name can hold: NUL.
    #[error("the name has a character that no file name can hold")]
    Character,
    /// Too long or too deep, see [`limits`].
    #[error("the name is too long or too deep")]
    TooLong,
}

impl SharedPath {
    /// Checks a path and keeps its text as it is.
    ///
    /// # Errors
    /// A [`PathError`] for whatever could name something outside the share.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > limits::PATH_BYTES || text.split('/').count() > limits::PATH_DEPTH {
            return Err(PathError::TooLong);
        }
        text.split('/').try_for_each(check_name)?;
        Ok(Self(text.into()))
    }

    /// Joins single names, outermost first: what a walk through a folder has in its hands.
    ///
    /// # Errors
    /// A [`PathError`] where a name is none (one with a `/` in it would be two: [`PathError::Escapes`]) or all are too long.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Result<Self, PathError> {
        let mut text = String::new();
        for (index, part) in parts.into_iter().enumerate() {
            check_single(part)?;
            // Checked here and not only at the end, so that an endless iterator costs no memory.
            if index == limits::PATH_DEPTH || text.len() + part.len() > limits::PATH_BYTES {
                return Err(PathError::TooLong);
            }
            if index > 0 {
                text.push('/');
            }
            text.push_str(part);
        }
        Self::parse(&text)
    }

    /// The path of the file or folder `name` in this folder.
    ///
    /// # Errors
    /// A [`PathError`] where `name` is no single name, or the whole is too long.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        check_single(name)?;
        Self::parse(&format!("{self}/{name}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components, outermost first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The folder it lies in; `None` where that is the share itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it lies directly in the share, which is all that a listing of 2004 shows.
    #[must_use]
    pub fn is_top_level(&self) -> bool {
        !self.0.contains('/')
    }

    /// Whether it or a folder above it is a dot file.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.parts().any(|part| part.starts_with('.'))
    }
}

/// A [`SharedPath`] that lies in a catalog: its text is held there, among others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathRef<'c>(&'c str);

impl<'c> PathRef<'c> {
    /// The path whose text was a [`SharedPath`]'s.
    pub(crate) fn of_checked(text: &'c str) -> Self {
        debug_assert!(SharedPath::parse(text).is_ok(), "{text:?}");
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'c str {
        self.0
    }

    /// A path of its own.
    #[must_use]
    pub fn to_path(self) -> SharedPath {
        SharedPath(self.0.into())
    }

    /// Whether it lies directly in the share, which is all that a listing of 2004 shows.
    #[must_use]
    pub fn is_top_level(self) -> bool {
        !self.0.contains('/')
    }
}

impl fmt::Display for PathRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for PathRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Whether one component can be a name and nothing else.
fn check_name(name: &str) -> Result<(), PathError> {
    match name {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Escapes),
        _ if name.contains('\0') => Err(PathError::Character),
        _ if name.contains('\\') => Err(PathError::Escapes),
        _ if name.len() > limits::NAME_BYTES => Err(PathError::TooLong),
        _ => Ok(()),
    }
}

/// The same for a text that is meant as one component, not as a path.
fn check_single(name: &str) -> Result<(), PathError> {
    if name.contains('/') { Err(PathError::Escapes) } else { check_name(name) }
}

impl FromStr for SharedPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl AsRef<str> for SharedPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// So that a map keyed by paths can be asked with a text that is none.
impl Borrow<str> for SharedPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The text as it is: from a peer, it goes to a terminal only through [`Printable`](crate::Printable).
impl fmt::Display for SharedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SharedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a1_a2_what_leads_elsewhere_is_refused() {
        for (text, why) in [
            ("", PathError::Empty),
            ("/", PathError::Empty),
            ("/etc/passwd", PathError::Empty),
            ("//host/share", PathError::Empty),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            (".", PathError::Escapes),
            ("..", PathError::Escapes),
            ("../x", PathError::Escapes),
            ("a/../../x", PathError::Escapes),
            ("../../.ssh/authorized_keys", PathError::Escapes),
            ("a/./b", PathError::Escapes),
            ("a/..", PathError::Escapes),
            ("..\\x", PathError::Escapes),
            ("C:\\x", PathError::Escapes),
            ("\\\\?\\C:\\x", PathError::Escapes),
            ("x\0y", PathError::Character),
            ("\0", PathError::Character),
        ] {
            assert_eq!(SharedPath::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a12_what_no_disk_holds_is_refused() {
        for (text, good) in [
            ("n".repeat(255), true),
            ("n".repeat(256), false),
            (format!("{}/x", "é".repeat(127)), true),
            (format!("{}/x", "é".repeat(128)), false),
            (vec!["d"; limits::PATH_DEPTH].join("/"), true),
            (vec!["d"; limits::PATH_DEPTH + 1].join("/"), false),
            (vec!["n".repeat(240); 17].join("/"), true),
            (vec!["n".repeat(241); 17].join("/"), false),
            ("n".repeat(1 << 20), false),
        ] {
            let parsed = SharedPath::parse(&text);
            assert_eq!(parsed.is_ok(), good, "{} bytes", text.len());
            assert!(good || parsed == Err(PathError::TooLong));
        }
    }

    #[test]
    fn odd_names_are_names() {
        for text in
            ["a:b", "C:x", "%2e%2e%2fx", "%2Fetc", "...", "..a", "~/.bashrc", "-rf", " ", "a\nb", "NUL", "日本語"]
        {
            assert_eq!(SharedPath::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn parts_parent_and_join_agree() {
        let path = SharedPath::parse("music/.old/a b.ogg").unwrap();
        assert_eq!(path.parts().collect::<Vec<_>>(), ["music", ".old", "a b.ogg"]);
        assert_eq!((path.file_name(), path.is_top_level(), path.is_hidden()), ("a b.ogg", false, true));
        let parent = path.parent().unwrap();
        assert_eq!(parent.as_str(), "music/.old");
        assert_eq!(parent.join("a b.ogg").unwrap(), path);
        assert_eq!(SharedPath::parse("music").unwrap().parent(), None);
        for (name, why) in [
            ("", PathError::Empty),
            ("..", PathError::Escapes),
            ("a/b", PathError::Escapes),
            ("/etc", PathError::Escapes),
            ("a\\b", PathError::Escapes),
        ] {
            assert_eq!(parent.join(name), Err(why));
            assert_eq!(SharedPath::from_parts(["a", name]), Err(why));
        }
        assert_eq!(SharedPath::from_parts([]), Err(PathError::Empty));
        assert_eq!(SharedPath::from_parts(std::iter::repeat("a")), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn a_path_is_its_parts(text in "[a./\\\\\u{0}é:%]{0,12}|.{0,40}") {
            if let Ok(path) = SharedPath::parse(&text) {
                prop_assert_eq!(path.as_str(), text.as_str());
                prop_assert_eq!(SharedPath::from_parts(path.parts()), Ok(path.clone()));
                prop_assert!(path.parts().all(|part| !["", ".", ".."].contains(&part)));
                // What the operating system makes of it agrees: only plain components, none lost.
                let system = std::path::Path::new(path.as_str());
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(system.is_relative() && system.components().all(normal));
                prop_assert_eq!(system.components().count(), path.parts().count());
            }
        }
    }
}
