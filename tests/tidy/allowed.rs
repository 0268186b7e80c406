//! Exceptions from a rule: each names its place and its reason, and fails when nothing is left that it excuses.

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The line as it is written, without its indentation.
    pub(crate) text: String,
    pub(crate) what: String,
}

/// Lines of a file that may break a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) file: &'static str,
    /// A part of the line.
    pub(crate) text: &'static str,
    pub(crate) because: &'static str,
}

/// What is wrong after the exceptions: breaches that none of them excuses, and exceptions that excuse nothing.
pub(crate) fn unexcused(breaches: &[Breach], allowed: &[Allowed]) -> Vec<String> {
    let excuses = |each: &Allowed, breach: &Breach| each.file == breach.file && breach.text.contains(each.text);
    let left = breaches.iter().filter(|breach| !allowed.iter().any(|each| excuses(each, breach)));
    let left = left.map(|Breach { file, line, text, what }| format!("{file}:{line}: {what}\n    {text}"));
    let stale = allowed.iter().filter(|each| !breaches.iter().any(|breach| excuses(each, breach)));
    let stale = stale.map(|each| {
        format!(
            "{}: the exception for `{}` ({}) excuses nothing any more: remove it",
            each.file, each.text, each.because
        )
    });
    left.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_excuses_its_lines_only_and_fails_when_it_excuses_none() {
        let breach = |file: &str, text: &str| Breach {
            file: file.to_owned(),
            line: 3,
            text: text.to_owned(),
            what: "bad".to_owned(),
        };
        let breaches = [breach("a.rs", "let x = bad(1);"), breach("b.rs", "let x = bad(1);")];
        let allowed = |text| Allowed { file: "a.rs", text, because: "why not" };
        assert_eq!(unexcused(&breaches, &[allowed("bad(1)")]), ["b.rs:3: bad\n    let x = bad(1);"]);
        let stale = unexcused(&breaches[..1], &[allowed("bad(1)"), allowed("bad(2)")]);
        assert_eq!(stale, ["a.rs: the exception for `bad(2)` (why not) excuses nothing any more: remove it"]);
    }
}
