//! The pure core of `rehearse`: words, plans and judgement.
//!
//! Nothing here may know an async runtime, Docker, a clock, a file, a socket, the environment or a terminal: times,
//! ids and texts come in as arguments, values go out. The compiler holds that line, because this crate depends on
//! nothing that could cross it.
//!
//! The rooms, from the ground up: [`vocabulary`] (releases, catalogs, scalars), [`source`] (text to values, every
//! mistake with its place), [`secret`], [`observation`] (what was read), [`knowledge`] (known failures),
//! [`planning`] (paths), [`model`] (product and scenario files), [`deployment`] (what is to run), [`outcome`] (findings, events and their fold),
//! [`check`] (judging observations), [`mutation`] (testing a product file by planted changes) and [`runbook`]. [`text`] is what all of them share in reading output.

pub mod check;
pub mod deployment;
pub mod knowledge;
pub mod model;
pub mod mutation;
pub mod observation;
pub mod outcome;
pub mod planning;
pub mod runbook;
pub mod secret;
pub mod source;
pub mod text;
pub mod vocabulary;
