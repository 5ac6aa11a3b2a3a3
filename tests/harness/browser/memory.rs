//! How much memory a browser's processes use.

use std::fs;

use super::Browser;
use crate::harness::node::peak_memory_in;

impl Browser {
    /// Processes of one of Chromium's types, `renderer` for pages, by id.
    fn processes(&self, kind: &str) -> Vec<u32> {
        let wanted = format!("--type={kind}");
        let group = self.driver.group().to_string();
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
        ids.filter(|id: &u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // PID (NAME) STATE PARENT GROUP …, and the name may have anything in it.
            let of_group = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(2)) == Some(&group);
            let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            of_group && words.split(|byte| [0, b' '].contains(byte)).any(|word| word == wanted.as_bytes())
        })
        .collect()
    }

    /// From now on, [`Browser::peak_memory`] is about what comes.
    pub(crate) fn forget_peak_memory(&self, kind: &str) {
        for id in self.processes(kind) {
            // 5: see proc_pid_clear_refs(5). It may have ended.
            let _ended = fs::write(format!("/proc/{id}/clear_refs"), "5");
        }
    }

    /// Most memory that each process of a type has used, in bytes, the largest first.
    pub(crate) fn peak_memory(&self, kind: &str) -> Vec<u64> {
        let status = |id: u32| fs::read_to_string(format!("/proc/{id}/status")).ok();
        let statuses = self.processes(kind).into_iter().filter_map(status).filter(|text| text.contains("VmHWM:"));
        let mut peaks: Vec<u64> = statuses.map(|text| peak_memory_in(&text)).collect();
        peaks.sort_unstable_by(|one, other| other.cmp(one));
        peaks
    }
}
