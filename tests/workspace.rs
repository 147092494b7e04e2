//! The workspace's own promises: every crate names itself after its folder.

#[test]
fn folder_names_are_package_names() {
    for entry in std::fs::read_dir("crates").expect("tests run from the repository root") {
        let path = entry.expect("a readable folder").path();
        if !path.is_dir() {
            continue;
        }
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
        let folder = path.file_name().and_then(|n| n.to_str()).expect("a UTF-8 name");
        assert!(manifest.contains(&format!("name = \"{folder}\"")), "{folder}");
    }
}
