//! Where something is inside a service: a port, a path.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Scalar, quoted, scalar};

/// A port of a service. None has the number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Port(NonZeroU16);

impl Port {
    /// The port with a number; none for 0.
    pub fn of(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Its number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Port")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u16::MAX })
    }
}

/// A path inside a service, from its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePath(String);

impl Scalar for ServicePath {
    const FORMAT: &'static str = "path-in-a-service";
    const EXPECTED: &'static str = "a path inside the service that begins with `/`, without `.` and `..`";

    fn parse(text: &str) -> Result<Self, String> {
        let Some(below) = text.strip_prefix('/') else {
            let what = if text.is_empty() {
                "the path is empty".to_owned()
            } else {
                format!("{} is not a path from the root", quoted(text))
            };
            return Err(what);
        };
        if text.chars().any(char::is_control) {
            return Err(format!("{} has a control character", quoted(text)));
        }
        // A slash at the end means the same folder.
        let names = below.strip_suffix('/').unwrap_or(below).split('/');
        let wrong = names.filter(|_| !below.is_empty()).find(|name| matches!(*name, "" | "." | ".."));
        match wrong {
            Some("") => Err(format!("{} has an empty name between two slashes", quoted(text))),
            Some(name) => Err(format!("{} has `{name}` in it", quoted(text))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

scalar!(ServicePath);

impl ServicePath {
    /// Whether it is the root itself, which nothing can be mounted at.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

impl Deref for ServicePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServicePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_that_one_can_have() {
        assert_eq!(serde_json::from_str::<Port>("65535").unwrap().get(), 65535);
        for json in ["0", "65536", "-1", "\"80\"", "80.5"] {
            assert!(serde_json::from_str::<Port>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_path_leads_from_the_root_downwards() {
        for path in ["/", "/data", "/data/", "/var/lib/a b/..c", "/a.b/.c"] {
            assert_eq!(ServicePath::parse(path).map(|path| path.to_string()), Ok(path.to_owned()));
        }
        for path in ["", "data", "./data", "../data", "/a/../b", "/..", "/a/./b", "//", "/a//b", "/a\nb", "~/data"] {
            assert!(ServicePath::parse(path).is_err(), "{path:?}");
        }
        assert!(ServicePath::parse("/").is_ok_and(|path| path.is_root()));
    }
}
