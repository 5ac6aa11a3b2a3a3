//! The list of files found: as many row elements as are in sight, reused as the person scrolls, whatever the number of rows.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use shared::Printable;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::page::{copy_of, find, mark, mark_if, set, show, style, write_name};
use super::{Scene, peer_name};
use crate::model::Viewer;
use crate::pool::extension;
use crate::text::{Age, fill, joined};

/// Rows drawn above and below what is in sight, so that scrolling finds them ready.
const SPARE: usize = 6;
/// Holders named in a row; others are counted.
const NAMED: usize = 2;

/// The elements of rows, and what was last drawn into each.
#[derive(Default)]
pub(super) struct List {
    rows: RefCell<Vec<Line>>,
    /// The height of a row in pixels, as the style sheet has it.
    height: Cell<i32>,
    total: Cell<usize>,
    cursor: Cell<Option<u32>>,
    shown: Cell<u32>,
}

struct Line {
    element: Element,
    cells: [Element; 7],
    drawn: Option<Drawn>,
}

/// What a row element shows; if it is still this, nothing is to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Drawn {
    search: u32,
    row: u32,
    place: usize,
    holders: u16,
    /// As of which list of peers holders are named.
    names: u32,
    is_selected: bool,
    is_cursor: bool,
    top: i32,
}

const CELLS: [&str; 7] = ["badge", "c-name", "c-folder", "c-size", "c-age", "c-holders", "act"];

impl List {
    /// How many rows a page has.
    pub(super) fn rows_in_sight(&self) -> i32 {
        let height = find("list").map_or(0, |list| list.client_height());
        (height / self.height.get().max(1)).max(1)
    }

    /// Takes all rows off the page: who has left shows nobody what was found.
    pub(super) fn clear(&self) {
        self.rows.borrow_mut().drain(..).for_each(|line| line.element.remove());
        self.total.set(0);
    }

    /// Everything must be drawn again.
    pub(super) fn forget(&self) {
        self.height.set(0);
        self.rows.borrow_mut().iter_mut().for_each(|line| line.drawn = None);
    }

    pub(super) fn draw(&self, scene: &Scene<'_>) {
        let (Some(list), Some(space)) = (find("list"), find("rows")) else { return };
        let pool = &scene.model.pool;
        let shown = pool.results.shown();
        let height = self.measure(&space);
        if self.total.replace(shown.len()) != shown.len() || self.height.get() != height {
            style(&space, "height", &[&(shown.len() as i64 * i64::from(height)).to_string(), "px"].concat());
            mark(&list, "aria-rowcount", &(shown.len() + 1).to_string());
        }
        self.height.set(height);
        let is_other = self.shown.replace(pool.shown) != pool.shown;
        if is_other && !pool.is_renewed {
            list.set_scroll_top(0);
        }
        let cursor = pool.results.selection.cursor();
        let place = pool.results.cursor_place();
        if self.cursor.replace(cursor) != cursor && !(is_other && pool.is_renewed) {
            place.into_iter().for_each(|place| keep_in_sight(&list, place, height));
        }
        let first = (list.scroll_top() / height.max(1)).max(0) as usize;
        let first = first.saturating_sub(SPARE);
        let in_sight = (list.client_height() / height.max(1)).max(0) as usize + 2 * SPARE + 2;
        let last = (first + in_sight).min(shown.len());
        self.draw_rows(scene, &space, first..last, in_sight);
        let active = place.filter(|place| (first..last).contains(place));
        match active {
            Some(place) => mark(&list, "aria-activedescendant", &row_id(place % in_sight)),
            None => list.remove_attribute("aria-activedescendant").unwrap_or(()),
        }
    }

    /// Draws the rows at these places. A place is always drawn by the same element: scrolling by a row changes one.
    fn draw_rows(&self, scene: &Scene<'_>, space: &Element, places: Range<usize>, in_sight: usize) {
        let pool = &scene.model.pool;
        let (shown, selection) = (pool.results.shown(), &pool.results.selection);
        let mut lines = self.rows.borrow_mut();
        while lines.len() < in_sight.min(shown.len()) {
            let Some(line) = Line::new(lines.len()) else { break };
            let _ = space.append_child(&line.element);
            lines.push(line);
        }
        let mut is_used = vec![false; lines.len()];
        for place in places {
            let (Some(row), Some(line)) = (shown.get(place), lines.get_mut(place % in_sight)) else { continue };
            if let Some(used) = is_used.get_mut(place % in_sight) {
                *used = true;
            }
            let drawn = Drawn {
                search: pool.shown,
                row: *row,
                place,
                holders: pool.results.found().holders(*row),
                names: scene.model.peers_told,
                is_selected: selection.has(*row),
                is_cursor: selection.cursor() == Some(*row),
                top: i32::try_from(place).unwrap_or(0).saturating_mul(self.height.get()),
            };
            line.draw(scene, drawn);
        }
        for (line, is_used) in lines.iter_mut().zip(is_used) {
            if !is_used {
                line.drawn = None;
                // Whatever was last drawn into it: the screen may have changed since.
                if !line.element.has_attribute("hidden") {
                    show(&line.element, false);
                }
            }
        }
    }

    /// How high a row is: known from the first that is drawn, until the screen changes.
    fn measure(&self, space: &Element) -> i32 {
        if self.height.get() > 0 {
            return self.height.get();
        }
        let mut lines = self.rows.borrow_mut();
        if lines.is_empty() {
            let Some(line) = Line::new(0) else { return 44 };
            let _ = space.append_child(&line.element);
            lines.push(line);
        }
        let Some(line) = lines.first() else { return 44 };
        show(&line.element, true);
        let height = line.element.dyn_ref::<HtmlElement>().map_or(0, HtmlElement::offset_height);
        if line.drawn.is_none() {
            show(&line.element, false);
        }
        if height > 0 { height } else { 44 }
    }
}

/// Scrolls as little as is needed to see a row.
fn keep_in_sight(list: &Element, place: usize, height: i32) {
    let top = i32::try_from(place).unwrap_or(i32::MAX / 2).saturating_mul(height);
    // The heads stay at the top and cover what is under them.
    let covered = super::page::part(list, "heads").and_then(|heads| heads.dyn_into::<HtmlElement>().ok());
    let in_sight = list.client_height() - covered.map_or(0, |heads| heads.offset_height());
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if top + height > list.scroll_top() + in_sight {
        list.set_scroll_top(top + height - in_sight);
    }
}

fn row_id(number: usize) -> String {
    ["row-", &number.to_string()].concat()
}

impl Line {
    fn new(number: usize) -> Option<Self> {
        let element = copy_of("t-row")?;
        element.set_id(&row_id(number));
        show(&element, false);
        let cell = |class: &str| super::page::part(&element, class);
        let [a, b, c, d, e, f, g] = CELLS.map(cell);
        let cells = [a?, b?, c?, d?, e?, f?, g?];
        Some(Self { element, cells, drawn: None })
    }

    fn draw(&mut self, scene: &Scene<'_>, drawn: Drawn) {
        let before = self.drawn.replace(drawn);
        if before == Some(drawn) {
            return;
        }
        if before.is_none_or(|before| before.top != drawn.top) {
            style(&self.element, "transform", &["translateY(", &drawn.top.to_string(), "px)"].concat());
        }
        show(&self.element, true);
        mark(&self.element, "data-id", &scene.model.pool.id_of(drawn.row).to_string());
        mark(&self.element, "aria-rowindex", &(drawn.place + 2).to_string());
        mark_if(&self.element, "aria-selected", drawn.is_selected);
        mark(&self.element, "class", if drawn.is_cursor { "row is-cursor" } else { "row" });
        let file = |drawn: Drawn| (drawn.search, drawn.row, drawn.holders, drawn.names);
        if before.map(file) != Some(file(drawn)) {
            self.draw_file(scene, drawn.row);
        }
    }

    fn draw_file(&self, scene: &Scene<'_>, row: u32) {
        let found = scene.model.pool.results.found();
        let (name, folder, kind) = (found.name(row), found.folder(row), found.kind(row));
        let [badge, title, folder_cell, size, age, holders, act] = &self.cells;
        write_name(&self.element, name);
        let whole = Printable::short(name, 400).to_string();
        mark(title, "title", &whole);
        set(folder_cell, &Printable::short(folder, 200).to_string());
        mark(folder_cell, "title", &Printable::short(folder, 400).to_string());
        let end = extension(name);
        let shown_end = end.filter(|end| end.len() <= 4 && end.is_ascii()).map(str::to_ascii_uppercase);
        set(badge, &Printable(shown_end.as_deref().unwrap_or("·")).to_string());
        mark(badge, "data-kind", kind.key());
        let seen = found.last_seen(row);
        mark_if(&self.element, "aria-disabled", seen.is_some());
        if let Some(button) = act.dyn_ref::<web_sys::HtmlButtonElement>() {
            button.set_disabled(seen.is_some());
        }
        mark(act, "title", if seen.is_some() { scene.words.away } else { "" });
        let can_be_shown = seen.is_none() && Viewer::of(name).is_some();
        if let Some(button) = badge.dyn_ref::<web_sys::HtmlButtonElement>() {
            button.set_disabled(!can_be_shown);
        }
        let act_words = |what: &str| [what, " ", &whole].concat();
        // What is seen is also said.
        let kind_words = || [scene.word(kind.key()), shown_end.as_deref().unwrap_or_default()].join(" ");
        let label = if can_be_shown { act_words(scene.words.preview) } else { kind_words() };
        mark(badge, "aria-label", label.trim_end());
        mark(badge, "title", label.trim_end());
        mark(act, "aria-label", &act_words(scene.words.save));
        set(size, &found.size(row).map(|size| scene.measures.size(size)).unwrap_or_default());
        set(age, &found.modified(row).map(|time| scene.measures.ago(self.age(scene, time))).unwrap_or_default());
        set(
            holders,
            &match seen {
                Some(seconds) => fill(scene.words.last_seen, &scene.measures.ago(Age(seconds))),
                None => holder_names(scene, row),
            },
        );
        let content = found.content(row);
        mark(holders, "class", if content.is_some() { "c-holders is-known" } else { "c-holders" });
        let known = content.map(|id| fill(scene.words.known, &id.to_string()));
        let why = if seen.is_some() { scene.words.away } else { scene.words.unknown };
        mark(holders, "title", known.as_deref().filter(|_| seen.is_none()).unwrap_or(why));
    }

    fn age(&self, scene: &Scene<'_>, nanoseconds: i64) -> Age {
        let seconds = scene.model.now / 1000.0 - nanoseconds as f64 / 1e9;
        Age(seconds.max(0.0) as u64)
    }
}

fn holder_names(scene: &Scene<'_>, row: u32) -> String {
    let found = scene.model.pool.results.found();
    let names: Vec<String> = found.holding(row).take(NAMED).map(|url| peer_name(scene, url)).collect();
    let more = u64::from(found.holders(row)).saturating_sub(NAMED as u64);
    let mut text = joined(&names, ", ");
    if more > 0 {
        text.push(' ');
        text.push_str(&fill(scene.words.holders_more.other, &scene.measures.number(more)));
    }
    text
}
