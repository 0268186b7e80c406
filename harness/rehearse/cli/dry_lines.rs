//! Lines of a dry run: indented, and texts of several lines kept together.

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: String,
}

impl Lines {
    /// Adds a line at this depth.
    pub(super) fn at(&mut self, depth: usize, line: impl AsRef<str>) {
        self.text.push_str(&"    ".repeat(depth));
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Adds a text of several lines at this depth.
    pub(super) fn block_at(&mut self, depth: usize, text: &str) {
        for line in text.trim_end().lines() {
            self.at(depth, line);
        }
    }

    /// Adds lines that are indented already.
    pub(super) fn block(&mut self, text: String) {
        self.text.push_str(&text);
    }
}
