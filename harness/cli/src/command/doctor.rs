//! `doctor`: what this machine lacks, and what to do.

use std::process::{Command, Stdio};

use crate::exit_code::ExitCode;
use crate::project::Project;

/// How much a missing thing matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing runs without it.
    Required,
    /// Some tests or commands do without it.
    Optional,
}

/// One line of the report.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    need: Need,
    /// What was found, or why it is missing.
    state: Result<String, String>,
    /// What to do where it is missing.
    remedy: &'static str,
}

/// Prints a line per need; a missing required one makes the exit code "setup error".
pub(crate) fn doctor(project: Option<&Project>) -> ExitCode {
    let findings = examine(project);
    print!("{}", render(&findings));
    let broken = findings
        .iter()
        .any(|finding| finding.need == Need::Required && finding.state.is_err());
    if broken {
        ExitCode::Setup
    } else {
        ExitCode::Passed
    }
}

fn examine(project: Option<&Project>) -> Vec<Finding> {
    let finding = |what, need, state, remedy| Finding {
        what,
        need,
        state,
        remedy,
    };
    vec![
        finding(
            "platform",
            Need::Required,
            platform(),
            "simulate in a Linux x86_64 container: docker run --rm -it -v \"$PWD\":/w -w /w rust:1.95",
        ),
        finding(
            "cargo",
            Need::Required,
            version("cargo", "--version"),
            "install Rust: rustup.rs",
        ),
        finding(
            "C compiler",
            Need::Required,
            version("cc", "--version"),
            "apt-get install gcc (SQLite and librdkafka are C)",
        ),
        finding(
            "make",
            Need::Required,
            version("make", "--version"),
            "apt-get install make (librdkafka's build)",
        ),
        finding(
            "scenarios",
            Need::Required,
            project
                .map(|project| project.scenarios.display().to_string())
                .ok_or_else(|| "no `scenarios/Cargo.toml` here or above".into()),
            "run inside a project that has one, or --scenarios DIR",
        ),
        finding(
            "fixed addresses",
            Need::Optional,
            fixed_addresses(),
            "histories are the same without; in a container: --security-opt seccomp=unconfined",
        ),
        finding(
            "seccomp",
            Need::Optional,
            seccomp(),
            "the escape trap is weaker; in a container: --security-opt seccomp=unconfined",
        ),
        finding(
            "real data",
            Need::Optional,
            project
                .and_then(|project| project.data.as_ref())
                .filter(|folder| folder.is_dir())
                .map(|folder| folder.display().to_string())
                .ok_or_else(|| "not named".into()),
            "scenarios on real files are skipped; name their folder: --data DIR or WHITEWATER_DATA",
        ),
        finding(
            "container engine",
            Need::Optional,
            version_of("docker", &["info", "--format", "{{.ServerVersion}}"]),
            "tests against real Kafka are skipped; ci/test under WHITEWATER_REQUIRE_KAFKA=1 installs one",
        ),
        finding(
            "kcat",
            Need::Optional,
            version("kcat", "-V"),
            "apt-get install kcat (one conformance test, and handy with `serve`)",
        ),
    ]
}

fn platform() -> Result<String, String> {
    let here = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    if here == "linux x86_64" {
        Ok(here)
    } else {
        Err(here)
    }
}

fn version(program: &str, flag: &str) -> Result<String, String> {
    version_of(program, &[flag])
}

fn version_of(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "not installed".to_owned(),
            _ => error.to_string(),
        })?;
    let text = String::from_utf8_lossy(if output.stdout.is_empty() {
        &output.stderr
    } else {
        &output.stdout
    })
    .into_owned();
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_owned();
    if output.status.success() {
        Ok(line)
    } else {
        Err(line)
    }
}

fn fixed_addresses() -> Result<String, String> {
    version_of("setarch", &["--addr-no-randomize", "true"])
        .map(|_| "permitted".into())
        .map_err(|_| "refused here".into())
}

fn seccomp() -> Result<String, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"))
        .map(str::trim);
    match mode {
        Some("0") => Ok("permitted".into()),
        Some(_) => {
            Ok("permitted unless the container's own filter refuses; a run warns if so".into())
        }
        None => Err("not in this kernel".into()),
    }
}

fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (verb, state) = match (&finding.state, finding.need) {
            (Ok(state), _) => ("have", state),
            (Err(state), Need::Required) => ("LACK", state),
            (Err(state), Need::Optional) => ("lack", state),
        };
        text.push_str(&format!("{verb:>11}  {:<17} {state}\n", finding.what));
        if finding.state.is_err() {
            text.push_str(&format!("{:>11}  {:<17} {}\n", "", "", finding.remedy));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        let findings = [
            Finding {
                what: "cargo",
                need: Need::Required,
                state: Ok("cargo 1.95.0".into()),
                remedy: "install Rust",
            },
            Finding {
                what: "make",
                need: Need::Required,
                state: Err("not installed".into()),
                remedy: "apt-get install make",
            },
            Finding {
                what: "kcat",
                need: Need::Optional,
                state: Err("not installed".into()),
                remedy: "apt-get install kcat",
            },
        ];
        insta::assert_snapshot!(render(&findings), @r"
               have  cargo             cargo 1.95.0
               LACK  make              not installed
                                       apt-get install make
               lack  kcat              not installed
                                       apt-get install kcat
        ");
    }
}
