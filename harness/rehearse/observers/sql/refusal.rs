//! Distinguishes a statement that the server rejected, which is the product's fault, from a server that could not be
//! queried.
//!
//! Nothing here depends on the text of a message: servers use the language of their settings. What counts is the SQLSTATE that `psql`
//! prints with `VERBOSITY=verbose`, and the number and SQLSTATE that the clients of MariaDB and MySQL print before every
//! message.
//!
//! A statement was refused, and that is held against the product, when the server judged it: a table, column or function
//! that is missing, a privilege that was lost, a value that does not fit, also an extension's file that is not there
//! (58P01) and damaged data (class XX). What says nothing about what the product left in its database is inconclusive:
//!
//! | what | PostgreSQL | MariaDB and MySQL |
//! |---|---|---|
//! | the connection was lost, or never made | class 08, no SQLSTATE at all | numbers 2000 to 2999 (the client's own), class 08, no line of a statement |
//! | the login was rejected | class 28 | class 28 |
//! | somebody ended the server, the session or the statement, or a time limit did | class 57, 25P03, 25P04 | 1053, 1317, 1927 and others of 70100, 1969, 3024 |
//! | our reading and the product's work blocked each other | class 40, 55P03 | class 40, 1205 |
//! | disk space, memory, sessions or files have run out | class 53 | 1021, 1037, 1038, 1041, 1114, 1135, 1203, 1226 |
//! | the machine below could not read or write | 58000, 58030 | |
//! | the client stopped for a reason of its own | any exit code without a SQLSTATE | any exit code without a number |
//!
//! The password that the product's file names is our side of the question, so class 28 is inconclusive though a product
//! may have changed it. An error of a storage engine (1030) may be a full disk or a damaged table: it is the product's
//! here, and a full disk is looked for by itself where a stage does not pass.

use super::own;

/// Whether a text has the form of an SQLSTATE.
pub(super) fn is_sqlstate(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// A message of several lines on one line, cut to a reasonable length, without the sign of our statements.
pub(super) fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    const MAX_LEN: usize = 600;
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").replace(&own(""), "").chars().take(MAX_LEN).collect()
}
