//! What happens to code that asks for what the simulated world does not have.

/// A value that can't exist: the type of what a refused call would have returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Never {}

/// Ends the task with a panic that names what it asked for.
#[track_caller]
pub(crate) fn refuse(name: &str, instead: &str) -> ! {
    panic!("{name} is not simulated: {instead}");
}
