//! YAML that a Ruby program wrote of itself: values without a schema, within the same bounds as an author's file.

use serde_json::{Map, Value};

use super::plain::is_null;
use super::yaml::{Kind, Node, Tags, parse};
use crate::source::diagnostic::{Problem, Rejected};
use crate::source::span::Source;

/// Reads it as JSON. A key that is a symbol (`:version:`) loses its colon, tags of classes (`!ruby/object:…`) say nothing,
/// and every value that is not nothing is text: `15.10` stays `15.10`.
///
/// # Errors
/// When the text is not YAML, says a key twice, or is beyond the bounds of `spec`.
pub fn ruby(source: Source) -> Result<Value, Rejected> {
    let (root, mut problems) = parse(&source, Tags::PassedOver)?;
    let value = value(&root, &mut problems);
    Rejected::unless_empty(&source, problems)?;
    Ok(value)
}

fn value(node: &Node, problems: &mut Vec<Problem>) -> Value {
    match &node.kind {
        Kind::Null | Kind::Broken => Value::Null,
        Kind::Scalar { text, plain } if *plain && is_null(text) => Value::Null,
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::Seq(items) => Value::Array(items.iter().map(|item| value(item, problems)).collect()),
        Kind::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                let key = entry.key.strip_prefix(':').unwrap_or(&entry.key).to_owned();
                let value = value(&entry.value, problems);
                if map.insert(key, value).is_some() {
                    let title = format!("the key {} is repeated", crate::vocabulary::scalar::quoted(&entry.key));
                    problems.push(Problem::new(entry.key_span, title, "expected each key once"));
                }
            }
            Value::Object(map)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(text: &str) -> Result<Value, String> {
        ruby(Source::new("information", text.to_owned())).map_err(|rejected| rejected.to_string())
    }

    #[test]
    fn symbols_classes_and_anchors_of_ruby_are_read() {
        let text = ":db_version: '20230510062502'\n:backup_created_at: !ruby/object:ActiveSupport::TimeWithZone\n  utc: &1 \
                    2024-01-25 07:22:50.123456789 Z\n  zone: &2 !ruby/object:ActiveSupport::TimeZone\n    name: Etc/UTC\n  \
                    time: *1\n:version: 15.10\n:tar_version: tar (GNU tar) 1.34\n:skipped: \n:full_backup_id:\n:server_side: false\n:list: [:a, ~]\n";
        let expected = json!({
            "db_version": "20230510062502",
            "backup_created_at": {
                "utc": "2024-01-25 07:22:50.123456789 Z", "zone": { "name": "Etc/UTC" },
                "time": "2024-01-25 07:22:50.123456789 Z",
            },
            "version": "15.10", "tar_version": "tar (GNU tar) 1.34", "skipped": null, "full_backup_id": null,
            "server_side": "false", "list": [":a", null],
        });
        assert_eq!(seen(text).as_ref(), Ok(&expected));
        assert_eq!(seen(&format!("---\n{text}")), Ok(expected));
    }

    #[test]
    fn what_another_reader_may_read_otherwise_is_refused() {
        assert!(seen(":version: 1\n:version: 2\n").unwrap_err().contains("the key `:version` is repeated"));
        assert!(seen(":version: 1\nversion: 2\n").unwrap_err().contains("the key `version` is repeated"));
        assert!(seen(":version: 1\n---\n:version: 2\n").unwrap_err().contains("a second document starts here"));
        let laughs: String =
            (1..20).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
        assert!(
            seen(&format!("a0: &a0 [x, x]\n{laughs}")).unwrap_err().contains("too large once its aliases are resolved")
        );
    }
}
