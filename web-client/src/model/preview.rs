//! The file that is shown in the page, and which files may be at all.
//!
//! Only what a browser shows without running it, by a list of extensions: an image that draws itself by script (SVG) is not
//! among it, and HTML is shown as text. A PDF is left to the browser's own viewer, in a tab of its own.

use shared::ContentId;

use super::Reason;
use crate::pool::{Source, extension};

/// The file shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its number: what comes for an earlier one is left out.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How large it is, if known.
    pub size: Option<u64>,
    /// What it holds, if known.
    pub content: Option<ContentId>,
    /// Where it can be had.
    pub sources: Vec<Source>,
    /// With what it is shown.
    pub viewer: Viewer,
    /// What of it is there.
    pub shown: Shown,
}

/// What of a preview is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing yet.
    Asking,
    /// It can be had from this address: `blob:`, or of our own origin.
    At(String),
    /// It is this text.
    Text {
        /// The beginning of the file.
        text: String,
        /// Whether there is more.
        is_cut: bool,
    },
    /// It could not be had; why.
    Failed(Reason),
}

/// With what a file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Viewer {
    Image,
    Audio,
    Video,
    Text,
    Pdf,
}

/// How much of a text is shown, in bytes.
pub const TEXT_BYTES: u64 = 256 << 10;

const KNOWN: [(Viewer, &str, &str); 26] = [
    (Viewer::Image, "png", "image/png"),
    (Viewer::Image, "jpg", "image/jpeg"),
    (Viewer::Image, "jpeg", "image/jpeg"),
    (Viewer::Image, "gif", "image/gif"),
    (Viewer::Image, "webp", "image/webp"),
    (Viewer::Image, "avif", "image/avif"),
    (Viewer::Image, "bmp", "image/bmp"),
    (Viewer::Audio, "mp3", "audio/mpeg"),
    (Viewer::Audio, "ogg", "audio/ogg"),
    (Viewer::Audio, "oga", "audio/ogg"),
    (Viewer::Audio, "opus", "audio/ogg"),
    (Viewer::Audio, "flac", "audio/flac"),
    (Viewer::Audio, "wav", "audio/wav"),
    (Viewer::Audio, "m4a", "audio/mp4"),
    (Viewer::Audio, "aac", "audio/aac"),
    (Viewer::Video, "mp4", "video/mp4"),
    (Viewer::Video, "m4v", "video/mp4"),
    (Viewer::Video, "webm", "video/webm"),
    (Viewer::Video, "ogv", "video/ogg"),
    (Viewer::Pdf, "pdf", "application/pdf"),
    (Viewer::Text, "txt", TEXT),
    (Viewer::Text, "md", TEXT),
    (Viewer::Text, "log", TEXT),
    (Viewer::Text, "csv", TEXT),
    (Viewer::Text, "json", TEXT),
    (Viewer::Text, "xml", TEXT),
];
/// Code and settings, all shown as plain text whatever they would be elsewhere.
const ALSO_TEXT: &str =
    "yaml yml toml ini conf cfg html htm css js ts rs py c h cpp java go rb pl sh sql tex srt tsv svg bat";
const TEXT: &str = "text/plain;charset=utf-8";

impl Viewer {
    /// With what a file of this name may be shown, and as which type; `None` for all that is better not shown.
    #[must_use]
    pub fn of(name: &str) -> Option<(Self, &'static str)> {
        let extension = extension(name)?.to_ascii_lowercase();
        let known = KNOWN.iter().find(|(_, known, _)| *known == extension).map(|(viewer, _, kind)| (*viewer, *kind));
        known.or_else(|| ALSO_TEXT.split(' ').any(|known| known == extension).then_some((Self::Text, TEXT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_as_a_type_that_could_run() {
        assert_eq!(Viewer::of("a.SVG"), Some((Viewer::Text, TEXT)));
        assert_eq!(Viewer::of("page.html"), Some((Viewer::Text, TEXT)));
        assert_eq!(Viewer::of("photo.jpg.exe"), None);
        assert_eq!(Viewer::of("README"), None);
        for (_, _, kind) in KNOWN {
            let safe = ["image/", "audio/", "video/", "application/pdf", "text/plain"];
            assert!(safe.iter().any(|safe| kind.starts_with(safe)) && !kind.contains("svg"), "{kind}");
        }
    }
}
