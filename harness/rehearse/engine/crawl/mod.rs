//! Crawls the source release, and asks for the same pages again after every hop. Which pages are asked next, and what the
//! answers mean, is decided by the core.

mod again;
mod ask;
mod discover;
mod logged;
