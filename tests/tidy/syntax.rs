//! Rust as the rules read it: parsed, with everything taken out that only tests compile.

use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, Item, Meta, Stmt, Token};

use crate::tree::Source;

/// Parses a file.
pub(crate) fn parsed(source: &Source) -> Result<syn::File, String> {
    syn::parse_file(&source.text).map_err(|error| format!("{}: {error}", source.path))
}

/// Takes out what is compiled for tests only: items, statements, members and elements of lists.
pub(crate) fn without_tests(mut file: syn::File) -> syn::File {
    NoTests.visit_file_mut(&mut file);
    file
}

/// Whether this is compiled for tests only.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta)),
        Meta::List(_) | Meta::NameValue(_) => false,
    })
}

/// Whether a condition can hold in tests only. `not(test)` is product code, and so is `any(test, …)`.
fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|all| all.iter().any(needs_test)),
        Meta::List(_) | Meta::NameValue(_) => false,
    }
}

struct NoTests;

impl VisitMut for NoTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(attributes_of_item(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(attributes_of_item(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|member| match member {
            syn::ImplItem::Const(member) => !is_test(&member.attrs),
            syn::ImplItem::Fn(member) => !is_test(&member.attrs),
            syn::ImplItem::Type(member) => !is_test(&member.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        item.variants =
            std::mem::take(&mut item.variants).into_iter().filter(|variant| !is_test(&variant.attrs)).collect();
        visit_mut::visit_item_enum_mut(self, item);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        fields.named = std::mem::take(&mut fields.named).into_iter().filter(|field| !is_test(&field.attrs)).collect();
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_expr_struct_mut(&mut self, value: &mut syn::ExprStruct) {
        value.fields = std::mem::take(&mut value.fields).into_iter().filter(|field| !is_test(&field.attrs)).collect();
        visit_mut::visit_expr_struct_mut(self, value);
    }

    fn visit_expr_match_mut(&mut self, value: &mut syn::ExprMatch) {
        value.arms.retain(|arm| !is_test(&arm.attrs));
        visit_mut::visit_expr_match_mut(self, value);
    }

    fn visit_expr_array_mut(&mut self, array: &mut syn::ExprArray) {
        array.elems =
            std::mem::take(&mut array.elems).into_iter().filter(|each| !is_test(attributes_of_expr(each))).collect();
        visit_mut::visit_expr_array_mut(self, array);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| {
            !is_test(match statement {
                Stmt::Local(local) => &local.attrs,
                Stmt::Item(item) => attributes_of_item(item),
                Stmt::Expr(expr, _) => attributes_of_expr(expr),
                Stmt::Macro(call) => &call.attrs,
            })
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// Kinds of items that are not named here do not occur in the repository.
fn attributes_of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The kinds of expressions that somebody may well keep for tests.
fn attributes_of_expr(expr: &Expr) -> &[Attribute] {
    match expr {
        Expr::Array(expr) => &expr.attrs,
        Expr::Assign(expr) => &expr.attrs,
        Expr::Block(expr) => &expr.attrs,
        Expr::Call(expr) => &expr.attrs,
        Expr::If(expr) => &expr.attrs,
        Expr::Macro(expr) => &expr.attrs,
        Expr::MethodCall(expr) => &expr.attrs,
        Expr::Path(expr) => &expr.attrs,
        Expr::Struct(expr) => &expr.attrs,
        Expr::Tuple(expr) => &expr.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted;

    #[test]
    fn only_what_tests_compile_is_taken_out() {
        let text = "#[cfg(test)] mod tests;\n#[cfg(test)] use a::b;\n#[cfg(all(test, unix))] fn c() {}\n\
            #[cfg(not(test))] fn kept() { #[cfg(test)] d.e(); #[cfg(test)] let f = 1; also_kept(); }\n\
            const ALL: &[u8] = &[1, #[cfg(test)] g()];\n#[test] fn h() {}\nimpl I { #[cfg(test)] fn j() {} }\n\
            fn after() {}\n";
        let file = without_tests(parsed(&planted("a.rs", text)).unwrap());
        let expected =
            "#[cfg(not(test))] fn kept() { also_kept(); }\nconst ALL: &[u8] = &[1];\nimpl I {}\nfn after() {}\n";
        assert_eq!(file, parsed(&planted("a.rs", expected)).unwrap());
    }
}
