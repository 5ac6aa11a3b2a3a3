//! What kind of file a name promises, by its extension alone: for filters and symbols, never for safety.
//!
//! Which files may be shown in the page is decided in `preview`, by a list of its own.

/// A kind of file, as a person sorts things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Kind {
    Image,
    Audio,
    Video,
    Text,
    Document,
    Archive,
    Program,
    Other,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] =
        [Self::Image, Self::Audio, Self::Video, Self::Text, Self::Document, Self::Archive, Self::Program, Self::Other];

    /// The kind of a file with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let Some(extension) = extension(name) else { return Self::Other };
        let mut lower = [0_u8; LONGEST];
        let Some(lower) = lower.get_mut(..extension.len()) else { return Self::Other };
        lower.copy_from_slice(extension.as_bytes());
        lower.make_ascii_lowercase();
        let is_in = |known: &str| known.split(' ').any(|one| one.as_bytes() == &*lower);
        KNOWN.iter().find(|(_, known)| is_in(known)).map_or(Self::Other, |(kind, _)| *kind)
    }

    /// Its place in [`Kind::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in the page's markup and in [`crate::text`].
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Text => "text",
            Self::Document => "document",
            Self::Archive => "archive",
            Self::Program => "program",
            Self::Other => "other",
        }
    }
}

/// Longest extension in [`KNOWN`], in bytes.
const LONGEST: usize = 10;

const KNOWN: [(Kind, &str); 7] = [
    (Kind::Image, "jpg jpeg png gif webp avif heic heif svg bmp tif tiff ico raw cr2 nef dng psd xcf jxl"),
    (Kind::Audio, "mp3 ogg oga opus flac wav m4a aac wma aif aiff mid midi m3u"),
    (Kind::Video, "mp4 m4v mkv webm mov avi mpg mpeg ogv wmv flv 3gp srt vob"),
    (
        Kind::Text,
        "txt md log csv tsv json xml yaml yml toml ini cfg conf html htm css js ts rs py c h cpp hpp java go rb pl sh sql tex",
    ),
    (Kind::Document, "pdf doc docx odt rtf xls xlsx ods ppt pptx odp epub mobi azw3 djvu ps pages numbers key"),
    (Kind::Archive, "zip tar gz tgz bz2 xz zst 7z rar iso img dmg cab jar lz4"),
    (Kind::Program, "exe msi apk deb rpm appimage bat cmd com ps1 app dll so bin wasm"),
];

/// What stands behind the last dot, if that makes an extension: `.bashrc` and `a.` have none.
#[must_use]
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_counts_in_any_case() {
        for (name, kind) in [
            ("a.JPG", Kind::Image),
            ("holiday.jpg.exe", Kind::Program),
            ("a.tar.gz", Kind::Archive),
            ("README", Kind::Other),
            (".mp3", Kind::Other),
            ("a.", Kind::Other),
            ("a.é", Kind::Other),
            ("a.averyverylongextension", Kind::Other),
            ("notes.md", Kind::Text),
            ("tool.appimage", Kind::Program),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }

    #[test]
    fn no_extension_is_of_two_kinds_or_too_long_to_be_found() {
        let all: Vec<&str> = KNOWN.iter().flat_map(|(_, known)| known.split(' ')).collect();
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{one} twice");
            assert!(one.len() <= LONGEST, "{one}");
        }
        assert_eq!(Kind::ALL.map(Kind::index), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
