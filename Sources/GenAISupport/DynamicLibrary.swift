// A library of the system's that is loaded when it is needed, so that a program runs where it is not there.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A loaded library. It is never unloaded: what is taken from it may be used at any time.
package struct DynamicLibrary {
    /// The library, or a function of it, is not there.
    package struct Missing: Error {}

    private let handle: UnsafeMutableRawPointer?

    /// Loads a library by its name or path; throws ``Missing`` if there is none.
    package init(_ name: String) throws {
        guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { throw Missing() }
        self.handle = handle
    }

    /// All libraries that the program was started with.
    package init() {
        // `RTLD_DEFAULT`, which Swift can't see.
        #if canImport(Darwin)
        handle = UnsafeMutableRawPointer(bitPattern: -2)
        #else
        handle = nil
        #endif
    }

    /// A function by its name; throws ``Missing`` if the library has none of that name.
    ///
    /// The type that is asked for must be that of the C function: nothing can check it.
    package func function<Function>(_ name: String) throws -> Function {
        guard let symbol = dlsym(handle, name) else { throw Missing() }
        return unsafeBitCast(symbol, to: Function.self)
    }
}
