//! From the text of a file to a value, or to every mistake in it at once.
//!
//! `yaml` reads the text into nodes that know their place, `schema` turns the schema of the wanted type into shapes,
//! `walker` lays one over the other. What the values mean is judged elsewhere, with a [`Document`] to point at places.

mod command;
mod document;
mod formats;
mod keys;
mod misfit;
mod offsets;
mod plain;
mod ruby;
mod schema;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod walker;
mod yaml;

pub use command::Command;
pub use document::Document;
pub use ruby::ruby;
pub use shape::read;
pub use table::{RepeatedKey, Table};

#[cfg(test)]
pub(crate) use tests::test_validator;
