//! What is in a plugin's file, without running it.

use crate::{bindings, engine};
use std::collections::BTreeMap;
use wasmparser::{Encoding, Parser, Payload};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, World, WorldItem, WorldKey};

/// What a file contains.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Contents {
    /// `component`, or `core module`.
    pub kind: &'static str,
    /// Its size.
    pub bytes: usize,
    /// SHA-256.
    pub digest: String,
    /// The contract that it was built against: package and version.
    pub contract: Option<String>,
    /// Our interfaces that it exports.
    pub hooks: Vec<String>,
    /// What it imports: interfaces with their functions.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Its memories; a component may have several.
    pub memories: Vec<Memory>,
    /// The tools that made it, by what they did (`language`, `processed-by`, `sdk`).
    pub made_by: BTreeMap<String, Vec<String>>,
    /// Custom sections by name, with the bytes of all of that name: names of functions, debug information.
    pub custom: BTreeMap<String, usize>,
}

/// A memory's size in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// At its start.
    pub pages: u64,
    /// At most, if the module itself sets a limit.
    pub pages_max: Option<u64>,
}

/// Looks into a component, or a core module with our WIT inside.
///
/// # Errors
/// It is no WebAssembly, or has no WIT.
pub fn inspect(bytes: &[u8]) -> Result<Contents, String> {
    let mut contents = Contents { bytes: bytes.len(), digest: engine::digest(bytes), kind: "core module", ..Contents::default() };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| format!("this is not WebAssembly: {e}"))? {
            Payload::Version { encoding: Encoding::Component, .. } => contents.kind = "component",
            Payload::MemorySection(memories) => {
                let of = memories.into_iter().flatten().map(|m| Memory { pages: m.initial, pages_max: m.maximum });
                contents.memories.extend(of);
            }
            Payload::CustomSection(section) => custom(&mut contents, section.name(), section.data()),
            _ => {}
        }
    }
    let component = engine::as_component(bytes)?;
    let decoded = wit_component::decode(&component).map_err(|e| format!("its WIT cannot be read: {e:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else { return Err("this is a WIT package, not a plugin".to_owned()) };
    let world = &resolve.worlds[world];
    contents.imports = imports(&resolve, world);
    exports(&mut contents, &resolve, world);
    Ok(contents)
}

fn custom(contents: &mut Contents, name: &str, data: &[u8]) {
    if name != "producers" {
        *contents.custom.entry(name.to_owned()).or_default() += data.len();
        return;
    }
    let Ok(fields) = wasmparser::ProducersSectionReader::new(wasmparser::BinaryReader::new(data, 0)) else { return };
    for field in fields.into_iter().flatten() {
        let tools = contents.made_by.entry(field.name.to_owned()).or_default();
        for tool in field.values.into_iter().flatten() {
            let tool = format!("{} {}", tool.name, tool.version).trim().to_owned();
            if !tools.contains(&tool) {
                tools.push(tool);
            }
        }
    }
}

/// Interfaces by their full names, each with its functions.
fn imports(resolve: &Resolve, world: &World) -> BTreeMap<String, Vec<String>> {
    let each = world.imports.iter().filter_map(|(key, item)| match item {
        WorldItem::Interface { id, .. } => Some((resolve.name_world_key(key), resolve.interfaces[*id].functions.keys().cloned().collect())),
        WorldItem::Function(_) => Some((resolve.name_world_key(key), Vec::new())),
        WorldItem::Type { .. } => None,
    });
    each.collect()
}

fn exports(contents: &mut Contents, resolve: &Resolve, world: &World) {
    for name in world.exports.keys().map(|key: &WorldKey| resolve.name_world_key(key)) {
        let Some(hook) = bindings::interface_of(&name) else { continue };
        contents.hooks.push(hook.to_owned());
        let version = name.split_once('@').map_or("", |(_, version)| version);
        contents.contract = Some(format!("{}@{version}", bindings::PACKAGE));
    }
}
