//! A server on real sockets, and a client that sends whatever it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sidecart_http::{Server, Settings, Stopped};
use tokio::sync::oneshot;

/// The name of the threads that answer.
pub(crate) const THREADS: &str = "test-server";

/// A server with threads of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Stopped>>,
}

impl Running {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(settings: Settings) -> Self {
        let running = Self::start_cold(settings);
        running.wait_until_ready();
        running
    }

    /// Waits until a model is loaded.
    pub(crate) fn wait_until_ready(&self) {
        let began = Instant::now();
        while get(self.address, "/health/ready").0 != 200 {
            assert!(began.elapsed() < Duration::from_secs(20), "not ready");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it, whether a model is there or not.
    pub(crate) fn start_cold(settings: Settings) -> Self {
        Self::start_on(settings, 2)
    }

    /// Starts it on so many threads.
    pub(crate) fn start_on(settings: Settings, n_threads: usize) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .event_interval(sidecart_http::limits::STEPS_BETWEEN_LOOKS)
                .worker_threads(n_threads)
                .thread_name(THREADS)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = Server::bind(settings).await.unwrap();
                tell.send((server.address(), server.admin_address())).unwrap();
                let stopped = async {
                    let _ = stopped.await;
                };
                server.run(stopped).await
            })
        });
        let (address, admin) = told.recv().unwrap();
        Self { address, admin, stop: Some(stop), thread: Some(thread) }
    }

    /// Asks it to stop.
    pub(crate) fn signal(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(mut self) -> Stopped {
        self.signal();
        self.thread.take().unwrap().join().unwrap()
    }
}

/// A request with a JSON body.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One question.
pub(crate) fn question() -> Vec<u8> {
    post("/v1/recommend", r#"{"items": ["item-03"], "k": 5}"#)
}

/// Status and body of a plain request.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut client = Client::connect(address);
    client.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
    client.answer().map_or((0, String::new()), |answer| (answer.status, answer.body))
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
    }
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap()
    }

    pub(crate) fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Sends bytes; a peer that has left already is no error here.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(e) => panic!("sending: {e}"),
        }
    }

    pub(crate) fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer; `None` when the connection ends before one is whole.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.received) {
                self.received.drain(..length);
                return Some(answer);
            }
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(n) => self.received.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("waiting for an answer: {e}"),
            }
        }
    }

    /// All answers until the connection ends.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        std::iter::from_fn(|| self.answer()).collect()
    }
}

fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    // Interim answers have no body.
    let length = if status == 100 { 0 } else { length };
    let body = bytes.get(end..end + length)?;
    Some((Answer { status, head, body: String::from_utf8_lossy(body).into_owned() }, end + length))
}
