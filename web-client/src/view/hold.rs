//! What this tab offers, and who reads it at the moment.

use shared::Printable;

use super::page::{lines, mark, show, show_if, tag, write, write_name, write_part};
use super::{MOST_LINES, Scene, draw_more};
use crate::model::{Held, Kept, Link, Reading, Sight};
use crate::text::{DOT, fill, fill_two, joined};

pub(super) fn draw(scene: &Scene<'_>) {
    let (words, hold, measures) = (scene.words, &scene.model.hold, scene.measures);
    let count = hold.files.len();
    let all = || joined(&[measures.count(&words.files, count as u64), measures.size(hold.bytes())], DOT);
    write("hold-count", &if count > 0 { all() } else { String::new() });
    write("nav-hold", &measures.number(count as u64));
    show_if("nav-hold", count > 0);
    show_if("withdraw-all", count > 1);
    let is_asked_for = |file: &Held| matches!(file.kept, Kept::Wanted | Kept::There);
    let takes = match &scene.model.node {
        Sight::Known(node) if node.drop_box && !hold.files.iter().all(is_asked_for) => {
            write("put-all", &fill(words.put_all, &Printable::short(&node.name, 60).to_string()));
            true
        }
        _ => false,
    };
    show_if("put-all", takes);
    let readings: Vec<&Reading> = hold.readings.iter().rev().take(8).collect();
    lines("readings", "t-reading", readings.len(), |index, line| {
        let Some(reading) = readings.get(index) else { return };
        let file = hold.file(reading.handle);
        let size = file.map_or(0, |file| file.size);
        let name = file.map(|file| Printable::short(file.path.file_name(), 80).to_string()).unwrap_or_default();
        let reader = reading.reader.as_ref().map(|name| Printable::short(name, 60).to_string());
        let reader = reader.unwrap_or_else(|| words.somebody.to_owned());
        let sentence = match reading.ended_at {
            None => words.reading_now,
            Some(_) if reading.bytes >= size => words.reading_done,
            Some(_) => words.reading_broken,
        };
        write_part(line, "said", &fill_two(sentence, &reader, &name));
        if let Some(bar) = tag(line, "progress") {
            show(&bar, reading.ended_at.is_none());
            let thousandths = (reading.bytes.min(size) as f64 * 1000.0 / size.max(1) as f64) as u32;
            mark(&bar, "value", &thousandths.to_string());
            mark(&bar, "aria-label", &name);
        }
    });
    lines("held", "t-held", count.min(MOST_LINES), |index, line| {
        let Some(file) = hold.files.get(index) else { return };
        let path = Printable::short(file.path.as_str(), 200).to_string();
        mark(line, "data-id", &file.handle.to_string());
        write_name(line, file.path.as_str());
        let mut what = vec![measures.size(file.size)];
        if file.times_read > 0 {
            what.push(measures.count(&words.times_read, u64::from(file.times_read)));
        }
        let copy = match file.kept {
            Kept::None => "",
            Kept::Wanted => words.put_wanted,
            Kept::There => words.put_done,
            Kept::Failed => words.put_failed,
        };
        if !copy.is_empty() {
            what.push(copy.to_owned());
        }
        if file.kept == Kept::Failed && hold.not_kept.0 == file.path.as_str() {
            what.push(Printable::short(&hold.not_kept.1, 200).to_string());
        }
        write_part(line, "what", &joined(&what, DOT));
        if let Some(button) = tag(line, "button") {
            mark(&button, "aria-label", &[words.withdraw, &path].join(": "));
        }
    });
    draw_more(scene, "held-more", count);
    let url = match &scene.model.link {
        Link::Open { url: Some(url) } if count > 0 => Some(url),
        _ => None,
    };
    show_if("offered-at", url.is_some());
    write("our-url", url.map_or("", |url| url.as_str()));
}
