// What is wrong with a command line.

/// Why a program can't start with the options that it was given.
public enum UsageError: Error, Equatable {
    /// Nothing is wrong: the usage text was asked for.
    case helpWanted
    /// An option that is unknown or has no usable value; one sentence.
    case invalid(String)
}
