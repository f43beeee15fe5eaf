//! Keys as paths: readable where they can be, unmistakable always.

use std::fmt::Write as _;

/// The longest name that file systems take, less what may be put behind it.
const LONGEST: usize = 200;

/// The names of the folders and, last, of the file that a key becomes. Different keys never become the same names:
/// a byte that names should not have becomes `%` and two digits, an empty segment becomes `%` alone, and a segment that
/// is too long goes on in a folder of its own, after `%+`.
pub(super) fn names(key: &str) -> Vec<String> {
    key.split('/').flat_map(segment).collect()
}

/// The name of a file where a folder has its plain name.
pub(super) fn beside_a_folder(name: &str) -> String {
    format!("{name}%")
}

fn segment(segment: &str) -> Vec<String> {
    match segment {
        "" => return vec!["%".to_owned()],
        "." => return vec!["%2E".to_owned()],
        ".." => return vec!["%2E%2E".to_owned()],
        _ => {}
    }
    let mut names = Vec::new();
    let mut name = String::new();
    for character in segment.chars() {
        let plain = character.is_ascii_alphanumeric()
            || "-_.!~'()+=,@ ".contains(character)
            || (!character.is_ascii() && !character.is_control());
        let mut piece = String::new();
        if plain {
            piece.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing into a String does not fail.
                let _ = write!(piece, "%{byte:02X}");
            }
        }
        if name.len() + piece.len() > LONGEST {
            names.push(format!("{name}%+"));
            name.clear();
        }
        name.push_str(&piece);
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{beside_a_folder, names};

    #[test]
    fn plain_keys_keep_their_names_and_nasty_ones_become_harmless() {
        assert_eq!(names("photos/2024/a b.jpg"), ["photos", "2024", "a b.jpg"]);
        assert_eq!(names("é/☃"), ["é", "☃"]);
        assert_eq!(names("/../a//.").join("|"), "%|%2E%2E|a|%|%2E");
        assert_eq!(names("50%\\x\n\u{7f}:*"), ["50%25%5Cx%0A%7F%3A%2A"]);
    }

    #[test]
    fn no_name_is_too_long_and_no_two_keys_become_the_same() {
        let long = "ü".repeat(512);
        let keys = ["a", "a/", "a//", "/a", "a%", "a%25", "%", "", ".", "%2E", long.as_str(), &long[2..], "x%+/y"];
        let mut seen = HashSet::new();
        for key in keys {
            let names = names(key);
            assert!(names.iter().all(|name| !name.is_empty() && name.len() < 255 && !name.contains('/')), "{names:?}");
            assert!(seen.insert(names.join("/")), "{key}");
            let (last, folders) = names.split_last().unwrap();
            let beside = [folders, &[beside_a_folder(last)]].concat();
            assert!(seen.insert(beside.join("/")), "{key}");
        }
    }
}
