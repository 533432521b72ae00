// Watches an Ollama server: prints what each of its models occupies, every three seconds, and what it is doing, where the
// processes that serve the models are on this machine.
//
//     swift run ollama-example [--url URL] [--vram-gb GIB]

import Foundation
import OllamaPoller

var configuration = OllamaConfiguration()
configuration.interval = .seconds(3)
do {
    try Options.apply(CommandLine.arguments.dropFirst(), to: &configuration)
} catch let error as Options.Problem {
    FileHandle.standardError.write(Data("ollama-example: \(error.message)\n\n\(Options.usage)\n".utf8))
    exit(2)
}

let table = ReadingTable(url: configuration.url)
let poller = OllamaServerMetricsPoller(configuration) { reading in
    table.show(reading)
    // So that lines appear at once in a pipe or a file, too.
    fflush(nil)
}

// Ctrl-C ends the poller, then the program.
signal(SIGINT, SIG_IGN)
let interrupt = DispatchSource.makeSignalSource(signal: SIGINT, queue: .main)
interrupt.setEventHandler {
    poller.stop()
    print("\nStopped.")
    exit(0)
}
interrupt.resume()

print("Looking at Ollama every 3 seconds; Ctrl-C ends this.")
poller.start()
dispatchMain()
