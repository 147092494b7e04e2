//! Other processes: the same test binary again, in another role, to be killed or watched from outside.
//!
//! A test that needs one asks at its beginning whether it is the other process:
//! `if let Some(folder) = role("serve") { serve(&folder) }`.

#![allow(clippy::print_stderr, reason = "processes tell each other how they are")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sidecart_http::{Settings, run_until_signal};

use super::running::{Client, get};

const ROLE: &str = "SIDECART_TEST_ROLE";
const FOLDER: &str = "SIDECART_TEST_FOLDER";

/// The line that tells that the other process has begun.
const BEGUN: &str = "begun ";

/// The folder to work in, where this process was started for a role.
pub(crate) fn role(name: &str) -> Option<PathBuf> {
    let asked = std::env::var_os(ROLE)? == name;
    asked.then(|| std::env::var_os(FOLDER).unwrap().into())
}

/// Tells the process that waits for it that this one has begun, and ends with it.
pub(crate) fn begun(told: &str) {
    eprintln!("{BEGUN}{told}");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

/// Serves the models of a folder until the system asks it to stop, and ends the process.
pub(crate) fn serve(folder: &Path, change: impl FnOnce(&mut Settings)) -> ! {
    let mut settings = super::settings(folder);
    settings.admin_listen = Some(([127, 0, 0, 1], 0).into());
    settings.watch_interval = std::time::Duration::from_secs(3_600);
    change(&mut settings);
    let stopped = run_until_signal(settings, |server| {
        begun(&format!("{} {}", server.address(), server.admin_address().unwrap()));
    });
    std::process::exit(i32::from(stopped.is_err()))
}

/// Another process. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// What it told with its beginning.
    pub(crate) told: String,
}

impl Process {
    /// Starts one test, by its full name, in a role, and waits until it has begun.
    pub(crate) fn start(test: &str, role: &str, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--include-ignored", "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = loop {
            let line = lines.next().expect("the other process begins").unwrap();
            match line.strip_prefix(BEGUN) {
                Some(told) => break told.to_owned(),
                None => eprintln!("{line}"),
            }
        };
        // What it says later is shown, so that a failure can be understood.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        Self { child, told }
    }

    /// Kills it at once (`SIGKILL`); whether it was still running.
    pub(crate) fn kill(&mut self) -> bool {
        let ran = self.is_running();
        let _ = self.child.kill();
        self.child.wait().unwrap();
        ran
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server in a process of its own.
pub(crate) struct ServerProcess {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl ServerProcess {
    /// Starts the test in the role `serve`, and waits until it is ready.
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        let process = Process::start(test, "serve", folder);
        let (address, admin) = process.told.split_once(' ').unwrap();
        let (address, admin) = (address.parse().unwrap(), admin.parse().unwrap());
        while get(address, "/health/ready").0 != 200 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self { process, address, admin }
    }

    /// Asks it to look for new versions now; what it answers.
    pub(crate) fn reload(&self) -> String {
        let mut client = Client::connect(self.admin);
        client.send(b"POST /admin/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        client.answer().unwrap().body
    }

    /// A metric without labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = get(self.admin, "/metrics").1;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Its resident memory in MiB, where the system tells.
    pub(crate) fn resident_mib(&self) -> Option<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).ok()?;
        let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
        Some(kib.parse::<f64>().ok()? / 1_024.0)
    }

    /// Its open files and sockets, where the system tells.
    pub(crate) fn n_files(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.process.child.id())).ok()?.count())
    }
}
