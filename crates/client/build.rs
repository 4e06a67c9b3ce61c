//! With the feature `buildtime`: generates the client's code. Without it: warns when the code is older than the document.

use std::path::Path;
use std::path::PathBuf;

/// Names another document to generate from.
#[cfg(feature = "buildtime")]
const VARIABLE: &str = "WORKOS_DIRECTORY_SYNC_SPEC";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi.yaml");
    run(spec);
}

#[cfg(feature = "buildtime")]
fn run(spec: PathBuf) {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let spec = std::env::var_os(VARIABLE).map_or(spec, PathBuf::from);
    println!("cargo::rerun-if-changed={}", spec.display());
    if let Err(error) = generate(&spec) {
        println!(
            "cargo::error=cannot generate the client from `{}`: {error}",
            spec.display()
        );
    }
}

#[cfg(feature = "buildtime")]
fn generate(spec: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let document = workos_directory_codegen::Document::read(spec)?;
    let generated = workos_directory_codegen::generate(&document, &workos_directory_codegen::Target::CLIENT)?;
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("generated");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    for (path, text) in generated.files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// A published crate has no document beside it; then there is nothing to compare.
#[cfg(not(feature = "buildtime"))]
fn run(spec: PathBuf) {
    let Ok(document) = std::fs::read(&spec) else { return };
    println!("cargo::rerun-if-changed={}", spec.display());
    println!("cargo::rerun-if-changed=src/generated/mod.rs");
    let generated = std::fs::read_to_string("src/generated/mod.rs").unwrap_or_default();
    let expected = format!("// spec fnv1a64: {:016x}", fnv1a64(&document));
    if generated.lines().nth(1) != Some(expected.as_str()) {
        println!(
            "cargo::warning=spec/openapi.yaml is not what the client was generated from: run `cargo xtask codegen`"
        );
    }
}

/// As `Document::fingerprint` of the generator, which this script must not depend on.
#[cfg(not(feature = "buildtime"))]
fn fnv1a64(text: &[u8]) -> u64 {
    text.iter()
        .filter(|byte| **byte != b'\r')
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
