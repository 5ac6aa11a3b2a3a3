//! What files are called inside an archive: made safe as any download of ours, and no two alike on any system.

use std::collections::{HashMap, HashSet};

use shared::{SharedPath, fold};

/// The names of files in their order. What would be taken for another on some disk, or for a folder that is there too, gets a
/// number, as a download would.
pub(super) fn in_archive<'a>(paths: impl Iterator<Item = &'a SharedPath>) -> Vec<SharedPath> {
    let saved: Vec<SharedPath> = paths.map(SharedPath::to_saved).collect();
    let mut taken = HashSet::new();
    for path in &saved {
        let mut folder = path.parent();
        while let Some(path) = folder.filter(|path| taken.insert(folded(path))) {
            folder = path.parent();
        }
    }
    // Where to go on: thousands of one name must not each try all the numbers before.
    let mut next: HashMap<String, u32> = HashMap::new();
    saved
        .into_iter()
        .map(|path| {
            if taken.insert(folded(&path)) {
                return path;
            }
            let number = next.entry(folded(&path)).or_insert(1);
            loop {
                // Only where the folder alone fills a path there is no number; two of a name are then better than none.
                let Ok(numbered) = path.numbered(*number) else { return path };
                *number = number.saturating_add(1);
                if taken.insert(folded(&numbered)) || *number == u32::MAX {
                    return numbered;
                }
            }
        })
        .collect()
}

fn folded(path: &SharedPath) -> String {
    fold(path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| SharedPath::parse(path).unwrap()).collect();
        in_archive(paths.iter()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_of_a_name_get_numbers_and_code_is_no_name() {
        assert_eq!(
            names(&["a.txt", "a.txt", "A.TXT", "a (1).txt"]),
            ["a.txt", "a (1).txt", "A (2).TXT", "a (1) (1).txt"]
        );
        assert_eq!(names(&["d/con.txt", "d/a?b", "d/a*b"]), ["d/_con.txt", "d/a_b", "d/a_b (1)"]);
    }

    #[test]
    fn a_file_that_is_a_folder_elsewhere_gives_way() {
        assert_eq!(names(&["Music", "music/a", "music"]), ["Music (1)", "music/a", "music (2)"]);
    }

    #[test]
    fn ten_thousand_of_one_name_are_ten_thousand_names() {
        let names = names(&["__init__.py"; 10_000]);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 10_000);
    }
}
