use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;

/// Requests begun and ended on a connection: what the socket has to know of the protocol above it.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicU32,
    ended: AtomicU32,
}

impl Progress {
    /// The headers of a request are there.
    pub(super) fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// It is answered.
    pub(super) fn end(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn begun(&self) -> u32 {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.begun() != self.0.ended.load(Ordering::Relaxed)
    }
}

/// A socket that ends the connection when the peer is too slow.
///
/// Headers have to be complete some seconds after their first byte (of a new connection, after its
/// beginning); between requests the peer may rest longer; of an answer it has to take some bytes
/// every few seconds. Bodies have a limit of their own, where they are read.
pub(super) struct GuardedStream {
    stream: TcpStream,
    progress: Progress,
    header_time: Duration,
    idle_time: Duration,
    write_time: Duration,
    /// Requests that had begun when the first byte of the next one came.
    head_after: Option<u32>,
    head_deadline: Instant,
    /// What the timer of reading stands for: requests begun, and whether bytes of the next are there.
    waiting_for: Option<(u32, bool)>,
    read_timer: Pin<Box<Sleep>>,
    is_writing: bool,
    write_timer: Pin<Box<Sleep>>,
}

impl GuardedStream {
    pub(super) fn new(stream: TcpStream, progress: Progress, limits: &Limits) -> Self {
        let head_deadline = Instant::now() + limits.header_time;
        Self {
            stream,
            progress,
            header_time: limits.header_time,
            idle_time: limits.idle_time,
            write_time: limits.write_time,
            head_after: Some(0),
            head_deadline,
            waiting_for: None,
            read_timer: Box::pin(sleep_until(head_deadline)),
            is_writing: false,
            write_timer: Box::pin(sleep_until(head_deadline)),
        }
    }

    /// Notes that bytes came in.
    fn received(&mut self) {
        let begun = self.progress.begun();
        if !self.progress.is_busy() && self.head_after != Some(begun) {
            self.head_after = Some(begun);
            self.head_deadline = Instant::now() + self.header_time;
        }
    }

    /// Whether the peer has kept the server waiting for too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        if self.progress.is_busy() {
            self.waiting_for = None;
            return false;
        }
        let begun = self.progress.begun();
        let has_head = self.head_after == Some(begun);
        if self.waiting_for != Some((begun, has_head)) {
            self.waiting_for = Some((begun, has_head));
            let deadline = if has_head { self.head_deadline } else { Instant::now() + self.idle_time };
            self.read_timer.as_mut().reset(deadline);
        }
        self.read_timer.as_mut().poll(cx).is_ready()
    }

    /// Watches how long bytes wait to be taken.
    fn written<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.is_writing = false;
            return poll;
        }
        if !self.is_writing {
            self.is_writing = true;
            self.write_timer.as_mut().reset(Instant::now() + self.write_time);
        }
        if self.write_timer.as_mut().poll(cx).is_ready() { Poll::Ready(Err(too_slow())) } else { Poll::Pending }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer is too slow")
}

impl AsyncRead for GuardedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = buf.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(cx, buf);
        if poll.is_pending() {
            return if this.poll_too_slow(cx) { Poll::Ready(Err(too_slow())) } else { Poll::Pending };
        }
        if buf.filled().len() > filled {
            this.received();
        }
        poll
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
