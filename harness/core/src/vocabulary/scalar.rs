//! Values written as one word or text: durations, sizes, patterns, pointers.
//!
//! Each type says its grammar once, in [`Scalar`]; reading, writing, schema and validation follow from it. A type of
//! another module joins by implementing [`Scalar`], calling `scalar!` and adding a line to `source::spec::formats`.

mod because;
mod group;
mod name;
mod pattern;
mod place;

use std::fmt;
use std::time::Duration as StdDuration;

pub use because::Because;
pub use group::GroupPattern;
pub(crate) use name::{NAME, NAME_EXPECTED, Name};
pub use pattern::Pattern;
pub use place::{Port, ServicePath};

/// A value with a textual form. `Display` writes what [`Scalar::parse`] reads.
pub trait Scalar: Sized + fmt::Display {
    /// The `format` by which a schema names this type.
    const FORMAT: &'static str;
    /// What to write, for people: fits after "expected".
    const EXPECTED: &'static str;

    /// Reads the value, or says what is wrong with the text.
    ///
    /// # Errors
    /// A reason that stands on its own: lower case, no full stop.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A text that is not the value asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; expected {expected}")]
pub struct BadScalar {
    /// What is wrong with it.
    pub reason: String,
    /// What was expected.
    pub expected: &'static str,
}

/// How a schema's `format` is checked.
#[derive(Debug, Clone, Copy)]
pub struct Validator {
    /// The `format` it is for.
    pub format: &'static str,
    /// What to write, for people.
    pub expected: &'static str,
    /// Says what is wrong with a text.
    pub check: fn(&str) -> Result<(), String>,
}

impl Validator {
    /// The validator of a scalar type.
    pub const fn of<S: Scalar>() -> Self {
        Self { format: S::FORMAT, expected: S::EXPECTED, check: check::<S> }
    }
}

fn check<S: Scalar>(text: &str) -> Result<(), String> {
    S::parse(text).map(drop)
}

/// Gives a [`Scalar`] its `FromStr`, `Serialize`, `Deserialize` and `JsonSchema`.
macro_rules! scalar {
    ($name:ident) => {
        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::scalar::BadScalar;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$name as $crate::vocabulary::scalar::Scalar>::parse(text).map_err(|reason| $crate::vocabulary::scalar::BadScalar {
                    reason,
                    expected: <$name as $crate::vocabulary::scalar::Scalar>::EXPECTED,
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(concat!(module_path!(), "::", stringify!($name)))
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "format": <$name as $crate::vocabulary::scalar::Scalar>::FORMAT,
                    "description": <$name as $crate::vocabulary::scalar::Scalar>::EXPECTED,
                })
            }
        }
    };
}
pub(crate) use scalar;

/// A span of time: `500ms`, `30s`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(StdDuration);

impl Duration {
    /// Units from the largest, with their milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

    /// As the standard library has it.
    pub const fn get(self) -> StdDuration {
        self.0
    }
}

impl Scalar for Duration {
    const FORMAT: &'static str = "span-of-time";
    const EXPECTED: &'static str = "a span of time such as `500ms`, `30s`, `10m` or `1h30m`";

    fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{text}` has no unit: add one, as in `{text}s`"));
        }
        let bad = || format!("{} is not a span of time", quoted(text));
        let mut units = Self::UNITS.iter();
        let (mut rest, mut total) = (text, 0_u64);
        while !rest.is_empty() {
            let (digits, tail) = split_where(rest, |c| !c.is_ascii_digit());
            let (unit, tail) = split_where(tail, |c| c.is_ascii_digit());
            // `units` moves on, so each unit comes once and larger ones come first.
            let (_, size) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
            let count: u64 = digits.parse().map_err(|_| bad())?;
            total = count.checked_mul(*size).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
            rest = tail;
        }
        if text.is_empty() { Err(bad()) } else { Ok(Self(StdDuration::from_millis(total))) }
    }
}

scalar!(Duration);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in Self::UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// An amount of bytes: `512k`, `64MiB`, `1g`; units are powers of 1024, as Docker has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// Units from the largest, with the exponent of two.
    const UNITS: [(&'static str, u32); 5] = [("t", 40), ("g", 30), ("m", 20), ("k", 10), ("b", 0)];

    /// A size of so many bytes.
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Scalar for Size {
    const FORMAT: &'static str = "size";
    const EXPECTED: &'static str = "a size such as `512k`, `64MiB` or `1g`";

    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{} is not a size", quoted(text));
        let (digits, unit) = split_where(text, |c| !c.is_ascii_digit());
        let count: u64 = digits.parse().map_err(|_| bad())?;
        let unit = unit.to_ascii_lowercase();
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit: add one, as in `{text}m`"));
        }
        let exponent = Self::UNITS.iter().find(|(name, _)| *name == unit.strip_suffix("ib").unwrap_or(&unit));
        let (_, exponent) = exponent.ok_or_else(bad)?;
        count.checked_mul(1 << exponent).map(Self).ok_or_else(|| format!("`{text}` is too large"))
    }
}

scalar!(Size);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = Self::UNITS.iter().find(|(_, exponent)| self.0 >> exponent << exponent == self.0 && self.0 > 0);
        let (unit, exponent) = fits.unwrap_or(&("b", 0));
        write!(f, "{}{unit}", self.0 >> exponent)
    }
}

/// A JSON pointer (RFC 6901): empty for the whole, or `/` before each step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer to the whole.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// One step further: a key, or the number of an item.
    #[must_use]
    pub fn then(&self, step: impl fmt::Display) -> Self {
        Self(format!("{}/{}", self.0, step.to_string().replace('~', "~0").replace('/', "~1")))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scalar for Pointer {
    const FORMAT: &'static str = "pointer";
    const EXPECTED: &'static str = "a JSON pointer such as `/items/0/name`, or an empty text for the whole";

    fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("{} does not start with `/`: write {}", quoted(text), quoted(&format!("/{text}"))));
        }
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return Err(format!("{} holds a lone `~`: write `~0` for it, `~1` for a slash", quoted(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

scalar!(Pointer);

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as a message shows it: its first line, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 48;
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    let rest = if short.len() < text.trim_end().len() { "…" } else { "" };
    format!("`{short}{rest}`")
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<S: Scalar>(text: &str, expected: Result<&str, &str>) {
        let seen = S::parse(text).map(|value| value.to_string());
        assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{text:?}");
    }

    #[test]
    fn durations_need_units_in_order() {
        check::<Duration>("500ms", Ok("500ms"));
        check::<Duration>("90s", Ok("1m30s"));
        check::<Duration>("1h30m", Ok("1h30m"));
        check::<Duration>("2d", Ok("2d"));
        check::<Duration>("0s", Ok("0s"));
        check::<Duration>("30", Err("`30` has no unit: add one, as in `30s`"));
        for bad in
            ["", "s", "1x", "30m1h", "1s1s", "-1s", "1.5h", " 1s", "1h 30m", "99999999999999999999s", "300000000000d"]
        {
            check::<Duration>(bad, Err(&format!("`{bad}` is not a span of time")));
        }
        assert_eq!("10m".parse::<Duration>().unwrap().get(), StdDuration::from_secs(600));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        check::<Size>("64MiB", Ok("64m"));
        check::<Size>("1G", Ok("1g"));
        check::<Size>("1536k", Ok("1536k"));
        check::<Size>("0b", Ok("0b"));
        check::<Size>("512", Err("`512` has no unit: add one, as in `512m`"));
        check::<Size>("1mb", Err("`1mb` is not a size"));
        check::<Size>("g", Err("`g` is not a size"));
        check::<Size>("99999999999t", Err("`99999999999t` is too large"));
        assert_eq!("64MiB".parse::<Size>().unwrap().bytes(), 64 << 20);
    }

    #[test]
    fn pointers_start_with_a_slash() {
        check::<Pointer>("", Ok(""));
        check::<Pointer>("/a/0/b~1c", Ok("/a/0/b~1c"));
        check::<Pointer>("a", Err("`a` does not start with `/`: write `/a`"));
        check::<Pointer>("/a~", Err("`/a~` holds a lone `~`: write `~0` for it, `~1` for a slash"));
        assert_eq!(Pointer::root().then("a/b").then(3).as_str(), "/a~1b/3");
    }

    #[test]
    fn scalars_travel_through_serde_as_text() {
        let duration: Duration = serde_json::from_str("\"90s\"").unwrap();
        assert_eq!(serde_json::to_string(&duration).unwrap(), "\"1m30s\"");
        let error = serde_json::from_str::<Duration>("\"90\"").unwrap_err().to_string();
        assert!(error.starts_with("`90` has no unit: add one, as in `90s`; expected a span of time"), "{error}");
    }
}
