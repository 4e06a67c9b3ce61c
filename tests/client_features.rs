//! What each TLS feature of the client builds: one back end, and no other cryptography beside it.

use std::path::Path;
use std::process::Command;

/// The packages that a program gets which uses the client with these features only.
fn packages(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "workos-directory-sync"])
        .args(["--no-default-features", "--features", features])
        .args([
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn each_tls_feature_builds_its_own_cryptography_and_no_other() {
    let known = ["aws-lc-sys", "ring", "openssl", "rustls"];
    for (features, expected) in [
        ("rustls", &["aws-lc-sys", "rustls"][..]),
        ("rustls-ring", &["ring", "rustls"]),
        ("native-tls", &["openssl"]),
        ("webhooks,tracing,metrics", &[]),
    ] {
        let packages = packages(features);
        let built = known
            .iter()
            .filter(|name| packages.iter().any(|package| package == *name));
        assert_eq!(built.copied().collect::<Vec<_>>(), expected, "{features}");
    }
}
