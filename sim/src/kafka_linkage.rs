//! Tells whether the real librdkafka is linked into this program.
//!
//! A simulated build must hold the simulated client only: the real one would run threads of its
//! own and talk to real sockets.
#![expect(
    unsafe_code,
    reason = "the address of a symbol that may be missing comes from the linker alone"
)]

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod weak {
    // A weak reference pulls nothing in by itself; where the library is linked for someone else's
    // sake it gets the address, and zero otherwise.
    std::arch::global_asm!(
        ".weak rd_kafka_version",
        ".pushsection .data.rel.ro.whitewater_real_librdkafka,\"aw\"",
        ".balign 8",
        ".globl whitewater_real_librdkafka",
        ".hidden whitewater_real_librdkafka",
        "whitewater_real_librdkafka:",
        ".quad rd_kafka_version",
        ".popsection",
    );

    unsafe extern "C" {
        static whitewater_real_librdkafka: usize;
    }

    pub(super) fn address() -> usize {
        // SAFETY: the assembly above defines eight aligned bytes under that name, which are
        // written at load time only.
        unsafe { (&raw const whitewater_real_librdkafka).read_volatile() }
    }
}

/// Whether the real librdkafka is linked into this program.
pub fn linked_real_librdkafka() -> bool {
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    {
        weak::address() != 0
    }
    #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn these_tests_are_without_librdkafka() {
        assert!(!super::linked_real_librdkafka());
    }
}
