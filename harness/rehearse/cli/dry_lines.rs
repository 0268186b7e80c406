//! Lines of a dry run: indented, and texts of several lines kept together.

/// Lines as they come.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: String,
}

impl Lines {
    /// One line, so deep.
    pub(super) fn at(&mut self, depth: usize, line: impl AsRef<str>) {
        self.text.push_str(&"    ".repeat(depth));
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A text of any number of lines, so deep.
    pub(super) fn block_at(&mut self, depth: usize, text: &str) {
        for line in text.trim_end().lines() {
            self.at(depth, line);
        }
    }

    /// Lines that are indented already.
    pub(super) fn block(&mut self, text: String) {
        self.text.push_str(&text);
    }
}
