// System libraries that are loaded at run time, so that programs also run where they are missing.

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A loaded library. It is never unloaded, so its functions stay valid.
package struct DynamicLibrary {
    /// The library or the function was not found.
    package struct Missing: Error {}

    private let handle: UnsafeMutableRawPointer?

    /// Loads a library by its name or path; throws ``Missing`` if it can't be loaded.
    package init(_ name: String) throws {
        guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { throw Missing() }
        self.handle = handle
    }

    /// Searches the program and all libraries that it was started with.
    package init() {
        // `RTLD_DEFAULT`, a macro that Swift does not import.
        #if canImport(Darwin)
        handle = UnsafeMutableRawPointer(bitPattern: -2)
        #else
        handle = nil
        #endif
    }

    /// Finds a function by its name; throws ``Missing`` if there is none.
    ///
    /// `Function` must match the C function's type: nothing checks it.
    package func function<Function>(_ name: String) throws -> Function {
        guard let symbol = dlsym(handle, name) else { throw Missing() }
        return unsafeBitCast(symbol, to: Function.self)
    }
}
