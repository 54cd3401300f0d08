//! The contract in `wit/`: the page about it, and that what was released of it stays as it was.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};
use wit_parser::{Docs, Function, Handle, Interface, Resolve, Type, TypeDefKind, TypeId, WorldItem};

/// Writes the page with BLESS=1, else compares.
#[test]
fn generated_contract_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
    let package = &resolve.packages[package];
    let mut page = format!(
        "# The contract, `{}`\n\nWhat plugins may call and what the host calls. Written from `wit/` by `cargo xtask gen`; the versions' rules are in \
         [wit/README.md](../wit/README.md).\n\n",
        package.name
    );
    let world = &resolve.worlds[package.worlds["plugin"]];
    let names = |items: &mut dyn Iterator<Item = &WorldItem>| {
        let interface = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
            _ => None,
        };
        items.filter_map(interface).map(|name| format!("[`{name}`](#{name})")).collect::<Vec<_>>().join(", ")
    };
    let _ =
        writeln!(page, "A plugin may import {}; it exports {}.\n", names(&mut world.imports.values()), names(&mut world.exports.values()));
    for (name, id) in &package.interfaces {
        interface(&mut page, &resolve, name, &resolve.interfaces[*id]);
    }
    let file = root.join("docs/contract.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, page).unwrap();
    } else {
        assert_eq!(std::fs::read_to_string(&file).unwrap(), page, "{} is not what wit/ says: run `cargo xtask gen`", file.display());
    }
}

/// A plugin that was built against a released version finds every interface, type and function as it was: components match exactly.
#[test]
fn what_was_released_is_there_unchanged() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let now = definitions(&wit);
    let mut versions = 0;
    for version in std::fs::read_dir(wit.join("released")).unwrap() {
        let folder = version.unwrap().path();
        for (name, was) in definitions(&folder) {
            let is = now.get(&name).map_or("nothing", String::as_str);
            assert_eq!(is, was, "{name} of {} was changed: plugins built against it would not load any more", folder.display());
        }
        versions += 1;
    }
    assert!(versions > 0 && now.len() > 60, "{versions} versions, {} definitions", now.len());
}

/// What a folder defines, by name: each type with its members, each function with its signature, each part of each world.
fn definitions(folder: &Path) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).unwrap();
    let package = &resolve.packages[package];
    let mut all = BTreeMap::new();
    for (interface, id) in &package.interfaces {
        let Interface { types, functions, .. } = &resolve.interfaces[*id];
        all.extend(types.iter().map(|(name, id)| (format!("{interface}.{name}"), definition(&resolve, &resolve.types[*id].kind))));
        all.extend(functions.iter().map(|(name, function)| (format!("{interface}.{name}"), signature(&resolve, function))));
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        for (direction, items) in [("imports", &world.imports), ("exports", &world.exports)] {
            let interfaces = items.values().filter_map(|item| match item {
                WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
                _ => None,
            });
            all.extend(interfaces.map(|interface| (format!("{name} {direction} {interface}"), "it".to_owned())));
        }
    }
    all
}

fn definition(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let case = |name: &str, ty: Option<&Type>| ty.map_or_else(|| name.to_owned(), |ty| format!("{name}: {}", shown(resolve, ty)));
    let (kind, members): (&str, Vec<String>) = match kind {
        TypeDefKind::Record(r) => ("record", r.fields.iter().map(|f| case(&f.name, Some(&f.ty))).collect()),
        TypeDefKind::Variant(v) => ("variant", v.cases.iter().map(|c| case(&c.name, c.ty.as_ref())).collect()),
        TypeDefKind::Enum(e) => ("enum", e.cases.iter().map(|c| c.name.clone()).collect()),
        TypeDefKind::Flags(f) => ("flags", f.flags.iter().map(|f| f.name.clone()).collect()),
        TypeDefKind::Resource => ("resource", Vec::new()),
        TypeDefKind::Type(ty) => ("type", vec![shown(resolve, ty)]),
        other => panic!("a released type may not be {other:?}: teach this test what it consists of"),
    };
    format!("{kind} {{ {} }}", members.join(", "))
}

fn interface(page: &mut String, resolve: &Resolve, name: &str, interface: &Interface) {
    let _ = write!(page, "## {name}\n\n{}", paragraph(&interface.docs));
    for (name, id) in &interface.types {
        let ty = &resolve.types[*id];
        // What is taken over from another interface stands there.
        if matches!(ty.kind, TypeDefKind::Type(Type::Id(_))) {
            continue;
        }
        let _ = write!(page, "### `{name}`\n\n{}", paragraph(&ty.docs));
        members(page, resolve, &ty.kind);
    }
    for function in interface.functions.values() {
        let docs = text(&function.docs).replace('\n', "\n  ");
        let docs = if docs.is_empty() { docs } else { format!("  \n  {docs}") };
        let _ = writeln!(page, "* `{}`{docs}", signature(resolve, function));
    }
    page.push('\n');
}

fn members(page: &mut String, resolve: &Resolve, kind: &TypeDefKind) {
    let member = |name: &str, ty: Option<&Type>, docs: &Docs| {
        let ty = ty.map_or_else(String::new, |ty| format!(": {}", shown(resolve, ty)));
        let docs = text(docs);
        format!("* `{name}{ty}`{}{docs}\n", if docs.is_empty() { "" } else { " — " })
    };
    let lines: String = match kind {
        TypeDefKind::Record(r) => r.fields.iter().map(|f| member(&f.name, Some(&f.ty), &f.docs)).collect(),
        TypeDefKind::Variant(v) => v.cases.iter().map(|c| member(&c.name, c.ty.as_ref(), &c.docs)).collect(),
        TypeDefKind::Enum(e) => e.cases.iter().map(|c| member(&c.name, None, &c.docs)).collect(),
        TypeDefKind::Type(ty) => format!("A `{}`.\n", shown(resolve, ty)),
        _ => String::new(),
    };
    if !lines.is_empty() {
        let _ = writeln!(page, "{lines}");
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> = function.params.iter().map(|p| format!("{}: {}", p.name, shown(resolve, &p.ty))).collect();
    let result = function.result.as_ref().map_or_else(String::new, |ty| format!(" -> {}", shown(resolve, ty)));
    format!("{}({}){result}", function.item_name(), params.join(", "))
}

/// A type as WIT has it.
fn shown(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => shown_by_id(resolve, *id),
        Type::Bool => "bool".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn shown_by_id(resolve: &Resolve, id: TypeId) -> String {
    let ty = &resolve.types[id];
    if let Some(name) = &ty.name {
        return name.clone();
    }
    let opt = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| shown(resolve, ty));
    match &ty.kind {
        TypeDefKind::List(ty) => format!("list<{}>", shown(resolve, ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", shown(resolve, ty)),
        TypeDefKind::Result(r) if r.ok.is_none() && r.err.is_none() => "result".into(),
        TypeDefKind::Result(r) => format!("result<{}, {}>", opt(&r.ok), opt(&r.err)),
        TypeDefKind::Tuple(t) => format!("tuple<{}>", t.types.iter().map(|ty| shown(resolve, ty)).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", shown_by_id(resolve, *id)),
        TypeDefKind::Handle(Handle::Own(id)) => shown_by_id(resolve, *id),
        other => panic!("the page cannot show {other:?}"),
    }
}

fn paragraph(docs: &Docs) -> String {
    match text(docs) {
        "" => String::new(),
        text => format!("{text}\n\n"),
    }
}

fn text(docs: &Docs) -> &str {
    docs.contents.as_deref().unwrap_or_default().trim()
}
