//! The seccomp filter of a simulated run: a list of the system calls that stay inside; every other
//! one raises SIGSYS.
//!
//! The list holds what memory, locks, signals and output to descriptors that are open already need.
//! It is per thread: the thread that runs the world gets it.
#![expect(unsafe_code, reason = "hands a program to the kernel")]

use std::io;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long, sock_filter};

/// AUDIT_ARCH_X86_64 of linux/audit.h, which libc does not have.
const ARCHITECTURE: u32 = 0xC000_003E;

/// In the sixth argument of a call that has five at most: the trap's own handler makes it, for a
/// path that was declared. Code that is not after it never has this number there.
pub(crate) const PASS: u32 = 0x5748_4954;

/// Offsets in `struct seccomp_data` of linux/seccomp.h.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
/// The low half of an argument, on a little-endian machine.
const fn offset_of_argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Allowed with any arguments.
const ALLOWED: &[c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Locks, and the end of a thread or of the process.
    libc::SYS_futex,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    // Signals: handlers, and abort().
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    // Descriptors that are open already: output, the verdict, declared files.
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_fcntl,
    libc::SYS_close,
];

/// Allowed where the low half of one argument has one value: call, argument, value.
const ALLOWED_WITH: &[(c_long, u32, u32)] = &[
    // Anonymous memory: the descriptor is -1.
    (libc::SYS_mmap, 4, u32::MAX),
    // isatty().
    (libc::SYS_ioctl, 1, libc::TCGETS as u32),
    // Naming a thread.
    (libc::SYS_prctl, 0, libc::PR_SET_NAME as u32),
    // Reading declared files, from the trap's own handler.
    (libc::SYS_openat, 5, PASS),
    (libc::SYS_statx, 5, PASS),
    (libc::SYS_newfstatat, 5, PASS),
];

const LOAD_WORD: u32 = BPF_LD | BPF_W | BPF_ABS;
const JUMP_IF_EQUAL: u32 = BPF_JMP | BPF_JEQ | BPF_K;
const RETURN: u32 = BPF_RET | BPF_K;

const fn instruction(code: u32, operand: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: then,
        jf: otherwise,
        k: operand,
    }
}

const fn load(offset: u32) -> sock_filter {
    instruction(LOAD_WORD, offset, 0, 0)
}

/// Goes on with the next instruction where the loaded word is `value`, else skips `count`.
const fn skip_unless(value: u32, count: u8) -> sock_filter {
    instruction(JUMP_IF_EQUAL, value, 0, count)
}

const fn verdict(action: u32) -> sock_filter {
    instruction(RETURN, action, 0, 0)
}

fn program() -> Vec<sock_filter> {
    let allow = verdict(libc::SECCOMP_RET_ALLOW);
    let trap = verdict(libc::SECCOMP_RET_TRAP);
    // Another architecture (32-bit calls) has other numbers.
    let mut program = vec![load(OFFSET_ARCHITECTURE), skip_unless(ARCHITECTURE, 1)];
    program.push(load(OFFSET_NUMBER));
    // Skipping the load leaves the architecture's number, which is no call's: the end traps it.
    for number in ALLOWED {
        program.extend([skip_unless(*number as u32, 1), allow]);
    }
    for (number, argument, value) in ALLOWED_WITH {
        program.extend([
            skip_unless(*number as u32, 4),
            load(offset_of_argument(*argument)),
            skip_unless(*value, 1),
            allow,
            trap,
        ]);
    }
    program.push(trap);
    program
}

/// Puts the filter over the calling thread, for good.
pub(crate) fn install() -> io::Result<()> {
    let mut program = program();
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: plain numbers, and a program that lives until the kernel has copied it.
    let status = unsafe {
        match libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) {
            0 => libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            ),
            refused => refused,
        }
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does, on the words that it may load.
    fn decide(architecture: u32, number: c_long, arguments: [u32; 6]) -> u32 {
        let program = program();
        let mut word = 0;
        let mut at = 0;
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            match u32::from(code) {
                LOAD_WORD => {
                    word = match k {
                        OFFSET_NUMBER => number as u32,
                        OFFSET_ARCHITECTURE => architecture,
                        offset => arguments[((offset - 16) / 8) as usize],
                    };
                }
                JUMP_IF_EQUAL => at += usize::from(if word == k { jt } else { jf }),
                RETURN => return k,
                code => panic!("unknown instruction {code}"),
            }
        }
    }

    #[test]
    fn lets_pass_what_stays_inside() {
        let none = [0; 6];
        for number in ALLOWED {
            assert_eq!(decide(ARCHITECTURE, *number, none), libc::SECCOMP_RET_ALLOW);
        }
        let anonymous = [0, 0, 0, 0, u32::MAX, 0];
        assert_eq!(
            decide(ARCHITECTURE, libc::SYS_mmap, anonymous),
            libc::SECCOMP_RET_ALLOW
        );
        let passed = [0, 0, 0, 0, 0, PASS];
        assert_eq!(
            decide(ARCHITECTURE, libc::SYS_openat, passed),
            libc::SECCOMP_RET_ALLOW
        );
    }

    #[test]
    fn traps_what_reaches_outside() {
        let none = [0; 6];
        for number in [
            libc::SYS_clock_gettime,
            libc::SYS_getrandom,
            libc::SYS_clone3,
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_mmap,
            libc::SYS_ioctl,
        ] {
            assert_eq!(
                decide(ARCHITECTURE, number, none),
                libc::SECCOMP_RET_TRAP,
                "{number}"
            );
        }
        assert_eq!(
            decide(0x4000_0003, libc::SYS_write, none),
            libc::SECCOMP_RET_TRAP
        );
    }
}
