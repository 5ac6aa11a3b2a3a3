//! Packs a finished page into the program: each file as it is, gzipped and brotlied, and a Rust table that lists them.
//!
//! Compressed here, once, so that the node never compresses anything for a browser. One hash covers the whole page and is
//! part of every address but the index's: any change gives new addresses, and files that refer to each other stay together.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::Hasher;
use std::io;
use std::path::Path;

use crate::{Outcome, in_words};

/// What addresses of the page begin with, as `index.html` writes them; the hash comes behind it.
const ASSETS: &str = "assets/";

/// Packs the files of `page` into `out`, as `page_table.rs` with the files it includes beside it.
pub(crate) fn pack(page: &Path, files: &[&str], out: &Path) -> Outcome<()> {
    let mut contents = Vec::new();
    // Of the standard library: the hash guards against stale caches, not against an attacker.
    let mut hasher = DefaultHasher::new();
    for file in files {
        let content = fs::read(page.join(file)).map_err(in_words("cannot read", &page.join(file)))?;
        hasher.write(file.as_bytes());
        hasher.write(&content);
        contents.push((*file, content));
    }
    let edition = format!("{:016x}", hasher.finish());

    let packed = out.join("packed");
    fs::create_dir_all(&packed).map_err(in_words("cannot make", &packed))?;
    let mut table = format!("static EDITION: &str = {edition:?};\nstatic ASSETS: &[Asset] = &[\n");
    for (file, mut content) in contents {
        if file == "index.html" {
            content = String::from_utf8_lossy(&content).replace(ASSETS, &format!("{ASSETS}{edition}/")).into();
        }
        let gzip = smaller(gzip(&content), &content).map_err(in_words("cannot gzip", &page.join(file)))?;
        let brotli = smaller(brotli(&content), &content).map_err(in_words("cannot compress", &page.join(file)))?;
        let place = |ending: &str, bytes: &[u8]| {
            let path = packed.join(format!("{file}{ending}"));
            fs::write(&path, bytes).map_err(in_words("cannot write", &path))?;
            Ok::<_, String>(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/packed/{file}{ending}\"))"))
        };
        let plain = place("", &content)?;
        let gzip =
            gzip.map(|bytes| place(".gz", &bytes)).transpose()?.map_or("None".into(), |it| format!("Some({it})"));
        let brotli =
            brotli.map(|bytes| place(".br", &bytes)).transpose()?.map_or("None".into(), |it| format!("Some({it})"));
        let media_type = media_type(file)?;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "    Asset {{ name: {file:?}, media_type: {media_type:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }},"
        );
    }
    table.push_str("];\n");
    let path = out.join("page_table.rs");
    fs::write(&path, table).map_err(in_words("cannot write", &path))
}

fn media_type(file: &str) -> Outcome<&'static str> {
    match Path::new(file).extension().and_then(|ending| ending.to_str()) {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        Some("wasm") => Ok("application/wasm"),
        _ => Err(format!("the media type of {file} is not known; add it in native-node/build/pack.rs")),
    }
}

/// As small as the format can be: it is done once, and fetched by every phone.
fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, content, &mut packed)?;
    Ok(packed)
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 9, lgwin: 22, ..Default::default() };
    let mut compressed = Vec::new();
    let mut content = content;
    brotli::BrotliCompress(&mut content, &mut compressed, &params)?;
    Ok(compressed)
}

/// A compressed form, if it is worth a header.
fn smaller(compressed: io::Result<Vec<u8>>, content: &[u8]) -> io::Result<Option<Vec<u8>>> {
    Ok(Some(compressed?).filter(|bytes| bytes.len() < content.len()))
}
