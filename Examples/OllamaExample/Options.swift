// The example's command line.

import Foundation
import OllamaPoller

enum Options {
    struct Problem: Error {
        var message: String
    }

    static let usage = """
        usage: ollama-example [--url URL] [--vram-gb GIB]

          --url URL       Ollama's base URL (default: OLLAMA_BASE_URL, OLLAMA_HOST or http://localhost:11434)
          --vram-gb GIB   GPU memory that 100 % stands for (default: GENAI_OLLAMA_MAX_VRAM_GB, or it is detected)
        """

    static func apply(_ arguments: some Collection<String>, to configuration: inout OllamaConfiguration) throws {
        var rest = arguments.makeIterator()
        while let option = rest.next() {
            if option == "--help" || option == "-h" {
                print(usage)
                exit(0)
            }
            guard option == "--url" || option == "--vram-gb" else { throw Problem(message: "unknown option \(option)") }
            guard let value = rest.next() else { throw Problem(message: "\(option) needs a value") }
            if option == "--url" {
                configuration.url = try url(value)
            } else {
                configuration.maxVRAMGibibytes = try gibibytes(value)
            }
        }
    }

    private static func url(_ text: String) throws -> URL {
        guard let url = URL(string: text), url.scheme == "http" || url.scheme == "https", url.host?.isEmpty == false
        else {
            throw Problem(message: "--url must be like http://localhost:11434")
        }
        return url
    }

    private static func gibibytes(_ text: String) throws -> Double {
        guard let number = Double(text), number > 0, number.isFinite else {
            throw Problem(message: "--vram-gb must be a number greater than 0, like 24")
        }
        return number
    }
}
