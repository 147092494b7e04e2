//! Which requests are scored now, which wait in line, and which are sent away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::limits::{LATE_TIMES, Limits, TURNS_PER_REFUSAL};
use crate::problem::{Code, Problem};

/// Lets a limited number of requests be scored at once, and keeps the others in line.
///
/// A request that was read takes a place and goes to the end of the runtime's queue, so by the time
/// its turn comes every other request that has arrived was read. Where no place is free it waits: in
/// order, as long as the first in line has waited for less than a limit. Beyond it, more comes in
/// than can be done, and the order turns round: the newest goes first, for whoever sent it still
/// listens, and now and then the first in line is sent away.
///
/// To refuse costs almost as much as to answer a small question, because both are mostly reading and
/// writing, and who is refused at once comes again at once. So refusals are rationed to so many a
/// second, and whatever comes in, nearly all the time goes into answers. Who waits costs no time at
/// all.
pub(crate) struct Turns {
    line: Mutex<Line>,
    limit: usize,
    queue_time: Duration,
}

#[derive(Default)]
struct Line {
    taken: usize,
    waiting: VecDeque<Waiting>,
    /// Turns since a request was last sent away.
    turns: u32,
}

struct Waiting {
    since: Instant,
    /// Gives a place; dropped without one it refuses.
    tell: oneshot::Sender<Turn>,
}

/// A place; when dropped it goes to the next in line.
pub(crate) struct Turn(Option<Arc<Turns>>);

impl Turns {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { line: Mutex::default(), limit: limits.in_flight, queue_time: limits.queue_time })
    }

    /// Takes a place and waits for the turn.
    ///
    /// # Errors
    /// [`Code::OVERLOADED`], after a wait in line.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Turn, Problem> {
        match self.enter() {
            Ok(turn) => {
                tokio::task::yield_now().await;
                Ok(turn)
            }
            Err(told) => told
                .await
                .map_err(|_| Problem::new(Code::OVERLOADED, "too many requests are under way; come again in a second")),
        }
    }

    /// A free place, or a place in line.
    fn enter(self: &Arc<Self>) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut line = self.line();
        if line.taken < self.limit {
            line.taken += 1;
            return Ok(Turn(Some(Arc::clone(self))));
        }
        let (tell, told) = oneshot::channel();
        line.waiting.push_back(Waiting { since: Instant::now(), tell });
        Err(told)
    }

    /// Gives a place that is not needed any more to the next in line, or frees it.
    fn hand_on(self: Arc<Self>) {
        let mut turns = self;
        loop {
            let mut line = turns.line();
            let (next, refused) = line.next(turns.queue_time);
            if next.is_none() {
                line.taken -= 1;
            }
            drop(line);
            // Outside the lock, because it wakes the request.
            drop(refused);
            let Some(next) = next else { return };
            match next.tell.send(Turn(Some(turns))) {
                Ok(()) => return,
                // Its request has ended while it waited.
                Err(mut turn) => match turn.0.take() {
                    Some(back) => turns = back,
                    None => return,
                },
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that have a place.
    pub(crate) fn taken(&self) -> usize {
        self.line().taken
    }

    /// Requests in line.
    pub(crate) fn waiting(&self) -> usize {
        self.line().waiting.len()
    }
}

impl Line {
    /// Who goes next, and who is sent away.
    fn next(&mut self, queue_time: Duration) -> (Option<Waiting>, Vec<Waiting>) {
        if self.waiting.is_empty() {
            return (None, Vec::new());
        }
        let now = Instant::now();
        let has_waited = |waiting: Option<&Waiting>, time| waiting.is_some_and(|w| now - w.since >= time);
        if !has_waited(self.waiting.front(), queue_time) {
            return (self.waiting.pop_front(), Vec::new());
        }
        let newest = self.waiting.pop_back();
        self.turns += 1;
        let n_refused = if has_waited(newest.as_ref(), queue_time * LATE_TIMES) {
            // Nobody fresh is there, so these refusals keep nobody waiting.
            TURNS_PER_REFUSAL
        } else {
            self.turns / TURNS_PER_REFUSAL
        };
        self.turns %= TURNS_PER_REFUSAL;
        let n_refused = (n_refused as usize).min(self.waiting.len());
        (newest, self.waiting.drain(..n_refused).collect())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn turns(in_flight: usize, queue_time: Duration) -> Arc<Turns> {
        Turns::new(&Limits { in_flight, queue_time, ..Limits::default() })
    }

    /// What those in line have heard: 't' for a turn, 'r' for a refusal, '.' for nothing yet.
    fn heard(line: &mut [oneshot::Receiver<Turn>], turns: &mut Vec<Turn>) -> String {
        let mut hear = |told: &mut oneshot::Receiver<Turn>| match told.try_recv() {
            Ok(turn) => {
                turns.push(turn);
                't'
            }
            Err(oneshot::error::TryRecvError::Empty) => '.',
            Err(oneshot::error::TryRecvError::Closed) => 'r',
        };
        line.iter_mut().map(&mut hear).collect()
    }

    #[test]
    fn places_are_limited_and_go_to_the_first_in_line() {
        let turns = turns(2, LONG);
        let held: Vec<Turn> = (0..2).map(|_| turns.enter().ok().unwrap()).collect();
        let mut line: Vec<_> = (0..3).map(|_| turns.enter().err().unwrap()).collect();
        assert_eq!((turns.taken(), turns.waiting()), (2, 3));
        drop(held);
        let mut given = Vec::new();
        assert_eq!(heard(&mut line, &mut given), "tt.");
        assert_eq!((turns.taken(), turns.waiting()), (2, 1));
        given.clear();
        assert_eq!(turns.taken(), 1);
        assert_eq!(heard(&mut line[2..], &mut given), "t");
        given.clear();
        assert_eq!((turns.taken(), turns.waiting()), (0, 0));
    }

    /// Hands a place through the whole line; what each of it heard, in the order of hearing.
    fn hand_through(turns: &Arc<Turns>, line: &mut Vec<oneshot::Receiver<Turn>>) -> String {
        let (mut story, mut given) = (String::new(), Vec::new());
        while !line.is_empty() {
            let said = heard(line, &mut given);
            assert!(given.len() <= 1, "{said}");
            let mut said_of = said.chars();
            line.retain(|_| said_of.next() == Some('.'));
            story.extend(said.chars().filter(|&c| c != '.'));
            given.clear();
        }
        assert_eq!((turns.taken(), turns.waiting()), (0, 0), "nobody is forgotten");
        story
    }

    #[test]
    fn when_the_first_has_waited_for_long_the_newest_goes_first_and_refusals_are_rationed() {
        let turns = turns(1, Duration::from_secs(5));
        let place = turns.enter().ok().unwrap();
        let n = 2 * TURNS_PER_REFUSAL as usize;
        let mut line: Vec<_> = (0..n).map(|_| turns.enter().err().unwrap()).collect();
        turns.line().waiting.iter_mut().for_each(|waiting| waiting.since -= Duration::from_secs(6));
        drop(place);
        let mut given = Vec::new();
        let expected = format!("{}t", ".".repeat(n - 1));
        assert_eq!(heard(&mut line, &mut given), expected, "the newest goes first");
        line.pop();
        given.clear();
        // Now and then the first in line is sent away.
        let round = "t".repeat(TURNS_PER_REFUSAL as usize - 2) + "rt";
        assert_eq!(hand_through(&turns, &mut line), format!("{round}{}", "t".repeat(n - 1 - round.len())));
    }

    #[test]
    fn where_nobody_fresh_is_there_those_who_came_too_long_ago_are_sent_away() {
        let turns = turns(1, Duration::ZERO);
        let place = turns.enter().ok().unwrap();
        let n = 10 * (1 + TURNS_PER_REFUSAL as usize);
        let mut line: Vec<_> = (0..n).map(|_| turns.enter().err().unwrap()).collect();
        drop(place);
        let story = hand_through(&turns, &mut line);
        assert_eq!((story.matches('t').count(), story.matches('r').count()), (10, n - 10), "{story}");
    }

    #[test]
    fn who_has_left_the_line_is_passed_over() {
        let turns = turns(1, LONG);
        let place = turns.enter().ok().unwrap();
        let mut line: Vec<_> = (0..1_000).map(|_| turns.enter().err().unwrap()).collect();
        let last = line.pop().unwrap();
        let told_and_left = line.remove(0);
        drop(line);
        drop(place);
        assert_eq!(turns.taken(), 1, "the first in line has the place and has not seen it yet");
        drop(told_and_left);
        let mut given = Vec::new();
        assert_eq!(heard(&mut [last], &mut given), "t");
        given.clear();
        assert_eq!((turns.taken(), turns.waiting()), (0, 0));
    }
}
