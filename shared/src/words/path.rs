//! The only gate for a file's name, whether it is served or saved.

use std::fmt;

use crate::limits;

/// The path of a shared file below its share: components joined by `/`, none of them able to lead anywhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedPath(Box<str>);

/// Why a text is not the path of a shared file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// An empty path, or one with an empty component (`/a`, `a//b`, `a/`).
    #[error("the name is empty or has an empty part")]
    Empty,
    /// `.`, `..`, a drive, a backslash: it would lead out of the folder.
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
        for part in text.split('/') {
            match part {
                "" => return Err(PathError::Empty),
                "." | ".." => return Err(PathError::Escapes),
                _ if part.contains('\0') => return Err(PathError::Character),
                _ if part.contains('\\') => return Err(PathError::Escapes),
                _ if part.len() > limits::NAME_BYTES => return Err(PathError::TooLong),
                _ => {}
            }
        }
        Ok(Self(text.into()))
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
