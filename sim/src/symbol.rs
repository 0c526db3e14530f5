//! Names for addresses of this program: which function, in which file and line.
//!
//! For the parent: it reads the program's file. A forked child has the same addresses.
#![expect(unsafe_code, reason = "asks the dynamic linker where the program is")]

use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::ops::Range;

use addr2line::Loader;

use crate::trap_record::EscapeRecord;

/// One function on a stack; a call that was inlined is one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its name, demangled; a short one, without its module, where it was inlined.
    pub function: String,
    /// The source file, as the compiler was given it.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.function)?;
        if let Some(file) = &self.file {
            write!(formatter, " at {file}")?;
        }
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        Ok(())
    }
}

/// An escape, with names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escape {
    /// What the code tried, as "reads the clock: clock_gettime".
    pub what: String,
    /// The calls on the stack, innermost first, without those of libc, of the standard library and
    /// of the simulator.
    pub frames: Vec<Frame>,
}

impl fmt::Display for Escape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frames.first() {
            Some(frame) => write!(formatter, "{frame} {}", self.what),
            None => write!(formatter, "something {}", self.what),
        }
    }
}

/// A part of the address space that holds code.
struct Module {
    /// Empty for the program itself.
    path: String,
    bias: usize,
    code: Vec<Range<usize>>,
}

/// Looks addresses up in the running program.
pub struct Symbols {
    modules: Vec<Module>,
    /// `None` where the program's file can't be read or has no symbols.
    loader: Option<Loader>,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Symbols").finish_non_exhaustive()
    }
}

impl Symbols {
    /// Reads the program's symbols.
    #[must_use]
    pub fn load() -> Self {
        Self {
            modules: modules(),
            loader: Loader::new("/proc/self/exe").ok(),
        }
    }

    /// Gives names to a child's record.
    #[must_use]
    pub fn resolve(&self, record: &EscapeRecord) -> Escape {
        let all: Vec<Frame> = record
            .addresses
            .iter()
            .flat_map(|address| self.frames_at(*address))
            .collect();
        let mut frames = all.clone();
        frames.retain(|frame| !is_machinery(frame));
        if frames.is_empty() {
            // The simulator itself, then.
            frames = all;
        }
        Escape {
            what: record.what.clone(),
            frames,
        }
    }

    /// The function at an address and those it is inlined into, innermost first. Shared libraries
    /// are the C library and the like: nothing is named in them.
    fn frames_at(&self, address: usize) -> Vec<Frame> {
        let module = self.modules.iter().find(|module| {
            let mut code = module.code.iter();
            code.any(|range| range.contains(&address))
        });
        let (Some(module), Some(loader)) = (module, &self.loader) else {
            return Vec::new();
        };
        if !module.path.is_empty() {
            return Vec::new();
        }
        named_frames(loader, (address - module.bias) as u64)
    }
}

/// The debug information knows what was inlined, by short names; the symbol table knows the whole
/// name of the function that it was inlined into.
fn named_frames(loader: &Loader, probe: u64) -> Vec<Frame> {
    let mut frames = inlined_frames(loader, probe).unwrap_or_default();
    let symbol = loader.find_symbol(probe).map(|symbol| {
        let name = addr2line::demangle_auto(symbol.into(), None);
        without_hash(&name).to_owned()
    });
    match (frames.last_mut(), symbol) {
        (Some(outermost), Some(name)) => outermost.function = name,
        (None, Some(function)) => frames.push(Frame {
            function,
            file: None,
            line: None,
        }),
        (_, None) => {}
    }
    frames
}

fn inlined_frames(loader: &Loader, probe: u64) -> Result<Vec<Frame>, Box<dyn std::error::Error>> {
    let mut found = Vec::new();
    let mut frames = loader.find_frames(probe)?;
    while let Some(frame) = frames.next()? {
        let function = match &frame.function {
            Some(name) => without_hash(&name.demangle()?).to_owned(),
            None => "a function without a name".to_owned(),
        };
        let location = frame.location.as_ref();
        found.push(Frame {
            function,
            file: location.and_then(|location| location.file.map(str::to_owned)),
            line: location.and_then(|location| location.line),
        });
    }
    Ok(found)
}

/// Cuts the hash that the compiler puts after a name (`::h0123456789abcdef`).
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name
        }
        _ => name,
    }
}

/// Where this crate's sources are.
const SIMULATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Whether a frame belongs to the standard library or to the simulator, and not to whoever called
/// them.
fn is_machinery(frame: &Frame) -> bool {
    const SOURCES: [&str; 3] = [
        // Where the standard library's sources were when it was compiled, and where rustup has them.
        "/rustc/",
        "/rustlib/src/rust/",
        "/corosensei-",
    ];
    const NAMES: [&str; 6] = [
        "std::",
        "core::",
        "alloc::",
        "whitewater_sim::",
        "stack_init_trampoline",
        "_start",
    ];
    let name = frame.function.trim_start_matches('<');
    NAMES.iter().any(|prefix| name.starts_with(prefix))
        || frame.file.as_ref().is_some_and(|file| {
            file.starts_with(SIMULATOR) || SOURCES.iter().any(|source| file.contains(source))
        })
}

/// What the dynamic linker has loaded.
fn modules() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    // SAFETY: the callback gets the vector, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add_module), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn add_module(
    info: *mut libc::dl_phdr_info,
    _bytes: libc::size_t,
    modules: *mut c_void,
) -> c_int {
    // SAFETY: the linker passes a filled struct, and on what `modules` gave it.
    unsafe {
        let info = &*info;
        let headers = std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
        let bias = info.dlpi_addr as usize;
        let code = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0)
            .map(|header| {
                let start = bias + header.p_vaddr as usize;
                start..start + header.p_memsz as usize
            })
            .collect();
        (*modules.cast::<Vec<Module>>()).push(Module {
            path: CStr::from_ptr(info.dlpi_name)
                .to_string_lossy()
                .into_owned(),
            bias,
            code,
        });
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_the_hash_and_nothing_else() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::hello"), "a::hello");
        assert_eq!(without_hash("a::h01"), "a::h01");
    }

    #[test]
    fn names_a_function_of_this_program() {
        let address = cuts_the_hash_and_nothing_else as *const () as usize;
        let escape = Symbols::load().resolve(&EscapeRecord {
            what: "does something".to_owned(),
            addresses: vec![address],
        });
        let frame = escape.frames.last().expect("the test binary has symbols");
        assert!(
            frame.function.contains("cuts_the_hash_and_nothing_else"),
            "{frame}"
        );
        assert!(
            frame
                .file
                .as_ref()
                .is_some_and(|file| file.ends_with("symbol.rs"))
        );
    }
}
