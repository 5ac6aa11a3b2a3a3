//! The search field, its toggle, the kinds, the tally and the bar of what is selected. The rows themselves are `list`'s.

use gloo::utils::document;
use shared::Printable;
use web_sys::{HtmlInputElement, HtmlSelectElement};

use super::Scene;
use super::list::List;
use super::page::{copy_of, each, find, find_as, mark, mark_if, set, show, show_if, tag, write, write_part};
use crate::model::Mode;
use crate::pool::{Column, Kind};
use crate::text::{DOT, Words, fill, joined};

pub(super) fn draw(scene: &Scene<'_>, list: &List) {
    let pool = &scene.model.pool;
    let mode = pool.pattern().0;
    each(".search [data-do=mode]", |button| {
        mark_if(&button, "aria-pressed", button.get_attribute("data-key").as_deref() == Some(mode.key()));
    });
    let trouble = pool.trouble.as_ref().map(|why| Printable::short(why, 400).to_string()).unwrap_or_default();
    write("pattern-trouble", &trouble);
    if let Some(field) = find_as::<HtmlInputElement>("search") {
        mark_if(&field, "aria-invalid", pool.trouble.is_some());
        // Only what the page itself has changed: writing what is typed would move the caret.
        if field.value() != pool.field && document().active_element().as_ref() != Some(&field) {
            field.set_value(&pool.field);
        }
        mark(&field, "class", if mode == Mode::Words { "" } else { "is-pattern" });
    }
    draw_kinds(scene);
    draw_tally(scene);
    draw_heads(scene);
    draw_empty(scene);
    draw_actions(scene);
    list.draw(scene);
    if let Some(list) = find("list") {
        mark_if(&list, "aria-busy", pool.progress.is_searching || pool.results.is_unfinished());
    }
}

/// The words of what is made by the program, when the language changes.
pub(super) fn speak(words: &Words) {
    if let Some(select) = find_as::<HtmlSelectElement>("sort") {
        while let Some(option) = select.last_element_child() {
            option.remove();
        }
        for (column, name) in Column::ALL.into_iter().zip([words.name, words.size, words.age, words.holders]) {
            if let Ok(option) = document().create_element("option") {
                set(&option, name);
                mark(&option, "value", column.key());
                let _ = select.append_child(&option);
            }
        }
    }
}

/// One chip for each kind there is, with how many; the first, which is in the markup, stands for all.
fn draw_kinds(scene: &Scene<'_>) {
    let results = &scene.model.pool.results;
    let Some(chips) = find("kinds") else { return };
    while chips.children().length() as usize <= Kind::ALL.len() {
        let Some(chip) = copy_of("t-chip") else { break };
        let _ = chips.append_child(&chip);
    }
    if let Some(all) = chips.first_element_child() {
        mark_if(&all, "aria-pressed", !results.is_filtered());
    }
    for (index, kind) in (1..).zip(Kind::ALL) {
        let Some(chip) = chips.children().item(index) else { continue };
        let count = results.count(kind);
        show(&chip, count > 0 || results.is_chosen(kind));
        mark(&chip, "data-key", kind.key());
        mark_if(&chip, "aria-pressed", results.is_chosen(kind));
        write_part(&chip, "of", scene.word(kind.key()));
        if let Some(number) = tag(&chip, "b") {
            set(&number, &scene.measures.number(u64::from(count)));
        }
    }
    show(&chips, !results.found().is_empty());
}

fn draw_tally(scene: &Scene<'_>) {
    let (words, pool, measures) = (scene.words, &scene.model.pool, scene.measures);
    let (shown, all) = (pool.results.shown().len() as u64, pool.results.found().len() as u64);
    let mut tally = Vec::new();
    if pool.results.is_filtered() {
        tally.push(measures.count_of(&words.results_of, shown, all));
    } else if all > 0 {
        tally.push(measures.count(&words.results, all));
    }
    if pool.progress.is_searching || pool.results.is_unfinished() {
        tally.push(words.searching.to_owned());
    }
    if pool.progress.failed > 0 {
        tally.push(measures.count(&words.peers_failed, u64::from(pool.progress.failed)));
    }
    if pool.results.found().is_full() {
        tally.push(words.not_narrow.to_owned());
    }
    write("tally", &joined(&tally, DOT));
    if let Some(select) = find_as::<HtmlSelectElement>("sort") {
        select.set_value(pool.sort.column.key());
    }
}

fn draw_heads(scene: &Scene<'_>) {
    let sort = scene.model.pool.sort;
    each(".heads [data-column]", |head| {
        if head.get_attribute("data-column").as_deref() == Some(sort.column.key()) {
            mark(&head, "aria-sort", if sort.is_down { "descending" } else { "ascending" });
        } else {
            let _ = head.remove_attribute("aria-sort");
        }
    });
}

fn draw_empty(scene: &Scene<'_>) {
    let (words, pool) = (scene.words, &scene.model.pool);
    let is_empty = pool.results.shown().is_empty();
    let is_waiting = is_empty && (pool.progress.is_searching || pool.results.is_unfinished() || pool.shown == 0);
    let (title, hint) = if is_waiting {
        (words.loading_rows, "")
    } else if !pool.results.found().is_empty() {
        (words.nothing_of_kind, "")
    } else if pool.field.trim().is_empty() {
        (words.nothing_shared, words.nothing_shared_hint)
    } else {
        (words.nothing_found, words.nothing_found_hint)
    };
    // What is wrong with a pattern says that there is nothing.
    show_if("empty", is_empty && pool.trouble.is_none());
    if let Some(empty) = find("empty").filter(|_| is_empty) {
        mark(&empty, "class", if is_waiting { "empty is-waiting" } else { "empty" });
        write("empty-title", title);
        write("empty-hint", hint);
    }
}

fn draw_actions(scene: &Scene<'_>) {
    let (words, selection, measures) = (scene.words, &scene.model.pool.results.selection, scene.measures);
    show_if("actions", selection.count() > 0);
    if selection.count() > 0 {
        let (bytes, is_all) = selection.bytes();
        let size = measures.size(bytes);
        let size = if is_all { size } else { fill(words.at_least, &size) };
        write("selected", &joined(&[measures.count(&words.selected_files, selection.count() as u64), size], DOT));
    }
}
