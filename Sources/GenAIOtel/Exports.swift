// Readings, log levels and the pollers' settings are part of this module's interface: users need no second import.

@_exported import EnginePoller
@_exported import GPUPoller
@_exported import GenAISupport
@_exported import OllamaPoller
