//! A worker (`www/worker.js`) that does what would make the page freeze: jobs go in, answers come out, each when it is done.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use super::clock::in_time;

/// The program that starts the page; the worker's lies beside it.
const STARTER: &str = "boot.js";
const WORKER: &str = "worker.js";
/// How long one may take for a single job, its start included.
const ONCE: Duration = Duration::from_secs(60);

/// A worker that is dismissed when dropped, its memory with it.
pub(crate) struct WorkerHandle {
    worker: Worker,
    jobs: Rc<Jobs>,
    /// Held because dropping them makes them deaf.
    _heard: [Closure<dyn Fn(MessageEvent)>; 2],
}

#[derive(Default)]
struct Jobs {
    last: Cell<u32>,
    /// Whom to tell of which.
    under_way: RefCell<Vec<(u32, Function)>>,
    is_broken: Cell<bool>,
}

impl Jobs {
    fn answer(&self, number: u32, answer: &JsValue) {
        let waiting = {
            let mut under_way = self.under_way.borrow_mut();
            let at = under_way.iter().position(|(job, _)| *job == number);
            at.map(|at| under_way.swap_remove(at).1)
        };
        // Only a page that is being closed cannot be told.
        let _told = waiting.map(|waiting| waiting.call1(&JsValue::NULL, answer));
    }

    /// It could not be started.
    fn give_up(&self) {
        self.is_broken.set(true);
        let numbers: Vec<u32> = self.under_way.borrow().iter().map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| self.answer(number, &JsValue::NULL));
    }
}

impl WorkerHandle {
    /// Begins to start one; none where the browser has none to give.
    pub(crate) fn new() -> Option<Self> {
        let starter = web_sys::window()?.document()?.query_selector("script[type=module]").ok()??;
        let address = starter.get_attribute("src")?;
        let address = [address.strip_suffix(STARTER)?, WORKER].concat();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&address, &options).ok()?;
        let jobs = Rc::<Jobs>::default();
        let told = Rc::clone(&jobs);
        let came = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let Ok(answer) = event.data().dyn_into::<Array>() else { return };
            told.answer(answer.get(0).as_f64().unwrap_or_default() as u32, &answer.get(1));
        });
        let told = Rc::clone(&jobs);
        let failed = Closure::<dyn Fn(MessageEvent)>::new(move |_| told.give_up());
        worker.set_onmessage(Some(came.as_ref().unchecked_ref()));
        worker.set_onerror(Some(failed.as_ref().unchecked_ref()));
        Some(Self { worker, jobs, _heard: [came, failed] })
    }

    /// Whether there is no hope that it does anything.
    pub(crate) fn is_broken(&self) -> bool {
        self.jobs.is_broken.get()
    }

    /// A number for something that it is to remember.
    pub(super) fn number(&self) -> u32 {
        self.jobs.last.set(self.jobs.last.get().wrapping_add(1));
        self.jobs.last.get()
    }

    /// Has it do a job with what that needs; of it, `given` is given away rather than copied. It begins at once, whenever
    /// somebody waits for it. None where it could not be done.
    pub(super) fn job(
        &self,
        name: &str,
        needs: &Array,
        given: &Array,
    ) -> impl Future<Output = Option<JsValue>> + use<> {
        let number = self.number();
        let job = Array::of2(&number.into(), &name.into()).concat(needs);
        let answer = Promise::new(&mut |tell, _| self.jobs.under_way.borrow_mut().push((number, tell)));
        if self.is_broken() || self.worker.post_message_with_transfer(&job, given).is_err() {
            self.jobs.answer(number, &JsValue::NULL);
        }
        let answer = JsFuture::from(answer);
        async { answer.await.ok().filter(|answer| !answer.is_null()) }
    }

    /// Has it do something that nobody waits for.
    pub(super) fn begin(&self, name: &str, needs: &Array) {
        let job = Array::of2(&self.number().into(), &name.into()).concat(needs);
        let _broken = self.worker.post_message(&job);
    }
}

/// Hires one for a single job with these bytes, which are given away. None where the browser has none to give, or it could not be
/// done in time.
pub(super) async fn once(name: &str, bytes: &[u8]) -> Option<JsValue> {
    let worker = WorkerHandle::new()?;
    let bytes = Uint8Array::from(bytes);
    in_time(ONCE, worker.job(name, &Array::of1(&bytes), &Array::of1(&bytes.buffer()))).await.flatten()
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}
