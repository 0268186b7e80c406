//! What calls of methods and functions look into, what they return, and what they say of the functions they call.

use syn::Expr;

use super::value::{Value, is_ours};
use super::{Flow, is_list};
use crate::sentences::declared::Ty;
use crate::sentences::{LOOKS, PATTERN_LOOKS};

/// Methods whose result holds nothing of the text or of the fact.
const ENDS: &str = "len is_empty is_some is_none is_ok is_err count any all is_some_and is_ok_and is_none_or position \
    contains contains_key starts_with ends_with is_match for_each eq ne cmp keys exists is_char_boundary \
    parse push push_str extend insert fmt hash";

/// Methods whose result are the items of a list: not a text, though each of them may be one.
const ITEMS: &str = "iter iter_mut into_iter values lines chars bytes split split_whitespace rsplit splitn drain \
    char_indices match_indices filter filter_map flat_map flatten map rev skip take chain zip enumerate \
    peekable cloned copied inspect take_while skip_while";

/// Methods whose result is what their closure, or the function they are given, returns.
const MAPS: &str = "map and_then filter_map flat_map map_or map_or_else find_map then scan fold";

fn is_in(list: &str, method: &str) -> bool {
    list.split_whitespace().any(|name| name == method)
}

impl Flow<'_> {
    pub(super) fn method(&mut self, call: &syn::ExprMethodCall) -> Value {
        let method = call.method.to_string();
        let line = call.method.span().start().line;
        let receiver = self.value(&call.receiver);
        let element = match method.as_str() {
            "map_err" | "unwrap_or_else" | "inspect_err" | "is_err_and" | "or_else"
                if !receiver.ty.error.is_empty() =>
            {
                Value::of(Ty { name: receiver.ty.error.clone(), error: String::new() })
            }
            _ => receiver.item(),
        };
        let mut mapped = Value::default();
        let mut first = Value::default();
        let closures = call.args.iter().any(|each| matches!(each, Expr::Closure(_)));
        for (at, argument) in call.args.iter().enumerate() {
            let value = match argument {
                Expr::Closure(closure) => self.closure(closure, &element),
                Expr::Path(path) if path.path.segments.len() > 1 => {
                    let called = path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                    self.called(&element, &called)
                }
                other => self.value(other),
            };
            if at == 0 {
                first = value.clone();
            }
            self.learn_argument(&method, at, &value);
            mapped = mapped.or(value);
        }
        // `find` and the like of an iterator take a closure, which is looked into by itself.
        if let Some(name) = receiver.looked_into().cloned()
            && !closures
            && LOOKS.contains(&method.as_str())
            && !call.args.is_empty()
        {
            self.look(line, format!("`{method}` looks into `{name}`"));
        }
        if let Some(name) = first.looked_into().filter(|_| !closures && PATTERN_LOOKS.contains(&method.as_str())) {
            self.look(line, format!("`{method}` looks into `{name}`"));
        }
        if let Some(name) = first.looked_into().filter(|_| method == "contains" && is_list(&call.receiver)) {
            self.look(line, format!("`{name}` is compared with a text"));
        }
        // A finding that is rendered becomes a sentence that somebody looks into elsewhere.
        if let Expr::Path(path) = &*call.receiver
            && method == "to_string"
            && let Some(name) =
                path.path.get_ident().map(ToString::to_string).filter(|name| name.starts_with("finding"))
        {
            self.look(line, format!("`{name}` is rendered"));
        }
        if let Expr::Path(path) = &*call.receiver
            && let Some(name) = path.path.get_ident()
            && matches!(method.as_str(), "push" | "push_str" | "extend" | "insert" | "insert_str")
        {
            self.add(&name.to_string(), Value { ty: Ty::default(), ..mapped.clone() });
        }
        if !is_ours(&method) && is_in(ENDS, &method) {
            return Value::default();
        }
        let mut result = if is_in(MAPS, &method) { mapped } else { self.called(&receiver, &method) };
        result.items = result.items || (is_in(ITEMS, &method) && !is_ours(&method));
        result
    }

    /// By which name what a function returns is ours. Without its type it is known by its name alone.
    fn inferred(&self, of: &str, name: &str) -> Option<String> {
        let mut all = self.known.results.iter();
        if of.is_empty() {
            let found = all.find(|((_, own), _)| own == name && self.declared.is_unique(name));
            return found.map(|(_, text)| text.clone());
        }
        self.known.results.get(&(of.to_owned(), name.to_owned())).cloned()
    }

    /// What a method of a value returns.
    fn called(&self, receiver: &Value, method: &str) -> Value {
        if method == "to_string" {
            return receiver.rendered().map_or_else(Value::default, |name| {
                Value::text(name, Ty { name: "String".to_owned(), error: String::new() })
            });
        }
        let declared = self.own(self.declared.result(&receiver.ty.name, method));
        let inferred = self.inferred(&receiver.ty.name, method);
        let unknown = declared == Ty::default();
        let sure = inferred.is_some();
        let text = inferred.or_else(|| receiver.text.clone().filter(|_| unknown || declared.is_text()));
        let by_name = text.is_some() && !sure && receiver.by_name;
        if unknown {
            return Value { text, by_name, ..receiver.clone() }.or_named(method);
        }
        Value { ty: declared, text, by_name, ..Value::default() }.or_named(method)
    }

    pub(super) fn call(&mut self, call: &syn::ExprCall) -> Value {
        let values: Vec<Value> = call.args.iter().map(|argument| self.value(argument)).collect();
        let Expr::Path(path) = &*call.func else {
            self.value(&call.func);
            return Value::default();
        };
        let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let Some(name) = names.last().cloned() else { return Value::default() };
        let first = values.first().cloned().unwrap_or_default();
        if let ["Some" | "Ok"] | ["Box" | "Arc" | "Rc" | "String" | "Cow", _] =
            names.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
        {
            return first;
        }
        let of = match names.iter().rev().nth(1) {
            Some(of) if of == "Self" => self.within.clone(),
            Some(of) if of.starts_with(char::is_uppercase) => of.clone(),
            Some(_) | None => String::new(),
        };
        for (at, value) in values.iter().enumerate() {
            self.learn_argument(&name, at, value);
        }
        // `ToString::to_string(finding)` and the like.
        if name == "to_string" {
            return self.called(&first, &name);
        }
        let local = path.path.get_ident().map(|ident| self.variable(&ident.to_string())).unwrap_or_default();
        let inferred = self.inferred(&of, &name);
        let ty = self.own(self.declared.result(&of, &name));
        let by_name = inferred.is_none() && local.by_name;
        Value { ty, text: inferred.or(local.text), by_name, ..Value::default() }.or_named(&name)
    }

    fn learn_argument(&mut self, function: &str, at: usize, value: &Value) {
        // A fact that is given as something to be rendered is looked into as its sentence is.
        let fact = value.ty.is_own().then(|| value.ty.name.clone());
        if let Some(text) = value.surely().cloned().or(fact).filter(|_| self.declared.is_unique(function)) {
            self.learned.parameters.entry((function.to_owned(), at)).or_insert(text);
        }
    }
}
