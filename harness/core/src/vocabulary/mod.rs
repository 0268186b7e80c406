//! The words everything else is made of: releases and what is published of them, scalars of the file formats, templates.

pub mod catalog;
pub mod ident;
pub mod mutation;
pub mod pattern_template;
pub mod release;
pub mod scalar;
pub mod template;
pub mod wildcard;
