//! Follows our sentences and ids through a function: from the fields and calls that yield them, through `let`, patterns,
//! closures and calls of other functions, to where something looks into them.

mod calls;
mod patterns;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Lit, Member, Pat, Stmt, Token};

use super::OTHERS;
use super::declared::{Declared, Ty, ty};
use patterns::{is_text, is_text_at};
pub(super) use value::Inferred;
use value::Value;

pub(super) struct Flow<'p> {
    declared: &'p Declared,
    known: &'p Inferred,
    pub(super) learned: Inferred,
    /// Lines, and what is wrong in them.
    pub(super) looks: BTreeSet<(usize, String)>,
    scopes: Vec<BTreeMap<String, Value>>,
    within: String,
    returned: Value,
}

impl<'p> Flow<'p> {
    pub(super) fn new(declared: &'p Declared, known: &'p Inferred) -> Self {
        let learned = known.clone();
        let (looks, scopes) = (BTreeSet::new(), Vec::new());
        Self { declared, known, learned, looks, scopes, within: String::new(), returned: Value::default() }
    }

    fn look(&mut self, line: usize, what: String) {
        self.looks.insert((line, what));
    }

    fn bind_name(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    /// Adds to what a variable holds.
    fn add(&mut self, name: &str, value: Value) {
        for scope in self.scopes.iter_mut().rev() {
            if let Some(own) = scope.get_mut(name) {
                *own = std::mem::take(own).or(value);
                return;
            }
        }
    }

    fn variable(&self, name: &str) -> Value {
        let value = self.scopes.iter().rev().find_map(|scope| scope.get(name)).cloned().unwrap_or_default();
        value.or_named(name)
    }

    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(BTreeMap::new());
        let result = run(self);
        self.scopes.pop();
        result
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let name = signature.ident.to_string();
        let outer = (std::mem::take(&mut self.scopes), std::mem::take(&mut self.returned));
        self.scopes.push(BTreeMap::new());
        let mut at = 0;
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(_) => {
                    self.bind_name("self", Value::of(Ty { name: self.within.clone(), error: String::new() }));
                }
                FnArg::Typed(input) => {
                    let mut value = Value::of(self.own(ty(&input.ty)));
                    if self.declared.is_unique(&name) && value.ty.is_text() {
                        value.text = self.known.parameters.get(&(name.clone(), at)).cloned();
                    }
                    self.bind(&input.pat, value);
                    at += 1;
                }
            }
        }
        let tail = self.block(block);
        let returned = std::mem::take(&mut self.returned).or(tail);
        let declared = self.declared.result(&self.within, &name);
        if let Some(text) = returned.text.filter(|_| declared.is_text() && !returned.by_name) {
            self.learned.results.entry((self.within.clone(), name)).or_insert(text);
        }
        (self.scopes, self.returned) = outer;
    }

    fn own(&self, mut ty: Ty) -> Ty {
        if ty.name == "Self" {
            ty.name.clone_from(&self.within);
        }
        ty
    }

    fn block(&mut self, block: &syn::Block) -> Value {
        self.scoped(|flow| {
            let mut tail = Value::default();
            for statement in &block.stmts {
                tail = Value::default();
                match statement {
                    Stmt::Local(local) => {
                        let value = local.init.as_ref().map(|init| flow.value(&init.expr)).unwrap_or_default();
                        if let Some((_, diverge)) = local.init.as_ref().and_then(|init| init.diverge.as_ref()) {
                            flow.value(diverge);
                        }
                        if is_text(&local.pat) {
                            flow.matched(local.span().start().line, &value);
                        }
                        flow.bind(&local.pat, value);
                    }
                    Stmt::Expr(expr, semicolon) => {
                        let value = flow.value(expr);
                        if semicolon.is_none() {
                            tail = value;
                        }
                    }
                    Stmt::Macro(call) => tail = flow.macro_value(&call.mac),
                    Stmt::Item(item) => flow.visit_item(item),
                }
            }
            tail
        })
    }

    fn closure(&mut self, closure: &syn::ExprClosure, given: &Value) -> Value {
        self.scoped(|flow| {
            for input in &closure.inputs {
                flow.bind(input, given.clone());
            }
            flow.value(&closure.body)
        })
    }

    /// What an expression comes to; on the way everything in it that looks into a text of ours is written down.
    fn value(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Path(path) => match path.path.get_ident() {
                Some(name) => self.variable(&name.to_string()),
                None => Value::default(),
            },
            Expr::Field(field) => self.field(field),
            Expr::MethodCall(call) => self.method(call),
            Expr::Call(call) => self.call(call),
            Expr::Macro(call) => self.macro_value(&call.mac),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Match(value) => self.match_value(value),
            Expr::Let(value) => {
                let scrutinee = self.value(&value.expr);
                if is_text(&value.pat) {
                    self.matched(value.span().start().line, &scrutinee);
                }
                self.bind(&value.pat, scrutinee);
                Value::default()
            }
            Expr::If(value) => self.scoped(|flow| {
                flow.value(&value.cond);
                let then = flow.block(&value.then_branch);
                let otherwise = value.else_branch.as_ref().map(|(_, other)| flow.value(other)).unwrap_or_default();
                then.or(otherwise)
            }),
            Expr::While(value) => self.scoped(|flow| {
                flow.value(&value.cond);
                flow.block(&value.body);
                Value::default()
            }),
            Expr::ForLoop(value) => self.scoped(|flow| {
                let all = flow.value(&value.expr).item();
                flow.bind(&value.pat, all);
                flow.block(&value.body);
                Value::default()
            }),
            Expr::Block(value) => self.block(&value.block),
            Expr::Async(value) => self.block(&value.block),
            Expr::Unsafe(value) => self.block(&value.block),
            Expr::Closure(closure) => self.closure(closure, &Value::default()),
            Expr::Return(value) => {
                let returned = value.expr.as_ref().map(|expr| self.value(expr)).unwrap_or_default();
                self.returned = std::mem::take(&mut self.returned).or(returned);
                Value::default()
            }
            Expr::Assign(value) => {
                let right = self.value(&value.right);
                self.value(&value.left);
                if let Expr::Path(path) = &*value.left
                    && let Some(name) = path.path.get_ident()
                {
                    self.add(&name.to_string(), right);
                }
                Value::default()
            }
            Expr::Struct(value) => self.literal(value),
            Expr::Tuple(all) => {
                Value { parts: all.elems.iter().map(|each| self.value(each)).collect(), ..Value::default() }
            }
            Expr::Array(all) => all.elems.iter().fold(Value::default(), |value, each| value.or(self.value(each))),
            Expr::Index(index) => {
                self.value(&index.index);
                self.value(&index.expr).item()
            }
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Reference(inner) => self.value(&inner.expr),
            Expr::Try(inner) => self.value(&inner.expr),
            Expr::Await(inner) => self.value(&inner.base),
            Expr::Unary(inner) => self.value(&inner.expr),
            _ => {
                visit::visit_expr(self, expr);
                Value::default()
            }
        }
    }

    fn field(&mut self, field: &syn::ExprField) -> Value {
        let base = self.value(&field.base);
        match &field.member {
            Member::Unnamed(at) if !base.parts.is_empty() => {
                base.parts.get(at.index as usize).cloned().unwrap_or_default()
            }
            Member::Unnamed(at) => {
                let part = self.part(&base.ty.name, &at.index.to_string(), "");
                let rest = Value { items: false, parts: Vec::new(), ..base };
                if part.text.is_some() || rest.text.is_none() { part } else { Value { ty: part.ty, ..rest } }
            }
            Member::Named(name) => {
                let part = self.part(&base.ty.name, &name.to_string(), "");
                // What hangs on a finding is ours.
                let own = part.text.is_none() && !OTHERS.contains(&name.to_string().as_str());
                let held = base.text.filter(|text| own && text.starts_with("finding"));
                if held.is_some() { Value { text: held, by_name: true, ..part } } else { part }
            }
        }
    }

    fn literal(&mut self, value: &syn::ExprStruct) -> Value {
        let of = self.declared.constructor(&value.path, &self.within);
        let of = if of == "Self" { self.within.clone() } else { of };
        for field in &value.fields {
            let held = self.value(&field.expr);
            if let (Some(text), Member::Named(name)) = (held.surely(), &field.member) {
                self.learned.fields.entry((of.clone(), name.to_string())).or_insert_with(|| text.clone());
            }
        }
        if let Some(rest) = &value.rest {
            self.value(rest);
        }
        let name = of.split("::").next().unwrap_or(&of).to_owned();
        Value::of(Ty { name, error: String::new() })
    }

    fn binary(&mut self, binary: &syn::ExprBinary) -> Value {
        let (left, right) = (self.value(&binary.left), self.value(&binary.right));
        match binary.op {
            syn::BinOp::Eq(_) | syn::BinOp::Ne(_) => {
                let sides = [(left, &binary.right), (right, &binary.left)];
                let compared = sides.into_iter().filter(|(_, other)| is_written(other));
                if let Some(name) = compared.filter_map(|(value, _)| value.text).next() {
                    self.look(binary.span().start().line, format!("`{name}` is compared with a text"));
                }
                Value::default()
            }
            syn::BinOp::Add(_) => left.or(right),
            _ => Value::default(),
        }
    }

    fn match_value(&mut self, value: &syn::ExprMatch) -> Value {
        let scrutinee = self.value(&value.expr);
        for (at, part) in std::iter::once(&scrutinee).chain(&scrutinee.parts).enumerate() {
            let compared = |arm: &syn::Arm| if at == 0 { is_text(&arm.pat) } else { is_text_at(&arm.pat, at - 1) };
            if value.arms.iter().any(compared) {
                self.matched(value.span().start().line, part);
            }
        }
        value.arms.iter().fold(Value::default(), |result, arm| {
            let body = self.scoped(|flow| {
                flow.bind(&arm.pat, scrutinee.clone());
                flow.value(&arm.body)
            });
            result.or(body)
        })
    }

    fn matched(&mut self, line: usize, value: &Value) {
        if let Some(name) = value.looked_into() {
            self.looks.insert((line, format!("`{name}` is matched with a text")));
        }
    }

    fn macro_value(&mut self, call: &syn::Macro) -> Value {
        if call.path.is_ident("matches") {
            let parser = |input: syn::parse::ParseStream<'_>| {
                let value: Expr = input.parse()?;
                input.parse::<Token![,]>()?;
                let pattern = Pat::parse_multi_with_leading_vert(input)?;
                let guard = input.parse::<Token![if]>().and_then(|_| input.parse::<Expr>()).ok();
                input.parse::<proc_macro2::TokenStream>()?;
                Ok((value, pattern, guard))
            };
            if let Ok((value, pattern, guard)) = call.parse_body_with(parser) {
                self.scoped(|flow| {
                    let value = flow.value(&value);
                    if is_text(&pattern) {
                        flow.matched(call.span().start().line, &value);
                    }
                    flow.bind(&pattern, value);
                    if let Some(guard) = guard {
                        flow.value(&guard);
                    }
                });
            }
            return Value::default();
        }
        // `format!`, `vec!`, `assert!` and their like take expressions; others are left alone.
        let Ok(all) = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) else {
            return Value::default();
        };
        let mut text = None;
        let mut held = Value::default();
        for each in &all {
            let value = match each {
                Expr::Lit(literal) => self.placeholders(literal),
                Expr::Assign(named) => self.value(&named.right),
                other => self.value(other),
            };
            text = text.or_else(|| value.rendered().filter(|_| !value.items));
            held = held.or(value);
        }
        let written = Ty { name: "String".to_owned(), error: String::new() };
        match call.path.segments.last().map(|last| last.ident.to_string()).as_deref() {
            Some("format" | "concat") => text.map_or_else(Value::default, |name| Value::text(name, written)),
            Some("write" | "writeln") => {
                if let (Some(name), Some(Expr::Path(path))) = (text, all.first())
                    && let Some(variable) = path.path.get_ident()
                {
                    self.add(&variable.to_string(), Value::text(name, written));
                }
                Value::default()
            }
            Some("vec") => held,
            _ => Value::default(),
        }
    }

    /// What a text to be formatted names by itself: `{finding}`.
    fn placeholders(&self, literal: &syn::ExprLit) -> Value {
        let Lit::Str(text) = &literal.lit else { return Value::default() };
        let text = text.value().replace("{{", "");
        text.split('{').skip(1).fold(Value::default(), |value, rest| {
            let name = rest.split(['}', ':']).next().unwrap_or_default();
            let named = self.variable(name);
            value.or(named.rendered().map_or_else(Value::default, |own| Value::text(own, named.ty.clone())))
        })
    }
}

impl<'ast> Visit<'ast> for Flow<'_> {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.within, ty(&item.self_ty).name);
        visit::visit_item_impl(self, item);
        self.within = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = std::mem::replace(&mut self.within, item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.within = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::take(&mut self.within);
        self.function(&item.sig, &item.block);
        self.within = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        self.value(expr);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.block(block);
    }
}

/// Whether an expression is a text that stands in the code: a literal, or a constant.
fn is_written(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(literal) => matches!(literal.lit, Lit::Str(_)),
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name.len() > 1 && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
        }),
        // `Some("x")`.
        Expr::Call(call) => call.args.iter().any(is_written),
        Expr::Reference(inner) => is_written(&inner.expr),
        _ => false,
    }
}

/// Whether an expression is a list of texts that stands in the code.
fn is_list(expr: &Expr) -> bool {
    match expr {
        Expr::Array(all) => all.elems.iter().any(is_written),
        Expr::Reference(inner) => is_list(&inner.expr),
        Expr::Paren(inner) => is_list(&inner.expr),
        other => matches!(other, Expr::Path(_)) && is_written(other),
    }
}
