//! Whether a text is an IPv6 address, as the standard library reads it: all that a URL wants to know, and its parser, which
//! makes addresses of texts, would be 1 KB more of the page.

/// Whether the standard library would read it as an address.
pub(super) fn is_ipv6(text: &str) -> bool {
    let Some(gap) = text.as_bytes().windows(2).position(|pair| pair == b"::") else {
        return groups(text) == Some(8);
    };
    let (head, tail) = (text.get(..gap).unwrap_or_default(), text.get(gap + 2..).unwrap_or_default());
    // What `::` stands for is one group at least, and an IPv4 address comes last or not at all.
    !head.contains('.') && groups(head).zip(groups(tail)).is_some_and(|(head, tail)| head + tail < 8)
}

/// How many groups of 16 bits these are; the last two may be written as an IPv4 address. None where it is anything else.
fn groups(text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    text.rsplit(':').enumerate().try_fold(0, |count, (from_the_end, group)| {
        if (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Some(count + 1)
        } else if from_the_end == 0 && is_ipv4(group) {
            Some(count + 2)
        } else {
            None
        }
    })
}

/// Whether these are four numbers below 256, without zeros before them.
fn is_ipv4(text: &str) -> bool {
    let is_octet = |part: &str| {
        matches!(
            part.as_bytes(),
            [b'0'..=b'9']
                | [b'1'..=b'9', b'0'..=b'9']
                | [b'1', b'0'..=b'9', b'0'..=b'9']
                | [b'2', b'0'..=b'4', b'0'..=b'9']
                | [b'2', b'5', b'0'..=b'5']
        )
    };
    text.split('.').all(is_octet) && text.split('.').count() == 4
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_the_standard_library_takes() {
        for text in [
            "::",
            "::1",
            "1::",
            "1::8",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "0001:ABCD:3:4:5:6:1.2.3.4",
            "::255.0.10.199",
            "1::4:249.250.255.0",
        ] {
            assert!(text.parse::<Ipv6Addr>().is_ok() && is_ipv6(text), "{text}");
        }
        for text in [
            "",
            ":",
            ":::",
            "::::",
            ":1",
            "1:",
            "1:::2",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4::5:6:7:8",
            ":1:2:3:4:5:6:7",
            "12345::",
            "g::",
            "+1::",
            "fe80::1%eth0",
            "1.2.3.4",
            "1.2.3.4::",
            "::1.2.3.4:5",
            "::1.2.3",
            "::1.2.3.4.5",
            "::1.2.3.256",
            "::01.2.3.4",
            "::+1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::é",
        ] {
            assert!(text.parse::<Ipv6Addr>().is_err() && !is_ipv6(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_what_it_is_for_the_standard_library(
            text in "[0-9a-fA-F:.]{0,40}|(([0-9a-f]{0,5}|[0-9]{1,3}(\\.[0-9]{1,3}){2,4})::?){0,9}[0-9a-f]{0,4}([0-9]{1,3}(\\.[0-9]{1,3}){3})?|.{0,8}"
        ) {
            prop_assert_eq!(is_ipv6(&text), text.parse::<Ipv6Addr>().is_ok());
            prop_assert_eq!(is_ipv4(&text), text.parse::<Ipv4Addr>().is_ok());
        }

        #[test]
        fn any_address_is_one(groups: [u16; 8], zeros in 0_usize..8, at in 0_usize..8, spoiled in 0_usize..60, by in "[0-9a-f:.]?") {
            let mut groups = groups;
            groups.iter_mut().skip(at).take(zeros).for_each(|group| *group = 0);
            let mut text = Ipv6Addr::from(groups).to_string();
            prop_assert!(is_ipv6(&text));
            if spoiled < text.len() {
                text.replace_range(spoiled..=spoiled, &by);
                prop_assert_eq!(is_ipv6(&text), text.parse::<Ipv6Addr>().is_ok(), "{}", text);
            }
        }
    }
}
