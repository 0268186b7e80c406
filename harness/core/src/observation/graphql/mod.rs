//! GraphQL schemas: read by introspection, written as SDL, and compared.

mod changes;
mod introspection;
mod schema;

pub use changes::{SchemaChange, changes};
pub use introspection::{CAPABILITY, introspection, takes_deprecated_inputs};
pub use schema::Schema;

#[cfg(test)]
mod tests;
