//! How many files this process may have open.

/// Raises the limit of open files as far as it goes, and says how far that is; none where there is no limit.
#[cfg(unix)]
pub(crate) fn most() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // What a system calls unlimited may still be refused (macOS); then what there is has to do.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let most = if raised { maximum } else { current };
    most.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
pub(crate) fn most() -> Option<usize> {
    None
}
