//! Broken files, one mistake each, and all that is message of each: `broken.txt` holds it word by word.
//! `REHEARSE_BLESS=1` writes it anew; read what has changed.

use std::path::Path;
use std::process::Command;

use super::Tried;

const SCENARIO: &str = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\n";

/// What is put in place of a text of the scenario above; where there is none, it is added.
const SCENARIOS: &[(&str, &str)] = &[
    ("from: 5.0.4", "from: five"),
    ("from: 5.0.4", "from: [5.0.4]"),
    ("from: 5.0.4", "from: \"5.0\""),
    ("from: 5.0.4", "from:"),
    ("from: 5.0.4", "form: 5.0.4"),
    ("from: 5.0.4", "\tfrom: 5.0.4"),
    ("from: 5.0.4", " from: 5.0.4"),
    ("from: 5.0.4", "from: \"5.0.4"),
    ("from: 5.0.4", "from: 5.0.4: 6"),
    ("from: 5.0.4", "from: \0 5.0.4"),
    ("from: 5.0.4", "from: *release"),
    ("from: 5.0.4", "from: !!python/object 5.0.4"),
    ("from: 5.0.4", "from: 5.0.4\nfrom: 5.0.4"),
    ("from: 5.0.4", "<<: 5.0.4"),
    ("to: \"6.1\"", "to: \"5.0\""),
    ("to: \"6.1\"", "to: 9.9"),
    ("to: \"6.1\"", "to: { line: 6.1 }"),
    ("backup: b\n", ""),
    ("backup: b\n", "backup: \"\"\n"),
    ("scenario: s", "- scenario: s\nscenario: s"),
    ("scenario: s", "scenario: A B"),
    ("scenario: s", "scenario: \"\""),
    ("scenario: s", "scenario: ../s"),
    ("", "---\nscenario: t\n"),
    ("", "deadline: 30\n"),
    ("", "deadline: -5m\n"),
    ("", "deadline: 5 fortnights\n"),
    ("", "require: [versions]\n"),
    ("", "require: version\n"),
    ("", "skip-checks: { loggs: why }\n"),
    ("", "skip-checks: [logs]\n"),
    ("", "require-coverage: { table: 100 }\n"),
    ("", "require-coverage: { tables: 101 }\n"),
    ("", "tier: weekly\n"),
    ("", "services: { wep: { image: x } }\n"),
    ("", "hops: { \"9\": {} }\n"),
    ("", "prepare: [ { strat: [web] } ]\n"),
    ("", "prepare: [ { start: [wep] } ]\n"),
    ("", "prepare: [ { start: [] }, { stop: [] }, { restart: [] }, { replace: [] } ]\n"),
    ("", "prepare: [ { start: [web], stop: [web] } ]\n"),
    ("", "prepare: [ { sql: { query: \"select '{{ relase }}'\" } } ]\n"),
    ("", "prepare: [ { sql: { query: \"select '{{ release'\" } } ]\n"),
    ("", "prepare: [ { sql: {} } ]\n"),
    ("", "expect: { outcome: broken }\n"),
    ("", "expect: { outcome: failed, stage: hop-7/check, findings: [{ matches: x }] }\n"),
    ("", "expect: { outcome: failed, stage: hop-1/check, findings: [{ matches: \"(\" }] }\n"),
    ("", "rollback: maybe\n"),
    ("", "settings: { admin_kye: x }\n"),
    ("", "prepare: [ { sql: { query: \"select '{{ captured.id }}'\" } } ]\n"),
    (
        "",
        "prepare:\n  - sql: { query: select 1, capture: { id: value } }\n  - sql: { query: \"select {{ captured.ids }}\" }\n",
    ),
    (
        "",
        "prepare:\n  - sql: { query: select 1, capture: { id: value } }\n  - wait-until: { name: w, deadline: 1m, condition: { sql: { sql: \"select {{ captured.id }}\" } } }\n",
    ),
    ("", "prepare: [ { sql: { query: \"select {{ each.x }}\" } } ]\n"),
    ("", "prepare: [ { sql: { query: select 1, expect: { contains: [\"(\"] } } } ]\n"),
    ("", "prepare: [ { sql: { query: select 1, expect: { contains: [\"[{{ release }}\"] } } } ]\n"),
    ("", "prepare: [ { sql: { query: select 1, expect: { value: { matches: \"a{2\" } } } } ]\n"),
    ("", "prepare: [ { sql: { query: select 1, expect: { status: [200], exit: [0], headers: { a: b } } } } ]\n"),
    ("", "prepare: [ { exec: { service: web, command: [id], expect: { status: [200], value: { equals: 1 } } } } ]\n"),
    ("", "prepare: [ { http: { service: web, port: 3000, path: /, expect: { exit: [0], status: [2] } } } ]\n"),
    ("", "prepare: [ { http: { service: web, port: 3000, path: /, expect: { exit: [0] } } } ]\n"),
    ("", "prepare: [ { http: { service: web, port: 3000, path: /, unchanged: [status] } } ]\n"),
    ("", "prepare: [ { http: { service: web, port: 3000, path: /, capture: { a: value } } } ]\n"),
    ("", "prepare: [ { http: { service: web, port: 3000, path: /, capture: { a: { text: id=.* } } } } ]\n"),
    (
        "",
        "prepare: [ { http: { service: web, port: 0, path: / } }, { http: { service: web, port: 65536, path: / } } ]\n",
    ),
    ("", "skip-checks: { logs: \" \", data: false, files: }\n"),
    ("", "rollback: { skip: no }\n"),
    // What is quoted shows no secret.
    ("", "settings:\n  db_password: hunter2 extra: x\n"),
    ("", "settings: { db_password: hunter2, admin_kye: x }\n"),
    ("", "settings: { db_password: *hunter2 }\n"),
    ("", "settings: { db_password: [hunter2] }\n"),
];

/// The same for the file of a product.
const PRODUCTS: &[(&str, &str)] = &[
    ("releases: { catalog: releases.txt }", "releases: releases.txt"),
    ("  minors: any", "  minors: some"),
    ("  downgrade: refuse", "  downgrade: no"),
    ("product: redmine", "product: red mine"),
    ("\n  web:\n", "\n  web front:\n"),
    ("engine: postgresql", "engine: oracle"),
    ("service: db, name: redmine", "service: database, name: redmine"),
    ("shm-size: 128m", "shm-size: 128 apples"),
    ("stop-grace: 30s", "stop-grace: 30"),
    ("ports: [3000]", "ports: [300000]"),
    ("ports: [3000]", "ports: [0]"),
    ("volumes: { database: /var/lib/postgresql/data }", "volumes: { database: data }"),
    ("volumes: { database: /var/lib/postgresql/data }", "volumes: { database: /var/../data }"),
    ("volumes: { database: /var/lib/postgresql/data }", "volumes: { database: \"\" }"),
    ("volumes: { database: /var/lib/postgresql/data }", "volumes: { database: / }"),
    ("volumes: { database: /var/lib/postgresql/data }", "volumes: { \"a b\": /data }"),
    (
        "volumes: { database: /var/lib/postgresql/data }",
        "tmpfs: [/srv/, /srv]\n    volumes: { database: /var/lib/postgresql/data }",
    ),
    ("status: 200, body", "status: \"OK\", body"),
    ("body: authenticity_token", "body: \"authenticity_token(\""),
    ("ready-within: 3m", "ready_within: 3m"),
    ("versioned: true", "versioned: perhaps"),
    ("image: rehearse/redmine:{{ release }}", "image: {{ release }}"),
    ("  release: /version\n", ""),
    ("  release: /version\n", "  release: version\n"),
    ("  files: /files\n", ""),
    ("  manifest: manifest.json\n", ""),
    ("files.tar.gz: { name: files, format: tar-gzip }", "files.tar.gz: { format: zip }"),
    ("files.tar.gz: { name: files, format: tar-gzip }", "files.tar.gz: { format: any }"),
    ("files.tar.gz: { name: files, format: tar-gzip }", "files.tar.gz: { format: tar-gzip, need: usually }"),
    ("  manifest: manifest.json\n", "  archive: { name: x, format: text }\n"),
    (
        "  manifest: manifest.json\n",
        "  archive: { name: x, format: tar }\n  information: { file: a.yml, format: ruby-yaml, release: /v }\n",
    ),
    (
        "  manifest: manifest.json\n  product: /product\n  release: /version\n  files: /files\n  parts:\n",
        "  archive: { name: x, format: tar }\n  information: { file: a.yml, format: ruby-yaml, release: /v }\n  \
         beside: { key: { format: json, filled: x } }\n  parts:\n    \
         r/: { format: any, increments: '^r/(.+)$' }\n    one: { format: any, filled: x }\n",
    ),
    ("  files: /files\n", "  files: /files\n  beside: { key: { format: text } }\n"),
    ("from: git.tar.gz", "from: gti.tar.gz"),
    ("  - unpack: { service: web, from: git", "  - unpack: { service: wep, from: git"),
    (
        "migrations: rails\n      expect: { exit: [0], absent: [\"rake aborted!\"] }\n      warnings: \"(?i)warning\"\n  - run",
        "migrations: rials\n  - run",
    ),
    ("{{ captured.token }}", "{{ captrued.token }}"),
    ("POSTGRES_PASSWORD: \"{{ settings.db_password }}\"", "POSTGRES_PASSWORD: \"hunter2"),
    (
        "POSTGRES_PASSWORD: \"{{ settings.db_password }}\"",
        "POSTGRES_PASSWORD: hünter2\n      PORT: { a: postgres://u:hunter2@db }",
    ),
    ("{{ settings.admin_login }}", "{{ settings.admin_lgoin }}"),
    ("    as: [anonymous, administrator, member]", "    as: [anonymous, administratr]"),
    ("    port: 3000\n    as: [anonymous", "    port: 80\n    as: [anonymous"),
    ("    within: 2m\n", ""),
    ("      - /issues/6\n    # 75", "      - issues/6\n    # 75"),
    (
        "from: \"200\", to: \"404\" } }\n        because: 6.0 shows",
        "from: ok, to: \"404\" } }\n        because: 6.0 shows",
    ),
    (
        "  person:\n    login:\n      - &form",
        "  person:\n    headers: { X-Token: \"{{ captured.token }}\" }\n    login:\n      - &form",
    ),
    ("    versioned: true\n", ""),
    (
        "/issues.json?project_id={{ settings.other_project }}\", expect: { status: [403] }",
        "/issues.json\", expect: { status: [200] }",
    ),
    (
        "/issues.json?project_id={{ settings.other_project }}\", expect: { status: [403] }",
        "/issues.json\", expect: { status: [403, 302], contains: [\"\"] }",
    ),
    (
        "            password: not the password\n        expect: { status: [302],",
        "            password: not the password\n        expect: { status: [401],",
    ),
    ("json: { ignore: [last_login_on] }", "json: { unordered: [issues] }"),
    (
        "    elsewhere: { schema_migrations: judged by the check of migrations }",
        "    elsewhere: { schema_migrations: false }",
    ),
    ("each: '^0*(\\d+)_'", "each: '^0*\\d+_'"),
    ("path: \"{{ each.path }}\"", "path: \"{{ each.paths }}\""),
    ("authenticity_token: \"{{ captured.token }}\"", "authenticity_token: \"{{ captured.tokens }}\""),
    ("    path: /issues/{{ captured.issue }}", "    path: /issues/{{ captured.issu }}"),
    ("    refused:\n      because: the account is locked", "    refused:\n      because: \"\""),
    ("    refused:\n      because: the account is locked", "    refused:\n      because: true"),
    (
        "  # A person in a browser: /admin/info",
        "  round: { login: [{ service: web, port: 3000, path: /, as: round }] }\n  # A person in a browser: /admin/info",
    ),
    (
        "  # A person in a browser: /admin/info",
        "  second: { login: [{ service: web, port: 3000, path: /, as: person }] }\n  # A person in a browser: /admin/info",
    ),
    ("  - start: [db]\n", "  - start: [web]\n"),
    ("  main: { engine: postgresql", "  other: { engine: postgresql"),
    ("  fresh:\n    install:\n", "  fresh:\n    install:\n      - http: { service: web, port: 3000, path: / }\n"),
    (
        "  fresh:\n",
        "  fresh:\n    rules:\n      - { allow: { files: [secret.txt, \"database:x\"] }, because: it is made later }\n      - { allow: { rows: [] }, because: it is not needed }\n",
    ),
];

/// The messages about a file; checks that it is bad input and that they give a place.
fn messages(folder: &Path, file: &str, case: (&str, &str)) -> Result<String, Box<dyn std::error::Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    let ran = command.args(["validate", file]).current_dir(folder).env("NO_COLOR", "1").output()?;
    let message = String::from_utf8(ran.stderr)?;
    assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{case:?}: {message}");
    let place = message.contains("--> ") && message.contains(&format!("{file}:"));
    assert!(place || message.contains(&format!("error: {file}: ")), "{case:?} has no place: {message}");
    Ok(format!("## {:?} → {:?}\n{message}\n", case.0, case.1))
}

#[test]
fn messages_about_broken_files_are_golden() -> Tried {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    let mut all = String::new();
    for case in SCENARIOS {
        let text =
            if case.0.is_empty() { format!("{SCENARIO}{}", case.1) } else { SCENARIO.replacen(case.0, case.1, 1) };
        assert_ne!(text, SCENARIO, "{case:?}");
        std::fs::write(folder.path().join("s.yaml"), text)?;
        all += &messages(folder.path(), "s.yaml", *case)?;
    }
    let product = root.join("harness/products/redmine");
    let good = std::fs::read_to_string(product.join("product.yaml"))?;
    for entry in std::fs::read_dir(&product)? {
        let path = entry?.path();
        std::fs::copy(&path, folder.path().join(path.file_name().ok_or("a name")?))?;
    }
    for case in PRODUCTS {
        assert!(good.contains(case.0), "{case:?}");
        std::fs::write(folder.path().join("product.yaml"), good.replacen(case.0, case.1, 1))?;
        all += &messages(folder.path(), "product.yaml", *case)?;
    }
    let golden = root.join("tests/cli/broken.txt");
    if std::env::var_os("REHEARSE_BLESS").is_some() {
        std::fs::write(&golden, &all)?;
    }
    let written = std::fs::read_to_string(&golden)?;
    for (message, written) in all.split("## ").zip(written.split("## ")) {
        assert_eq!(message, written);
    }
    // Beside those that say what the case is.
    assert!(!all.lines().any(|line| !line.starts_with("## ") && (line.contains("hunter2") || line.contains("nter2"))));
    assert!(all == written && SCENARIOS.len() + PRODUCTS.len() >= 60);
    Ok(())
}

#[test]
fn a_path_that_is_not_a_text_file_is_refused_by_name_at_once() -> Tried {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(at("pipe.yaml")).status()?.success());
    std::os::unix::fs::symlink("/dev/zero", at("zero.yaml"))?;
    std::fs::File::create(at("huge.yaml"))?.set_len(1 << 30)?;
    std::fs::write(at("latin.yaml"), b"scenario: s\nabout: caf\xe9\n")?;
    std::fs::write(at("long.yaml"), format!("{SCENARIO}settings: {{ {}: x }}\n", "a".repeat(3_000_000)))?;
    std::fs::write(at("line.yaml"), format!("scenario: {}\n", "[".repeat(3_000_000)))?;
    let huge = "huge.yaml is too large: 1073741824 bytes, and at most 16777216 are read";
    let latin = "error: this is not UTF-8\n --> latin.yaml:2:11\n  |\n1 | scenario: s\n2 | about: caf�\n";
    for (name, expected) in [
        ("pipe.yaml", "error: pipe.yaml is a pipe or a device"),
        ("zero.yaml", "error: zero.yaml is a pipe or a device"),
        ("huge.yaml", huge),
        ("latin.yaml", latin),
        ("long.yaml", "error: unknown setting `aaaa"),
        ("line.yaml", "recursion limit exceeded"),
        ("gone.yaml", "error: cannot read gone.yaml: No such file"),
    ] {
        for command in ["validate", "plan", "run"] {
            let began = std::time::Instant::now();
            let mut rehearse = Command::new(env!("CARGO_BIN_EXE_rehearse"));
            let ran = rehearse.args([command, name]).current_dir(folder.path()).env("NO_COLOR", "1").output()?;
            let message = String::from_utf8(ran.stderr)?;
            assert_eq!(ran.status.code(), Some(2), "{command} {name}: {message}");
            assert!(
                message.contains(expected) && message.len() < 3000,
                "{command} {name}: {} bytes: {message:.1000}",
                message.len()
            );
            assert!(began.elapsed().as_secs() < 20, "{command} {name}");
        }
    }
    Ok(())
}
