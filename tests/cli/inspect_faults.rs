//! `rehearse backup inspect`: backups that are whole archives and yet no good, and what is to be done about each. What
//! people read is held word by word by `inspect_faults.txt`; `REHEARSE_BLESS=1` writes it anew: read what has changed.

use std::path::Path;

use serde_json::json;

use super::Tried;
use super::backups::{Backup, DUMP, ERAS, Era, Made, bundle, file, gzip};
use super::inspect::{FINE, fine, seen, text_output};

const INFORMATION: &str = "backup_information.yml";

fn era(release: &str) -> Made<&'static Era> {
    ERAS.iter().find(|era| era.release == release).ok_or_else(|| format!("no {release}").into())
}

/// A backup of which one line of its information is another.
fn informed(mut backup: Backup, from: &str, to: &str) -> Made<Backup> {
    let content = &mut backup.entry(INFORMATION)?.content;
    let text = String::from_utf8(content.clone())?;
    assert!(text.contains(from), "{text}");
    *content = text.replace(from, to).into_bytes();
    Ok(backup)
}

/// A folder with this backup, and both files beside it.
fn complete(backup: &Backup) -> Made<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    backup.write(folder.path())?;
    std::fs::write(folder.path().join("gitlab-secrets.json"), r#"{"gitlab_rails": {"db_key_base": "x"}}"#)?;
    std::fs::write(folder.path().join("gitlab.rb"), "external_url 'http://gitlab.example.com'\n")?;
    Ok(folder)
}

/// The exit status, the problems, one per line, and the whole text output: each run takes time, so there is only one.
fn problems(folder: &Path, backup: &str) -> Made<(Option<i32>, String, String)> {
    let output = text_output(folder, backup)?;
    let status = output.lines().find_map(|line| line.strip_prefix("--- exit ")).and_then(|status| status.parse().ok());
    let problems = output.lines().filter_map(|line| line.strip_prefix("error: ")).map(|said| format!("{said}\n"));
    Ok((status, problems.collect(), output))
}

/// The last paragraph: the conclusion and what to do.
fn advice(output: &str) -> String {
    let begin = output.trim_end().rfind("\n\n").map_or(0, |at| at + 2);
    output.get(begin..).unwrap_or_default().trim_end().to_owned()
}

#[test]
fn the_worst_missing_part_comes_first_and_nothing_is_rehearsed_without_it() -> Tried {
    let backup = era("18.2.8")?.backup("", "db,uploads")?;
    let folder = tempfile::tempdir()?;
    backup.write(folder.path())?;
    let read = text_output(folder.path(), &backup.name)?;
    assert!(read.contains("nothing can be restored from it: it lacks database"), "{read}");
    assert!(read.contains("missing\n  database (db/database.sql.gz): nothing can be restored\n"), "{read}");
    let next = "next: make a new backup that contains database: `gitlab-backup create`, without `db` in its SKIP; this one \
                cannot be rehearsed\nthen: put gitlab-secrets.json into the folder of the archive\n--- exit 0";
    assert!(read.contains(next) && !read.contains("rehearse path"), "{read}");
    // It is not there, whoever meant it so; what is missing beside the archive is no reason to make another.
    let backup = fine()?;
    backup.write(folder.path())?;
    let read = advice(&text_output(folder.path(), FINE)?);
    assert!(!read.contains("make a new backup") && read.contains("then: rehearse path"), "{read}");
    // Another part is needed too, and can be left out on purpose.
    fine()?.without("uploads.tar.gz").write(folder.path())?;
    let read = advice(&text_output(folder.path(), FINE)?);
    assert!(read.contains("next: make a new backup that contains uploads; this one cannot be rehearsed"), "{read}");
    assert!(!read.contains("rehearse path"), "{read}");
    Ok(())
}

#[test]
fn a_folder_of_several_backups_is_ambiguous_and_names_the_newest() -> Tried {
    let folder = tempfile::tempdir()?;
    for era in &ERAS {
        era.backup("", "")?.write(folder.path())?;
    }
    // In another order than that of their names.
    for name in ["999_gitlab_backup.tar", "0999999999_2001_09_09_9.0.0_gitlab_backup.tar"] {
        std::fs::write(folder.path().join(name), "")?;
    }
    std::fs::File::options()
        .write(true)
        .open(folder.path().join("999_gitlab_backup.tar"))?
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_750_000_000))?;
    let (status, said, output) = problems(folder.path(), ".")?;
    assert_eq!(status, Some(2));
    let newest =
        format!("a folder that holds 7 backups, the newest first: `{FINE}`, `999_gitlab_backup.tar`, `1728550000_");
    assert!(said.contains(&newest) && said.contains(", …; name one"), "{said}");
    assert!(output.contains(&format!("next: choose one of them: rehearse backup inspect ./{FINE}\n")), "{output}");
    for never in ["damaged", r"\d", "(?P", "checksums", "rehearse path"] {
        assert!(!output.contains(never), "{never}: {output}");
    }
    let empty = tempfile::tempdir()?;
    let (seen, status) = seen(Path::new(env!("CARGO_MANIFEST_DIR")), &empty.path().display().to_string())?;
    assert!(status == Some(2) && !seen["problems"].to_string().contains(r"\d"), "{seen:#}");
    Ok(())
}

#[test]
fn an_unusable_file_next_to_the_archive_is_a_problem() -> Tried {
    for (name, content, said) in [
        ("gitlab-secrets.json", "", "expected an object of JSON, beside the archive, seen an empty file"),
        ("gitlab-secrets.json", " \n", "expected an object of JSON, beside the archive, seen a file of blanks only"),
        (
            "gitlab-secrets.json",
            "db_key_base: abc\n",
            "expected an object of JSON, beside the archive, seen expected value at line 1",
        ),
        ("gitlab-secrets.json", "{\"gitlab_rails\": {\"db_key_base\": \"hush", "seen EOF while parsing a string"),
        ("gitlab-secrets.json", "{\"a\": 1, \"a\": 2}", "seen the key `a` is repeated"),
        ("gitlab-secrets.json", "[]", "seen JSON that is not an object"),
        ("gitlab-secrets.json", "null", "seen JSON that is not an object"),
        ("gitlab.rb", "", "expected text in UTF-8, beside the archive, seen an empty file"),
        ("gitlab.rb", "\n\t \n", "expected text in UTF-8, beside the archive, seen a file of blanks only"),
    ] {
        let folder = complete(&fine()?)?;
        std::fs::write(folder.path().join(name), content)?;
        let (status, problems, output) = problems(folder.path(), FINE)?;
        let at = format!("the backup's file {name}: ");
        assert!(status == Some(2) && problems.starts_with(&at) && problems.contains(said), "{content}: {problems}");
        let next = format!("next: copy /etc/gitlab/{name} of production into the folder of the archive again\n");
        assert!(output.contains(&next) && !output.contains("damaged") && !output.contains("hush"), "{output}");
    }
    Ok(())
}

#[test]
fn empty_bundles_are_reported_with_their_number_and_the_first_of_them() -> Tried {
    for era in &ERAS {
        let mut backup = era.backup("", "")?;
        let mut bundles: Vec<_> = backup.entries.iter_mut().filter(|entry| entry.name.ends_with(".bundle")).collect();
        let (first, count) = (bundles[0].name.clone(), bundles.len());
        bundles.iter_mut().for_each(|bundle| bundle.content.clear());
        let folder = complete(&backup)?;
        let (status, said, _) = problems(folder.path(), &backup.name)?;
        let expected =
            format!("repositories/: expected no empty file of this kind, seen {count} files of 0 bytes: `{first}`");
        assert!(status == Some(2) && said.contains(&expected), "{}: {said}", era.release);
        assert_eq!(said.ends_with(", …\n"), count > 5, "{said}");
    }
    Ok(())
}

#[test]
fn a_bundle_that_is_not_whole_is_damage_although_its_part_has_no_format() -> Tried {
    type Change = fn(&mut Vec<u8>);
    let cut: Change = |bundle| bundle.truncate(bundle.len() - 1);
    let flipped: Change = |bundle| bundle.iter_mut().next_back().into_iter().for_each(|last| *last ^= 1);
    let followed: Change = |bundle| bundle.extend(b"more");
    let zeros: Change = |bundle| bundle.fill(0);
    let changes = [
        (cut, "it ends in the middle of the digest of the pack, after 105 bytes: it was cut off"),
        (flipped, "the digest of the pack does not match, at byte 106"),
        (followed, "something follows the end of the bundle, at byte 106"),
        (zeros, "its name says that it is a bundle of Git, but it begins with `"),
    ];
    for (change, expected) in changes {
        let mut backup = fine()?;
        let bundle = backup.entries.iter_mut().find(|entry| entry.name.ends_with("/001.bundle")).ok_or("no bundle")?;
        change(&mut bundle.content);
        let folder = complete(&backup)?;
        let (status, said, output) = problems(folder.path(), FINE)?;
        assert!(status == Some(2) && said.contains("/001.bundle: expected a whole file, seen "), "{said}");
        assert!(said.contains(expected) && output.contains("do not use it: it is damaged"), "{said}");
    }
    Ok(())
}

#[test]
fn something_behind_the_end_of_an_archive_is_damage() -> Tried {
    let folder = complete(&fine()?)?;
    let archive = folder.path().join(FINE);
    let twice = std::fs::read(&archive)?.repeat(2);
    std::fs::write(&archive, twice)?;
    let (status, said, _) = problems(folder.path(), FINE)?;
    let expected = "expected nothing after the end of the archive, seen bytes after its end, which no restore reads";
    assert!(status == Some(2) && said.contains(expected), "{said}");
    Ok(())
}

#[test]
fn a_part_that_is_present_although_listed_as_left_out_is_a_contradiction() -> Tried {
    for (word, part) in [("uploads", "uploads"), ("db", "database"), ("repositories", "repositories")] {
        let folder = complete(&informed(fine()?, ":skipped: ", &format!(":skipped: {word},remote"))?)?;
        let (status, said, output) = problems(folder.path(), FINE)?;
        let expected = format!("{INFORMATION} says that `{word}` was left out, seen {part} of ");
        assert!(status == Some(2) && said.contains(&expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.contains("next: make a new backup, as a restore may leave out what"), "{output}");
    }
    Ok(())
}

#[test]
fn an_increment_names_its_base_and_is_useless_without_the_beginning() -> Tried {
    let base = "1759831200_2025_10_07_18.2.8";
    let whole = informed(fine()?, ":full_backup_id: ", &format!(":full_backup_id: {base}"))?;
    let bundles = |backup: &Backup| -> Vec<String> {
        backup.entries.iter().map(|entry| entry.name.clone()).filter(|name| name.ends_with("/001.bundle")).collect()
    };
    let first = bundles(&whole).first().ok_or("no bundle")?.clone();
    let later = first.replace("/1759917600_2025_10_08_18.2.8/001.", "/1760000000_2025_10_09_18.2.8/002.");
    assert_ne!(first, later);
    // GitLab unpacks the full backup first: the archive of an increment holds both.
    let folder = complete(&whole.clone().with(file(&later, bundle())))?;
    let (seen, status) = seen(folder.path(), FINE)?;
    assert_eq!((status, &seen["problems"], &seen["complete"]), (Some(0), &json!([]), &json!(true)));
    assert_eq!(seen["facts"]["increment of"], base);
    let lost = whole.clone().with(file(&later, bundle())).without(&first);
    let lost = lost.without(&first.replace(".bundle", ".refs"));
    let folder = complete(&lost)?;
    let (status, said, output) = problems(folder.path(), FINE)?;
    let expected = "expected increment 1 of everything that has later ones, seen 1 object with later increments only: `default/@hashed/";
    assert!(status == Some(2) && said.contains(expected), "{said}");
    assert!(said.contains(&format!("; the backup continues {base}")), "{said}");
    assert!(output.contains("next: make a new backup that holds repositories from the beginning"), "{output}");
    Ok(())
}

#[test]
fn an_unpublished_release_is_reported_with_the_nearest_ones() -> Tried {
    for (release, edition, near) in [
        ("18.2.77", "ce", "near ones are 18.2.8, 18.2.7, "),
        ("15.7.4-ee", "ee", "near ones are 15.7."),
        ("99.1.0", "ce", "near ones are 19."),
    ] {
        let mut backup = informed(fine()?, ":gitlab_version: 18.2.8", &format!(":gitlab_version: {release}"))?;
        backup.name = format!("1759917600_2025_10_08_{release}_gitlab_backup.tar");
        let folder = complete(&backup)?;
        let (json, _) = seen(folder.path(), &backup.name)?;
        assert_eq!((&json["image"], &json["edition"]), (&serde_json::Value::Null, &json!(edition)));
        let (status, said, output) = problems(folder.path(), &backup.name)?;
        let expected = "the backup's release: expected one of the releases that were published, seen ";
        assert!(status == Some(2) && said.contains(expected) && said.contains(near), "{said}");
        assert!(
            output.contains("next: find out which release really made it") && !output.contains("rehearse path"),
            "{output}"
        );
        assert_eq!(output.contains("give a newer list with --product-dir"), release == "99.1.0", "{output}");
        assert!(!output.contains("restored by") && !output.contains("damaged"), "{output}");
    }
    Ok(())
}

#[test]
fn a_dump_cut_off_among_rows_is_damaged_even_if_a_row_holds_the_end_mark() -> Tried {
    let rows = "COPY public.notes (note) FROM stdin;\nfirst\n-- PostgreSQL database dump complete\n";
    let begin = DUMP.split("SET ").next().ok_or("no beginning")?;
    let end = DUMP.split("= 0;").nth(1).ok_or("no end")?;
    for (dump, status) in [(format!("{begin}{rows}"), 2), (format!("{begin}{rows}\\.\n{end}"), 0)] {
        let mut backup = fine()?;
        backup.entry("db/database.sql.gz")?.content = gzip(dump)?;
        let folder = complete(&backup)?;
        let (seen, said, _) = problems(folder.path(), FINE)?;
        assert_eq!(seen, Some(status), "{said}");
        let expected = "it ends among the rows of `public.notes`: pg_dump ended early";
        assert_eq!(said.contains(expected), status == 2, "{said}");
    }
    Ok(())
}

#[test]
fn a_renamed_backup_gets_the_command_that_restores_its_name() -> Tried {
    for (inside, release, edition) in [("18.2.7", "18.2.7", "ce"), ("18.2.8-ee", "18.2.8", "ee")] {
        let folder = complete(&informed(fine()?, ":gitlab_version: 18.2.8", &format!(":gitlab_version: {inside}"))?)?;
        let (status, said, output) = problems(folder.path(), FINE)?;
        let expected =
            format!("expected 18.2.8 (ce), as its name says, seen {release} ({edition}) inside, which is what counts");
        assert!(status == Some(2) && said.contains(&expected), "{said}");
        let renamed = FINE.replace("18.2.8", inside);
        let next =
            format!("next: restore the name of the backup of {release} ({edition}): mv -n -- {FINE} {renamed}\n");
        assert!(output.contains(&next) && !output.contains("checksums"), "{output}");
        std::fs::rename(folder.path().join(FINE), folder.path().join(&renamed))?;
        let (status, said, _) = problems(folder.path(), &renamed)?;
        assert_eq!((status, said.as_str()), (Some(0), ""));
    }
    // A name that no shell takes as it is; and an information that would make it another path.
    let folder = tempfile::tempdir()?;
    let within = folder.path().join("it's here; rm -r x");
    std::fs::create_dir(&within)?;
    informed(fine()?, ":gitlab_version: 18.2.8", ":gitlab_version: 18.2.7")?.write(&within)?;
    let output = text_output(folder.path(), &format!("it's here; rm -r x/{FINE}"))?;
    assert!(output.contains(&format!(r"mv -n -- 'it'\''s here; rm -r x/{FINE}' 'it'\''s here;")), "{output}");
    Ok(())
}

#[test]
fn people_read_what_is_wrong_and_what_to_do() -> Tried {
    let mut text = String::new();
    let mut add = |what: &str, folder: &Path, backup: &str| -> Tried {
        text.push_str(&format!("=== {what}\n{}\n\n", advice(&text_output(folder, backup)?)));
        Ok(())
    };
    let skipped = era("18.2.8")?.backup("", "db,uploads")?;
    add("no database", complete(&skipped)?.path(), &skipped.name)?;
    let folder = complete(&fine()?)?;
    era("16.11.10")?.backup("", "")?.write(folder.path())?;
    add("a folder of two", folder.path(), ".")?;
    std::fs::write(folder.path().join("gitlab-secrets.json"), "no JSON")?;
    add("no secrets", folder.path(), FINE)?;
    let contradiction = informed(fine()?, ":skipped: ", ":skipped: uploads")?;
    add("left out and there", complete(&contradiction)?.path(), FINE)?;
    let renamed = informed(fine()?, ":gitlab_version: 18.2.8", ":gitlab_version: 18.2.7")?;
    add("renamed", complete(&renamed)?.path(), FINE)?;
    let mut unpublished = informed(fine()?, ":gitlab_version: 18.2.8", ":gitlab_version: 18.2.77")?;
    unpublished.name = FINE.replace("18.2.8", "18.2.77");
    add("never published", complete(&unpublished)?.path(), &unpublished.name)?;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/inspect_faults.txt");
    if std::env::var_os("REHEARSE_BLESS").is_some() {
        std::fs::write(&golden, &text)?;
    }
    assert_eq!(text, std::fs::read_to_string(golden)?, "REHEARSE_BLESS=1 writes it anew");
    Ok(())
}
