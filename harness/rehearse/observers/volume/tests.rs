use std::path::Path;
use std::process::Command;

use rehearse_core::check::{FileTerms, judge_files};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;

use super::*;

type Tried<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What is read of a folder, as an engine would stream it.
fn read(folder: &Path) -> Tried<FileTree> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    archive.append_dir_all("root", folder)?;
    Ok(read_tree(archive.into_inner()?.as_slice())?)
}

fn git(folder: &Path, arguments: &[&str]) -> Tried {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").current_dir(folder).args(identity).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(())
}

/// The codes and files of all differences.
fn differences(before: &FileTree, now: &FileTree) -> Vec<(FindingCode, String)> {
    let one = |tree: &FileTree| [("v".to_owned(), tree.clone())].into();
    let mut report = CheckReport::new(CheckKind::Files, "volumes");
    let (volatile, written) = (BTreeMap::new(), Default::default());
    let terms = FileTerms { rules: &[], volatile: &volatile, written: &written };
    let differences = judge_files(&one(before), &one(now), terms, &mut report);
    differences.into_iter().map(|difference| (difference.code, difference.file)).collect()
}

#[test]
fn every_kind_of_entry_is_read() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    std::fs::create_dir(at.join("d"))?;
    std::fs::write(at.join("d/file"), "abc")?;
    std::fs::write(at.join("x".repeat(120)), "long")?;
    std::os::unix::fs::symlink("d/file", at.join("link"))?;
    let tree = read(at)?;
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    assert_eq!(tree.entries["d/file"].kind, FileKind::File { size: 3, digest });
    assert_eq!(tree.entries["d"].kind, FileKind::Folder);
    assert_eq!(tree.entries["link"].kind, FileKind::Link("d/file".into()));
    assert!(tree.entries.contains_key("") && tree.entries.contains_key(&"x".repeat(120)));
    assert_eq!((tree.files(), tree.bytes), (2, 7));
    let again = read(at)?;
    assert_eq!(tree, again);
    // As many bytes, and another content.
    std::fs::write(at.join("d/file"), "abd")?;
    assert_eq!(differences(&tree, &read(at)?), [(FindingCode::FileChanged, "v:d/file".to_owned())]);
    Ok(())
}

#[test]
fn configuration_is_kept_as_text_without_its_secrets() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    std::fs::write(at.join("app.yml"), "port: 80\ndb_password: geheim\n")?;
    std::fs::write(at.join("secret.json"), "{}")?;
    std::fs::write(at.join("photo.jpg"), "text")?;
    let texts = read(at)?.texts;
    assert_eq!(texts, [("app.yml".to_owned(), "port: 80\ndb_password: [not shown]\n".to_owned())].into());
    Ok(())
}

#[test]
fn a_stream_that_ends_early_is_an_error() -> Tried {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("file"), "x".repeat(100_000))?;
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("root", folder.path())?;
    let bytes = archive.into_inner()?;
    assert!(read_tree(bytes.as_slice()).is_ok());
    assert!(read_tree(&bytes[..50_000]).is_err());
    assert!(read_tree(&[][..]).is_err());
    Ok(())
}

#[test]
fn a_repository_means_the_same_however_it_is_packed() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    git(at, &["init", "-q", "--bare", "r.git"])?;
    git(at, &["clone", "-q", "r.git", "work"])?;
    let work = at.join("work");
    for content in ["one", "two"] {
        std::fs::write(work.join("file"), content)?;
        git(&work, &["add", "file"])?;
        git(&work, &["commit", "-qm", content])?;
    }
    git(&work, &["push", "-q", "origin", "HEAD:main", "HEAD~1:refs/tags/v1"])?;
    std::fs::remove_dir_all(&work)?;
    let before = read(at)?;
    let repository = &before.repositories["r.git"];
    assert_eq!((repository.head.as_str(), repository.references.len()), ("ref: refs/heads/main", 2));
    assert_eq!((repository.objects.len(), repository.damage.len()), (6, 0), "{repository:?}");

    let bare = at.join("r.git");
    git(&bare, &["repack", "-adq"])?;
    git(&bare, &["pack-refs", "--all"])?;
    let packed = read(at)?;
    assert_eq!(differences(&before, &packed), []);
    assert_eq!(packed.repositories["r.git"].objects, repository.objects);

    git(&bare, &["update-ref", "refs/heads/main", "refs/tags/v1"])?;
    let branch = "v:r.git/refs/heads/main".to_owned();
    assert_eq!(differences(&packed, &read(at)?), [(FindingCode::ReferenceChanged, branch)]);
    git(&bare, &["symbolic-ref", "HEAD", "refs/heads/other"])?;
    std::fs::write(bare.join("hooks/post-receive"), "#!/bin/sh\n")?;
    let found: Vec<_> = differences(&packed, &read(at)?).into_iter().map(|(_, file)| file).collect();
    assert_eq!(found, ["v:r.git/HEAD", "v:r.git/refs/heads/main", "v:r.git/hooks/post-receive"]);
    Ok(())
}

#[test]
fn a_damaged_pack_or_object_is_noticed() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    git(at, &["init", "-q", "r"])?;
    let work = at.join("r");
    std::fs::write(work.join("file"), "content of a file\n".repeat(100))?;
    git(&work, &["add", "file"])?;
    git(&work, &["commit", "-qm", "one"])?;
    let loose = read(at)?;
    assert_eq!(loose.repositories["r/.git"].damage, [""; 0]);
    let object = walkdir::WalkDir::new(work.join(".git/objects"))
        .into_iter()
        .flatten()
        .find(|entry| entry.file_type().is_file())
        .ok_or("no object")?;
    let damage = |path: &Path| -> Tried {
        let mut bytes = std::fs::read(path)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::remove_file(path)?;
        Ok(std::fs::write(path, bytes)?)
    };
    let sound = std::fs::read(object.path())?;
    damage(object.path())?;
    let code = (FindingCode::RepositoryDamaged, "v:r/.git".to_owned());
    assert_eq!(differences(&loose, &read(at)?).first(), Some(&code));
    std::fs::write(object.path(), sound)?;
    git(&work, &["repack", "-adq"])?;
    let packed = read(at)?;
    assert_eq!(differences(&loose, &packed), []);
    let packs = walkdir::WalkDir::new(work.join(".git/objects/pack")).into_iter().flatten();
    let pack = packs.into_iter().find(|entry| entry.path().extension().is_some_and(|kind| kind == "pack"));
    let pack = pack.ok_or("no pack")?.into_path();
    damage(&pack)?;
    assert_eq!(differences(&packed, &read(at)?).as_slice(), std::slice::from_ref(&code));
    std::fs::remove_file(&pack)?;
    let found = differences(&packed, &read(at)?);
    assert!(found.contains(&code), "{found:?}");
    Ok(())
}

#[test]
fn a_repository_with_ids_of_another_kind_is_not_called_damaged() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    git(at, &["init", "-q", "--object-format=sha256", "r"])?;
    std::fs::write(at.join("r/file"), "content")?;
    git(&at.join("r"), &["add", "file"])?;
    git(&at.join("r"), &["commit", "-qm", "one"])?;
    git(&at.join("r"), &["repack", "-adq"])?;
    let tree = read(at)?;
    let repository = &tree.repositories["r/.git"];
    assert_eq!((repository.damage.len(), repository.references.len()), (0, 1), "{repository:?}");
    Ok(())
}
