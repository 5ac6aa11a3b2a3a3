//! Carries out effects and brings events back: here the page meets the browser.
//!
//! It decides nothing. The app lives in a thread-local of the tab's one thread, so listeners stay alive without a leak.

mod ask;
mod browser;
mod files;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use gloo::utils::window;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{DataTransfer, FileList};

use crate::effect::Effect;
use crate::event::{Event, HoldEvent, UnlockEvent};
use crate::model::{Dropped, Model, Secret};
use crate::transport::Transport;
use crate::update::{Timer, update};
use crate::view::{self, Hands, View};
use crate::wire::code_of;

pub(crate) use files::Files;

/// How long slices of work may go on in a row, in milliseconds: less than a picture on the screen.
const WORK_MS: f64 = 10.0;

thread_local! {
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

struct App {
    this: Weak<Self>,
    model: RefCell<Model>,
    view: View,
    files: Rc<Files>,
    transport: Transport,
    timers: RefCell<[Option<Timeout>; Timer::ALL.len()]>,
    will_draw: Cell<bool>,
    /// Held because dropping a listener takes it off the page.
    _listeners: RefCell<Vec<EventListener>>,
    warning: RefCell<Option<EventListener>>,
}

/// Puts the app on the page and lets it open; a second call only opens it again.
pub(crate) fn start() {
    APP.with(|app| Rc::clone(app.get_or_init(App::new))).dispatch(Event::Opened(browser::opened()));
}

impl App {
    fn new() -> Rc<Self> {
        let app = Rc::new_cyclic(|this: &Weak<Self>| {
            let (files, app) = (Rc::new(Files::default()), this.clone());
            let send = Rc::new(move |event| {
                if let Some(app) = app.upgrade() {
                    app.dispatch(event);
                }
            });
            Self {
                this: this.clone(),
                model: RefCell::default(),
                view: View::default(),
                transport: Transport::new(send, Rc::clone(&files)),
                files,
                timers: RefCell::default(),
                will_draw: Cell::new(false),
                _listeners: RefCell::default(),
                warning: RefCell::default(),
            }
        });
        let hands = Rc::new(Weakly(Rc::downgrade(&app)));
        *app._listeners.borrow_mut() = view::listen(hands);
        app
    }

    fn dispatch(&self, event: Event) {
        let effects = {
            let mut model = self.model.borrow_mut();
            model.now = js_sys::Date::now();
            update(&mut model, event)
        };
        effects.into_iter().for_each(|effect| self.perform(effect));
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Draw => self.draw_soon(),
            Effect::AskNode => self.spawn(async { Event::NodeAnswered(ask::ask_node().await) }),
            Effect::WipeAddress => browser::wipe_address(),
            Effect::PassOn(link) => self.spawn(async move {
                let is_copied = browser::copy(link.reveal()).await;
                let code = code_of(link.reveal()).await.map(Secret::new);
                Event::Unlock(UnlockEvent::InviteReady { is_copied, code })
            }),
            Effect::Remember(text) => browser::remember(&text),
            Effect::SetTimer(timer, after) => self.set_timer(timer, after),
            Effect::WarnBeforeClosing(must_warn) => {
                *self.warning.borrow_mut() = must_warn.then(browser::warn_before_closing);
            }
            Effect::Release(handles) => self.files.release(&handles),
            Effect::Transport(order) => self.transport.perform(order),
        }
    }

    /// Draws once before the browser does, however often it is wanted until then.
    fn draw_soon(&self) {
        if self.will_draw.replace(true) {
            return;
        }
        let app = self.this.clone();
        let draw = Closure::once_into_js(move || {
            if let Some(app) = app.upgrade() {
                app.will_draw.set(false);
                app.view.draw(&app.model.borrow());
            }
        });
        // Fails only where there is no window.
        let _ = window().request_animation_frame(draw.unchecked_ref());
    }

    fn set_timer(&self, timer: Timer, after: u32) {
        let app = self.this.clone();
        let timeout = Timeout::new(after, move || {
            if let Some(app) = app.upgrade() {
                app.time_up(timer);
            }
        });
        if let Some(place) = self.timers.borrow_mut().get_mut(timer as usize) {
            *place = Some(timeout);
        }
    }

    /// Passes a timer on. Slices of work go on at once for as long as nobody would notice.
    fn time_up(&self, timer: Timer) {
        let begun = js_sys::Date::now();
        loop {
            self.dispatch(Event::TimeUp(timer));
            let has_time = timer == Timer::Work && js_sys::Date::now() - begun < WORK_MS;
            let goes_on =
                has_time && self.timers.borrow_mut().get_mut(timer as usize).is_some_and(|it| it.take().is_some());
            if !goes_on {
                break;
            }
        }
    }

    fn spawn(&self, work: impl Future<Output = Event> + 'static) {
        let app = self.this.clone();
        spawn_local(async move {
            let event = work.await;
            if let Some(app) = app.upgrade() {
                app.dispatch(event);
            }
        });
    }

    fn offer(&self, dropped: Vec<Dropped>) {
        if !dropped.is_empty() {
            self.dispatch(Event::Hold(HoldEvent::Dropped(dropped)));
        }
    }
}

/// What the listeners know of the app; they must not keep it alive.
struct Weakly(Weak<App>);

impl Hands for Weakly {
    fn hear(&self, event: Event) {
        if let Some(app) = self.0.upgrade() {
            app.dispatch(event);
        }
    }

    fn list_moved(&self, is_resized: bool) {
        let Some(app) = self.0.upgrade() else { return };
        if is_resized {
            app.view.forget_sizes();
        }
        // A scroll that the drawing itself has caused is drawn with it.
        if let Ok(model) = app.model.try_borrow() {
            app.view.draw_list(&model);
        }
    }

    fn rows_in_sight(&self) -> i32 {
        self.0.upgrade().map_or(1, |app| app.view.rows_in_sight())
    }

    fn picked(&self, files: &FileList) {
        if let Some(app) = self.0.upgrade() {
            app.offer(app.files.take_all(files));
        }
    }

    fn given(&self, what: &DataTransfer) {
        let Some(app) = self.0.upgrade() else { return };
        // What was given is gone when this call ends; only what it leads to may be waited for.
        let given = files::Given::of(what);
        spawn_local(async move {
            let dropped = given.take(&app.files).await;
            app.offer(dropped);
        });
    }

    fn address(&self) -> String {
        browser::address()
    }

    fn invited(&self) {
        if let Some(secret) = browser::invited() {
            browser::wipe_address();
            self.hear(Event::Unlock(UnlockEvent::Given(secret)));
        }
    }
}
