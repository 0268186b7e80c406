//! Hostile files: none may crash, hang or fill the memory.

use super::*;

fn refused(text: &str) -> String {
    let rejected = read::<Value>(Source::new("t", text)).map(|_| ()).unwrap_err();
    assert_eq!(rejected.problems().len(), 1);
    rendered(&rejected)
}

#[test]
fn laughs_by_the_billion_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    assert!(refused(&text).contains("the file is too large once its aliases are resolved | expected at most 100000"));
}

#[test]
fn a_long_text_repeated_often_is_refused() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 5000].join(", "));
    assert!(refused(&text).contains("too large once its aliases are resolved | expected at most 16 MiB of text"));
}

#[test]
fn merges_count_like_aliases() {
    let keys: Vec<String> = (0..1000).map(|key| format!("k{key}: v")).collect();
    let text = format!("a: &a {{{}}}\nb: [{}]\n", keys.join(", "), vec!["{<<: *a}"; 5000].join(", "));
    assert!(refused(&text).contains("too large once its aliases are resolved"));
}

#[test]
fn deep_nesting_is_refused_also_when_aliases_make_it() {
    assert!(refused(&"[".repeat(100)).contains("nested too deep"));
    // The parser has a limit of its own, on what it scans ahead.
    assert!(refused(&"[".repeat(100_000)).contains("recursion limit exceeded"));
    assert!(refused(&"- ".repeat(100_000)).contains("nested too deep"));
    assert!(refused(&"{a: ".repeat(100)).contains("nested too deep"));
    let half = |inner: &str| format!("{}{inner}{}", "[".repeat(40), "]".repeat(40));
    let text = format!("a: &a {}\nb: {}\n", half(""), half("*a"));
    assert!(refused(&text).contains("nested too deep"));
    let fine = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert!(read::<Value>(Source::new("t", fine)).is_ok());
}

#[test]
fn a_huge_file_is_refused_unread() {
    let text = "# é\n".repeat(1 << 20);
    assert_eq!(refused(&text), "1:1 «» the file has 5242880 bytes | expected at most 4 MiB");
}

#[test]
fn many_values_are_refused() {
    assert!(refused(&"- x\n".repeat(100_001)).contains("too large"));
}

#[test]
fn many_problems_end_somewhere() {
    let text: String = (0..20_000).map(|key| format!("unknown{key}: 1\n")).collect();
    assert_eq!(product(&text).map(|_| ()).unwrap_err().problems().len(), 1000);
    let text = format!("[{}]", ": x,".repeat(5000));
    assert_eq!(product(&text).map(|_| ()).unwrap_err().problems().len(), 1000);
}

#[test]
fn a_value_that_holds_itself_is_refused() {
    let problems = refused("a: &a [x, *a]\n");
    assert_eq!(problems, "1:11 «*a» `*a` stands for a value it is part of | expected an anchor that is complete above");
}

fn sane(text: &str) {
    let source = Source::new("t", text);
    let rejected = [
        read::<Product>(source.clone()).map(|_| ()).err(),
        read::<Value>(source)
            .map(|(_, document)| {
                let _ = document.span("/a/0/b");
            })
            .err(),
    ];
    for rejected in rejected.into_iter().flatten() {
        assert!(!rejected.problems().is_empty());
        for problem in rejected.problems() {
            let span = problem.span;
            assert!(span.start <= span.end && span.end <= text.len(), "{problem:?}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{problem:?}");
            assert!(!text[span.start..span.end].contains('\n'), "{problem:?}");
            assert!(!problem.title.is_empty() && !problem.label.is_empty(), "{problem:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_text_never_panics_and_problems_lie_within_it(text in "\\PC{0,80}") {
        sane(&text);
    }

    #[test]
    fn random_pieces_of_yaml_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        sane(&pieces.concat());
    }

    #[test]
    fn a_good_file_with_a_piece_swapped_never_panics(at in 0..GOOD.len(), length in 0..30_usize, piece in prop::sample::select(PIECES)) {
        let end = (at + length).min(GOOD.len());
        sane(&format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]));
    }
}

const PIECES: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "- ",
    ": ",
    "? ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "{{ ",
    " }}",
    "&a ",
    "*a",
    "<<",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "#",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\t",
    "\r\n",
    "\r",
    "é",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\u{0}",
    "😀",
    "a",
    "b",
    "~",
    "null",
    "1",
    "5.0",
    "product",
    "services",
    "web",
    "image",
    "upgrade",
    "run",
    "stop",
    "pause",
    "path",
    "stops",
    "at",
    "@",
    "`",
    "%",
    "\\x",
    "30",
];
