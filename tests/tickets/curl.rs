//! What curl and Python's urllib make of it: names, resuming, parts.

use std::process::Command;

use libtest_mimic::Trial;
use shared::Fault;
use shared::xmlrpc::Value;

use super::Site;
use crate::harness::node::run;
use crate::harness::tree::{binary, content, text};
use crate::harness::{Trials, can_be_run, ok, stdout};

pub(super) fn trials(curl: &Result<(), String>) -> Vec<Trial> {
    let mut trials = Trials::needing("curl", curl);
    trials.add("tickets::curl_saves_files_of_every_size", |()| every_size());
    trials.add("tickets::b4_curl_saves_every_name", |()| every_name());
    trials.add("tickets::curl_resumes_where_it_stopped", |()| resumes());
    trials.add("tickets::curl_fetches_parts", |()| parts());
    trials.add("tickets::curl_is_told_when_nothing_changed", |()| unchanged());
    trials.add("tickets::only_who_knows_the_password_gets_one", |()| refuses());
    let python = can_be_run("python3");
    let mut with_python = Trials::needing("Python 3 and curl", &python);
    with_python.add("tickets::python_fetches_whole_and_in_parts", |()| python_fetches());
    trials.into_vec().into_iter().chain(with_python.into_vec()).collect()
}

fn every_size() {
    // Around one piece, and many of them; around what is sent from the file; folders too.
    let sizes = [
        0,
        1,
        4096,
        (64 << 10) - 1,
        64 << 10,
        (64 << 10) + 1,
        256 << 10,
        (256 << 10) + 1,
        (4 << 20) - 1,
        4 << 20,
        (4 << 20) + 1,
        5_000_000,
        (33 << 20) + 5,
    ];
    let files: Vec<(String, Vec<u8>)> = sizes.map(|size| (format!("folder/{size}.bin"), binary(size))).into();
    let shared: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let site = Site::new(&shared);
    for (name, bytes) in &files {
        ok(&site.curl(&["--remote-name", &site.url(name)]));
        assert!(std::fs::read(site.saved().join(name.strip_prefix("folder/").unwrap())).unwrap() == *bytes, "{name}");
    }
    // One after the other over one connection.
    let addresses: Vec<_> = files.iter().map(|(name, _)| site.url(name)).collect();
    let all = site.curl(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    ok(&all);
    assert!(all.stdout == files.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>());
    // Large parts that begin and end anywhere.
    let (name, bytes) = files.last().unwrap();
    for (from, to) in [(1, bytes.len() - 2), (1_234_567, 9_876_543), ((4 << 20) - 1, (8 << 20) - 1), (77, 4_194_380)] {
        let part = site.curl(&["--range", &format!("{from}-{to}"), &site.url(name)]);
        ok(&part);
        assert!(part.stdout == bytes[from..=to], "{from}-{to}");
    }
}

fn every_name() {
    let names = [
        ("plain.txt", "plain.txt"),
        ("two words; and, more.txt", "two words; and, more.txt"),
        ("100%.txt", "100_.txt"),
        ("<img src=x onerror=alert(1)>", "_img src=x onerror=alert(1)_"),
        ("say \"hi\"", "say _hi_"),
        ("new\nline\r.txt", "new_line_.txt"),
        ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
    ];
    let files: Vec<(&str, &[u8])> = names.iter().map(|(name, _)| (*name, name.as_bytes())).collect();
    let site = Site::new(&files);
    for (name, saved) in names {
        // By what the header says …
        ok(&site.curl(&["--remote-name", "--remote-header-name", &site.url(name)]));
        assert_eq!(content(site.saved()), [(saved.to_owned(), name.as_bytes().to_vec())].into(), "{name:?}");
        std::fs::remove_file(site.saved().join(saved)).unwrap();
    }
    // … and by the address alone, which says it whatever the letters.
    for name in ["日本語.txt", "😀.png", "שלום עולם.txt", "é"] {
        std::fs::write(site.share.path().join(name), name).unwrap();
        let url = site.url(name);
        assert!(url.is_ascii(), "{url}");
        ok(&site.curl(&["--output", "saved", &url]));
        assert_eq!(std::fs::read(site.saved().join("saved")).unwrap(), name.as_bytes());
        let head = stdout(&site.curl(&["--head", &url]));
        let encoded = url.rsplit('/').next().unwrap();
        assert!(head.contains(&format!("filename*=UTF-8''{encoded}\r\n")), "{head}");
    }
}

fn resumes() {
    let bytes = binary(3 << 20);
    let site = Site::new(&[("a.bin", &bytes)]);
    let url = site.url("a.bin");
    let saved = site.saved().join("a.bin");
    for had in [1, 100_000, (3 << 20) - 1] {
        std::fs::write(&saved, &bytes[..had]).unwrap();
        let got =
            site.curl(&["--continue-at", "-", "--remote-name", "--write-out", "%{http_code} %{size_download}", &url]);
        ok(&got);
        assert_eq!(stdout(&got), format!("206 {}", bytes.len() - had));
        assert!(std::fs::read(&saved).unwrap() == bytes, "from {had} on");
    }
    // What is complete already is left alone.
    site.curl(&["--continue-at", "-", "--remote-name", &url]);
    assert!(std::fs::read(&saved).unwrap() == bytes);
}

fn parts() {
    let bytes = text(200_000);
    let site = Site::new(&[("a.txt", &bytes)]);
    let url = site.url("a.txt");
    for (range, part) in
        [("0-0", 0..1), ("1000-150000", 1000..150_001), ("-500", 199_500..200_000), ("199999-", 199_999..200_000)]
    {
        let got = site.curl(&["--range", range, &url]);
        ok(&got);
        assert!(got.stdout == bytes[part], "{range}");
    }
    let got = site.curl(&["--range", "0-1,5-6", &url]);
    ok(&got);
    assert!(got.stdout == bytes, "several parts are answered with the whole");
    let got = site.curl(&["--range", "200000-", "--write-out", "%{http_code}", &url]);
    assert_eq!((got.status.code(), stdout(&got)), (Some(22), "416".to_owned()));
}

fn unchanged() {
    let site = Site::new(&[("a.txt", b"text")]);
    let url = site.url("a.txt");
    let keep = ["--etag-save", "tag", "--remote-time", "--output", "a.txt", url.as_str()];
    ok(&site.curl(&keep));
    let modified = |folder: &std::path::Path| {
        let modified = std::fs::metadata(folder.join("a.txt")).unwrap().modified().unwrap();
        modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(modified(site.saved()), modified(site.share.path()), "the file keeps its date");
    for condition in [["--etag-compare", "tag"], ["--time-cond", "a.txt"]] {
        let arguments = [condition[0], condition[1], "--include", "--write-out", "%{http_code}", &url];
        let got = site.curl(&arguments);
        ok(&got);
        let said = stdout(&got).to_lowercase();
        assert!(said.starts_with("http/1.1 304 ") && said.ends_with("\r\n\r\n304"), "{said}");
        assert!(!said.contains("content-length: 0"), "{said}");
    }
}

fn refuses() {
    let site = Site::new(&[("a.txt", b"text"), (".hidden", b"secret")]);
    site.url("a.txt");
    assert_eq!(site.ask(&"0".repeat(32), "a.txt"), Ok(Value::Bool(false)));
    for path in ["none", ".hidden", "../a.txt", "/etc/passwd", "", "a.txt/"] {
        assert_eq!(site.ask(&site.token, path).unwrap_err().code, Fault::APPLICATION, "{path:?}");
    }
    let bad = site.curl(&["--write-out", "%{http_code}", &format!("{}/get/{}/a.txt", site.node.url, "0".repeat(32))]);
    assert_eq!((bad.status.code(), stdout(&bad)), (Some(22), "404".to_owned()));
    let foreign = ["--header", "Sec-Fetch-Site: cross-site", "--write-out", "%{http_code}", &site.url("a.txt")];
    assert_eq!(stdout(&site.curl(&foreign)), "403");
}

fn python_fetches() {
    let bytes = binary(1 << 20);
    let site = Site::new(&[("folder/a.bin", &bytes)]);
    let script = "
import sys, urllib.request
url = sys.argv[1]
with urllib.request.urlopen(url) as whole:
    data = whole.read()
    tag = whole.headers['ETag']
    assert whole.headers.get_filename() == 'a.bin', whole.headers
    assert int(whole.headers['Content-Length']) == len(data)
part = urllib.request.Request(url, headers={'Range': 'bytes=1000-', 'If-Range': tag})
with urllib.request.urlopen(part) as rest:
    assert rest.status == 206, rest.status
    assert rest.headers['Content-Range'] == 'bytes 1000-%d/%d' % (len(data) - 1, len(data))
    assert rest.read() == data[1000:]
sys.stdout.buffer.write(data)
";
    let got = run(Command::new("python3").args(["-c", script]).arg(site.url("folder/a.bin")));
    ok(&got);
    assert!(got.stdout == bytes);
}
