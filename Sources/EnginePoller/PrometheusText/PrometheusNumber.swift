// Reads the numbers of a Prometheus page.

enum PrometheusNumber {
    /// The number; nil if the bytes are not one. Infinities and NaN are numbers here.
    static func read(_ bytes: LineCursor.Bytes) -> Double? {
        short(bytes) ?? Double(String(decoding: bytes, as: UTF8.self))
    }

    /// A decimal number with up to 15 digits: the quotient of two whole numbers, which is exact. Most numbers are of this form,
    /// and it needs no string.
    private static func short(_ bytes: LineCursor.Bytes) -> Double? {
        guard bytes.count <= 16 else { return nil }
        var mantissa = 0
        var digits = 0
        var decimals: Int?
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                mantissa = mantissa * 10 + Int(byte - UInt8(ascii: "0"))
                digits += 1
                decimals = decimals.map { $0 + 1 }
            case UInt8(ascii: ".") where decimals == nil: decimals = 0
            default: return nil
            }
        }
        guard digits > 0, digits <= 15 else { return nil }
        return Double(mantissa) / powersOfTen[decimals ?? 0]
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]
}
