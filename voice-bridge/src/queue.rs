//! What a host has sent and nobody has taken yet.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

struct Shared<T> {
    state: Mutex<State<T>>,
    reader: AtomicWaker,
}

struct State<T> {
    items: VecDeque<T>,
    /// Nothing is added, or nothing is taken, any more.
    closed: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) -> MutexGuard<'_, State<T>> {
        let mut state = self.lock();
        state.closed = true;
        state
    }
}

/// Where items are put. Letting go of it ends the queue behind what is in it.
pub(crate) struct Sender<T> {
    shared: Arc<Shared<T>>,
    most: usize,
}

/// Where items are taken from. Letting go of it throws away what is in the queue.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// A queue that holds at most so many items: one more takes the place of the oldest. Whoever puts one in never waits.
pub(crate) fn queue<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { items: VecDeque::new(), closed: false });
    let shared = Arc::new(Shared { state, reader: AtomicWaker::new() });
    (Sender { shared: Arc::clone(&shared), most }, Receiver(shared))
}

impl<T> Sender<T> {
    /// Puts an item in. `false`: nobody takes it any more.
    pub(crate) fn send(&self, item: T) -> bool {
        let oldest = {
            let mut state = self.shared.lock();
            if state.closed {
                return false;
            }
            let oldest = (state.items.len() >= self.most).then(|| state.items.pop_front());
            state.items.push_back(item);
            oldest
        };
        // Outside the lock: it is the host's.
        drop(oldest);
        self.shared.reader.wake();
        true
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        drop(self.shared.close());
        self.shared.reader.wake();
    }
}

impl<T> Receiver<T> {
    /// The next item; `None`: there will be none any more.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.reader.register(cx.waker());
        let mut state = self.0.lock();
        match state.items.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None if state.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.0.close().items);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    async fn next<T>(receiver: &mut Receiver<T>) -> Option<T> {
        poll_fn(|cx| receiver.poll_next(cx)).await
    }

    #[tokio::test]
    async fn the_oldest_item_gives_way_to_the_newest() {
        let (sender, mut receiver) = queue(2);
        for n in 1..=3 {
            assert!(sender.send(n));
        }
        drop(sender);
        assert_eq!((next(&mut receiver).await, next(&mut receiver).await), (Some(2), Some(3)));
        assert_eq!((next(&mut receiver).await, next(&mut receiver).await), (None, None));
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_an_item_and_by_the_end() {
        let (sender, mut receiver) = queue(usize::MAX);
        assert_eq!(next(&mut receiver).now_or_never(), None);
        let reading = tokio::spawn(async move { (next(&mut receiver).await, next(&mut receiver).await) });
        tokio::task::yield_now().await;
        assert!(sender.send("item"));
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(reading.await.ok(), Some((Some("item"), None)));
    }

    #[test]
    fn nothing_is_kept_for_a_reader_that_is_gone() {
        let (sender, receiver) = queue(usize::MAX);
        let item = Arc::new(());
        assert!(sender.send(Arc::clone(&item)));
        drop(receiver);
        assert_eq!(Arc::strong_count(&item), 1);
        assert!(!sender.send(item));
    }
}
