//! Whether a column's new type takes less than its old one.

/// Whole numbers, fractions, texts and times, each from the narrowest to the widest. A type of a later family holds every value
/// of an earlier one only if a migration says so by its values, which are compared.
const LADDERS: [&[&str]; 5] = [
    &["tinyint", "smallint", "mediumint", "integer", "int", "bigint"],
    &["real", "float", "double precision", "double"],
    &["tinytext", "text", "mediumtext", "longtext"],
    &["tinyblob", "blob", "mediumblob", "longblob"],
    &["date", "datetime", "timestamp without time zone", "timestamp with time zone"],
];

/// A type without its parameters, and these: `numeric(10,2)`.
struct Parsed<'t> {
    base: String,
    sizes: Vec<u64>,
    rest: &'t str,
}

fn parsed(text: &str) -> Parsed<'_> {
    let Some((base, rest)) = text.split_once('(') else {
        // A name of several words, or one word with what a server adds: `text utf8mb4_general_ci`.
        let known = LADDERS.iter().any(|ladder| ladder.contains(&text));
        let (base, rest) = if known { (text, "") } else { text.split_once(' ').unwrap_or((text, "")) };
        return Parsed { base: base.to_owned(), sizes: Vec::new(), rest };
    };
    let (sizes, rest) = rest.split_once(')').unwrap_or((rest, ""));
    let sizes = sizes.split(',').filter_map(|size| size.trim().parse().ok()).collect();
    Parsed { base: base.trim().to_owned(), sizes, rest: rest.trim() }
}

/// The collation that MariaDB and MySQL print with a type.
fn collation<'t>(parsed: &Parsed<'t>) -> Option<&'t str> {
    parsed.rest.split(' ').find(|word| ["_ci", "_cs", "_bin"].iter().any(|end| word.ends_with(end)))
}

/// How the new type takes less than the old one; none if it does not, or if the types alone do not decide it.
pub(in crate::check) fn narrows(old: &str, new: &str) -> Option<String> {
    let (before, after) = (parsed(old), parsed(new));
    if let (Some(was), Some(is)) = (collation(&before), collation(&after))
        && was != is
    {
        return Some("its values are compared in another way".to_owned());
    }
    let ladder = LADDERS.iter().find_map(|ladder| {
        let place = |base: &str| ladder.iter().position(|step| *step == base);
        Some((place(&before.base)?, place(&after.base)?))
    });
    if let Some((was, is)) = ladder {
        return (is < was).then(|| "its range is smaller".to_owned());
    }
    let is_text = |base: &str| ["text", "tinytext", "mediumtext", "longtext"].contains(&base);
    let is_bounded = |base: &str| ["character varying", "varchar", "character", "char"].contains(&base);
    if is_text(&before.base) && is_bounded(&after.base) && !after.sizes.is_empty() {
        return Some("its texts are bounded".to_owned());
    }
    if is_bounded(&before.base) && is_bounded(&after.base) {
        return match (before.sizes.first(), after.sizes.first()) {
            (Some(was), Some(is)) if is < was => Some("its texts are shorter".to_owned()),
            (None, Some(_)) => Some("its texts are bounded".to_owned()),
            _ => None,
        };
    }
    let is_exact = |base: &str| ["numeric", "decimal"].contains(&base);
    if is_exact(&before.base) && LADDERS.iter().take(2).any(|ladder| ladder.contains(&after.base.as_str())) {
        return Some("its numbers lose exactness or fractions".to_owned());
    }
    if before.base == after.base && before.rest == after.rest {
        let smaller = before.sizes.iter().zip(&after.sizes).any(|(was, is)| is < was);
        let bounded = before.sizes.is_empty() && !after.sizes.is_empty();
        return (smaller || bounded).then(|| "its size is smaller".to_owned());
    }
    let is_fraction = |base: &str| LADDERS[1].contains(&base);
    if is_fraction(&before.base) && LADDERS[0].contains(&after.base.as_str()) {
        return Some("it takes no fractions".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::narrows;

    #[test]
    fn a_type_that_takes_less_is_told() {
        for (old, new) in [
            ("text", "character varying(255)"),
            ("character varying(255)", "character varying(100)"),
            ("character varying", "character varying(100)"),
            ("varchar(255)", "char(10)"),
            ("double precision", "real"),
            ("double precision", "integer"),
            ("bigint", "integer"),
            ("numeric(10,2)", "numeric(8,2)"),
            ("numeric(10,2)", "numeric(10,0)"),
            ("numeric", "numeric(10,2)"),
            ("numeric(10,2)", "double precision"),
            ("longtext", "text"),
            ("longtext", "varchar(100)"),
            ("text utf8mb4_general_ci", "varchar(100) utf8mb4_general_ci"),
            ("varchar(100) utf8mb4_general_ci", "varchar(100) utf8mb4_bin"),
            ("bigint(20)", "int(11)"),
            ("timestamp without time zone", "date"),
            ("timestamp(6) without time zone", "timestamp(0) without time zone"),
        ] {
            assert!(narrows(old, new).is_some(), "{old} → {new}");
        }
        for (old, new) in [
            ("character varying(100)", "text"),
            ("character varying(100)", "character varying(255)"),
            ("integer", "bigint"),
            ("real", "double precision"),
            ("numeric(8,2)", "numeric(10,2)"),
            ("timestamp without time zone", "timestamp with time zone"),
            ("json", "jsonb"),
            ("text", "longtext"),
            ("varchar(50) utf8mb4_general_ci", "varchar(60) utf8mb4_general_ci"),
            ("varchar(50) utf8mb4_general_ci", "text utf8mb4_general_ci"),
            ("integer", "uuid"),
        ] {
            assert_eq!(narrows(old, new), None, "{old} → {new}");
        }
    }
}
