//! What a run came to, for programs and for people. Every report is a function of the event fold; none of them knows
//! the engine, and none of them changes what the fold says.

mod files;
mod jsonl;
mod junit;
mod terminal;
mod text;
mod view;
mod wire;

pub use files::{Files, schema as summary_schema};
pub use jsonl::{Jsonl, schema as events_schema};
pub use junit::{Junit, content as junit, write_all as write_junit};
pub use terminal::{Colour, Look, Terminal};
pub use text::{attribute, head_and_tail, one_line, sections, xml};
