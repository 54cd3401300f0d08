//! The C bindings, made of `wit/`: with them an author needs a C compiler and nothing else.

use std::path::Path;
use wit_bindgen_core::{Files, wit_parser::Resolve};

/// Writes the bindings with BLESS=1, else compares.
#[test]
fn generated_c_bindings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root.join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let opts = wit_bindgen_c::Opts { no_object_file: true, rename_world: Some("hookline".into()), ..Default::default() };
    let mut files = Files::default();
    opts.build().generate(&mut resolve, world, &mut files).unwrap();
    assert_eq!(files.iter().count(), 2);
    for (name, bytes) in files.iter() {
        let file = root.join("sdk/c").join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, bytes).unwrap();
        } else {
            assert!(std::fs::read(&file).unwrap() == bytes, "{} is not what wit/ says: run `cargo xtask gen`", file.display());
        }
    }
}
