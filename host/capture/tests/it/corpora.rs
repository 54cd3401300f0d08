//! A sweep over folders of captures that are too big for the project, named by HOOKLINE_CORPORA (`:` between them). Beside a folder `x`
//! may stand `x-truth` with `PATH.json` for a capture `PATH`: what tshark counts in it (`frames`; `tcp` with payload bytes per side).

use crate::conversations::{Content, read};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Captures of which all TCP conversations must agree: the others differ for reasons that were looked at (sides cut by a reset, tunnels
/// and fragments that tshark puts together).
const AGREEMENT_MIN: f64 = 0.93;

#[test]
fn corpora_agree_with_tshark() {
    let Some(folders) = std::env::var_os("HOOKLINE_CORPORA") else {
        eprintln!("SKIPPED: HOOKLINE_CORPORA names no folders");
        return;
    };
    let (mut files, mut frames_agree, mut tcp_agree) = (0, 0, 0);
    for folder in std::env::split_paths(&folders) {
        let truth = PathBuf::from(format!("{}-truth", folder.display()));
        for path in captures(&folder) {
            let content = read(&path);
            let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
            let Ok(expected) = fs::read_to_string(truth.join(format!("{name}.json"))) else { continue };
            let expected: Value = serde_json::from_str(&expected).unwrap();
            files += 1;
            let frames = expected["frames"].as_u64().unwrap_or_default();
            if frames == content.frames {
                frames_agree += 1;
            } else {
                eprintln!("{name}: {} frames, not {frames}; {:?}", content.frames, content.error.as_ref().map(ToString::to_string));
            }
            let differences = tcp_differences(&content, &expected);
            tcp_agree += usize::from(differences.is_empty());
            for difference in differences {
                eprintln!("{name}: {difference}");
            }
        }
    }
    eprintln!("{files} files; frames agree in {frames_agree}, TCP conversations in {tcp_agree}");
    assert!(files == 0 || tcp_agree as f64 >= AGREEMENT_MIN * f64::from(files));
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(captures(&path));
        } else if path.extension().is_some_and(|e| e != "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// One line for each pair of endpoints whose payload bytes are not the same. Endpoints are compared as sets: tshark's `a` is the first
/// speaker where no SYN was seen, and the roles are not always known.
fn tcp_differences(content: &Content, expected: &Value) -> Vec<String> {
    let ours = content.tcp().map(|c| {
        let both = [(c.start.client.to_string(), 0), (c.start.server.to_string(), 1)];
        line(both.map(|(address, side)| (address, c.sides[side].len() as u64, c.gaps[side])))
    });
    let theirs = expected["tcp"].as_array().into_iter().flatten().map(|c| {
        let side = |name: &str, i: usize| {
            (
                c[name].as_str().unwrap_or_default().to_owned(),
                c["payload"][i].as_u64().unwrap_or_default(),
                c["gap"][i].as_u64().unwrap_or_default(),
            )
        };
        line([side("a", 0), side("b", 1)])
    });
    let (mut ours, mut theirs): (Vec<_>, Vec<_>) = (ours.collect(), theirs.collect());
    ours.sort();
    theirs.sort();
    let only = |a: &[(String, String)], b: &[(String, String)], sign: &str| {
        let missing = a.iter().filter(|x| !b.iter().any(|y| x.0 == y.0));
        missing.map(|x| format!("{sign} {} {}", x.0, x.1)).collect::<Vec<_>>()
    };
    [only(&theirs, &ours, "tshark"), only(&ours, &theirs, "ours  ")].concat()
}

/// What is compared, and what is only shown.
fn line(mut sides: [(String, u64, u64); 2]) -> (String, String) {
    sides.sort();
    let [(a, x, gap_a), (b, y, gap_b)] = sides;
    (format!("{a} {x} {b} {y}"), format!("(gaps {gap_a} {gap_b})"))
}
