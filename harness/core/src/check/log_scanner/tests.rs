use super::*;

fn scanner(check: serde_json::Value, text: &[u8], piece: usize) -> LogReview {
    let check: LogCheck = serde_json::from_value(check).unwrap();
    let mut scanner = LogScanner::new(&check, &"6.0.5".parse().unwrap(), "web").unwrap();
    for piece in text.chunks(piece) {
        scanner.take(piece);
    }
    scanner.finish()
}

/// However the log is cut into pieces, the review is the same.
fn review(text: &str) -> LogReview {
    let check = serde_json::json!({
        "errors": ["\\b(ERROR|FATAL)\\b", "^[A-Z]\\w*Error", "^Traceback", "(?i)^échec", "ENDS$"],
        "allow": [{"pattern": "gs binary", "because": "optional"}, {"pattern": "KeyError: 'known'", "because": "known"}],
    });
    let expected = scanner(check.clone(), text.as_bytes(), usize::MAX);
    for piece in [1, 5, 64] {
        assert_eq!(scanner(check.clone(), text.as_bytes(), piece), expected, "in pieces of {piece}");
    }
    expected
}

fn kinds(review: &LogReview) -> Vec<(u64, u64, String)> {
    review.kinds.iter().map(|kind| (kind.line, kind.count, kind.example.join("|"))).collect()
}

#[test]
fn the_one_real_error_inside_noise_is_found() {
    let noise = "2024-01-02 10:11:12 INFO fine\n2024-01-02 10:11:12 ERROR gs binary (gs) not available\n";
    let text = format!("{}FATAL -- : ActionView error 5\n{}", noise.repeat(50_000), noise.repeat(50_000));
    let check = serde_json::json!({"errors": ["\\b(ERROR|FATAL)\\b"], "allow": [{"pattern": "gs binary", "because": "optional"}]});
    let review = scanner(check, text.as_bytes(), 1 << 16);
    assert_eq!((review.lines, review.count, review.allowed["optional"]), (200_001, 1, 100_000));
    assert_eq!(kinds(&review), [(100_001, 1, "FATAL -- : ActionView error 5".to_owned())]);
}

#[test]
fn many_errors_of_one_kind_do_not_displace_another_kind() {
    let spam: String = (0..5000).map(|n| format!("ERROR job {n} failed after {n} ms\n")).collect();
    let review = review(&format!("{spam}ERROR disk is full\n{spam}last ERROR without an end"));
    assert_eq!(
        kinds(&review),
        [
            (1, 10_000, "ERROR job 0 failed after 0 ms".to_owned()),
            (5001, 1, "ERROR disk is full".to_owned()),
            (10_002, 1, "last ERROR without an end".to_owned()),
        ]
    );
}

#[test]
fn kinds_are_limited_and_further_errors_are_counted() {
    let letters = |n: u32| -> String { n.to_string().bytes().map(|digit| char::from(digit + 49)).collect() };
    let text: String = (0..1500).map(|n| format!("ERROR of {}\n", letters(n))).collect();
    let review = scanner(serde_json::json!({"errors": ["ERROR"]}), text.as_bytes(), 1000);
    assert_eq!((review.kinds.len(), review.count, review.beyond), (KINDS, 1500, 500));
}

#[test]
fn a_traceback_is_one_error_and_its_cause_is_its_last_line() {
    let traceback = |cause: &str| {
        format!("Traceback (most recent call last):\n  File \"a.py\", line 3\n    raise ValueError\n{cause}\n")
    };
    let text = format!(
        "{}{}{}INFO done\n",
        traceback("ValueError: 3 is wrong"),
        traceback("ValueError: 4 is wrong"),
        traceback("KeyError: 'known'"),
    );
    let text = format!(
        "{text}ERROR Internal\n{}\nDuring handling of the above exception, another exception occurred:\n\n{}ERROR more\n",
        traceback("KeyError: 'a'").trim_end_matches('x'),
        traceback("django.db.utils.ProgrammingError: no table")
    );
    let review = review(&text);
    let found = kinds(&review);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!((found[0].0, found[0].1), (1, 2));
    assert!(found[0].2.ends_with("raise ValueError|ValueError: 3 is wrong"), "{found:#?}");
    assert!(
        found[1].2.starts_with("ERROR Internal|Traceback") && found[1].2.ends_with("ProgrammingError: no table"),
        "{found:#?}"
    );
    assert_eq!(found[2].2, "ERROR more");
    assert_eq!(review.allowed["known"], 1);
}

#[test]
fn an_error_below_an_error_is_not_hidden() {
    let review = review("ERROR one\n  at a\n  at b\n  ERROR two\n  at c\nERROR three\nInfo: x\n");
    let found: Vec<String> = kinds(&review).into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(found, ["ERROR one|  at a|  at b", "  ERROR two|  at c", "ERROR three"]);
}

#[test]
fn lines_beyond_ascii_and_with_carriage_returns_are_judged_correctly() {
    let review =
        review("éERROR is a word\nÉCHEC du travail\r\nit ENDS\r\nit ENDS here\nfine é\nERROR é\n\u{1b}[31mERROR\n");
    let found: Vec<u64> = kinds(&review).into_iter().map(|(line, _, _)| line).collect();
    assert_eq!(found, [2, 3, 6, 7]);
    assert_eq!(review.lines, 7);
}

#[test]
fn patterns_match_within_one_line() {
    for (pattern, lines) in [
        ("\\AERROR", vec![1, 3]),
        ("lost\\z", vec![2]),
        ("one\\s+ERROR", vec![]),
        ("[^x]ERROR", vec![4]),
        ("(?s)one.ERROR", vec![]),
        ("^$", vec![5]),
        ("(?x) E R R O R  # a word", vec![1, 3, 4]),
    ] {
        let text = b"ERROR one\nit is lost\nERROR one\n ERROR\n\n";
        let review = scanner(serde_json::json!({"errors": [pattern]}), text, 7);
        let mut found: Vec<u64> = kinds(&review)
            .into_iter()
            .flat_map(|(line, count, _)| if count > 1 { vec![1, 3] } else { vec![line] })
            .collect();
        found.sort_unstable();
        assert_eq!((found, review.lines), (lines, 5), "{pattern}");
    }
}

#[test]
fn a_pattern_that_could_span_lines_takes_linear_time() {
    let text = format!("{}ERROR\n", "a line\n".repeat(40_000));
    let began = std::time::Instant::now();
    for pattern in ["a[^x]*ERROR", "(?s)a.*ERROR", "\\Aa\\W[^x]*ERROR", "(a[^x]*ZZZ|ERROR)"] {
        let review = scanner(serde_json::json!({"errors": [pattern]}), text.as_bytes(), usize::MAX);
        assert_eq!((review.lines, review.count), (40_001, u64::from(pattern.ends_with(')'))), "{pattern}");
    }
    // A search from each line to the end of the log would take minutes.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn an_error_late_in_a_long_line_is_found_and_shown() {
    let check = serde_json::json!({
        "errors": ["^BEGIN", "ERROR\\b", "lost$"],
        "allow": [{"pattern": "^DEBUG", "because": "debugging"}, {"pattern": "ERROR 7", "because": "seven"}],
    });
    let long =
        |before: usize, words: &str, behind: usize| format!("{}{words}{}", ". ".repeat(before), " .".repeat(behind));
    for before in [400, 30_000, 32_700, 32_768, 40_000, 150_000] {
        for (words, behind, count) in
            [(" ERROR one", 50_000, 1), ("BEGIN", 50_000, 0), (" lost", 1, 0), (" ERROR 7", 10, 0), (" lost", 0, 1)]
        {
            let text = format!("start\n{}\r\nend\n", long(before, words, behind));
            for piece in [4096, 100_000, usize::MAX] {
                let review = scanner(check.clone(), text.as_bytes(), piece);
                assert_eq!((review.lines, review.count), (3, count), "{before} {words} {behind} {piece}");
                let example = review.kinds.first().map(|kind| (kind.line, kind.example.join("|")));
                let right = |(line, text): &(u64, String)| {
                    *line == 2 && text.contains(words) && text.contains('…') && text.len() < 600
                };
                assert!(example.as_ref().is_none_or(right), "{example:?}");
            }
        }
        let debug = format!("DEBUG {}\n", long(before, " ERROR one", 9));
        let review = scanner(check.clone(), debug.as_bytes(), 4096);
        assert_eq!((review.count, review.allowed.get("debugging")), (0, Some(&1)));
    }
}

#[test]
fn a_line_that_never_ends_takes_no_memory() {
    let check: LogCheck = serde_json::from_value(serde_json::json!({"errors": ["x"]})).unwrap();
    let mut scanner = LogScanner::new(&check, &"1.0".parse().unwrap(), "web").unwrap();
    for _ in 0..1000 {
        scanner.take(&[b'x'; 4096]);
    }
    assert!(scanner.rest.len() <= LONGEST_LINE);
    assert_eq!(scanner.finish().count, 1);
}

#[test]
fn a_log_of_one_endless_line_is_judged_in_flat_memory() {
    let check: LogCheck = serde_json::from_value(serde_json::json!({"errors": ["ERROR", "\\xff$", "end"]})).unwrap();
    let mut scanner = LogScanner::new(&check, &"6.0.5".parse().unwrap(), "web").unwrap();
    scanner.take(b"ERROR at the beginning ");
    let piece = vec![0xff; 1 << 16];
    for _ in 0..300 << 4 {
        scanner.take(&piece);
        assert!(scanner.rest.capacity() <= 128 << 10);
    }
    scanner.take(b" end\nERROR \xff\xfe\n");
    let review = scanner.finish();
    assert_eq!((review.lines, review.count, review.kinds.len()), (2, 2, 2));
    assert!(review.kinds.iter().all(|kind| kind.example.iter().all(|line| line.len() < 3000)));
}

#[test]
fn an_error_that_a_statement_of_ours_provoked_is_counted_and_is_no_finding() {
    let error = |pid: u32, statement: &str| {
        format!(
            "2026-01-02 10:11:12.123 UTC [{pid}] ERROR:  relation \"gone\" does not exist at character 15\n\
             2026-01-02 10:11:12.123 UTC [{pid}] DETAIL:  some ERROR\n\tof two lines\n\
             2026-01-02 10:11:12.123 UTC [{pid}] STATEMENT:  {statement}\n"
        )
    };
    let ours = error(7, "/* rehearse */ select\n\t'ERROR'\n\tfrom gone");
    let theirs = error(8, "select * from gone where a = '/* rehearse */'");
    let fine = "2026-01-02 10:11:12 UTC [9] LOG:  checkpoint\n";

    let found = review(&format!("{ours}{fine}{ours}"));
    assert_eq!((found.own, found.count, kinds(&found)), (2, 0, vec![]));

    // The product's own failure of the same kind, before it, behind it and alone.
    for text in [format!("{ours}{theirs}{fine}"), format!("{theirs}{ours}"), theirs.clone()] {
        let found = review(&text);
        assert_eq!((found.own, found.count), (u64::from(text.contains("[7]")), 1), "{text}");
        assert!(found.kinds[0].example[0].contains("[8] ERROR"), "{found:#?}");
    }
    // The statement of somebody else in between, and a line of another error.
    let other = "2026-01-02 10:11:12.123 UTC [8] ERROR:  out of disk\n";
    let cut = ours.replace("DETAIL:  some ERROR\n\tof two lines\n", "DETAIL:  x\n") + other;
    assert_eq!((review(&cut).own, review(&cut).count), (1, 1));
    let between = format!(
        "{}{other}{}",
        &ours[..ours.find("STATEMENT").unwrap() - 35],
        &ours[ours.find("STATEMENT").unwrap() - 35..]
    );
    assert!(review(&between).count >= 1, "{between}");
}

#[test]
fn a_statement_of_ours_in_the_line_of_its_error_is_recognised() {
    for (line, own) in [
        (r#"{"error_severity":"ERROR","message":"no","statement":"/* rehearse */ select 1"}"#, 1),
        (
            r#"2026-01-02 UTC,"app","shop",7,"[local]",a.1,1,"SELECT",t,1/1,0,ERROR,42P01,"no",,,,,,"/* rehearse */ select 1",15"#,
            1,
        ),
        (
            "2026-01-02 10:11:12 root[root] @ localhost [] ERROR 1146: Table 'gone' doesn't exist : /* rehearse */ select 1",
            1,
        ),
        (r#"{"error_severity":"ERROR","detail":"Process 2: /* rehearse */ select 1","statement":"update t"}"#, 0),
        ("ERROR: the wiki page says /* rehearse */", 0),
    ] {
        let found = review(line);
        assert_eq!((found.own, found.count), (own, 1 - own), "{line}");
    }
}

#[test]
fn a_level_is_believed_before_the_words_of_a_line() {
    let text = "2026-01-02 10:11:12 INFO the last ERROR was handled\n2026-01-02 10:11:12 ERROR no INFO\nan ERROR\n";
    let found = review(text);
    assert_eq!((found.low, found.count, found.kinds[0].line), (1, 2, 2));

    let check = serde_json::json!({"errors": ["ERROR"], "at-any-level": ["Completed 5\\d\\d"]});
    let text =
        "I, [2026-01-02 #1]  INFO -- : Completed 500 in 3ms\nI, [2026-01-02 #1]  INFO -- : Completed 200 ERROR\n";
    let found = scanner(check, text.as_bytes(), 7);
    assert_eq!((found.low, found.count, found.kinds[0].line), (1, 1, 1));
}
