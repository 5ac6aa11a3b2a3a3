//! nginx, beside which downloads are measured. Debian: nginx-light.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::ports::free_port;
use crate::harness::process::{Running, wait_for};

/// nginx as it is good at this.
pub(crate) struct Nginx {
    pub(crate) address: String,
    /// Taken when it is asked to end.
    process: Option<Running>,
    #[expect(dead_code, reason = "held so that it is there")]
    folder: TempDir,
}

impl Nginx {
    pub(crate) fn serve(root: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", free_port());
        // Its workers give up root's rights, and with them the right to read a temporary folder.
        let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
        let here = folder.path().display();
        let configuration = format!(
            "{user} daemon off; master_process on; worker_processes auto; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n\
             client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c;\n\
             uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
             server {{ listen {address}; root {}; }} }}\n",
            root.display()
        );
        std::fs::write(folder.path().join("nginx.conf"), configuration).expect("its configuration");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(folder.path().join("nginx.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Running::new(command.spawn().expect("it starts"));
        wait_for("nginx to listen", Duration::from_secs(5), || TcpStream::connect(&address).ok());
        Self { address, process: Some(process), folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked, not killed: its workers would outlive it.
        self.process.take().map(|process| process.interrupt(Duration::from_secs(5)));
    }
}
