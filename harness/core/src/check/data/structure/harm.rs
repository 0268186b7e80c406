//! What something new in a database can do harm with. Everything else that is new is a note.

use std::collections::BTreeSet;

use crate::observation::{DataState, Item, ItemKind, Structure};

/// How catalogs call everybody.
const EVERYONE: &str = "everyone";

/// How a new item can do harm; none if it cannot.
pub(super) fn of_new(item: &Item, reference: &DataState, before: &Structure) -> Option<String> {
    let table = reference.tables.get(&item.table);
    let old_table = table.is_some();
    // Of new columns alone: no row that was there has a value in them.
    let only_new_columns = !item.columns.is_empty()
        && table.is_some_and(|table| item.columns.iter().all(|column| !table.columns.contains(column)));
    match item.kind {
        ItemKind::Privilege => {
            let grantee = grantee(&item.text)?;
            if grantee == EVERYONE {
                return Some("a right for everyone".to_owned());
            }
            let known: BTreeSet<&str> = before
                .items
                .iter()
                .filter(|item| item.kind == ItemKind::Privilege)
                .filter_map(|item| self::grantee(&item.text))
                .collect();
            let role = before.items.iter().any(|item| item.kind == ItemKind::Role && item.table == grantee);
            (old_table && !role && !known.contains(grantee)).then(|| "a right for a role that had none".to_owned())
        }
        ItemKind::Role => {
            let powers = ["superuser", "super", "create user", "grant option", "may create roles", "bypasses policies"];
            if let Some(power) = powers.into_iter().find(|power| item.text == *power) {
                return Some(format!("the role has the power: {power}"));
            }
            (was_there(item, before) && item.text.starts_with("member of "))
                .then(|| "the role has the rights of another one".to_owned())
        }
        ItemKind::Trigger if old_table => Some("it acts on rows of a table that was there".to_owned()),
        ItemKind::Constraint if old_table && !only_new_columns => {
            Some("it can refuse rows of a table that was there".to_owned())
        }
        ItemKind::Collation if old_table && !only_new_columns => {
            Some("values of the column are compared in another way".to_owned())
        }
        ItemKind::Event => Some("it acts by itself".to_owned()),
        ItemKind::Setting => match grantee(&item.text) {
            Some(EVERYONE) => Some("a right for everyone".to_owned()),
            Some(_) => None,
            None => Some("sessions run under a setting that they did not have".to_owned()),
        },
        // What is new may be made for everyone; what was there had been kept from them.
        ItemKind::View | ItemKind::Routine | ItemKind::Sequence | ItemKind::Schema => {
            (grantee(&item.text) == Some(EVERYONE) && was_there(item, before))
                .then(|| "a right for everyone".to_owned())
        }
        ItemKind::Index
        | ItemKind::ForeignKey
        | ItemKind::Constraint
        | ItemKind::NotNull
        | ItemKind::Default
        | ItemKind::Type
        | ItemKind::Trigger
        | ItemKind::Owner
        | ItemKind::Collation
        | ItemKind::UserType
        | ItemKind::Extension
        | ItemKind::LargeObject => None,
    }
}

/// Whether the object that an item is of was there.
fn was_there(item: &Item, before: &Structure) -> bool {
    before.items.iter().any(|known| known.kind == item.kind && known.table == item.table)
}

/// Who a privilege is for: `SELECT for app`.
fn grantee(text: &str) -> Option<&str> {
    text.rsplit_once(" for ").map(|(_, grantee)| grantee)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::TableState;

    #[test]
    fn only_what_can_do_harm_to_what_was_there_is_harmful() {
        let item =
            |kind, table: &str, text: &str| Item { kind, table: table.into(), text: text.into(), ..Item::default() };
        let reference = DataState {
            tables: [("old".to_owned(), TableState { columns: vec!["a".into()], ..TableState::default() })].into(),
            ..DataState::default()
        };
        let items = vec![
            item(ItemKind::Privilege, "old", "SELECT for app"),
            item(ItemKind::Role, "report", "it exists"),
            item(ItemKind::View, "worn", "1b2c"),
            item(ItemKind::Routine, "f()", "function"),
            item(ItemKind::Schema, "reports", "it exists"),
        ];
        let before = Structure { items, ..Structure::default() };
        for (kind, table, text, harmful) in [
            (ItemKind::Privilege, "old", "SELECT for everyone", true),
            (ItemKind::Privilege, "new", "SELECT for everyone", true),
            (ItemKind::Privilege, "old", "SELECT for stranger", true),
            (ItemKind::Privilege, "old", "DELETE for app", false),
            (ItemKind::Privilege, "old", "SELECT for report", false),
            (ItemKind::Privilege, "new", "SELECT for stranger", false),
            (ItemKind::Trigger, "old", "BEFORE INSERT", true),
            (ItemKind::Trigger, "new", "BEFORE INSERT", false),
            (ItemKind::Constraint, "old", "CHECK (a > 0)", true),
            (ItemKind::Constraint, "new", "CHECK (a > 0)", false),
            (ItemKind::Role, "boss", "superuser", true),
            (ItemKind::Role, "boss", "can log in", false),
            (ItemKind::Setting, "everybody", "default_transaction_read_only=on", true),
            (ItemKind::Setting, "database", "CREATE for everyone", true),
            (ItemKind::Setting, "database", "CONNECT for app", false),
            (ItemKind::Index, "old", "btree (a)", false),
            (ItemKind::Routine, "f()", "function", false),
            (ItemKind::Routine, "f()", "EXECUTE for everyone", true),
            (ItemKind::Routine, "f()", "EXECUTE for app", false),
            (ItemKind::Routine, "new()", "EXECUTE for everyone", false),
            (ItemKind::View, "worn", "SELECT for everyone", true),
            (ItemKind::Schema, "reports", "CREATE for everyone", true),
            (ItemKind::Schema, "new", "USAGE for everyone", false),
            (ItemKind::Role, "report", "member of app", true),
            (ItemKind::Role, "new", "member of app", false),
        ] {
            assert_eq!(of_new(&item(kind, table, text), &reference, &before).is_some(), harmful, "{table} {text}");
        }
        let of = |column: &str| {
            let check = item(ItemKind::Constraint, "old", "CHECK (b > 0)");
            of_new(&Item { columns: vec![column.to_owned()], ..check }, &reference, &before).is_some()
        };
        assert_eq!((of("a"), of("b")), (true, false));
    }
}
