//! What axe-core finds in a page that would keep people out. It is no part of this project: `tests/install.sh` fetches it.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::Browser;

/// axe-core, as one script.
#[derive(Debug, Clone)]
pub(crate) struct Axe(String);

impl Axe {
    /// Looks for it; the error says how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        let named = std::env::var_os("TINYP2P_AXE").map(PathBuf::from);
        let file = named.unwrap_or_else(|| crate::harness::target("axe-core").join("axe.min.js"));
        fs::read_to_string(file).map(Self).map_err(|_| {
            "axe-core is not here; tests/install.sh fetches it, or point TINYP2P_AXE at its axe.min.js".into()
        })
    }
}

impl Browser {
    /// Fails where axe-core finds something serious or critical in what is shown; what is less than that is printed.
    pub(crate) async fn must_be_accessible(&self, axe: &Axe, what: &str) -> Result<(), Failed> {
        // What is half faded in has half its contrast.
        self.until("document.getAnimations().every(it => it.playState !== 'running' || it.effect.getTiming().iterations === Infinity)").await?;
        if self.run("return window.axe === undefined", &[]).await? == json!(true) {
            // As a debugger does, past the policy that forbids it to the page.
            self.devtools("Runtime.evaluate", json!({ "expression": axe.0 })).await?;
        }
        let script = "
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] })
                .then(({ violations }) => done(violations.map(it => ({
                    id: it.id, impact: it.impact, help: it.help,
                    nodes: it.nodes.slice(0, 5).map(node => node.html.slice(0, 200) + ' ' + node.failureSummary),
                }))))
                .catch(why => done(String(why)));";
        let found = self.page.execute_async(script, Vec::new()).await?;
        let found = found.as_array().ok_or_else(|| format!("axe-core says {found}"))?;
        let is_bad = |it: &&Value| ["serious", "critical"].contains(&it["impact"].as_str().unwrap_or_default());
        let (bad, lesser): (Vec<_>, Vec<_>) = found.iter().partition(is_bad);
        for it in lesser {
            eprintln!("axe-core of {what}: {} ({}): {}", it["id"], it["impact"], it["nodes"]);
        }
        if bad.is_empty() { Ok(()) } else { Err(format!("axe-core of {what}: {}", json!(bad)).into()) }
    }
}
