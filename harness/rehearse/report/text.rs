//! Makes foreign text fit to be shown: the one sanitiser for every XML sink and for terminals.
//!
//! Logs are full of escape sequences, and a single one makes a whole JUnit file unreadable. So every text passes through
//! here on its way to a report; what has passed is not examined again.

use rehearse_core::text::plain;

/// The text as any XML 1.0 parser accepts it: without terminal sequences, complete or cut off, and without characters
/// that XML cannot represent. Line ends become LF; tabs stay.
pub fn xml(text: &str) -> String {
    let plain = plain(text);
    let mut clean = String::with_capacity(plain.len());
    let mut after_return = false;
    for character in plain.chars() {
        let line_feed_of_pair = std::mem::replace(&mut after_return, character == '\r') && character == '\n';
        match character {
            '\r' => clean.push('\n'),
            '\n' if line_feed_of_pair => {}
            other if writable(other) => clean.push(other),
            _ => {}
        }
    }
    clean
}

/// Whether XML 1.0 can represent a character and no terminal acts on it.
fn writable(character: char) -> bool {
    match character {
        '\t' | '\n' | '\u{85}' => true,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

/// A sanitised text as content of a CDATA section; its end mark is split over two sections.
pub fn sections(clean: &str) -> String {
    clean.replace("]]>", "]]]]><![CDATA[>")
}

/// The text as the value of an XML attribute: on one line, since parsers make line ends blanks anyway.
pub fn attribute(text: &str) -> String {
    xml(text).replace(['\n', '\t'], " ")
}

/// The text on one line of a terminal: without sequences, control characters and marks that change the reading direction.
pub fn one_line(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let flat = |c: char| if matches!(c, '\n' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}') { ' ' } else { c };
    xml(text).chars().filter(|c| !turns(c)).map(flat).collect::<String>().trim().to_owned()
}

/// The most bytes that the line about the left-out part takes.
const NOTE: usize = 80;

/// The beginning and the end of a text, of at most `limit` bytes together, with a line that says how much is left out.
/// If the limit is shorter than that line, the result is the line alone.
pub fn head_and_tail(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let half = limit.saturating_sub(NOTE) / 2;
    let at_most = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let at_least = (text.len() - half..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    // Complete lines read better, if that does not cost much text.
    let head = text[..at_most].rfind('\n').filter(|at| *at >= half / 2).unwrap_or(at_most);
    let tail = text[at_least..].find('\n').filter(|at| *at < half / 2).map_or(at_least, |at| at_least + at + 1);
    let left_out = &text[head..tail];
    let lines = left_out.matches('\n').count();
    format!("{}\n… {} bytes in {lines} lines are left out here …\n{}", &text[..head], left_out.len(), &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(xml(text), expected, "{text:?}");
    }

    #[test]
    fn escape_sequences_are_removed() {
        check("\u{1b}[31mred\u{1b}[0m", "red");
        // One character that begins a sequence, which few terminals support: it is removed, what follows stays as text.
        check("\u{9b}1mbold", "1mbold");
        check("end\u{1b}", "end");
    }

    #[test]
    fn line_ends_become_line_feeds_and_tabs_stay() {
        check("a\r\nb\rc\n\td\r\r\ne", "a\nb\nc\n\td\n\ne");
        check("\u{1b}[1m\r\n", "\n");
    }

    #[test]
    fn characters_that_xml_cannot_represent_are_removed() {
        check("a\0b\u{8}c\u{fffe}d\u{ffff}e\u{7f}f🦀", "abcdef🦀");
    }

    #[test]
    fn a_terminal_gets_one_line_that_reads_from_left_to_right() {
        assert_eq!(one_line(" a\r\n\tb\u{202e}c\u{1b}[2J "), "a  bc");
    }

    #[test]
    fn a_long_text_keeps_its_head_and_tail_and_says_what_is_left_out() {
        let text: String = (0..1000).map(|line| format!("line {line} ü\n")).collect();
        let short = head_and_tail(&text, 400);
        assert!(short.len() <= 400, "{}", short.len());
        assert!(short.starts_with("line 0 ü\n") && short.ends_with("line 999 ü\n"), "{short}");
        assert!(short.contains(" lines are left out here …\n"), "{short}");
        assert_eq!(head_and_tail("short", 400), "short");
        assert!(head_and_tail(&text, 0).contains("left out"));
    }
}
