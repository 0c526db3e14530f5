//! Takes away the page from which the vDSO reads the clock without a system call.
#![expect(unsafe_code, reason = "unmaps memory of the kernel's")]

use std::io;
use std::ops::Range;

/// The `[vvar]` and `[vvar_vclock]` mappings listed in `/proc/self/maps`.
fn mappings(maps: &str) -> Vec<Range<usize>> {
    maps.lines()
        .filter(|line| {
            let name = line.split_whitespace().nth(5).unwrap_or_default();
            name.starts_with("[vvar")
        })
        .filter_map(|line| {
            let (start, end) = line.split_whitespace().next()?.split_once('-')?;
            let start = usize::from_str_radix(start, 16).ok()?;
            Some(start..usize::from_str_radix(end, 16).ok()?)
        })
        .collect()
}

/// Unmaps them; a later read of the clock through the vDSO faults in one of the ranges returned.
/// From now on nothing in the process may read the real clock.
///
/// # Errors
/// Where the kernel has sealed them: then the vDSO still reads the clock, and only calls that go
/// through libc's own functions are simulated.
pub(crate) fn unmap() -> io::Result<Vec<Range<usize>>> {
    let found = mappings(&std::fs::read_to_string("/proc/self/maps")?);
    for range in &found {
        // SAFETY: only the vDSO reads these pages, and its faults are caught.
        let status = unsafe {
            let address = std::ptr::with_exposed_provenance_mut(range.start);
            libc::munmap(address, range.len())
        };
        if status != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_clock_page() {
        let maps = "\
7ffff7fbf000-7ffff7fc3000 r--p 00000000 00:00 0                          [vvar]
7ffff7fc3000-7ffff7fc5000 r--p 00000000 00:00 0                          [vvar_vclock]
7ffff7fc5000-7ffff7fc7000 r-xp 00000000 00:00 0                          [vdso]
7ffff7fc7000-7ffff7fc8000 r--p 00000000 08:01 123                        /lib/ld.so
";
        let expected = [
            0x7fff_f7fb_f000..0x7fff_f7fc_3000,
            0x7fff_f7fc_3000..0x7fff_f7fc_5000,
        ];
        assert_eq!(mappings(maps), expected);
    }
}
