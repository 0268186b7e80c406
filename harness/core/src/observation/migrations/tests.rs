use proptest::prelude::*;

use super::*;

const LONG: &str = "virtualization.0010_vminterface_mac_address_data_m";

fn read(format: MigrationFormat, text: &str) -> (MigrationReader, Vec<MigrationEvent>) {
    let mut reader = MigrationReader::new(format);
    // Cut in odd places: chunks from a container end anywhere.
    let mut events: Vec<MigrationEvent> = text.as_bytes().chunks(7).flat_map(|chunk| reader.take(chunk)).collect();
    events.extend(reader.finish(false));
    (reader, events)
}

fn rails(text: &str) -> MigrationReader {
    read(MigrationFormat::Rails, text).0
}

#[test]
fn a_fresh_installation_runs_301_migrations() {
    let reader = rails(include_str!("../../../tests/data/fresh-migrate-5.0.4.log"));
    assert_eq!(reader.ended().len(), 301);
    assert!(reader.running().is_none());
}

#[test]
fn a_long_name_without_closing_signs_is_still_read() {
    let reader = rails(include_str!("../../../tests/data/migrate-5.0.4-to-6.0.5.log"));
    assert_eq!(reader.ended().len(), 16);
    assert!(reader.ended().iter().any(|m| m.name == "DeleteOrphanedQueryAndRoleFromQueriesRoles"));
    assert!(reader.ended().iter().all(|m| m.took.is_some()));
    assert_eq!(rails(include_str!("../../../tests/data/migrate-6.0.5-to-6.1.5.log")).ended().len(), 5);
}

#[test]
fn the_migration_that_failed_is_the_one_still_running() {
    for (log, version) in [
        (include_str!("../../../tests/data/fail-dup-identifier.log"), "20241213003659"),
        (include_str!("../../../tests/data/fail-dup-column.log"), "20230818020734"),
        (include_str!("../../../tests/data/dirty-migrate-6.1.log"), "20250423065135"),
    ] {
        assert_eq!(rails(log).running().map(|m| m.version.as_str()), Some(version));
    }
}

#[test]
fn a_database_prefix_is_no_part_of_the_version() {
    let reader = rails("== main: 20240101000000 AddThing: migrating ===\n");
    assert_eq!(reader.running().map(|m| m.version.as_str()), Some("20240101000000"));
    let reader =
        rails("== 20240101000000 AddThing: migrated (0.0100s) \nmain: == [advisory_lock_connection] object_id: 1\n");
    assert_eq!(reader.ended().len(), 1);
    // Of several databases, and as a configuration tool passes it on.
    let reader = rails(
        "main: == 20240101000000 AddThing: migrating ===\n    [execute] ci: == 20240101000001 AddOther: migrating ==\n",
    );
    assert_eq!(reader.running().map(|m| m.version.as_str()), Some("20240101000001"));
    let reader = rails(
        "  main: == 20240101000000 AddThing: migrating ===\n  main: == 20240101000000 AddThing: migrated (0.0100s) ===\n",
    );
    assert_eq!((reader.ended().len(), reader.running().is_none()), (1, true));
}

/// The events, one word each: `+` began, `=` ended, `-` reverted, with the seconds; `!` is still running.
fn check(format: MigrationFormat, text: &str, expected: &str) {
    let (reader, events) = read(format, text);
    let took = |migration: &Migration| migration.took.map_or(String::new(), |took| format!("@{}", took.as_secs_f64()));
    let mut actual: Vec<String> = events
        .iter()
        .map(|event| match event {
            MigrationEvent::Began(migration) => format!("+{}", migration.version),
            MigrationEvent::Ended(migration) => format!("={}{}", migration.version, took(migration)),
            MigrationEvent::Reverted(migration) => format!("-{}{}", migration.version, took(migration)),
        })
        .collect();
    actual.extend(reader.running().map(|migration| format!("!{}", migration.version)));
    assert_eq!(actual.join(" "), expected, "{text:?}");
}

#[test]
fn rails_reverts_migrations() {
    let text = "== 7 A: migrating =\n== 7 A: migrated (0.5s) =\n== 7 A: reverting =\n== 7 A: reverted (0.25s) =\n";
    check(MigrationFormat::Rails, text, "+7 =7@0.5 +7 -7@0.25");
    assert!(rails(text).ended().is_empty() && rails(text).recorded().is_empty());
}

#[test]
fn django_names_a_migration_as_it_begins_and_ends_it_where_ok_stands_alone() {
    let check = |text: &str, expected: &str| check(MigrationFormat::Django, text, expected);
    check("  Applying ipam.0027_remove_rir_slug... OK\n", "+ipam.0027_remove_rir_slug =ipam.0027_remove_rir_slug");
    check(&format!("  Applying {LONG}... OK        0.01s\n"), &format!("+{LONG} ={LONG}@0.01"));
    check(
        "  Applying wireless.0001_initial...                              OK        0.31s\n",
        "+wireless.0001_initial =wireless.0001_initial@0.31",
    );
    check("  Applying a.0001_x... OK (12.125s)\n", "+a.0001_x =a.0001_x@12.125");
    check("  Applying a.0001_x... FAKED\n", "+a.0001_x =a.0001_x");
    check("  Applying a.0001_x... FAKED    12.17s\n", "+a.0001_x =a.0001_x@12.17");
    // Something else is printed meanwhile; it may even speak of OK.
    check("  Applying a.0001_x...09:00 INFO job: all OK\n more is OK\n OK\n", "+a.0001_x =a.0001_x");
    check(
        "  Applying a.0001_x...Traceback (most recent call last):\n  File x\nIntegrityError\n",
        "+a.0001_x !a.0001_x",
    );
    // The end was lost in what was printed meanwhile; that the next begins tells it.
    check("  Applying a.0001_x...noise OK\n  Applying b.0002_y... OK\n", "+a.0001_x =a.0001_x +b.0002_y =b.0002_y");
    check("  Applying a.0001_x... OK  Applying b.0002_y...", "+a.0001_x =a.0001_x +b.0002_y !b.0002_y");
    // Started anew: it did not end the first time.
    check("  Applying a.0001_x...\n  Applying a.0001_x... OK\n", "+a.0001_x +a.0001_x =a.0001_x");
    check("  Unapplying a.0002_y... OK\n", "+a.0002_y -a.0002_y");
    // Colours, carriage returns, what a container engine writes before a line.
    check("  Applying a.0001_x...\x1b[32;1m OK\x1b[0m\r\n", "+a.0001_x =a.0001_x");
    check("web-1  |   Applying a.0001_x...INFO\nweb-1  |  OK\n", "+a.0001_x =a.0001_x");
    check("2026-01-02T03:04:05.678Z   Applying a.0001_x...\n2026-01-02T03:04:06Z  OK\n", "+a.0001_x =a.0001_x");
    // No migration of this kind.
    check("  Rendering model states...                      DONE     19.10s\n OK\nApplying patches... OK\n", "");
    check("INFO Applying a.0001_x... OK\n", "");
}

#[test]
fn a_migration_shows_before_its_line_ends() {
    let mut reader = MigrationReader::new(MigrationFormat::Django);
    assert!(reader.take(b"  Applying a.0001_x").is_empty());
    assert_eq!(reader.take(b"...").len(), 1);
    assert_eq!(reader.running().map(|migration| migration.version.as_str()), Some("a.0001_x"));
    assert!(reader.take(b" O").is_empty());
    assert_eq!(reader.take(b"K\n").len(), 1);
}

#[test]
fn the_lines_of_two_streams_do_not_run_into_each_other() {
    let mut reader = MigrationReader::new(MigrationFormat::Django);
    reader.take(b"  Applying a.0001_x...");
    reader.take_err(b"WARNING: slow");
    reader.take(b" OK\n");
    assert_eq!(reader.ended().len(), 1);
}

#[test]
fn a_name_that_was_cut_stands_for_the_only_one_it_is_cut_from() {
    let reader = MigrationReader::new(MigrationFormat::Django);
    let (one, other) = (format!("{LONG}igration"), format!("{LONG}erge"));
    assert_eq!(reader.full(LONG, [one.as_str(), "a.0001_x"]), Some(one.as_str()));
    assert_eq!(reader.full(LONG, [one.as_str(), other.as_str()]), None);
    assert_eq!(reader.full(LONG, [one.as_str(), LONG]), Some(LONG));
    // A short name was not cut: it is not the longer one.
    assert_eq!(reader.full("ipam.0027_remove", ["ipam.0027_remove_rir_slug"]), None);
}

#[test]
fn alembic_tells_an_end_by_the_next_beginning_or_by_a_good_end() {
    let log = "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.\n\
        INFO  [alembic.runtime.migration] Running upgrade  -> 1975ea83b712, create account table\n\
        INFO  [alembic.runtime.migration] Running upgrade 1975ea83b712 -> ae1027a6acf, Add a column, and more\n";
    check(MigrationFormat::Alembic, log, "+1975ea83b712 =1975ea83b712 +ae1027a6acf !ae1027a6acf");
    let (mut reader, _) = read(MigrationFormat::Alembic, log);
    assert_eq!(reader.running().map(Migration::title).as_deref(), Some("ae1027a6acf Add a column, and more"));
    assert_eq!(reader.recorded(), ["1975ea83b712"]);
    assert_eq!(reader.finish(true).len(), 1);
    assert_eq!(reader.recorded(), ["ae1027a6acf"]);
    check(MigrationFormat::Alembic, "10:00 | INFO | Running upgrade a1, b2 -> c3, merge", "+c3 !c3");
    check(MigrationFormat::Alembic, "Running upgrade a1 -> c3\r\nRunning downgrade c3 -> a1, x\n", "+c3 =c3 +c3 !c3");
    check(MigrationFormat::Alembic, "Running upgrade\nRunning upgrades a -> b now\nRunning upgrade a -> \n", "");
}

#[test]
fn recorded_outputs_of_django_are_read() {
    let (reader, _) = read(MigrationFormat::Django, include_str!("../../../tests/data/django-fail-unique.log"));
    assert_eq!(reader.ended().len(), 17);
    // Its ` OK` stands on a line of its own, behind a log line that ends in OK.
    assert_eq!(reader.ended().last().map(|m| m.version.as_str()), Some("shop.0002_fill"));
    assert_eq!(reader.running().map(|m| m.version.as_str()), Some("shop.0003_unique_slug"));
    let log = include_str!("../../../tests/data/django-verbose-coloured-back-and-faked.log");
    check(
        MigrationFormat::Django,
        log,
        "+shop.0002_fill -shop.0002_fill@0.112 +shop.0001_initial -shop.0001_initial@0.068 \
         +shop.0001_initial =shop.0001_initial",
    );
}

#[test]
fn recorded_outputs_of_alembic_are_read() {
    let up = include_str!("../../../tests/data/alembic-branches-and-merge.log");
    let (mut reader, _) = read(MigrationFormat::Alembic, up);
    assert_eq!(reader.recorded(), ["bb1027a6acf2", "ae1027a6acf1"]);
    assert_eq!(reader.running().map(Migration::title).as_deref(), Some("cc3 merge both"));
    reader.finish(true);
    assert_eq!((reader.ended().len(), reader.recorded()), (4, vec!["cc3"]));
    let down = include_str!("../../../tests/data/alembic-downgrade.log");
    reader.take(down.as_bytes());
    reader.finish(true);
    assert!(reader.ended().is_empty() && reader.recorded().is_empty() && reader.running().is_none(), "{reader:?}");
}

#[test]
fn an_endless_line_takes_no_memory() {
    for format in [MigrationFormat::Rails, MigrationFormat::Django, MigrationFormat::Alembic] {
        let mut reader = MigrationReader::new(format);
        for _ in 0..100 {
            reader.take(&[b'='; 100_000]);
        }
        assert!(reader.out.bytes.len() <= LONGEST_LINE);
    }
}

/// Pieces that outputs are made of, and that come near them.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"  Applying a.0001_x...",
        b"  Unapplying b.0002_y...",
        b" OK",
        b" FAKED     1.00s",
        b"\n",
        b"\r\n",
        b"\x1b[32m",
        b"== 7 A: migrating ===",
        b"== 7 A: migrated (0.5s) ===",
        b"Running upgrade a1 -> b2, x",
        b"Running downgrade b2 -> a1",
        b"\xff\xc3",
        b"noise ",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn it_does_not_matter_where_an_output_is_cut(bytes in output(), sizes in prop::collection::vec(1usize..30, 1..20)) {
        for format in [MigrationFormat::Rails, MigrationFormat::Django, MigrationFormat::Alembic] {
            let (mut whole, mut cut) = (MigrationReader::new(format), MigrationReader::new(format));
            let mut at_once = whole.take(&bytes);
            at_once.extend(whole.finish(true));
            let (mut rest, mut sizes) = (bytes.as_slice(), sizes.iter().cycle());
            let mut piecemeal = Vec::new();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                piecemeal.extend(cut.take(piece));
                rest = more;
            }
            piecemeal.extend(cut.finish(true));
            prop_assert_eq!(at_once, piecemeal);
            prop_assert_eq!(whole.running(), cut.running());
            prop_assert_eq!(whole.recorded(), cut.recorded());
        }
    }
}

#[test]
fn endless_output_of_a_migrator_is_read_up_to_a_limit() {
    let mut reader = MigrationReader::new(MigrationFormat::Django);
    let mut events = 0;
    for number in 0..3 * MOST {
        events += reader.take(format!("  Applying app.{number:09}_x... OK\n").as_bytes()).len();
    }
    assert_eq!((reader.ended().len(), events), (MOST, 2 * MOST));
    // Nor does a line without an end take memory.
    for _ in 0..300 {
        assert!(reader.take(&vec![b'x'; 1 << 20]).is_empty());
    }
    assert!(reader.out.bytes.capacity() <= 2 * LONGEST_LINE);
}
