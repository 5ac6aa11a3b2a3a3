//! A link as a QR code (ISO/IEC 18004) in a terminal, for the camera of a phone.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};
use shared::{PeerUrl, write_invite};
use zeroize::Zeroizing;

/// Light modules that a camera needs around it.
const MARGIN: i32 = 2;
/// Black on white, whatever the terminal's colours are, and an end to that.
const COLOURS: (&str, &str) = ("\x1b[30;107m", "\x1b[0m");

/// The link that opens the page of a node, and unlocks it where a password is given.
pub(super) fn link(node: &PeerUrl, password: Option<&str>) -> Zeroizing<String> {
    let page = format!("{}/", node.as_str().trim_end_matches('/'));
    match password {
        Some(password) => write_invite(&page, password),
        None => Zeroizing::new(page),
    }
}

/// The code in lines of text, two modules above each other in each character; none where the text is too long for one.
pub(super) fn drawn(text: &str, in_colours: bool) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let (begin, end) = if in_colours { COLOURS } else { ("", "") };
    let mut lines = String::new();
    for y in (-MARGIN..code.size() + MARGIN).step_by(2) {
        let halves = |x| match (code.get_module(x, y), code.get_module(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        let line: String = (-MARGIN..code.size() + MARGIN).map(halves).collect();
        // A text takes all that is written to it.
        let _written = writeln!(lines, "{begin}{line}{end}");
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera would read.
    fn read(lines: &str) -> String {
        let lines: Vec<Vec<char>> = lines.lines().map(|line| line.chars().collect()).collect();
        let (width, scale) = (lines[0].len(), 4);
        let is_dark = |x: usize, y: usize| match lines[y / 2][x] {
            '█' => true,
            '▀' => y.is_multiple_of(2),
            '▄' => !y.is_multiple_of(2),
            _ => false,
        };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * scale, lines.len() * 2 * scale, |x, y| {
            if is_dark(x / scale, y / scale) { 0 } else { 255 }
        });
        image.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_the_link() {
        let node = PeerUrl::parse("http://192.168.1.7:9004").unwrap();
        assert_eq!(*link(&node, None), "http://192.168.1.7:9004/");
        let made = link(&node, Some("six words & more"));
        assert_eq!(*made, "http://192.168.1.7:9004/#six%20words%20%26%20more");
        assert_eq!(read(&drawn(&made, false).unwrap()), *made);
    }

    #[test]
    fn in_colours_each_line_ends_them() {
        let lines = drawn("http://a/", true).unwrap();
        assert!(lines.lines().all(|line| line.starts_with(COLOURS.0) && line.ends_with(COLOURS.1)));
        assert!(drawn(&"x".repeat(10_000), true).is_none());
    }
}
