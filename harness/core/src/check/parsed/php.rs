//! What PHP's `serialize` writes. References are not read: their meaning depends on the order of all that is before them.

use super::{DEEPEST, Parsed};

pub(super) fn read(text: &str) -> Option<Parsed> {
    let mut reader = Reader { rest: text };
    let value = reader.value(1)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Parsed> {
        if depth > DEEPEST {
            return None;
        }
        let kind = self.rest.get(..2)?;
        self.rest = self.rest.get(2..)?;
        Some(match kind {
            "N;" => Parsed::Null,
            "b:" => match self.until(';')? {
                "0" => Parsed::Bool(false),
                "1" => Parsed::Bool(true),
                _ => return None,
            },
            "i:" => Parsed::Number(self.until(';')?.parse::<i64>().ok()?.to_string()),
            // PHP's own numbers are such floats, and it has written them with more digits than they have.
            "d:" => Parsed::Named("float".to_owned(), Box::new(Parsed::Number(float(self.until(';')?)?))),
            "s:" => {
                let text = self.text()?;
                self.expect(";")?;
                Parsed::Text(text.to_owned())
            }
            "a:" => self.pairs(depth)?,
            "O:" => {
                let class = self.text()?.to_owned();
                self.expect(":")?;
                Parsed::Named(class, Box::new(self.pairs(depth)?))
            }
            "E:" => {
                let case = self.text()?.to_owned();
                self.expect(";")?;
                Parsed::Named("enum".to_owned(), Box::new(Parsed::Text(case)))
            }
            _ => return None,
        })
    }

    /// `2:{…}`. Whole numbers as keys have an order; names have none.
    fn pairs(&mut self, depth: usize) -> Option<Parsed> {
        let count: usize = self.until(':')?.parse().ok()?;
        self.expect("{")?;
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        self.expect("}")?;
        let numbered = |index: usize, key: &Parsed| *key == Parsed::Number(index.to_string());
        if pairs.iter().enumerate().all(|(index, (key, _))| numbered(index, key)) {
            return Some(Parsed::List(pairs.into_iter().map(|(_, value)| value).collect()));
        }
        if pairs.iter().all(|(key, _)| matches!(key, Parsed::Text(_))) {
            return Parsed::map(pairs);
        }
        let in_order = pairs
            .into_iter()
            .map(|(key, value)| Some(Parsed::Named("pair".to_owned(), Box::new(Parsed::map(vec![(key, value)])?))));
        Some(Parsed::List(in_order.collect::<Option<_>>()?))
    }

    /// `3:"abc"`, counted in bytes.
    fn text(&mut self) -> Option<&'a str> {
        let length: usize = self.until(':')?.parse().ok()?;
        self.expect("\"")?;
        let text = self.rest.get(..length)?;
        self.rest = self.rest.get(length..)?;
        self.expect("\"")?;
        Some(text)
    }

    fn until(&mut self, end: char) -> Option<&'a str> {
        let (before, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(before)
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }
}

fn float(text: &str) -> Option<String> {
    match text {
        "INF" | "-INF" | "NAN" => Some(text.to_owned()),
        _ => text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| format!("{value:?}")),
    }
}
