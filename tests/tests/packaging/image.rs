//! Images: the same bytes for the same files, and a Dockerfile that makes the same as `make image`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use carillon_tests::gateway::workspace;
use carillon_tests::packaging::{self, json, run};
use serde_json::{Value, json};

const PROGRAMS: [&str; 2] = ["gateway", "operator"];
const LABEL: &str = "org.opencontainers.image.";

/// A folder of this test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = workspace().join(format!(
        "target/test-packaging/{}-{name}",
        std::process::id()
    ));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Packs a program that is a few bytes, and prints its name and digest.
fn pack(program: &str, folder: &Path) -> String {
    let binary = folder.join("binary");
    fs::write(&binary, "any bytes").unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(workspace().join("scripts/pack"));
    run(command.arg(program).args([&binary, folder]).arg("test"))
}

/// A document or a listing of the archive, by tar.
fn tar(arguments: &[&str]) -> String {
    run(Command::new("tar").args(arguments))
}

/// The configuration of a packed image, and what lies in its layer.
fn unpacked(program: &str, folder: &Path) -> (Value, BTreeSet<String>) {
    let archive = folder.join(format!("{program}.tar"));
    let archive = archive.to_str().unwrap();
    let read = |name: &str| serde_json::from_str(&tar(&["-xOf", archive, name])).unwrap();
    let manifest: Value = read("manifest.json");
    let config: Value = read(manifest[0]["Config"].as_str().unwrap());
    let layer = manifest[0]["Layers"][0].as_str().unwrap();
    tar(&["-xf", archive, "-C", folder.to_str().unwrap(), layer]);
    let listing = tar(&["-tvzf", folder.join(layer).to_str().unwrap()]);
    // Mode and name of what is no folder, and of /tmp, whose mode matters.
    let entries = listing.lines().filter_map(|line| {
        let (mode, name) = (line.split(' ').next()?, line.rsplit(' ').next()?);
        (name == "tmp/" || !name.ends_with('/')).then(|| format!("{mode} {name}"))
    });
    (config["config"].clone(), entries.collect())
}

#[test]
fn the_same_files_give_the_same_digest() {
    for program in PROGRAMS {
        let [one, other] = ["one", "other"].map(|name| folder(&format!("{program}-{name}")));
        let digests = [&one, &other].map(|folder| pack(program, folder));
        assert_eq!(digests[0], digests[1]);
        assert!(digests[0].starts_with(&format!("carillon/{program}:test sha256:")));
        for file in [format!("{program}.tar"), format!("{program}.cdx.json")] {
            let [a, b] = [&one, &other].map(|folder| fs::read(folder.join(&file)).unwrap());
            assert!(a == b, "{file} differs");
        }
        for folder in [one, other] {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}

/// What BuildKit makes of the Dockerfile is what our own packer writes.
#[test]
fn the_dockerfile_makes_the_same() {
    let workspace = workspace();
    let made = json(
        "dockerfile",
        &[
            "image",
            workspace.to_str().unwrap(),
            "gateway",
            "operator",
            "",
        ],
    );
    assert_eq!(made["warnings"], json!([]));
    assert_eq!(
        made["images"][""], made["images"]["gateway"],
        "the last target"
    );
    let dockerfile = fs::read_to_string(workspace.join("Dockerfile")).unwrap();
    for program in PROGRAMS {
        let folder = folder(program);
        pack(program, &folder);
        let (mut packed, entries) = unpacked(program, &folder);
        let labels = packed["Labels"].as_object_mut().unwrap();
        // The commit is known to `docker build --label` only.
        labels.remove(&format!("{LABEL}revision"));
        assert_eq!(made["images"][program], packed);
        assert_eq!(packed["User"], "65532:65532");
        let expected = [
            "drwxrwxrwt tmp/".to_owned(),
            "-rw-r--r-- etc/group".to_owned(),
            "-rw-r--r-- etc/passwd".to_owned(),
            "-rw-r--r-- etc/ssl/certs/ca-certificates.crt".to_owned(),
            format!("-rwxr-xr-x carillon-{program}"),
        ];
        assert_eq!(entries, BTreeSet::from(expected));
        for line in [
            "RUN install -d -m 1777 /folders/tmp",
            "COPY deploy/image/ /",
            "COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
            &format!("COPY --from=build-{program} /out/carillon-{program} /carillon-{program}"),
        ] {
            assert!(dockerfile.lines().any(|known| known == line), "{line}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn the_dockerfile_has_our_compiler() {
    let read = |name: &str| fs::read_to_string(workspace().join(name)).unwrap();
    let pinned = read("rust-toolchain.toml");
    let (_, channel) = pinned.split_once("channel = \"").unwrap();
    let channel = channel.split('"').next().unwrap();
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{channel}-")));
    assert!(dockerfile.contains(&format!("ENV RUSTUP_TOOLCHAIN={channel}\n")));
}

/// What a build is sent is enough for Cargo, and holds nothing else.
#[test]
fn a_build_is_sent_what_it_needs() {
    let workspace = workspace();
    let sent = packaging::tool("dockerfile", &["context", workspace.to_str().unwrap()]);
    let context = folder("context");
    for name in sent.lines() {
        let first = name.split('/').next().unwrap();
        assert!(
            [
                "Cargo.toml",
                "Cargo.lock",
                "rust-toolchain.toml",
                "bench",
                "crds",
                "deploy",
                "gateway",
                "operator",
                "scripts",
                "tests"
            ]
            .contains(&first),
            "{name}"
        );
        let copy = context.join(name);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(workspace.join(name), copy).unwrap();
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "tree",
        "--locked",
        "--offline",
        "--workspace",
        "--depth=0",
        "--prefix=none",
    ]);
    let members = run(cargo.current_dir(&context));
    assert_eq!(members.matches("carillon-").count(), 5, "{members}");
    for script in ["static-build", "toolchain"] {
        assert!(context.join("scripts").join(script).exists(), "{script}");
    }
    fs::remove_dir_all(context).unwrap();
}
