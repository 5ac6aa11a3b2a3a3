//! Every message: its exact bytes, and what becomes of bytes that are none.

use proptest::prelude::*;

use super::*;
use crate::bridge::tests::hex;
use crate::bridge::{Offered, OfferedForm, PoolKey, Proof, Reset, ResetCode, Since};

/// One of each, with all its fields set.
fn one_of_each() -> Vec<(Message, &'static str)> {
    let version = Version { size: 5, modified: -1 };
    let peer = PeerInfo {
        url: "http://a:1".into(),
        kind: PeerKind::Tab,
        name: Some("Ada".into()),
        here_ms: 7,
        files: Some(2),
        itself: true,
        revision: Some(9),
    };
    vec![
        (
            Hello {
                role: Role::Tab,
                name: "Ada".into(),
                program: "p".into(),
                url: Some("http://a:1".into()),
                tab: Some(vec![1, 2]),
            }
            .into(),
            "10a50001016341646102617003 6a687474703a2f2f613a31 04420102",
        ),
        (Address { url: "http://a:1".into() }.into(), "11a1006a687474703a2f2f613a31"),
        (
            Offer {
                all: true,
                add: vec![Offered {
                    path: "d/a".into(),
                    size: 5,
                    modified: -1,
                    form: Some(OfferedForm::Plain { escaped: 6 }),
                    id: Some([7; 32]),
                    executable: None,
                }],
                remove: vec!["b".into()],
            }
            .into(),
            "12a300f50181a50063642f6101050220038200a10006\
             04 5820 0707070707070707070707070707070707070707070707070707070707070707 028161 62",
        ),
        (
            Peers { peers: vec![peer.clone()] }.into(),
            "13a10081a7006a687474703a2f2f613a3101010263416461030704 0205f50609",
        ),
        (Exchange { of: "/peer/a".into(), tell: vec!["u".into()] }.into(), "20a200672f706565722f61018161 75"),
        (
            Search {
                kind: SearchKind::Regex,
                pattern: "x".into(),
                scope: SearchScope::Pool,
                most: 9,
                away: Some(true),
            }
            .into(),
            "21a5000201617802010309 04f5",
        ),
        (
            Read {
                peer: Some("u".into()),
                of: "/p".into(),
                path: "a".into(),
                from: 1,
                length: Some(2),
                version: Some(version),
                reader: Some("r".into()),
                aside: Some(Aside::new(&[7; 48])),
            }
            .into(),
            "22a800617501622f7002616103010402 05820520066172 07 5830\
             0707070707070707070707070707070707070707070707070707070707070707\
             07070707070707070707070707070707",
        ),
        (ReadMany { of: String::new(), paths: vec!["a".into()] }.into(), "23a200600181 6161"),
        (Ticket { peer: "u".into(), path: "a".into(), preview: true }.into(), "24a3006175016161 02f5"),
        (
            Collect {
                name: "a.zip".into(),
                files: vec![
                    Ticket { peer: "u".into(), path: "a".into(), preview: false },
                    Ticket { peer: "v".into(), path: "b/c".into(), preview: false },
                ],
            }
            .into(),
            "26a20065612e7a6970 0182 a3006175016161 02f4 a300617601 63622f63 02f4",
        ),
        (Exchanged { peers: vec![peer] }.into(), "30a10081a7006a687474703a2f2f613a3101010263416461030704 0205f50609"),
        (
            Found {
                peer: "u".into(),
                rows: vec![Row {
                    path: "a".into(),
                    size: Some(5),
                    modified: Some(-1),
                    id: Some([7; 32]),
                    executable: Some(true),
                }],
                last_seen_s: Some(300),
                name: Some("Ada".into()),
            }
            .into(),
            "31a40061750181856161 0520 5820 0707070707070707070707070707070707070707070707070707070707070707 f5\
             0219012c 0363416461",
        ),
        (Answered { peer: "u".into(), error: Some("e".into()), more: true }.into(), "32a3006175016165 02f5"),
        (File { version, length: 3, executable: Some(true) }.into(), "33a30082052001 0302f5"),
        (Files { sizes: vec![Some(1), None] }.into(), "34a1008201f6"),
        (Ticketed { href: "/get/x".into(), version }.into(), "35a200662f6765742f7801820520"),
        (
            Outline {
                of: "/p".into(),
                path: "a".into(),
                version: Some(version),
                id: Some([7; 32]),
                peer: Some("u".into()),
            }
            .into(),
            "25a500622f7001616102820520 03 5820 0707070707070707070707070707070707070707070707070707070707070707\
             04 6175",
        ),
        (
            Outlined { version, id: Some([7; 32]), later: true }.into(),
            "36a300820520 01 5820 0707070707070707070707070707070707070707070707070707070707070707 02f5",
        ),
        (
            Follow { epoch: Some(9), since: vec![Since { of: "/p".into(), revision: 300 }] }.into(),
            "27a20009 0181 82622f70 19012c",
        ),
        (
            Following { epoch: 9, same: vec![Proof([7; 32])] }.into(),
            "38a20009 0181 5820 0707070707070707070707070707070707070707070707070707070707070707",
        ),
        (
            Changes {
                of: "/p".into(),
                left: false,
                whole: true,
                from: 3,
                put: vec![Row { path: "a".into(), size: Some(5), modified: Some(-1), id: None, executable: None }],
                gone: vec!["b".into()],
                to: Some(4),
            }
            .into(),
            "39a700622f70 01f4 02f5 0303 0481 8361610520 0581 6162 0604",
        ),
        (
            Members { key: Some(PoolKey::new([7; 32])), digest: 2, parts: 3, members: vec![4, 5] }.into(),
            "28a400 5820 0707070707070707070707070707070707070707070707070707070707070707 0102 0203 03420405",
        ),
        (
            MembersTold { key: PoolKey::new([7; 32]), me: vec![1], digests: vec![2, 3], parts: 4, members: vec![5] }
                .into(),
            "3ca500 5820 0707070707070707070707070707070707070707070707070707070707070707 014101 02820203 0304 044105",
        ),
        (
            Swarm { id: [7; 32], size: 300, port: Some(9004) }.into(),
            "29a300 5820 0707070707070707070707070707070707070707070707070707070707070707 0119012c 0219232c",
        ),
        (
            Swarming { you: Some("a".into()), others: 2, at: vec!["u".into()], pieces: vec![3, 300], coming: vec![5] }
                .into(),
            "3da5006161 0102 02816175 03820319012c 048105",
        ),
        (
            Put {
                files: vec![Offered {
                    path: "a".into(),
                    size: 5,
                    modified: -1,
                    form: None,
                    id: None,
                    executable: Some(true),
                }],
            }
            .into(),
            "2aa10081 a4006161 0105 0220 05f5",
        ),
        (
            Kept {
                path: "a".into(),
                error: Some("x".into()),
                save_as: Some("b".into()),
                was_here: Some(true),
                from_before: Some(3),
                verified: Some(true),
            }
            .into(),
            "3ea6006161 016178 026162 03f5 0403 05f5",
        ),
    ]
}

#[test]
fn messages_are_these_bytes() {
    for (message, bytes) in one_of_each() {
        let expected = hex(&bytes.replace(' ', ""));
        let mut written = vec![message.kind().0];
        written.extend(message.encode());
        let shown: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, expected, "{message:?} is {shown}");
        assert_eq!(Message::decode(message.kind(), &expected[1..]), Ok(Some(message)));
    }
}

#[test]
fn a_reset_is_these_bytes() {
    let why = Reset::new(ResetCode::GONE, "x");
    assert_eq!(encode(&why), hex("a20005016178"));
    assert_eq!(decode::<Reset>(Kind::RESET, &hex("a20005016178")), Ok(why));
    // A code of a later version.
    assert_eq!(decode::<Reset>(Kind::RESET, &hex("a200181e016178")), Ok(Reset::new(ResetCode(30), "x")));
}

#[test]
fn absent_fields_and_unknown_ones_are_no_error() {
    let least = Message::decode(Kind::HELLO, &hex("a3000001600260")).unwrap().unwrap();
    let hello = Hello { role: Role::Node, name: String::new(), program: String::new(), url: None, tab: None };
    assert_eq!(least, hello.into());
    // Field 99 with an array in it.
    let later = Message::decode(Kind::ADDRESS, &hex("a2006175186383010203")).unwrap();
    assert_eq!(later, Some(Address { url: "u".into() }.into()));
    assert_eq!(Message::decode(Kind(250), b"whatever"), Ok(None));
}

/// A row of a peer that knows no ids, and one of a later peer that knows more.
#[test]
fn rows_of_older_and_newer_peers_are_understood() {
    let row = |executable| Row { path: "a".into(), size: Some(5), modified: Some(-1), id: None, executable };
    let rows = [
        ("83616105 20", None),
        ("84616105 20 f6", None),
        ("85616105 20 f6 f5", Some(true)),
        ("86616105 20 f6 f6 820102", None),
    ];
    for (bytes, executable) in rows {
        assert_eq!(decode::<Row>(Kind::FOUND, &hex(&bytes.replace(' ', ""))), Ok(row(executable)));
    }
    // What is not known costs a row nothing.
    assert_eq!(encode(&row(None)), hex("8361610520"));
    assert!(decode::<Row>(Kind::FOUND, &hex("8461610520430102 03".replace(' ', "").as_str())).is_err(), "3 bytes");
}

/// What bytes of an older holder are, and of no program: the same as ever.
#[test]
fn a_file_that_is_no_program_is_told_as_before() {
    let file = File::new(Version { size: 5, modified: -1 }, 3);
    assert_eq!(encode(&file), hex("a2008205200103"));
    assert_eq!(decode::<File>(Kind::FILE, &hex("a2008205200103")), Ok(file));
}

/// Who does not ask for those that are away says what it always said, and hears what it always heard.
#[test]
fn a_search_of_who_is_here_is_told_as_before() {
    let search = Search { kind: SearchKind::Regex, pattern: "x".into(), scope: SearchScope::Pool, most: 9, away: None };
    assert_eq!(encode(&search), hex("a4000201617802010309"));
    assert_eq!(decode::<Search>(Kind::SEARCH, &hex("a4000201617802010309")), Ok(search));
    let found = Found::new("u".into(), Vec::new());
    assert_eq!(encode(&found), hex("a20061750180"));
    assert_eq!(decode::<Found>(Kind::FOUND, &hex("a20061750180")), Ok(found));
}

#[test]
fn half_a_message_is_an_error_at_every_cut() {
    for (message, _) in one_of_each() {
        let bytes = message.encode();
        for cut in 0..bytes.len() {
            assert_eq!(Message::decode(message.kind(), &bytes[..cut]), Err(MessageError(message.kind().0)));
        }
    }
}

#[test]
fn a_list_that_claims_to_be_huge_costs_nothing() {
    // Found: 2^60 rows, of which none comes.
    let claimed = hex("a2006175019b1000000000000000");
    assert_eq!(Message::decode(Kind::FOUND, &claimed), Err(MessageError(Kind::FOUND.0)));
    // Unknown field, nested 100,000 deep.
    let mut deep = hex("a20061751863");
    deep.extend(std::iter::repeat_n(0x81, 100_000));
    assert!(Message::decode(Kind::ADDRESS, &deep).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(kind in 0_u8..64, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::decode(Kind(kind), &bytes);
        let _ = decode::<Reset>(Kind::RESET, &bytes);
    }
}
