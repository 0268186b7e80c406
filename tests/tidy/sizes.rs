//! No file is much longer than 400 lines.

use crate::tree::Source;

const MOST: usize = 480;

fn too_long(sources: &[Source]) -> Vec<String> {
    let counted = sources.iter().map(|source| (&source.path, source.text.lines().count()));
    let long = counted.filter(|(_, lines)| *lines > MOST);
    long.map(|(path, lines)| format!("{path} has {lines} lines: look for the second noun")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tested, files, none, planted};

    #[test]
    fn no_file_is_much_longer_than_400_lines() -> Tested {
        let all = ["harness", "tests", "fuzz"].map(|under| files(under, "rs"));
        let all: Vec<Source> = all.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        none(&too_long(&all))
    }

    #[test]
    fn a_planted_long_file_is_found() {
        let sources = [planted("a.rs", &"x\n".repeat(MOST)), planted("b.rs", &"x\n".repeat(MOST + 1))];
        assert_eq!(too_long(&sources), ["b.rs has 481 lines: look for the second noun"]);
    }
}
