//! Every selector of the page, and the few ways in which elements are read and written.
//!
//! It writes text, never HTML: what a peer says can never become part of the page's code.

use gloo::utils::document;
use shared::Printable;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlTemplateElement};

use crate::pool::extension;

/// Longest extension that is never cut, in bytes.
const LONGEST_END: usize = 12;

/// The element that holds an error, also for `panics` and `boot.js`.
pub(crate) const TROUBLE: &str = "trouble";

/// The element with this id. Everything is found by its id in `www/index.html`, but for parts of what is cloned.
pub(super) fn find(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}

/// The same, as what it is.
pub(super) fn find_as<T: JsCast>(id: &str) -> Option<T> {
    find(id)?.dyn_into().ok()
}

/// A part of what was cloned, by its class.
pub(super) fn part(of: &Element, class: &str) -> Option<Element> {
    of.get_elements_by_class_name(class).item(0)
}

/// The first such element inside of another, by its tag.
pub(super) fn tag(of: &Element, name: &str) -> Option<Element> {
    of.get_elements_by_tag_name(name).item(0)
}

/// A copy of what a template holds.
pub(super) fn copy_of(template: &str) -> Option<Element> {
    let template: HtmlTemplateElement = find_as(template)?;
    let copy = template.content().first_element_child()?.clone_node_with_deep(true).ok()?;
    copy.dyn_into().ok()
}

/// Writes text, if it is another: a screen reader says again what is written again.
pub(super) fn set(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Writes text into the element with this id; one that is not there is left out.
pub(crate) fn write(id: &str, text: &str) {
    if let Some(element) = find(id) {
        set(&element, text);
    }
}

/// Writes text into a part of what was cloned.
pub(super) fn write_part(of: &Element, class: &str, text: &str) {
    if let Some(element) = part(of, class) {
        set(&element, text);
    }
}

/// Writes a file's name so that only its middle is ever cut: the end of a name says what the file is.
pub(super) fn write_name(of: &Element, name: &str) {
    let end = extension(name).filter(|end| end.len() <= LONGEST_END);
    let begin = end.map_or(name, |end| name.get(..name.len() - end.len() - 1).unwrap_or(name));
    write_part(of, "stem", &Printable::short(begin, 200).to_string());
    let dotted = end.map(|end| [".", &Printable(end).to_string()].concat());
    write_part(of, "tail", dotted.as_deref().unwrap_or_default());
}

/// Sets an attribute, if it is another.
pub(super) fn mark(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        // Fails only for a name that is no attribute's; all of them are written in this crate.
        let _ = element.set_attribute(name, value);
    }
}

/// Sets an attribute that says yes or no.
pub(super) fn mark_if(element: &Element, name: &str, is_so: bool) {
    mark(element, name, if is_so { "true" } else { "false" });
}

/// Shows or hides.
pub(super) fn show(element: &Element, is_shown: bool) {
    let _ = element.toggle_attribute_with_force("hidden", !is_shown);
}

/// Shows or hides the element with this id.
pub(super) fn show_if(id: &str, is_shown: bool) {
    if let Some(element) = find(id) {
        show(&element, is_shown);
    }
}

/// Sets a property of its style. The policy forbids style in the markup, not this.
pub(super) fn style(element: &Element, name: &str, value: &str) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.style().set_property(name, value);
    }
}

/// Lets the style sheet show what belongs to a state; `www/style.css` knows the names.
pub(crate) fn show_state(state: &str) {
    if let Some(root) = document().document_element() {
        mark(&root, "data-state", state);
    }
}

/// All elements that a selector finds.
pub(super) fn each(selector: &str, mut act: impl FnMut(Element)) {
    let Ok(list) = document().query_selector_all(selector) else { return };
    for index in 0..list.length() {
        if let Some(element) = list.item(index).and_then(|node| node.dyn_into().ok()) {
            act(element);
        }
    }
}

/// Gives a list as many copies of a template as it needs, and fills in each; those that stay keep the focus.
pub(super) fn lines(list: &str, template: &str, count: usize, mut fill_in: impl FnMut(usize, &Element)) {
    let Some(list) = find(list) else { return };
    let children = list.children();
    while children.length() as usize > count {
        let Some(last) = list.last_element_child() else { break };
        last.remove();
    }
    for index in 0..count {
        let there = u32::try_from(index).ok().and_then(|index| children.item(index));
        let line = there.or_else(|| {
            let copy = copy_of(template)?;
            list.append_child(&copy).ok()?;
            Some(copy)
        });
        if let Some(line) = line {
            fill_in(index, &line);
        }
    }
}
