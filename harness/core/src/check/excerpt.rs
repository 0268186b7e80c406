//! Excerpts of texts, and of two texts so that they show where these differ.

use serde_json::Value;

use crate::secret::{names_a_secret, without_named};

/// The first `most` characters of a text, with `…` if it was cut.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most).collect();
    cut.push('…');
    cut
}

/// A value of a JSON document for people: at most this many characters, without what is secret by its key.
pub(super) fn json_for_people(at: &str, value: &Value, most: usize) -> String {
    let key = at.rsplit('/').next().unwrap_or_default();
    if value.is_string() && names_a_secret(key) {
        return "(hidden)".to_owned();
    }
    shorten(&without_named(&value.to_string()), most)
}

/// Two values of a JSON document for people, cut around the place where they differ; none where what differs is secret.
pub(super) fn json_apart(at: &str, was: &Value, is: &Value, most: usize) -> Option<(String, String)> {
    let key = at.rsplit('/').next().unwrap_or_default();
    if names_a_secret(key) && (was.is_string() || is.is_string()) {
        return None;
    }
    let (was, is) = (was.to_string(), is.to_string());
    let (was, is) = apart(&without_named(&was), &without_named(&is), most);
    (was != is).then_some((was, is))
}

/// Two texts for people, each at most about `most` characters long. Longer ones are cut around the first place at which they
/// differ. Characters that nobody sees are written out. The two differ whenever the texts do.
pub(crate) fn apart(was: &str, is: &str, most: usize) -> (String, String) {
    let both = cut(was, is, most, false);
    // A text may hold what another character is written out as.
    if both.0 == both.1 && was != is { cut(was, is, most, true) } else { both }
}

fn cut(was: &str, is: &str, most: usize, backslashes: bool) -> (String, String) {
    let (was, is): (Vec<char>, Vec<char>) = (was.chars().collect(), is.chars().collect());
    let same = was.iter().zip(&is).take_while(|(was, is)| was == is).count();
    let most = most.max(4);
    let fits = was.len() <= most && is.len() <= most;
    // Of one text alone, the beginning is shown.
    let begin = if fits || was == is { 0 } else { same.saturating_sub(most / 4) };
    let excerpt = |text: &[char]| {
        let end = text.len().min(begin + most);
        let mut shown = if begin > 0 { "…".to_owned() } else { String::new() };
        for at in begin..end {
            shown.push_str(&seen(text, at, backslashes));
        }
        if end < text.len() {
            shown.push('…');
        }
        shown
    };
    (excerpt(&was), excerpt(&is))
}

/// A character as people can see it.
fn seen(text: &[char], at: usize, backslashes: bool) -> String {
    let character = text[at];
    let is_space = |at: usize| text.get(at) == Some(&' ');
    match character {
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        '\\' if backslashes => "\\\\".to_owned(),
        // At an end or beside another one, nobody sees a space.
        ' ' if at == 0 || at + 1 == text.len() || is_space(at - 1) => "\\u{20}".to_owned(),
        ' ' => " ".to_owned(),
        _ if character.is_control() || character.is_whitespace() || is_unseen(character) => {
            format!("\\u{{{:x}}}", u32::from(character))
        }
        _ => character.to_string(),
    }
}

/// Characters without a shape of their own: of no width, for direction, and marks that join the letter before them.
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{180e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::apart;

    #[test]
    fn both_excerpts_show_the_place_where_the_texts_differ() {
        let long = "the same words again and again, ".repeat(20);
        let (was, is) = apart(&format!("{long}old{long}"), &format!("{long}new{long}"), 40);
        assert!(was.starts_with('…') && was.ends_with('…') && was.contains("old"), "{was}");
        assert!(is.contains("new") && is.chars().count() <= 50, "{is}");
        assert!(apart(&long, &long, 40).0.starts_with("the same"));
        assert_eq!(apart("short", "shirt", 40), ("short".to_owned(), "shirt".to_owned()));
        let (was, is) = apart(&long, &format!("{long}end"), 40);
        assert!(is.ends_with("end") && !was.contains("end"), "{was} {is}");
    }

    #[test]
    fn what_nobody_sees_is_written_out() {
        for (was, is, expected) in [
            ("a", "a ", ("a", "a\\u{20}")),
            ("a b", "a  b", ("a b", "a \\u{20}b")),
            ("a b", "a\u{a0}b", ("a b", "a\\u{a0}b")),
            ("\u{e9}", "e\u{301}", ("\u{e9}", "e\\u{301}")),
            ("ab", "a\u{200b}b", ("ab", "a\\u{200b}b")),
            ("a\n", "a\r\n", ("a\\n", "a\\r\\n")),
            ("a\nb", "a\\nb", ("a\\nb", "a\\\\nb")),
        ] {
            assert_eq!(apart(was, is, 40), (expected.0.to_owned(), expected.1.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn excerpts_of_different_texts_differ(
            begin in "[ab \\\\…\n\u{a0}]{0,60}", was in ".{0,8}", is in ".{0,8}", end in "[ab \\\\u{}20…]{0,60}", most in 0_usize..50,
        ) {
            let (was, is) = (format!("{begin}{was}{end}"), format!("{begin}{is}{end}"));
            let (was_shown, is_shown) = apart(&was, &is, most);
            prop_assert_eq!(was == is, was_shown == is_shown, "{:?} {:?}", was, is);
        }
    }
}
