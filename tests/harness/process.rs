//! Processes under test: ended with the test, waited for with a deadline.

use std::io::Read;
use std::process::{Child, ExitStatus, Output};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A child that does not outlive its test.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: Option<Reader>,
    errors: Option<Reader>,
}

/// Drains a pipe, so that the child never waits for us to read.
#[derive(Debug)]
struct Reader {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut piece) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
            }
        });
        Self { text, thread }
    }

    fn so_far(&self) -> Vec<u8> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(self) -> Vec<u8> {
        self.thread.join().expect("the pipe was read");
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Running {
    /// Takes over a child whose pipes, where it has any, are read from now on.
    pub(crate) fn new(mut child: Child) -> Self {
        let output = child.stdout.take().map(Reader::new);
        let errors = child.stderr.take().map(Reader::new);
        Self { child, output, errors }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it wrote to standard output so far.
    pub(crate) fn output_text(&self) -> String {
        self.output.as_ref().map(|reader| String::from_utf8_lossy(&reader.so_far()).into_owned()).unwrap_or_default()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn error_text(&self) -> String {
        self.errors.as_ref().map(|reader| String::from_utf8_lossy(&reader.so_far()).into_owned()).unwrap_or_default()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self, deadline: Duration) -> Output {
        let status = wait_for("a process to end", deadline, || self.child.try_wait().expect("its status"));
        self.into_output(status)
    }

    /// Asks it to end as Ctrl-C does, and waits for that.
    pub(crate) fn interrupt(self, deadline: Duration) -> Output {
        self.signal(rustix::process::Signal::INT, deadline)
    }

    /// Asks it to end by this signal, and waits for that.
    pub(crate) fn signal(self, signal: rustix::process::Signal, deadline: Duration) -> Output {
        self.send(signal);
        self.wait(deadline)
    }

    pub(crate) fn send(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(pid(self.child.id()), signal).expect("it is running");
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) -> Output {
        self.child.kill().expect("it is running");
        let status = self.child.wait().expect("it ends");
        self.into_output(status)
    }

    /// Stops it without ending it: its sockets stay open and silent.
    pub(crate) fn freeze(&self) {
        self.send(rustix::process::Signal::STOP);
    }

    /// Lets it go on where it was stopped.
    pub(crate) fn wake(&self) {
        self.send(rustix::process::Signal::CONT);
    }

    fn into_output(mut self, status: ExitStatus) -> Output {
        let stdout = self.output.take().map(Reader::all).unwrap_or_default();
        let stderr = self.errors.take().map(Reader::all).unwrap_or_default();
        Output { status, stdout, stderr }
    }
}

fn pid(id: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id")
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Asks again and again until there is an answer; panics with `what` after `deadline`.
pub(crate) fn wait_for<T>(what: &str, deadline: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
