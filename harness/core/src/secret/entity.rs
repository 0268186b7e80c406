//! The names that HTML has for characters of passwords: all of ASCII and of Latin-1.

/// The length of the longest name.
pub(super) const MAX_NAME_LENGTH: usize = 16;

const ASCII: [(&str, char); 52] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("hyphen", '-'),
    ("dash", '-'),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("VerticalLine", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("tilde", '˜'),
    ("euro", '€'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
];

/// The names from U+00A0 on, in order.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 \
    acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig \
    Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave \
    Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave \
    iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/// The character that `&name;` stands for.
pub(super) fn named(name: &[u8]) -> Option<char> {
    let ascii = ASCII.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, character)| *character);
    let latin = || LATIN.split(' ').zip('\u{a0}'..).find(|(known, _)| known.as_bytes() == name).map(|(_, it)| it);
    ascii.or_else(latin)
}

/// The names of an ASCII character.
pub(super) fn names(character: char) -> impl Iterator<Item = &'static str> {
    ASCII.iter().filter(move |(_, known)| *known == character).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_characters() {
        for (name, character) in [("amp", '&'), ("nbsp", '\u{a0}'), ("eacute", 'é'), ("szlig", 'ß'), ("yuml", 'ÿ')] {
            assert_eq!(named(name.as_bytes()), Some(character), "{name}");
        }
        assert_eq!(named(b"ampere"), None);
        let all = ASCII.iter().map(|(name, _)| *name).chain(LATIN.split(' '));
        assert!(all.clone().all(|name| name.len() <= MAX_NAME_LENGTH && !name.is_empty()));
        assert_eq!(all.count(), 52 + 96);
    }
}
