//! A file to be shown: text over the session, the rest from an address.
//!
//! Where the browser does not trust this origin, what is small comes encrypted over the session into a Blob; what is large
//! comes by a ticket, so that sound and film begin at once and can be moved in.

use gloo::utils::window;
use web_sys::Url;

use super::fetch::FetchError;
use super::{Tab, Work, taken};
use crate::event::{Event, PreviewEvent};
use crate::model::{Reason, TEXT_BYTES, Viewer};
use crate::pool::Source;
use crate::wire::{Link, addressed};

/// Largest file that is collected to be shown.
const MOST_IN_MEMORY: u64 = 16 << 20;
/// Numbers of previews among those of saves, which count up from one.
const NOT_OF_SAVES: u32 = 1 << 31;

impl Tab {
    pub(super) fn open_preview(
        &self,
        id: u32,
        sources: Vec<Source>,
        size: Option<u64>,
        viewer: Viewer,
        media_type: &'static str,
    ) {
        let (Some(tab), Some(link)) = (self.strong(), self.link()) else { return };
        self.begin(Work::Preview(id), async move {
            let is_small = size.is_some_and(|size| size <= MOST_IN_MEMORY);
            let shown = match viewer {
                Viewer::Text => tab.text(&link, id, &sources).await,
                Viewer::Image | Viewer::Audio if is_small && !window().is_secure_context() => {
                    tab.collected(&link, id, sources, media_type).await
                }
                _ => tab.ticket(&link, &sources, true, None).await.map(|address| PreviewEvent::Ready { id, address }),
            };
            tab.tell(Event::Preview(shown.unwrap_or_else(|why| PreviewEvent::Failed { id, why })));
        });
    }

    pub(super) fn close_preview(&self, id: u32) {
        self.stop(Work::Preview(id));
        drop(taken(&self.partials, &(id | NOT_OF_SAVES)));
        let shown = taken(&self.shown, &id);
        shown.iter().for_each(|address| revoke(address));
    }

    async fn text(&self, link: &Link, id: u32, sources: &[Source]) -> Result<PreviewEvent, Reason> {
        let (bytes, is_cut) = self.beginning(link, sources, TEXT_BYTES).await?;
        Ok(PreviewEvent::Text { id, text: decoded(&bytes), is_cut })
    }

    async fn collected(
        &self,
        link: &Link,
        id: u32,
        sources: Vec<Source>,
        media_type: &str,
    ) -> Result<PreviewEvent, Reason> {
        let file = self.fetch(link, id | NOT_OF_SAVES, sources, None, &|_| {}).await.map_err(|why| match why {
            FetchError::Failed(why) => why,
            FetchError::TooLarge => Reason::NoRoom,
            FetchError::Interrupted => Reason::Ended,
        })?;
        let blob = file.into_parts().0.blob(media_type);
        let address = blob.as_ref().and_then(addressed).ok_or(Reason::NoRoom)?;
        self.shown.borrow_mut().push((id, address.clone()));
        Ok(PreviewEvent::Ready { id, address })
    }
}

/// Lets the browser forget what is behind an address.
pub(super) fn revoke(address: &str) {
    let _forgotten_before = Url::revoke_object_url(address);
}

/// A text as it is meant, as far as that can be told; a character that was cut in two at its end is left out.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> String {
    let end = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(&unit));
    char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_kinds_are_shown() {
        assert_eq!(decoded("häuser".as_bytes()), "häuser");
        assert_eq!(decoded(b"h\xe4user"), "h\u{fffd}user");
        assert_eq!(decoded(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decoded(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decoded(b"\xfe\xff\0a\0b"), "ab");
        assert_eq!(decoded(&"aé".as_bytes()[..2]), "a");
        assert_eq!(decoded(b""), "");
    }
}
