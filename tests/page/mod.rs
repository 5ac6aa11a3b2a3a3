//! The page in a real Chromium: everything a person does with it, with real nodes, real files and real other programs.

mod accessible;
mod away;
mod breaking;
mod contents;
mod copies;
mod guest;
mod hostile;
mod insecure;
mod keyboard;
mod many;
mod opening;
mod pictures;
mod renewed;
mod saving;
mod searching;
mod sharing;
mod steps;
mod unlocking;

use libtest_mimic::Trial;

use crate::harness::original::Original;

const PASSWORD: &str = "correct horse";

pub(crate) fn trials() -> Vec<Trial> {
    let original = Original::find();
    [
        opening::trials(),
        unlocking::trials(),
        searching::trials(&original),
        saving::trials(&original),
        sharing::trials(&original),
        contents::trials(),
        copies::trials(),
        breaking::trials(),
        keyboard::trials(),
        insecure::trials(),
        hostile::trials(),
        many::trials(),
        accessible::trials(),
        away::trials(),
        renewed::trials(),
        pictures::trials(&original),
    ]
    .into_iter()
    .flatten()
    .collect()
}
