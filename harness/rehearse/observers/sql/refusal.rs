//! Tells a statement that the server refused, which is the product's answer, from a server that could not be asked.

/// What speaks of a server in trouble and not of the statement.
const IN_TROUBLE: [&str; 10] = [
    "has gone away",
    "Lost connection",
    "FATAL:",
    "PANIC:",
    "server closed the connection",
    "connection to server was lost",
    "terminating connection",
    "canceling statement",
    "out of memory",
    "No space left",
];

/// Whether the last words of a client program, as `psql ended with 3: …`, are about the statement: `psql` ends with 3 for
/// a statement that failed, with 2 for a connection that was lost or never made, with 1 and what a shell adds for its own
/// trouble (psql's manual, "Exit Status"). `mariadb` ends with 1 for all; its error names the statement's line when
/// there was one (`ERROR 1146 (42S02) at line 1: …`), and none for a connection.
pub(super) fn is_refusal(last_words: &str) -> bool {
    let statement = last_words.starts_with("psql ended with 3:")
        || (last_words.contains(" ended with 1: ERROR ") && last_words.contains(" at line "));
    statement && !IN_TROUBLE.iter().any(|words| last_words.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_is_refused_is_told_from_a_server_out_of_reach() {
        for (words, refused) in [
            ("psql ended with 3: psql:<stdin>:1: ERROR: relation \"projects\" does not exist LINE 1: select 1", true),
            ("psql ended with 3: FEHLER: Relation existiert nicht", true),
            ("psql ended with 2: psql: error: connection to server on socket failed: No such file or directory", false),
            ("psql ended with 2: psql: error: FATAL: password authentication failed", false),
            ("psql ended with 3: FATAL: terminating connection due to administrator command", false),
            ("psql ended with 1: psql: error: could not open file", false),
            ("psql ended with 127: sh: 1: psql: not found", false),
            ("mariadb ended with 1: ERROR 1146 (42S02) at line 1: Table 'a.b' doesn't exist", true),
            ("mariadb ended with 1: ERROR 2002 (HY000): Can't connect to local server through socket", false),
        ] {
            assert_eq!(is_refusal(words), refused, "{words}");
        }
    }
}
