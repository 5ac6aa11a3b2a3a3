//! Compiles the page's two programs, `web-client` and its `worker`, to WebAssembly and writes their JavaScript glue: a cargo
//! inside cargo.
//!
//! The inner cargo has a target directory of its own (in ours it would wait for ever on the outer one's lock) and an
//! environment without what the outer one, clippy, rust-analyzer or a coverage tool set for the host.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wasm_bindgen_cli_support::Bindgen;

use crate::{Outcome, variable};

const TARGET: &str = "wasm32-unknown-unknown";

/// Variables of the outer build that would mislead the inner one.
const NOT_INHERITED: [&str; 19] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_LINKER",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "TARGET",
    "HOST",
    "OUT_DIR",
    "PROFILE",
    "OPT_LEVEL",
    "DEBUG",
    "NUM_JOBS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
];
/// The same for whole families of variables. `CARGO_MAKEFLAGS` stays: both cargos share one set of job slots.
const NOT_INHERITED_FAMILIES: [&str; 8] = [
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_PKG_",
    "CARGO_PROFILE_",
    "CARGO_MANIFEST_",
    "CARGO_BUILD_RUST",
    "CARGO_LLVM_COV",
    "DEP_",
];

/// The packages that become programs of the page, what their files are called, and by which profile they are compiled.
const PROGRAMS: [(&str, &str, &str); 2] =
    [("web-client", "web_client", "web"), ("web-worker", "web_worker", "web-worker")];

/// Compiles the page's programs and writes the glue (`.js`) and the code (`_bg.wasm`) of each into `page`.
pub(crate) fn build_into(workspace: &Path, out: &Path, page: &Path) -> Outcome<()> {
    ensure_target()?;
    // <target>/[<triple>/]<profile>/build/<package>/out
    let target = out.ancestors().nth(4).ok_or("cargo's OUT_DIR is nearer to the root than it ever was")?;
    let target = target.join("web-build");
    for (package, name, profile) in PROGRAMS {
        compile(workspace, package, profile, &target)?;
        bind(&target.join(TARGET).join(profile).join(format!("{name}.wasm")), name, page)?;
    }
    Ok(())
}

/// Writes what a compiled program needs to be called by a page.
fn bind(program: &Path, name: &str, page: &Path) -> Outcome<()> {
    let in_words = |why| format!("wasm-bindgen cannot read {}: {why:#}", program.display());
    let mut bindgen = Bindgen::new();
    bindgen.web(true).map_err(in_words)?.input_path(program).out_name(name).typescript(false);
    bindgen.remove_name_section(true).remove_producers_section(true).omit_default_module_path(false);
    let mut output = bindgen.generate_output().map_err(in_words)?;
    // Program and glue refer to each other by long names with a hash in each: a twentieth of what goes over the wire.
    let mut names = Vec::new();
    for (number, import) in output.wasm_mut().imports.iter_mut().enumerate() {
        let (module, name) = (SHORT_MODULE.to_owned(), format!("i{number}"));
        names.push((std::mem::replace(&mut import.name, name.clone()), name));
        names.push((std::mem::replace(&mut import.module, module.clone()), module));
    }
    let own = |name: &str| name.starts_with("__") || name.starts_with("wasm_bindgen__");
    for (number, export) in output.wasm_mut().exports.iter_mut().enumerate().filter(|(_, export)| own(&export.name)) {
        let name = format!("e{number}");
        names.push((std::mem::replace(&mut export.name, name.clone()), name));
    }
    // Only tools ask for it, and an engine finds out by itself.
    output.wasm_mut().customs.remove_raw("target_features");
    output.emit(page).map_err(in_words)?;
    let glue = page.join(format!("{name}.js"));
    let text = fs::read_to_string(&glue).map_err(crate::in_words("cannot read", &glue))?;
    fs::write(&glue, shortened(&text, names)).map_err(crate::in_words("cannot write", &glue))
}

/// What a program of the page calls its glue.
const SHORT_MODULE: &str = "./glue";

/// The glue under these names, without comments and indentation.
fn shortened(glue: &str, mut names: Vec<(String, String)>) -> String {
    names.sort_unstable();
    names.dedup();
    // The longest first: one may begin with another.
    names.sort_by_key(|(long, _)| std::cmp::Reverse(long.len()));
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("/**") && !line.starts_with('*');
    let lines: Vec<_> = glue.lines().map(str::trim).filter(is_code).collect();
    names.iter().fold(lines.join("\n"), |text, (long, short)| text.replace(long.as_str(), short))
}

/// Sees to it that the standard library for WebAssembly is there.
fn ensure_target() -> Outcome<()> {
    if has_target()? {
        return Ok(());
    }
    let words = format!(
        "the page of tinyp2p is compiled to WebAssembly, and the Rust target {TARGET} is not installed.\n\
         Install it with \"rustup target add {TARGET}\", or from your system's packages (Debian: libstd-rust-dev-wasm32; \
         Fedora: rust-std-static-{TARGET}), or set TINYP2P_PAGE to a folder that holds a built page."
    );
    match Command::new("rustup").args(["target", "add", TARGET]).output() {
        Err(_) => Err(words),
        Ok(run) if !run.status.success() => {
            Err(format!("{words}\nrustup could not add it: {}", String::from_utf8_lossy(&run.stderr).trim()))
        }
        // A rustup beside a compiler that is not its own adds the target where nobody looks.
        Ok(_) if !has_target()? => Err(words),
        Ok(_) => Ok(()),
    }
}

fn has_target() -> Outcome<bool> {
    let compiler = variable("RUSTC")?;
    let run = Command::new(&compiler).args(["--print", "sysroot"]).output();
    let run = run.map_err(|why| format!("cannot run {compiler}: {why}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&run.stdout).trim());
    Ok(sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn compile(workspace: &Path, package: &str, profile: &str, target: &Path) -> Outcome<()> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(workspace).args(["rustc", "--package", package, "--lib", "--locked"]);
    // Not in the manifest: there, cdylib beside rlib makes cargo drop link-time optimisation without a word.
    cargo.args(["--crate-type", "cdylib", "--target", TARGET, "--profile", profile, "--target-dir"]).arg(target);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_family = NOT_INHERITED_FAMILIES.iter().any(|family| text.starts_with(family));
        if is_family || NOT_INHERITED.contains(&text.as_ref()) {
            cargo.env_remove(&name);
        }
    }
    // Set rather than removed: it also overrules flags for the host in the person's cargo configuration.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace));
    let run = cargo.output().map_err(|why| format!("cannot run cargo for the page: {why}"))?;
    if run.status.success() {
        return Ok(());
    }
    Err(format!("the page ({package}) does not compile:\n{}", String::from_utf8_lossy(&run.stderr)))
}

/// SHA-512 in loops rather than written out: the page computes some twenty blocks of it in each session.
const SMALL: [&str; 2] = ["--cfg", "sha2_backend_soft=\"compact\""];

/// Flags that keep this machine's paths out of the page's panic messages, which makes it the same everywhere, too; and
/// [`SMALL`].
fn flags(workspace: &Path) -> String {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let known = [(Some(workspace.to_owned()), "tinyp2p"), (cargo_home, "cargo")];
    let known = known.into_iter().filter_map(|(path, name)| Some((fs::canonicalize(path?).ok()?, name)));
    let flags = known.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    let flags: Vec<_> = flags.chain(SMALL.map(str::to_owned)).collect();
    flags.join("\u{1f}")
}
