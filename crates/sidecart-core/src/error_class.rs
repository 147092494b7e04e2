/// Who has to act on an error. Every error of every crate belongs to one class; a program turns it
/// into an exit code, a server into a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorClass {
    /// Whoever typed the command or wrote the call.
    Caller,
    /// Whoever made the file.
    Data,
    /// Whoever runs the machine: disk, memory, permissions.
    Environment,
    /// The makers of this program.
    Bug,
}
