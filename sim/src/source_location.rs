//! Places in source code as a trace names them: the same wherever the sources lie, as a history
//! must be the same from every clone.

/// Folders of a package that hold its code.
const CODE_FOLDERS: [&str; 5] = ["src", "tests", "examples", "benches", "build"];

/// The part of a file's path that does not depend on where its package lies: of a package of a
/// registry its folder (which has the version) and what follows, of any other what follows its
/// folder. The standard library's paths (`/rustc/HASH/library/…`) and relative ones stay.
pub(crate) fn portable(file: &str) -> &str {
    if file.starts_with("/rustc/") || !file.starts_with('/') {
        return file;
    }
    // CARGO_HOME/registry/src/INDEX/NAME-VERSION/…
    if let Some((_, in_index)) = file.split_once("/registry/src/") {
        return in_index.split_once('/').map_or(in_index, |(_, rest)| rest);
    }
    // The last code folder: a package can lie below a folder that is called `src`.
    let mut begins = file
        .match_indices('/')
        .map(|(slash, _)| slash + 1)
        .filter(|begin| {
            CODE_FOLDERS.iter().any(|folder| {
                let rest = file[*begin..].strip_prefix(folder);
                rest.is_some_and(|rest| rest.starts_with('/'))
            })
        });
    let begin = begins
        .next_back()
        .or_else(|| file.rfind('/').map(|slash| slash + 1));
    begin.map_or(file, |begin| &file[begin..])
}

#[cfg(test)]
mod tests {
    use super::portable;

    #[test]
    fn a_place_is_the_same_from_every_clone() {
        for (file, expected) in [
            (
                "/home/ada/whitewater/pipeline/src/worker.rs",
                "src/worker.rs",
            ),
            (
                "/w/src/whitewater/pipeline/src/sqlite/claim.rs",
                "src/sqlite/claim.rs",
            ),
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.229/src/de.rs",
                "serde-1.0.229/src/de.rs",
            ),
            (
                "/rustc/59807616/library/core/src/option.rs",
                "/rustc/59807616/library/core/src/option.rs",
            ),
            ("src/main.rs", "src/main.rs"),
            ("/w/target/out/generated.rs", "generated.rs"),
        ] {
            assert_eq!(portable(file), expected);
        }
    }
}
