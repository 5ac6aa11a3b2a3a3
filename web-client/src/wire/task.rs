//! Work that ends when its handle is dropped: nothing goes on behind the back of a session that is over.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen_futures::spawn_local;

/// A handle of work under way; dropping it drops the work, wherever it waits.
#[must_use = "dropping it ends the work"]
pub(crate) struct Task(Rc<RefCell<Stop>>);

#[derive(Default)]
struct Stop {
    is_wanted: bool,
    waker: Option<Waker>,
}

impl Task {
    /// Begins some work. It must not drop its own handle before it is done.
    pub(crate) fn begin(work: impl Future<Output = ()> + 'static) -> Self {
        let task = Self(Rc::new(RefCell::new(Stop { is_wanted: true, waker: None })));
        spawn_local(stoppable(Rc::clone(&task.0), work));
        task
    }
}

async fn stoppable(stop: Rc<RefCell<Stop>>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    poll_fn(|cx| {
        {
            let mut stop = stop.borrow_mut();
            if !stop.is_wanted {
                return Poll::Ready(());
            }
            stop.waker = Some(cx.waker().clone());
        }
        work.as_mut().poll(cx)
    })
    .await;
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut stop = self.0.borrow_mut();
        stop.is_wanted = false;
        stop.waker.take().into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::task::Context;

    #[test]
    fn work_is_dropped_with_its_handle() {
        struct Dropped(Rc<Cell<bool>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let (is_dropped, task) = (Rc::default(), Task(Rc::new(RefCell::new(Stop { is_wanted: true, waker: None }))));
        let held = Dropped(Rc::clone(&is_dropped));
        let work = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let mut running = Box::pin(stoppable(Rc::clone(&task.0), work));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_pending());
        drop(task);
        assert!(running.as_mut().poll(&mut cx).is_ready());
        drop(running);
        assert!(is_dropped.get());
    }
}
