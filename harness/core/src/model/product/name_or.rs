//! An item of a list that is mostly a name, and sometimes has more to say.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A name alone, or a map with more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameOr<T> {
    /// The name alone.
    Name(String),
    /// More than a name.
    Detailed(T),
}

impl<T> NameOr<T> {
    /// The map, if it is one.
    pub fn detailed(&self) -> Option<&T> {
        match self {
            Self::Name(_) => None,
            Self::Detailed(detailed) => Some(detailed),
        }
    }

    /// The name: itself, or the one in the map.
    pub fn name<'n>(&'n self, of: impl Fn(&'n T) -> &'n str) -> &'n str {
        match self {
            Self::Name(name) => name,
            Self::Detailed(detailed) => of(detailed),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NameOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = NameOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a map")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<NameOr<T>, E> {
                Ok(NameOr::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NameOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(NameOr::Detailed)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: Serialize> Serialize for NameOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => name.serialize(serializer),
            Self::Detailed(detailed) => detailed.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for NameOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Owned(format!("NameOr{}", T::schema_name()))
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let detailed = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "string", "minLength": 1 }, detailed] })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::NameOr;
    use serde_json::json;

    #[test]
    fn a_name_and_a_map_are_read_and_written_as_they_are() {
        let value = json!(["a", {"name": "b"}]);
        let items: Vec<NameOr<BTreeMap<String, String>>> = serde_json::from_value(value.clone()).unwrap();
        let names: Vec<&str> = items.iter().map(|item| item.name(|map| map["name"].as_str())).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(serde_json::to_value(&items).unwrap(), value);
        assert!(serde_json::from_value::<NameOr<BTreeMap<String, String>>>(json!(1)).is_err());
    }
}
